SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Declarations of superusers on columns, names, functions and tables; the work is done in Rust (src/catalog/declare.rs).
CREATE FUNCTION @extschema@.acct_export_exempt_column(relation regclass, column_name text, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('exempt_column', relation::oid::bigint, column_name, NULL, NULL, reason);
END;
COMMENT ON FUNCTION @extschema@.acct_export_exempt_column(regclass, text, text)
    IS 'lets a column leave although it looks like a secret; superusers only, audited; reason NULL withdraws it';

CREATE FUNCTION @extschema@.acct_export_secret_column(relation regclass, column_name text, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('secret_column', relation::oid::bigint, column_name, NULL, NULL, reason);
END;
COMMENT ON FUNCTION @extschema@.acct_export_secret_column(regclass, text, text)
    IS 'says that a column holds a secret and never leaves; superusers only, audited; reason NULL withdraws it';

CREATE FUNCTION @extschema@.acct_export_secret_name(name text, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('secret_name', NULL, NULL, NULL, name, reason);
END;
COMMENT ON FUNCTION @extschema@.acct_export_secret_name(text, text)
    IS 'says that columns and JSON keys with this word, or these words in a row, hold a secret; superusers only, audited; reason NULL withdraws it';

CREATE FUNCTION @extschema@.acct_export_clean_function(function regprocedure, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('clean_function', NULL, NULL, function::oid::bigint, NULL, reason);
END;
COMMENT ON FUNCTION @extschema@.acct_export_clean_function(regprocedure, text)
    IS 'says that a function reads nothing but its arguments, so that views may call it; superusers only, audited; reason NULL withdraws it';

CREATE FUNCTION @extschema@.acct_export_shared_table(relation regclass, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('shared_table', relation::oid::bigint, NULL, NULL, NULL, reason);
END;
COMMENT ON FUNCTION @extschema@.acct_export_shared_table(regclass, text)
    IS 'says that a table holds no data of tenants and needs no row security; superusers only, audited; reason NULL withdraws it';

CREATE VIEW acct_export.declaration_state AS
SELECT d.id,
       CASE WHEN CASE d.kind
                 WHEN 'secret_name' THEN true
                 WHEN 'clean_function' THEN d.definition = acct_export.function_hash(d.function)
                 WHEN 'shared_table' THEN EXISTS (SELECT FROM pg_class AS c WHERE c.oid = d.relation::oid)
                 ELSE EXISTS (SELECT FROM acct_export.declared_column AS c
                               WHERE c.id = d.id AND NOT c.by_name
                                 AND CASE WHEN d.kind = 'exempt_column'
                                          THEN d.code IS NOT DISTINCT FROM acct_export.column_code(c.relation, c.attnum)
                                          ELSE true END) END
            THEN 'active'
            WHEN d.kind = 'secret_column' THEN 'held by name'
            ELSE 'lapsed' END AS state
  FROM acct_export.declaration AS d;
COMMENT ON VIEW acct_export.declaration_state IS 'declarations that hold for their object, that hold for its name alone, and that lapsed with it';

CREATE VIEW @extschema@.acct_export_declarations AS
SELECT d.kind,
       CASE d.kind WHEN 'secret_name' THEN d.name
                   WHEN 'clean_function' THEN coalesce(p.oid::regprocedure::text, d.function_name)
                   ELSE coalesce(c.oid::regclass::text, d.relation_name)
                        || coalesce('.' || quote_ident(coalesce(a.attname::text COLLATE "default", d.column_name)), '') END AS object,
       d.reason, d.declared_by, d.declared_at, s.state
  FROM acct_export.declaration AS d
  JOIN acct_export.declaration_state AS s ON s.id = d.id
  LEFT JOIN pg_class AS c ON c.oid = d.relation::oid
  LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.attnum AND a.attnum > 0::smallint AND NOT a.attisdropped
        AND c.oid = d.relation_oid
  LEFT JOIN pg_proc AS p ON p.oid = d.function
 ORDER BY d.kind, object;
COMMENT ON VIEW @extschema@.acct_export_declarations IS 'what superusers declared of columns, names, functions and tables; GRANT SELECT on it to the role of your auditors';
COMMENT ON COLUMN @extschema@.acct_export_declarations.state IS 'active; held by name: the column is gone, and a column of its name is a secret; lapsed: what it was declared of is gone or another';
REVOKE ALL ON @extschema@.acct_export_declarations FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
