-- What superusers declare of columns, names, functions and tables; the work is done in Rust (src/catalog/declare.rs).
CREATE FUNCTION acct_export_exempt_column(relation regclass, column_name text, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('exempt_column', relation::oid::bigint, column_name, NULL, NULL, reason);
END;
COMMENT ON FUNCTION acct_export_exempt_column(regclass, text, text)
    IS 'lets a column leave although it looks like a secret; superusers only, audited; reason NULL withdraws it';

CREATE FUNCTION acct_export_secret_column(relation regclass, column_name text, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('secret_column', relation::oid::bigint, column_name, NULL, NULL, reason);
END;
COMMENT ON FUNCTION acct_export_secret_column(regclass, text, text)
    IS 'says that a column holds a secret and never leaves; superusers only, audited; reason NULL withdraws it';

CREATE FUNCTION acct_export_secret_name(name text, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('secret_name', NULL, NULL, NULL, name, reason);
END;
COMMENT ON FUNCTION acct_export_secret_name(text, text)
    IS 'says that columns and JSON keys with this word, or these words in a row, hold a secret; superusers only, audited; reason NULL withdraws it';

CREATE FUNCTION acct_export_clean_function(function regprocedure, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('clean_function', NULL, NULL, function::oid::bigint, NULL, reason);
END;
COMMENT ON FUNCTION acct_export_clean_function(regprocedure, text)
    IS 'says that a function reads nothing but its arguments, so that views may call it; superusers only, audited; reason NULL withdraws it';

CREATE FUNCTION acct_export_shared_table(relation regclass, reason text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.declare('shared_table', relation::oid::bigint, NULL, NULL, NULL, reason);
END;
COMMENT ON FUNCTION acct_export_shared_table(regclass, text)
    IS 'says that a table holds no data of tenants and needs no row security; superusers only, audited; reason NULL withdraws it';

CREATE VIEW acct_export_declarations AS
SELECT kind,
       CASE kind WHEN 'secret_name' THEN name
                 WHEN 'clean_function' THEN function::text
                 WHEN 'shared_table' THEN relation::text
                 ELSE relation::text || '.' || quote_ident(column_name) END AS object,
       reason, declared_by, declared_at
  FROM acct_export.declaration
 ORDER BY kind, object;
COMMENT ON VIEW acct_export_declarations IS 'what superusers declared of columns, names, functions and tables; GRANT SELECT on it to the role of your auditors';
REVOKE ALL ON acct_export_declarations FROM PUBLIC;
