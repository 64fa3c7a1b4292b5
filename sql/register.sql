SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Registration has arguments of types that only SQL spells out (regclass, regprocedure, name[]); the work is done in Rust
-- (src/catalog/register.rs).
CREATE FUNCTION @extschema@.acct_export_register(
    dataset         text,
    source          regclass,
    key             text,
    tenant_column   text         DEFAULT NULL,
    created_column  text         DEFAULT NULL,
    updated_column  text         DEFAULT NULL,
    status_column   text         DEFAULT NULL,
    disabled_values text[]       DEFAULT '{}',
    required_roles  name[]       DEFAULT '{}',
    authorize       regprocedure DEFAULT NULL,
    title           text         DEFAULT NULL,
    companions      text[]       DEFAULT '{}',
    tenant_setting  text         DEFAULT NULL,
    replace         boolean      DEFAULT false
) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.register_dataset(dataset, jsonb_build_object(
        'source', source::oid::bigint, 'key', key, 'tenant_column', tenant_column, 'created_column', created_column,
        'updated_column', updated_column, 'status_column', status_column, 'disabled_values', disabled_values,
        'required_roles', required_roles, 'authorize', authorize::oid::bigint, 'title', title, 'companions', companions,
        'tenant_setting', tenant_setting), replace);
END;
COMMENT ON FUNCTION @extschema@.acct_export_register(text, regclass, text, text, text, text, text, text[], name[], regprocedure, text, text[], text, boolean)
    IS 'registers a table or a security_invoker view as a dataset that may be exported';

CREATE FUNCTION @extschema@.acct_export_alter(
    dataset         text,
    source          regclass     DEFAULT NULL,
    key             text         DEFAULT NULL,
    tenant_column   text         DEFAULT NULL,
    created_column  text         DEFAULT NULL,
    updated_column  text         DEFAULT NULL,
    status_column   text         DEFAULT NULL,
    disabled_values text[]       DEFAULT NULL,
    required_roles  name[]       DEFAULT NULL,
    authorize       regprocedure DEFAULT NULL,
    title           text         DEFAULT NULL,
    companions      text[]       DEFAULT NULL,
    tenant_setting  text         DEFAULT NULL,
    reset           text[]       DEFAULT '{}'
) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.alter_dataset(dataset, jsonb_build_object(
        'source', source::oid::bigint, 'key', key, 'tenant_column', tenant_column, 'created_column', created_column,
        'updated_column', updated_column, 'status_column', status_column, 'disabled_values', disabled_values,
        'required_roles', required_roles, 'authorize', authorize::oid::bigint, 'title', title, 'companions', companions,
        'tenant_setting', tenant_setting), reset);
END;
COMMENT ON FUNCTION @extschema@.acct_export_alter(text, regclass, text, text, text, text, text, text[], name[], regprocedure, text, text[], text, text[])
    IS 'changes what is named of a dataset''s registration; what is not named stays, reset names what goes back to its default';

CREATE FUNCTION @extschema@.acct_export_set_companion(dataset text, companion text, match text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.set_companion(dataset, companion, match);
END;
COMMENT ON FUNCTION @extschema@.acct_export_set_companion(text, text, text)
    IS 'adds a companion to a dataset, whose rows may be held to those of the dataset by a field';

CREATE FUNCTION @extschema@.acct_export_check(dataset text, role name DEFAULT current_user)
RETURNS TABLE (check_name text, ok boolean, detail text, hint text)
-- It writes nothing. The server puts the body of a stable function in its place, and errors have no context of this one.
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT c.check_name, c.ok, c.detail, c.hint FROM acct_export.check_dataset(dataset, role::text) AS c;
END;
COMMENT ON FUNCTION @extschema@.acct_export_check(text, name)
    IS 'whether a role could export a dataset now, and if not, why and what mends it';

SET LOCAL search_path TO @extschema@, pg_temp;
