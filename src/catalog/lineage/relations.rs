//! The relations that a source reads, as the server's catalogue has them: the views below it, the base tables.

use crate::catalog::unique_index::{never_null, proves};
use crate::error::{Error, Kind, Result};
use crate::pg::{catalog, identity, sql, xact};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;

/// A relation that the source reads, itself included.
#[derive(Debug, Deserialize)]
pub struct Relation {
    pub oid: u32,
    /// `pg_class.relkind`.
    pub kind: String,
    /// As it is, without its schema.
    pub relname: String,
    /// Quoted, with its schema.
    pub name: String,
    pub security_invoker: bool,
    #[serde(deserialize_with = "side_by_side")]
    pub columns: Vec<Column>,
    /// Policies that choose the rows that a SELECT reads, by name: name and expression (pg_node_tree).
    pub policies: Vec<(String, String)>,
    /// Relations that the query of this view reads.
    pub reads: Vec<u32>,
    /// It is foreign, in an inheritance tree, or has a generated column: [`Special`] says more.
    is_special: bool,
    #[serde(skip)]
    special: Special,
    /// Columns that no two rows have in common, as unique indexes say. Only where a view is among the relations: a table alone is asked
    /// for none.
    #[serde(skip)]
    pub keys: Vec<UniqueKey>,
}

/// The facts that few relations have; empty for the others.
#[derive(Debug, Default, Deserialize)]
struct Special {
    generated: HashMap<String, String>,
    elsewhere: Vec<String>,
    options: HashMap<String, String>,
    foreign: bool,
}

impl Relation {
    /// The expression of a generated column (pg_node_tree).
    pub fn generated(&self, column: &str) -> Option<&str> {
        self.special.generated.get(column).map(String::as_str)
    }

    /// True if a column was declared secret in a table above or below in an inheritance tree, or is generated in one below by an
    /// expression that is not this table's.
    pub fn is_secret_elsewhere(&self, column: &str) -> bool {
        self.special.elsewhere.iter().any(|name| name == column)
    }

    /// Options of a column in foreign tables, of partitions as well: they may say another name.
    pub fn options(&self, column: &str) -> Option<&str> {
        self.special.options.get(column).map(String::as_str)
    }

    /// True if it is a foreign table, or a partition or child of it is one.
    pub fn is_foreign(&self) -> bool {
        self.special.foreign
    }
}

/// The columns of a unique index.
#[derive(Debug, Deserialize)]
pub struct UniqueKey {
    /// Attribute numbers.
    pub columns: Vec<i64>,
    /// No two rows have NULL in common either.
    pub identifies: bool,
}

/// A column as the query gives it: place, name, type.
#[derive(Debug)]
pub struct Column {
    pub attnum: i64,
    pub name: String,
    pub type_oid: u32,
}

/// Three lists side by side, which the server makes much faster than a list of columns.
fn side_by_side<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<Column>, D::Error> {
    let (attnums, names, types) = <(Vec<i64>, Vec<String>, Vec<u32>)>::deserialize(from)?;
    let columns = attnums.into_iter().zip(names).zip(types);
    Ok(columns.map(|((attnum, name), type_oid)| Column { attnum, name, type_oid }).collect())
}

/// `ev_type` '1' is SELECT: the query of a view. A view records all that it reads in pg_depend, but for what is pinned (the
/// system catalogs).
/// Composite types stand in pg_class, and hold no rows.
macro_rules! tree {
    () => {
        "
WITH RECURSIVE tree(reader, oid) AS (
    SELECT 0::oid, $1::oid
    UNION
    SELECT r.ev_class, d.refobjid
      FROM tree
      JOIN pg_rewrite r ON r.ev_class = tree.oid AND r.ev_type = '1'
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                      AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
      JOIN pg_class k ON k.oid = d.refobjid AND k.relkind <> 'c'
)
"
    };
}

/// The facts that every relation has. Further questions are asked of those alone that they are for: planning them takes longer than
/// answering them.
const RELATIONS: &str = concat!(
    tree!(),
    r#"SELECT json_build_object(
           'oid', c.oid::bigint, 'kind', c.relkind, 'relname', c.relname,
           'name', quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           'security_invoker', c.reloptions IS NOT NULL AND EXISTS (
               SELECT FROM pg_options_to_table(c.reloptions) o
                WHERE o.option_name = 'security_invoker' AND o.option_value::boolean),
           'columns', json_build_array(to_json(coalesce(a.numbers, '{}')), to_json(coalesce(a.names, '{}')), to_json(coalesce(a.types, '{}'))),
           'is_special', coalesce(a.generates, false) OR c.relkind = 'f' OR c.relhassubclass OR c.relispartition
                         OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid),
           'policies', CASE WHEN c.relrowsecurity THEN coalesce((
               SELECT json_agg(json_build_array(p.polname, p.polqual::text) ORDER BY p.polname) FROM pg_policy p
                WHERE p.polrelid = c.oid AND p.polcmd IN ('r', '*') AND p.polqual IS NOT NULL), '[]') ELSE '[]' END,
           'reads', coalesce(to_json((SELECT array_agg(DISTINCT r.oid::bigint) FROM tree r WHERE r.reader = c.oid)), '[]'))
  FROM (SELECT DISTINCT oid FROM tree) t
  JOIN pg_class c ON c.oid = t.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
     SELECT array_agg(o.attnum) AS numbers, array_agg(o.attname) AS names, array_agg(o.atttypid::bigint) AS types,
            bool_or(o.attgenerated <> '') AS generates
       FROM (SELECT attnum, attname, atttypid, attgenerated FROM pg_attribute
              WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) o) a
 ORDER BY c.oid <> $1::oid, c.oid"#
);

/// Of relations by their OIDs.
const SPECIAL: &str = "
SELECT json_build_array(c.oid::bigint, json_build_object(
           'generated', coalesce((
               SELECT json_object_agg(a.attname, e.adbin::text)
                 FROM pg_attribute a JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
                WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped), '{}'),
           'elsewhere', coalesce((
               WITH RECURSIVE below(oid) AS (
                   SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = c.oid
                   UNION
                   SELECT i.inhrelid FROM below JOIN pg_inherits i ON i.inhparent = below.oid
               ), above(oid) AS (
                   SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid
                   UNION
                   SELECT i.inhparent FROM above JOIN pg_inherits i ON i.inhrelid = above.oid)
               SELECT json_agg(DISTINCT f.name)
                 FROM (SELECT d.column_name::name AS name FROM acct_export.declared_column d
                        WHERE d.kind = 'secret_column' AND d.relation IN (SELECT oid FROM below UNION ALL SELECT oid FROM above)
                       UNION ALL
                       SELECT a.attname
                         FROM below JOIN pg_attribute a ON a.attrelid = below.oid
                         JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
                        WHERE a.attgenerated <> '' AND NOT a.attisdropped
                          AND NOT EXISTS (
                              SELECT FROM pg_attribute p JOIN pg_attrdef g ON g.adrelid = p.attrelid AND g.adnum = p.attnum
                               WHERE p.attrelid = c.oid AND p.attname = a.attname AND p.attgenerated <> ''
                                 AND pg_get_expr(g.adbin, g.adrelid) = pg_get_expr(e.adbin, e.adrelid))) f), '[]'),
           'options', coalesce((
               WITH RECURSIVE below(oid) AS (
                   SELECT c.oid
                   UNION
                   SELECT i.inhrelid FROM below JOIN pg_inherits i ON i.inhparent = below.oid)
               SELECT json_object_agg(f.attname, f.options)
                 FROM (SELECT a.attname, string_agg(array_to_string(a.attfdwoptions, ' '), ' ') AS options
                         FROM below JOIN pg_attribute a ON a.attrelid = below.oid
                        WHERE a.attfdwoptions IS NOT NULL AND NOT a.attisdropped
                        GROUP BY a.attname) f), '{}'),
           'foreign', EXISTS (
               WITH RECURSIVE below(oid) AS (
                   SELECT c.oid
                   UNION
                   SELECT i.inhrelid FROM below JOIN pg_inherits i ON i.inhparent = below.oid)
               SELECT FROM below JOIN pg_class f ON f.oid = below.oid WHERE f.relkind = 'f')))
  FROM jsonb_array_elements($1::jsonb) AS given
  JOIN pg_class c ON c.oid = given.value::bigint::oid";

/// The same. Children of a table that is not partitioned have indexes of their own.
const KEYS: &str = concat!(
    r#"
SELECT json_build_array(c.oid::bigint, json_agg(json_build_object('columns', k.columns, 'identifies', k.identifies)))
  FROM jsonb_array_elements($1::jsonb) AS given
  JOIN pg_class c ON c.oid = given.value::bigint::oid AND (c.relkind = 'p' OR (c.relkind = 'r' AND NOT c.relhassubclass))
 CROSS JOIN LATERAL (
     SELECT array_agg(a.attnum) AS columns,
            i.indnullsnotdistinct OR bool_and("#,
    never_null!(),
    r#") AS identifies
       FROM pg_index i CROSS JOIN generate_series(0, i.indnkeyatts - 1) AS m
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[m]
      WHERE i.indrelid = c.oid AND "#,
    proves!(),
    r#"
      GROUP BY i.indexrelid, i.indnullsnotdistinct) k
 GROUP BY c.oid"#
);

/// The relations as they are at this moment, the source first.
pub fn below(source: u32) -> Result<Vec<Relation>> {
    xact::with_latest_snapshot(|| {
        identity::as_owner(|| sql::planned_without(&sql::ALL_ROWS, || find(source)))
    })
}

fn find(source: u32) -> Result<Vec<Relation>> {
    let mut relations: Vec<Relation> = sql::documents(RELATIONS, &[i64::from(source).into()])?;
    let mut special = facts(SPECIAL, relations.iter().filter(|relation| relation.is_special))?;
    let has_views = relations.iter().any(|relation| relation.kind == "v");
    let mut keys = facts(KEYS, relations.iter().filter(|_| has_views))?;
    for relation in &mut relations {
        relation.special = match special.remove(&relation.oid) {
            None if relation.is_special => {
                return Err(Error::new(Kind::Internal, format!("{} could not be looked at", relation.name)))
            }
            special => special.unwrap_or_default(),
        };
        relation.keys = keys.remove(&relation.oid).unwrap_or_default();
    }
    Ok(relations)
}

/// The answers to a query about relations, by OID; none is asked where there are none.
fn facts<'r, T: DeserializeOwned>(
    query: &'static str,
    of: impl Iterator<Item = &'r Relation>,
) -> Result<HashMap<u32, T>> {
    let oids: Vec<u32> = of.map(|relation| relation.oid).collect();
    if oids.is_empty() {
        return Ok(HashMap::new());
    }
    let oids = serde_json::json!(oids).to_string();
    let found: Vec<(u32, T)> = sql::documents(query, &[(&oids).into()])?;
    Ok(found.into_iter().collect())
}

/// The stored query of a view (pg_node_tree).
pub fn query(view: u32) -> Result<Option<String>> {
    xact::with_latest_snapshot(|| {
        identity::as_owner(|| {
            sql::text(
                "SELECT ev_action FROM pg_rewrite WHERE ev_class = $1::oid AND ev_type = '1'",
                &[i64::from(view).into()],
            )
        })
    })
}

const OIDS: &str =
    concat!(tree!(), "SELECT to_json(t.oid::bigint) FROM (SELECT DISTINCT oid FROM tree) AS t");

/// Keeps all that a relation reads as it is until the transaction ends: every relation is locked as a query would lock it,
/// and looked for again until nothing new comes up.
pub fn hold(source: u32) -> Result<()> {
    let mut held: Vec<u32> = Vec::new();
    let mut new = vec![source];
    while !new.is_empty() {
        new.iter().for_each(|oid| catalog::lock_relation(*oid));
        held.append(&mut new);
        let found: Vec<u32> = xact::with_latest_snapshot(|| {
            identity::as_owner(|| sql::documents(OIDS, &[i64::from(source).into()]))
        })?;
        new = found.into_iter().filter(|oid| !held.contains(oid)).collect();
    }
    Ok(())
}
