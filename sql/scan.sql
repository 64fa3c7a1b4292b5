SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- The types regclass and name are SQL's; the work is done in Rust.
CREATE FUNCTION @extschema@.acct_export_scan(schema_name name DEFAULT NULL)
RETURNS TABLE(relation regclass, column_name name, verdict text, reason text)
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT s.relation::regclass, s.column_name::name, s.verdict, s.reason
      FROM acct_export.scan_columns(schema_name::text) s;
END;
COMMENT ON FUNCTION @extschema@.acct_export_scan(name)
    IS 'which columns of a schema''s tables and views could be exported, and why the others never are';
COMMENT ON FUNCTION acct_export.scan_columns(text) IS 'behind acct_export_scan';

SET LOCAL search_path TO @extschema@, pg_temp;
