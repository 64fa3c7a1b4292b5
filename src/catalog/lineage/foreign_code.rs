//! Code of other roles that reading a source runs: never with a superuser's rights.
//!
//! Whoever reads runs it with their own rights: views, functions, operators, casts and domain checks of views, and what planning
//! a query on a table evaluates (expressions of indexes, constraints, statistics, partition keys), and policies. The types count
//! as a whole, because a cast or a check can be added to them at any time.

use crate::error::Result;
use crate::pg::{identity, sql, xact};

/// The first view, function or type of a role that is no superuser. One that was declared clean could be replaced in the next moment. Types of tables matter
/// where a view reads them: a table's own columns are read and compared without their casts and checks.
const BORROWED: &str = "
WITH RECURSIVE tree(oid) AS (
    SELECT $1::oid
    UNION
    SELECT d.refobjid
      FROM tree
      JOIN pg_rewrite r ON r.ev_class = tree.oid AND r.ev_type = '1'
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
), family(oid) AS (
    SELECT oid FROM tree
    UNION
    SELECT i.inhrelid FROM family JOIN pg_inherits i ON i.inhparent = family.oid
), part(class, oid) AS (
    SELECT 'pg_rewrite'::regclass, r.oid FROM tree JOIN pg_rewrite r ON r.ev_class = tree.oid AND r.ev_type = '1'
    UNION ALL
    SELECT 'pg_class'::regclass, i.indexrelid FROM family JOIN pg_index i ON i.indrelid = family.oid
    UNION ALL
    SELECT 'pg_class'::regclass, oid FROM family
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid FROM family JOIN pg_constraint k ON k.conrelid = family.oid
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid FROM family JOIN pg_statistic_ext s ON s.stxrelid = family.oid
    UNION ALL
    SELECT 'pg_attrdef'::regclass, a.oid
      FROM family JOIN pg_attribute g ON g.attrelid = family.oid AND g.attgenerated <> ''
      JOIN pg_attrdef a ON a.adrelid = g.attrelid AND a.adnum = g.attnum
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid FROM family JOIN pg_policy p ON p.polrelid = family.oid WHERE $2
), used(class, oid) AS (
    SELECT d.refclassid, d.refobjid
      FROM part JOIN pg_depend d ON d.classid = part.class AND d.objid = part.oid
     WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
        OR (d.refclassid = 'pg_type'::regclass AND part.class IN ('pg_rewrite'::regclass, 'pg_policy'::regclass))
    UNION
    SELECT 'pg_type'::regclass, a.atttypid
      FROM tree JOIN pg_attribute a ON a.attrelid = tree.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE EXISTS (SELECT FROM pg_class v WHERE v.oid = $1::oid AND v.relkind = 'v')
), owned(name, oid, owner) AS (
    -- A view can hold anything that its owner wrote: SQL in a text, a built-in function with a superuser's powers.
    SELECT 'view ' || v.oid::regclass::text, NULL::oid, v.relowner
      FROM tree JOIN pg_class v ON v.oid = tree.oid WHERE v.relkind = 'v'
    UNION ALL
    SELECT 'function ' || p.oid::regprocedure::text, p.oid, p.proowner
      FROM used JOIN pg_proc p ON p.oid = used.oid WHERE used.class = 'pg_proc'::regclass
    UNION ALL
    SELECT 'function ' || p.oid::regprocedure::text, p.oid, p.proowner
      FROM used JOIN pg_operator o ON o.oid = used.oid JOIN pg_proc p ON p.oid = o.oprcode
     WHERE used.class = 'pg_operator'::regclass
    UNION ALL
    -- Its server and its options say as whom the other side is asked.
    SELECT 'foreign table ' || v.oid::regclass::text, NULL, f.owner
      FROM family JOIN pg_class v ON v.oid = family.oid JOIN pg_foreign_table t ON t.ftrelid = v.oid
      JOIN pg_foreign_server s ON s.oid = t.ftserver, unnest(ARRAY[v.relowner, s.srvowner]) AS f(owner)
    UNION ALL
    -- A table's owner writes its policies, and can write another at any time.
    SELECT 'the policies of table ' || v.oid::regclass::text, NULL, v.relowner
      FROM family JOIN pg_class v ON v.oid = family.oid WHERE $2 AND v.relrowsecurity
    UNION ALL
    SELECT 'type ' || t.oid::regtype::text, NULL, t.typowner
      FROM used JOIN pg_type t ON t.oid = used.oid WHERE used.class = 'pg_type'::regclass
)
SELECT name FROM owned JOIN pg_roles r ON r.oid = owned.owner
 WHERE NOT r.rolsuper AND r.oid <> $3::oid
 ORDER BY name LIMIT 1";

/// A function that reading a source would run and that belongs to a role without superuser rights: `function app.f(text)`.
/// Policies count where they run for the role: it does not bypass row security.
pub fn borrowed(source: u32, role: u32) -> Result<Option<String>> {
    first(source, !identity::bypasses_row_security(role), 0)
}

/// A function that reading a source would run and that belongs to another role than `owner` and the superusers; policies count.
pub fn foreign_code(source: u32, owner: u32) -> Result<Option<String>> {
    first(source, true, owner)
}

fn first(source: u32, policies: bool, owner: u32) -> Result<Option<String>> {
    let arguments = [i64::from(source).into(), policies.into(), i64::from(owner).into()];
    let find = || sql::planned_without(&sql::ALL_ROWS, || sql::text(BORROWED, &arguments));
    xact::with_latest_snapshot(|| identity::as_owner(find))
}
