//! Where the rows of a source come from: the views below it, the base tables, the columns that are read.
//!
//! This is the quick answer of pg_depend: it names the base columns that a view reads as a whole. Where one of them is
//! secret, or a view reads a whole row of a table that has one, or calls a function that could read tables, the view is
//! refused: this module cannot tell which of its fields carries the secret, and what it cannot prove it bars.

use super::secrets;
use crate::error::{Error, Result};
use crate::pg::{catalog, identity, sql, types, xact};
use serde::Deserialize;

/// A relation that the source reads, itself included.
#[derive(Debug, Deserialize)]
pub struct Relation {
    pub oid: u32,
    /// `pg_class.relkind`.
    pub kind: String,
    /// Quoted, with its schema.
    pub name: String,
    pub security_invoker: bool,
    /// Name and type of the columns that views read of it.
    reads: Vec<(String, u32)>,
    /// Generated columns, with the name and type of each column that theirs is made from.
    generated: Vec<(String, String, u32)>,
    /// A function, an operator or a built-in that can read tables, called by this view; or a system catalog that it reads.
    opaque: Option<String>,
}

/// All relations that a source reads, the source first.
#[derive(Debug)]
pub struct Lineage {
    relations: Vec<Relation>,
}

/// `whole`: the view holds a reference to a whole row (`:varattno 0` of a Var in its stored tree), which pg_depend does
/// not show beside column references (find_expr_references_walker, dependency.c).
const RELATIONS: &str = r#"
WITH RECURSIVE tree(oid, depth) AS (
    SELECT $1::oid, 0
    UNION
    SELECT d.refobjid, 1
      FROM tree
      JOIN pg_rewrite r ON r.ev_class = tree.oid
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                      AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
), rule AS (
    SELECT DISTINCT r.oid, r.ev_class, r.ev_action::text ~ '\{VAR :varno \d+ :varattno 0 ' AS whole
      FROM tree JOIN pg_rewrite r ON r.ev_class = tree.oid
), reads AS (
    SELECT d.refobjid AS relation, d.refobjsubid AS attnum
      FROM rule JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = rule.oid
                                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> rule.ev_class
     WHERE d.refobjsubid > 0
    UNION
    SELECT d.refobjid, a.attnum
      FROM rule JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = rule.oid
                                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> rule.ev_class
      JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE rule.whole
), opaque AS (
    SELECT rule.ev_class, min(p.proname) AS name
      FROM rule
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = rule.oid
      LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
      JOIN pg_proc p ON (d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid) OR p.oid = o.oprcode
     GROUP BY rule.ev_class
    UNION ALL
    SELECT r.ev_class, min(p.proname)
      FROM (SELECT DISTINCT r.ev_class, (regexp_matches(r.ev_action::text, ':funcid (\d+)', 'g'))[1]::oid AS funcid
              FROM tree JOIN pg_rewrite r ON r.ev_class = tree.oid) r
      JOIN pg_proc p ON p.oid = r.funcid
     WHERE p.proname ~ '^(query|table|cursor|schema|database)_to_xml' OR p.proname ~ '^pg_read_|^pg_ls_|^lo_get$|^loread$|^ts_stat$|^ts_rewrite$'
     GROUP BY r.ev_class
    UNION ALL
    -- System catalogs are pinned: pg_depend does not name them.
    SELECT r.ev_class, min(r.relid::regclass::text)
      FROM (SELECT DISTINCT r.ev_class, (regexp_matches(r.ev_action::text, ':relid (\d+)', 'g'))[1]::oid AS relid
              FROM tree JOIN pg_rewrite r ON r.ev_class = tree.oid) r
     WHERE r.relid::bigint BETWEEN 1 AND 16383
     GROUP BY r.ev_class
)
SELECT jsonb_build_object(
           'oid', c.oid::bigint, 'kind', c.relkind,
           'name', quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           'security_invoker', EXISTS (
               SELECT FROM pg_options_to_table(c.reloptions) o
                WHERE o.option_name = 'security_invoker' AND o.option_value::boolean),
           'reads', coalesce((SELECT jsonb_agg(jsonb_build_array(a.attname, a.atttypid::bigint) ORDER BY a.attnum)
                                FROM reads JOIN pg_attribute a ON a.attrelid = reads.relation AND a.attnum = reads.attnum
                               WHERE reads.relation = c.oid), '[]'),
           'generated', coalesce((
               SELECT jsonb_agg(jsonb_build_array(g.attname, b.attname, b.atttypid::bigint))
                 FROM pg_attribute g
                 JOIN pg_attrdef e ON e.adrelid = g.attrelid AND e.adnum = g.attnum
                 JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid
                                 AND d.refclassid = 'pg_class'::regclass AND d.refobjid = g.attrelid
                 JOIN pg_attribute b ON b.attrelid = d.refobjid AND b.attnum = d.refobjsubid AND b.attnum <> g.attnum
                WHERE g.attrelid = c.oid AND g.attgenerated <> ''), '[]'),
           'opaque', (SELECT min(opaque.name) FROM opaque WHERE opaque.ev_class = c.oid))
  FROM (SELECT oid, min(depth) AS depth FROM tree GROUP BY oid) t
  JOIN pg_class c ON c.oid = t.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY t.depth, c.oid"#;

/// Traces a relation by its oid, as it is at this moment.
pub fn trace(source: u32) -> Result<Lineage> {
    let relations = xact::with_latest_snapshot(|| {
        identity::as_owner(|| sql::documents(RELATIONS, &[i64::from(source).into()]))
    })?;
    Ok(Lineage { relations })
}

/// Keeps all that a relation reads as it is until the transaction ends: every relation is locked as a query would lock it,
/// and traced again until nothing new comes up.
pub fn hold(source: u32) -> Result<()> {
    let mut held = Vec::new();
    let mut new = vec![source];
    while !new.is_empty() {
        new.iter().for_each(|oid| catalog::lock_relation(*oid));
        held.append(&mut new);
        new = trace(source)?
            .relations
            .iter()
            .map(|relation| relation.oid)
            .filter(|oid| !held.contains(oid))
            .collect();
    }
    Ok(())
}

impl Lineage {
    /// Tables and foreign tables that hold the rows.
    pub fn base_tables(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|relation| matches!(relation.kind.as_str(), "r" | "p" | "f"))
    }

    /// Whether the source is of a kind that may be exported, at every depth (42501 with what mends it).
    pub fn check(&self, dataset: &str) -> Result<()> {
        for relation in &self.relations {
            let name = &relation.name;
            if relation.oid < FIRST_USER_OID {
                return Err(Error::denied(format!("{name} of dataset \"{dataset}\" is a system catalog"))
                    .hint("Register a relation of the application."));
            }
            match relation.kind.as_str() {
                "r" | "p" | "f" => {}
                "v" if relation.security_invoker => {}
                "v" => {
                    return Err(Error::denied(format!(
                        "view {name} of dataset \"{dataset}\" reads its tables with the rights of its owner"
                    ))
                    .hint(format!("ALTER VIEW {name} SET (security_invoker = true);")))
                }
                "m" => {
                    return Err(Error::denied(format!(
                        "materialized view {name} of dataset \"{dataset}\" is not subject to row security"
                    ))
                    .hint("Register a table, or a view with security_invoker = true, instead."))
                }
                _ => {
                    return Err(Error::denied(format!("{name} of dataset \"{dataset}\" is no table and no view"))
                        .hint("Register a table, a partitioned table, a foreign table, or a view with security_invoker = true."))
                }
            }
            if let Some(function) = &relation.opaque {
                return Err(Error::denied(format!(
                    "view {name} of dataset \"{dataset}\" uses {function}, which could read a secret"
                ))
                .hint("Use built-in functions and columns only in a view that is exported."));
            }
        }
        if self.relations.first().is_some_and(|source| source.kind == "v") {
            if let Some((table, column)) = self.first_secret() {
                return Err(Error::denied(format!(
                    "the view of dataset \"{dataset}\" reads column {column} of {table}, which holds a credential or a secret"
                ))
                .hint("Leave secret columns, whole rows and SELECT * out of the view."));
            }
        }
        Ok(())
    }

    /// Why a field of this source never leaves although its own name tells nothing; None: it may.
    pub fn bars(&self, field: &str) -> Option<String> {
        self.relations
            .first()
            .filter(|source| source.is_generated_from_secret(field))
            .map(|_| "it is generated from a column that holds a credential or a secret".to_owned())
    }

    fn first_secret(&self) -> Option<(&str, &str)> {
        self.relations.iter().filter(|relation| relation.kind != "v").find_map(|relation| {
            let secret = |(column, type_oid): &&(String, u32)| {
                is_secret(column, *type_oid) || relation.is_generated_from_secret(column)
            };
            relation.reads.iter().find(secret).map(|(column, _)| (relation.name.as_str(), column.as_str()))
        })
    }
}

impl Relation {
    fn is_generated_from_secret(&self, column: &str) -> bool {
        self.generated
            .iter()
            .any(|(generated, from, type_oid)| generated == column && is_secret(from, *type_oid))
    }
}

fn is_secret(column: &str, type_oid: u32) -> bool {
    secrets::column(column, &types::describe(type_oid)).is_some()
}

/// `FirstNormalObjectId` (access/transam.h).
const FIRST_USER_OID: u32 = 16384;
