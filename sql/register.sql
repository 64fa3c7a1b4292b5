-- Registration has arguments of types that only SQL spells out (regclass, regproc, name[]); the work is done in Rust.
CREATE FUNCTION acct_export_register(
    dataset         text,
    source          regclass,
    key             text,
    tenant_column   text    DEFAULT NULL,
    created_column  text    DEFAULT NULL,
    updated_column  text    DEFAULT NULL,
    status_column   text    DEFAULT NULL,
    disabled_values text[]  DEFAULT '{}',
    required_roles  name[]  DEFAULT '{}',
    authorize       regproc DEFAULT NULL,
    title           text    DEFAULT NULL,
    companions      text[]  DEFAULT '{}'
) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.register_dataset(jsonb_build_object(
        'dataset', dataset, 'source', source::oid::bigint, 'key', key, 'tenant_column', tenant_column,
        'created_column', created_column, 'updated_column', updated_column, 'status_column', status_column,
        'disabled_values', disabled_values, 'required_roles', required_roles,
        'authorize', (SELECT quote_ident(n.nspname) || '.' || quote_ident(p.proname)
                             || '(' || oidvectortypes(p.proargtypes) || ')'
                        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = authorize),
        'title', title, 'companions', companions));
END;
COMMENT ON FUNCTION acct_export_register(text, regclass, text, text, text, text, text, text[], name[], regproc, text, text[])
    IS 'registers a table or a security_invoker view as a dataset that may be exported';
