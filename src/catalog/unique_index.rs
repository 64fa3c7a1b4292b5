//! Proof by the server's catalogue: the unique indexes that no two rows have in common, and the columns that are never NULL.
//!
//! One SQL serves all versions: `pg_constraint` has no rows of `contype` 'n' before PostgreSQL 18.

/// True of an index `i` of `pg_index` whose columns no two rows have in common. It has to be in force at once, for all rows, and by
/// the equality that a sort or a group of the column goes by: its collation and the type's default operator class. Temporal keys
/// (WITHOUT OVERLAPS) are those of exclusion constraints: their index says nothing of one column alone.
macro_rules! proves {
    () => {
        "i.indisunique AND i.indisvalid AND i.indisready AND i.indislive AND i.indimmediate AND NOT i.indisexclusion
   AND i.indpred IS NULL AND i.indexprs IS NULL
   AND NOT EXISTS (
       SELECT FROM generate_series(0, i.indnkeyatts - 1) AS n
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n]
         JOIN pg_type t ON t.oid = a.atttypid
         JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
         JOIN pg_opclass c ON c.oid = i.indclass[n]
        WHERE i.indcollation[n] <> a.attcollation
           OR b.typtype = 'd'
           OR NOT c.opcdefault
           OR (c.opcintype <> b.oid AND EXISTS (
               SELECT FROM pg_opclass own WHERE own.opcmethod = c.opcmethod AND own.opcdefault AND own.opcintype = b.oid)))"
    };
}

/// True of a column `a` of `pg_attribute` that is NULL in no row. From PostgreSQL 18 on `attnotnull` is also true for a constraint that
/// is NOT VALID; one that is NOT ENFORCED is never validated.
macro_rules! never_null {
    () => {
        "a.attnotnull AND NOT EXISTS (
       SELECT FROM pg_constraint q
        WHERE q.conrelid = a.attrelid AND q.contype = 'n' AND a.attnum = ANY (q.conkey) AND NOT q.convalidated)"
    };
}

pub(super) use {never_null, proves};
