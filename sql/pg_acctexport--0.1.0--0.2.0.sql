SET LOCAL search_path TO pg_catalog, pg_temp;

-- From 0.1.0 to 0.2.0, in the one transaction of ALTER EXTENSION. Public views and functions are replaced in place where their
-- arguments are the same, so that privileges and the views of others stay. New columns are at the end of their tables, as in
-- a fresh install.

-- Nothing is exported meanwhile. A running export is found by the lock that its worker holds (src/pg/lock.rs: Lock::Job), before the
-- tables are locked, which would wait for it, and again after that. A job that is `running` and has no worker was interrupted; it
-- goes back into the queue after the update.
DO $$
DECLARE
    running bigint;
BEGIN
    FOR turn IN 1 .. 2 LOOP
        SELECT count(*) INTO running
          FROM pg_locks AS l
         WHERE l.locktype = 'advisory' AND l.objsubid = 19023::smallint AND l.granted
           AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
        IF running > 0::bigint THEN
            RAISE EXCEPTION 'cannot update extension "pg_acctexport" while exports are running'
                USING ERRCODE = 'object_in_use', DETAIL = format('Exports that run in this database: %s.', running),
                      HINT = 'Set acct_export.max_workers to 0, reload, wait until no job is running, and update again.';
        END IF;
        IF turn = 1 THEN
            LOCK TABLE acct_export.job, acct_export.outbox IN ACCESS EXCLUSIVE MODE;
        END IF;
    END LOOP;
END
$$;

-- Datasets and fields.
ALTER TABLE acct_export.dataset ADD COLUMN source_name text;
UPDATE acct_export.dataset AS d
   SET source_name = coalesce((SELECT format('%I.%I', n.nspname, c.relname)
                                 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                                WHERE c.oid = d.source::oid), d.source::text);
ALTER TABLE acct_export.dataset ALTER COLUMN source_name SET NOT NULL;
COMMENT ON COLUMN acct_export.dataset.source_name IS 'last known name of the source, quoted with its schema';
COMMENT ON COLUMN acct_export.dataset.key IS 'name of a field, as those of the tenant, created, updated and status columns are; of a key of several columns an array of names, as text';

CREATE TABLE acct_export.companion (
    dataset   text NOT NULL REFERENCES acct_export.dataset ON DELETE CASCADE,
    companion text NOT NULL,
    match     text NOT NULL,
    PRIMARY KEY (dataset, companion)
);
COMMENT ON TABLE acct_export.companion IS 'companions whose rows belong to those of the dataset (acct_export_set_companion)';
COMMENT ON COLUMN acct_export.companion.match IS 'field of the companion that holds the key of the dataset; of a key of several columns an array of names, as text';
-- A column that is called like an array.
UPDATE acct_export.dataset SET key = ARRAY[key]::text WHERE key LIKE '{%}';
SELECT pg_extension_config_dump('acct_export.companion', '');

ALTER TABLE acct_export.field ADD COLUMN attnum smallint CHECK (attnum >= 0::smallint), ADD COLUMN relation_oid oid,
    ADD COLUMN column_name text, ADD COLUMN column_type text;
UPDATE acct_export.field AS f
   SET attnum = coalesce(s.attnum, 0::smallint), relation_oid = s.source, column_name = f.field, column_type = coalesce(s.type, '')
  FROM (SELECT o.dataset, o.field, d.source::oid AS source, a.attnum, format_type(a.atttypid, a.atttypmod) AS type
          FROM acct_export.field AS o
          JOIN acct_export.dataset AS d ON d.dataset = o.dataset
          LEFT JOIN pg_attribute AS a ON a.attrelid = d.source::oid AND a.attname::text = o.field AND a.attnum > 0::smallint
                AND NOT a.attisdropped) AS s
 WHERE s.dataset = f.dataset AND s.field = f.field;
ALTER TABLE acct_export.field ALTER COLUMN attnum SET NOT NULL, ALTER COLUMN relation_oid SET NOT NULL,
    ALTER COLUMN column_name SET NOT NULL, ALTER COLUMN column_type SET NOT NULL;

COMMENT ON COLUMN acct_export.field.field IS 'name that requesters use: the name of the column when the dataset was registered or refreshed';
COMMENT ON COLUMN acct_export.field.attnum IS 'attribute number of the column in relation_oid; 0: the column was dropped';
COMMENT ON COLUMN acct_export.field.relation_oid IS 'relation that attnum belongs to; where it is not the source of the dataset, the column is found by column_name';
COMMENT ON COLUMN acct_export.field.column_name IS 'last known name of the column, by which the field is bound again after a restore';
COMMENT ON COLUMN acct_export.field.column_type IS 'type of the column when the dataset was registered or refreshed';

ALTER TABLE acct_export.reference DROP CONSTRAINT reference_dataset_field_fkey, DROP CONSTRAINT reference_ref_dataset_ref_field_fkey;
ALTER TABLE acct_export.reference
    ADD FOREIGN KEY (dataset, field) REFERENCES acct_export.field ON UPDATE CASCADE ON DELETE CASCADE,
    ADD FOREIGN KEY (ref_dataset, ref_field) REFERENCES acct_export.field ON UPDATE CASCADE ON DELETE CASCADE;

-- Functions in Rust. Those with new arguments have new symbols: a library finds the old ones with their old arguments.
CREATE FUNCTION acct_export.register_dataset(
    dataset TEXT,
    given jsonb,
    replace bool
) RETURNS VOID
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'register_given_wrapper';

CREATE FUNCTION acct_export.alter_dataset(
    dataset TEXT,
    given jsonb,
    reset TEXT[]
) RETURNS VOID
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'alter_dataset_wrapper';

CREATE FUNCTION acct_export.set_companion(
    dataset TEXT,
    companion TEXT,
    matched TEXT
) RETURNS VOID
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'set_companion_wrapper';

CREATE FUNCTION acct_export.check_dataset(
    dataset TEXT,
    role TEXT
) RETURNS TABLE (
    check_name TEXT,
    ok bool,
    detail TEXT,
    hint TEXT
)
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'check_dataset_wrapper';

CREATE FUNCTION acct_export.may_know_without_source(
    required_roles TEXT[]
) RETURNS bool
STRICT STABLE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'may_know_without_source_wrapper';

CREATE FUNCTION acct_export.broken(
    dataset TEXT
) RETURNS TEXT
STRICT STABLE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'broken_wrapper';

CREATE FUNCTION acct_export.visible(
    requested_by oid,
    session jsonb
) RETURNS bool
STRICT STABLE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'visible_in_session_wrapper';

CREATE FUNCTION acct_export.scan_columns(
    schema_name TEXT
) RETURNS TABLE (
    relation oid,
    column_name TEXT,
    verdict TEXT,
    reason TEXT
)
STABLE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'scan_columns_wrapper';

CREATE FUNCTION acct_export.column_code(
    relation oid,
    attnum smallint
) RETURNS TEXT
STRICT STABLE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'column_code_wrapper';

CREATE FUNCTION @extschema@.acct_export_refresh(
    dataset TEXT
) RETURNS TABLE (
    field TEXT,
    change TEXT
)
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_refresh_wrapper';

CREATE FUNCTION @extschema@.acct_export_definition(
    dataset TEXT
) RETURNS TEXT
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_definition_wrapper';

-- Labels of a dataset are distinct (core/src/model/label.rs).
UPDATE acct_export.field AS f SET label = format('%s (%s)', btrim(f.label), n.number)
  FROM (SELECT o.dataset, o.field,
               row_number() OVER (PARTITION BY o.dataset, lower(btrim(o.label)) ORDER BY o.position, o.field) AS number
          FROM acct_export.field AS o) AS n
 WHERE n.dataset = f.dataset AND n.field = f.field AND n.number > 1::bigint;

CREATE FUNCTION @extschema@.acct_export_manifest(
    job uuid
) RETURNS jsonb
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_manifest_wrapper';

CREATE FUNCTION @extschema@.acct_export_adopt() RETURNS bigint
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_adopt_wrapper';
COMMENT ON FUNCTION @extschema@.acct_export_adopt() IS 'for superusers: makes the jobs, messages, objects and schedules that a copy of a database has of its original its own; returns the number of jobs';
REVOKE ALL ON FUNCTION @extschema@.acct_export_adopt() FROM PUBLIC;

CREATE FUNCTION @extschema@.acct_export_stream(
    dataset text,
    format text DEFAULT 'xlsx',
    period text DEFAULT NULL,
    start_date date DEFAULT NULL,
    end_date date DEFAULT NULL,
    period_field text DEFAULT NULL,
    since timestamptz DEFAULT NULL,
    filter jsonb DEFAULT NULL,
    fields text[] DEFAULT NULL,
    include text[] DEFAULT NULL,
    include_disabled bool DEFAULT NULL,
    anonymise bool DEFAULT false,
    all_tenants bool DEFAULT false,
    options jsonb DEFAULT '{}'
) RETURNS SETOF bytea
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_stream_wrapper';

CREATE FUNCTION @extschema@.acct_export_subject(
    dataset text,
    key text,
    format text DEFAULT 'json',
    reason text DEFAULT NULL
) RETURNS uuid
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_subject_wrapper';

CREATE FUNCTION @extschema@.acct_export_save(
    name text,
    dataset text,
    format text DEFAULT 'xlsx',
    period text DEFAULT NULL,
    start_date date DEFAULT NULL,
    end_date date DEFAULT NULL,
    period_field text DEFAULT NULL,
    since timestamptz DEFAULT NULL,
    filter jsonb DEFAULT NULL,
    fields text[] DEFAULT NULL,
    include text[] DEFAULT NULL,
    include_disabled bool DEFAULT NULL,
    anonymise bool DEFAULT false,
    all_tenants bool DEFAULT false,
    destination text DEFAULT NULL,
    notify_email text DEFAULT NULL,
    reason text DEFAULT NULL,
    options jsonb DEFAULT '{}',
    replace bool DEFAULT false
) RETURNS void
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_save_wrapper';

CREATE FUNCTION @extschema@.acct_export_start_saved(
    name text,
    reason text DEFAULT NULL
) RETURNS uuid
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_start_saved_wrapper';

CREATE FUNCTION @extschema@.acct_export_drop_saved(
    name text
) RETURNS void
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_drop_saved_wrapper';

CREATE FUNCTION @extschema@.acct_export_schedule(
    name text,
    cron text,
    time_zone text DEFAULT NULL,
    enabled bool DEFAULT true
) RETURNS void
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_schedule_wrapper';

CREATE FUNCTION @extschema@.acct_export_run_due() RETURNS INT
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_run_due_wrapper';

CREATE FUNCTION @extschema@.acct_export_without_secrets(
    document jsonb
) RETURNS jsonb
STRICT STABLE PARALLEL UNSAFE COST 100
LANGUAGE c
AS 'MODULE_PATHNAME', 'acct_export_without_secrets_wrapper';

CREATE FUNCTION acct_export.sees_all() RETURNS bool
STRICT STABLE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'sees_all_wrapper';

CREATE FUNCTION acct_export.caller() RETURNS oid
STRICT STABLE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'caller_wrapper';

CREATE FUNCTION acct_export.caller_roles() RETURNS oid[]
STRICT STABLE PARALLEL UNSAFE COST 10000
LANGUAGE c
AS 'MODULE_PATHNAME', 'caller_roles_wrapper';

CREATE FUNCTION acct_export.caller_prints() RETURNS uuid[]
STRICT STABLE PARALLEL UNSAFE COST 10000
LANGUAGE c
AS 'MODULE_PATHNAME', 'caller_prints_wrapper';

CREATE FUNCTION acct_export.session_print(
    session jsonb
) RETURNS uuid
STRICT IMMUTABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'session_print_wrapper';

CREATE FUNCTION acct_export.session_shape(
    session jsonb
) RETURNS uuid
STRICT IMMUTABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'session_shape_wrapper';

CREATE FUNCTION acct_export.moment() RETURNS timestamp with time zone
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'moment_wrapper';

CREATE FUNCTION acct_export.here() RETURNS TEXT
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'here_wrapper';
COMMENT ON FUNCTION acct_export.here() IS 'system identifier and database, by which a copy of the database is known';

CREATE FUNCTION acct_export.job_progress(
    worker_pid INT
) RETURNS bigint[]
STRICT STABLE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'job_progress_wrapper';

CREATE FUNCTION acct_export.upgraded_job(dataset text, requested_by oid, requested_login oid, context jsonb, request jsonb) RETURNS jsonb
VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'upgraded_job_wrapper';
COMMENT ON FUNCTION acct_export.upgraded_job(text, oid, oid, jsonb, jsonb) IS 'of this script';

-- Declarations are bound to objects (bind.sql). The table is made anew and filled through its trigger, as when a dump is restored.
-- The objects of declarations that were dropped cannot be named any more: 0.1.0 did not keep their names.
CREATE OR REPLACE VIEW @extschema@.acct_export_declarations AS
SELECT NULL::text AS kind, NULL::text AS object, NULL::text AS reason, NULL::text AS declared_by, NULL::timestamptz AS declared_at;
CREATE TABLE acct_export.declaration_0_1_0 AS
SELECT d.kind, c.oid::regclass AS relation, d.column_name, p.oid AS function, p.oid::regprocedure::text AS function_name, d.name,
       d.definition, d.reason, d.declared_by, d.declared_at
  FROM acct_export.declaration AS d
  LEFT JOIN pg_class AS c ON c.oid = d.relation::oid
  LEFT JOIN pg_proc AS p ON p.oid = d.function::oid
 WHERE (d.relation IS NULL OR c.oid IS NOT NULL) AND (d.function IS NULL OR p.oid IS NOT NULL);
ALTER EXTENSION pg_acctexport DROP TABLE acct_export.declaration;
DROP TABLE acct_export.declaration;
CREATE TABLE acct_export.declaration (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind          text NOT NULL CHECK (kind IN ('exempt_column', 'secret_column', 'secret_name', 'clean_function', 'shared_table')),
    relation      regclass,
    attnum        smallint CHECK (attnum >= 0::smallint),
    relation_oid  oid,
    schema_name   text,
    table_name    text,
    column_name   text,
    relation_name text GENERATED ALWAYS AS (quote_ident(schema_name) || '.' || quote_ident(table_name)) STORED,
    former_tables text[] NOT NULL DEFAULT '{}',
    family        oid[] NOT NULL DEFAULT '{}',
    function      oid,
    function_name text,
    name          text,
    definition    text,
    code          text,
    view_text     text,
    reason        text NOT NULL CHECK (reason <> ''),
    declared_by   text NOT NULL,
    declared_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((kind IN ('exempt_column', 'secret_column')) = (column_name IS NOT NULL)),
    CHECK ((column_name IS NULL) = (attnum IS NULL)),
    CHECK ((kind IN ('exempt_column', 'secret_column', 'shared_table')) = (table_name IS NOT NULL)),
    CHECK ((table_name IS NULL) = (schema_name IS NULL)),
    CHECK ((kind = 'clean_function') = (function_name IS NOT NULL)),
    CHECK ((kind = 'secret_name') = (name IS NOT NULL))
);
CREATE UNIQUE INDEX declaration_once ON acct_export.declaration
    (kind, coalesce(relation::oid, 0::oid), coalesce(attnum, 0::smallint), coalesce(function, 0::oid), coalesce(name, ''))
    WHERE relation IS NOT NULL AND attnum IS DISTINCT FROM 0::smallint OR function IS NOT NULL OR name IS NOT NULL;
COMMENT ON TABLE acct_export.declaration IS 'what superusers declared of columns, names, functions and tables; see the view acct_export_declarations';
COMMENT ON COLUMN acct_export.declaration.relation IS 'relation of the declaration; NULL: it was dropped';
COMMENT ON COLUMN acct_export.declaration.attnum IS 'attribute number of the column; 0: the column was dropped';
COMMENT ON COLUMN acct_export.declaration.relation_oid IS 'OID of the relation when the declaration was bound to it';
COMMENT ON COLUMN acct_export.declaration.schema_name IS 'last known schema of the relation';
COMMENT ON COLUMN acct_export.declaration.table_name IS 'last known name of the relation';
COMMENT ON COLUMN acct_export.declaration.column_name IS 'last known name of the column';
COMMENT ON COLUMN acct_export.declaration.relation_name IS 'last known name of the relation, quoted with its schema';
COMMENT ON COLUMN acct_export.declaration.former_tables IS 'earlier names of the relation, quoted with the schema: a secret column holds for a relation that took one of them';
COMMENT ON COLUMN acct_export.declaration.family IS 'partitions and children of the relation of a secret column; one that is detached gets a declaration of its own';
COMMENT ON COLUMN acct_export.declaration.function IS 'OID of the function; NULL: it was dropped';
COMMENT ON COLUMN acct_export.declaration.function_name IS 'the function with its argument types, by which it is bound after a restore';
COMMENT ON COLUMN acct_export.declaration.code IS 'of an exempt column of a view: hash of the code that makes the column, by OIDs and attribute numbers';
COMMENT ON COLUMN acct_export.declaration.view_text IS 'hash of the text of the same views and functions, by which the code is known again after a restore';
COMMENT ON COLUMN acct_export.declaration.definition IS 'what was declared about: the hash of a clean function, the reason that an exemption sets aside; what is another by now is not covered';

CREATE FUNCTION acct_export.descendants(relation oid) RETURNS oid[]
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE below(oid) AS (
        SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = relation
        UNION
        SELECT i.inhrelid FROM below JOIN pg_inherits AS i ON i.inhparent = below.oid)
    SELECT coalesce(array_agg(below.oid ORDER BY below.oid), '{}') FROM below;
END;
COMMENT ON FUNCTION acct_export.descendants(oid) IS 'partitions and children of a table, at every depth';

CREATE FUNCTION acct_export.view_text(relation oid) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE below(oid) AS (
        SELECT c.oid FROM pg_class AS c WHERE c.oid = relation
        UNION
        SELECT d.refobjid
          FROM below
          JOIN pg_rewrite AS r ON r.ev_class = below.oid AND r.ev_type = '1'
          JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                             AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class),
    view AS (SELECT c.oid, c.oid::regclass::text AS name FROM below JOIN pg_class AS c ON c.oid = below.oid WHERE c.relkind = 'v'),
    called AS (
        SELECT DISTINCT p.oid, p.oid::regprocedure::text AS name
          FROM view
          JOIN pg_rewrite AS r ON r.ev_class = view.oid
          JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_proc'::regclass
          JOIN pg_proc AS p ON p.oid = d.refobjid)
    SELECT encode(sha256(convert_to(
               (SELECT string_agg(view.name || ' ' || pg_get_viewdef(view.oid), '' ORDER BY view.name COLLATE "C") FROM view)
               || coalesce((SELECT string_agg(acct_export.function_hash(called.oid), '' ORDER BY called.name COLLATE "C") FROM called), ''),
           'UTF8')), 'hex')
     WHERE EXISTS (SELECT FROM view WHERE view.oid = relation);
END;
COMMENT ON FUNCTION acct_export.view_text(oid) IS 'hash of the text of a view, of the views that it reads and of the functions that they call';

CREATE FUNCTION acct_export.bind_dataset() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname) INTO name
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = NEW.source::oid;
    IF NEW.source_name IS NULL THEN
        NEW.source_name := name;
    ELSIF name IS DISTINCT FROM NEW.source_name THEN -- a dump has a number for a source that was gone
        NEW.source := 0::oid::regclass;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION acct_export.bind_dataset() IS 'trigger: keeps the name of the source, and restores no source that was gone';
CREATE TRIGGER bind BEFORE INSERT ON acct_export.dataset FOR EACH ROW EXECUTE FUNCTION acct_export.bind_dataset();
-- Subscribers of logical replication insert rows as replicas.
ALTER TABLE acct_export.dataset ENABLE ALWAYS TRIGGER bind;
COMMENT ON TRIGGER bind ON acct_export.dataset IS 'keeps the name of the source';

CREATE FUNCTION acct_export.bind_field() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source oid;
    col record;
BEGIN
    NEW.column_name := coalesce(NEW.column_name, NEW.field);
    SELECT d.source::oid INTO source FROM acct_export.dataset AS d WHERE d.dataset = NEW.dataset;
    SELECT a.attnum, format_type(a.atttypid, a.atttypmod) AS type INTO col
      FROM pg_attribute AS a
     WHERE a.attrelid = source AND a.attname::text = NEW.column_name AND a.attnum > 0::smallint AND NOT a.attisdropped;
    NEW.relation_oid := coalesce(source, 0::oid);
    IF NEW.attnum IS DISTINCT FROM 0::smallint THEN -- 0: the column was dropped, and another one of its name is not the same
        NEW.attnum := coalesce(col.attnum, 0::smallint);
    END IF;
    NEW.column_type := coalesce(NEW.column_type, col.type, '');
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION acct_export.bind_field() IS 'trigger: binds a new field to the column of its name';
CREATE TRIGGER bind BEFORE INSERT ON acct_export.field FOR EACH ROW EXECUTE FUNCTION acct_export.bind_field();
ALTER TABLE acct_export.field ENABLE ALWAYS TRIGGER bind;
COMMENT ON TRIGGER bind ON acct_export.field IS 'binds a new field to the column of its name';

CREATE FUNCTION acct_export.bind_declaration() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rel record;
BEGIN
    IF NEW.relation IS NOT NULL THEN -- regclass: the name in a dump is resolved by now
        SELECT c.oid, c.relname::text AS table_name, n.nspname::text AS schema_name INTO rel
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.oid = NEW.relation::oid;
        IF rel.oid IS NULL THEN
            NEW.relation := NULL;
        ELSE
            NEW.relation_oid := rel.oid;
            NEW.schema_name := rel.schema_name;
            NEW.table_name := rel.table_name;
        END IF;
    END IF;
    IF NEW.column_name IS NOT NULL AND NEW.attnum IS DISTINCT FROM 0::smallint THEN
        NEW.attnum := coalesce((
            SELECT a.attnum FROM pg_attribute AS a
             WHERE a.attrelid = NEW.relation::oid AND a.attname::text = NEW.column_name
               AND a.attnum > 0::smallint AND NOT a.attisdropped), 0::smallint);
    END IF;
    IF NEW.kind = 'exempt_column' AND NEW.attnum > 0::smallint AND acct_export.view_text(NEW.relation::oid) IS NOT NULL THEN
        -- A restored view is the same if its text is; a new declaration is about the view as it is.
        IF coalesce(NEW.view_text = acct_export.view_text(NEW.relation::oid), true) THEN
            NEW.view_text := acct_export.view_text(NEW.relation::oid);
            NEW.code := acct_export.column_code(NEW.relation::oid, NEW.attnum);
        END IF;
    END IF;
    IF NEW.kind = 'secret_column' THEN
        NEW.family := coalesce(acct_export.descendants(NEW.relation::oid), '{}');
    END IF;
    IF NEW.function IS NOT NULL THEN
        BEGIN
            NEW.function := to_regprocedure(NEW.function_name)::oid;
        EXCEPTION WHEN undefined_object THEN -- a type among its arguments is gone, and the function with it
            NEW.function := NULL;
        END;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION acct_export.bind_declaration() IS 'trigger: binds a new declaration to the object of its name';
CREATE TRIGGER bind BEFORE INSERT ON acct_export.declaration FOR EACH ROW EXECUTE FUNCTION acct_export.bind_declaration();
ALTER TABLE acct_export.declaration ENABLE ALWAYS TRIGGER bind;
COMMENT ON TRIGGER bind ON acct_export.declaration IS 'binds a new declaration to the object of its name';

-- The columns that declarations hold for now.
CREATE VIEW acct_export.declared_column AS
SELECT d.id, d.kind, d.definition, d.code, a.attrelid AS relation, a.attnum, a.attname::text AS column_name, false AS by_name
  FROM acct_export.declaration AS d
  JOIN pg_attribute AS a ON a.attrelid = d.relation::oid AND a.attnum > 0::smallint AND NOT a.attisdropped
   AND CASE WHEN d.relation::oid = d.relation_oid THEN a.attnum = d.attnum
            ELSE d.attnum > 0::smallint AND a.attname::text = d.column_name END -- a copy of a row of another database
 WHERE d.kind IN ('exempt_column', 'secret_column')
UNION ALL
-- A secret column that is gone, and one whose table gave its name to another, goes on being secret by its name.
SELECT d.id, d.kind, d.definition, d.code, a.attrelid, a.attnum, a.attname::text, true
  FROM acct_export.declaration AS d
  LEFT JOIN pg_class AS c ON c.oid = d.relation::oid
  LEFT JOIN pg_attribute AS own ON own.attrelid = c.oid AND own.attnum = d.attnum AND own.attnum > 0::smallint
        AND NOT own.attisdropped AND d.relation::oid = d.relation_oid
 CROSS JOIN LATERAL (
       SELECT d.relation_name AS name WHERE own.attnum IS NULL
       UNION ALL
       SELECT unnest(d.former_tables)) AS t
  JOIN pg_attribute AS a ON a.attrelid = to_regclass(t.name)::oid AND a.attname::text = d.column_name
                        AND a.attnum > 0::smallint AND NOT a.attisdropped
 WHERE d.kind = 'secret_column' AND (own.attnum IS NULL OR a.attrelid <> own.attrelid);
COMMENT ON VIEW acct_export.declared_column IS 'columns that declarations of columns hold for now, by number or, of secrets that are gone, by name';

INSERT INTO acct_export.declaration (kind, relation, column_name, function, function_name, name, reason, declared_by, declared_at, definition)
SELECT o.kind, o.relation, o.column_name, o.function, o.function_name, o.name, o.reason, o.declared_by, o.declared_at, o.definition
  FROM acct_export.declaration_0_1_0 AS o ORDER BY o.declared_at;
DROP TABLE acct_export.declaration_0_1_0;

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

CREATE OR REPLACE VIEW @extschema@.acct_export_declarations AS
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
COMMENT ON COLUMN @extschema@.acct_export_declarations.state IS 'active; held by name: the column is gone, and a column of its name is a secret; lapsed: what it was declared of is gone or another';
SELECT pg_extension_config_dump('acct_export.declaration', '');

COMMENT ON FUNCTION acct_export.sees_all() IS 'whether the caller sees all jobs: a superuser, or the extension itself';
COMMENT ON FUNCTION acct_export.caller() IS 'current user';
COMMENT ON FUNCTION acct_export.caller_roles() IS 'roles that the caller may act as';
COMMENT ON FUNCTION acct_export.caller_prints() IS 'prints of the sessions whose jobs are visible in the caller''s';
COMMENT ON FUNCTION acct_export.session_print(jsonb) IS 'hash of the tenants, settings and login of a captured session';
COMMENT ON FUNCTION acct_export.session_shape(jsonb) IS 'hash of the names of what a captured session has, without the values';
COMMENT ON FUNCTION acct_export.moment() IS 'clock_timestamp() as a function that the planner takes for stable';
COMMENT ON FUNCTION acct_export.job_progress(integer) IS 'progress counters of the worker that runs a job: stage (1: reading, 2: storing), number of the dataset, rows, estimated rows, bytes, bytes in all';

-- Jobs and messages. Their sessions are captured in another form; the library converts them, by the types of the tenant columns.
ALTER TABLE acct_export.job ADD COLUMN rows_print bytea, ADD COLUMN login text, ADD COLUMN client_addr inet,
    ADD COLUMN application_name text, ADD COLUMN tenant_key text, ADD COLUMN session jsonb;
UPDATE acct_export.job AS j
   SET context = u.job->'context', session = u.job->'session', tenant_key = u.job->>'tenant_key',
       fingerprint = decode(u.job->>'fingerprint', 'hex'), rows_print = decode(u.job->>'rows_print', 'hex'),
       login = pg_get_userbyid(j.requested_login)::text
  FROM (SELECT o.id, acct_export.upgraded_job(o.dataset, o.requested_by, o.requested_login, o.context, o.request) AS job
          FROM acct_export.job AS o) AS u
 WHERE u.id = j.id;
ALTER TABLE acct_export.job ALTER COLUMN rows_print SET NOT NULL, ALTER COLUMN session SET NOT NULL,
    ADD COLUMN runs integer NOT NULL DEFAULT 0, ADD COLUMN made_in text;
UPDATE acct_export.job SET runs = attempts, made_in = acct_export.here();
ALTER TABLE acct_export.job ALTER COLUMN made_in SET NOT NULL;
ALTER TABLE acct_export.job ADD COLUMN saved bigint;
COMMENT ON COLUMN acct_export.job.saved IS 'generation of the saved export that it is a run of';
COMMENT ON COLUMN acct_export.job.made_in IS 'system identifier and database that it was asked for in: a copy of the database does not run it';

COMMENT ON COLUMN acct_export.job.attempts IS 'runs that count: those that an administrator or a shutdown interrupted do not';
COMMENT ON COLUMN acct_export.job.runs IS 'how often a worker has begun it: the number of the present run';
COMMENT ON COLUMN acct_export.job.fingerprint IS 'SHA-256 of the request, role, actor and session: one active job each';
COMMENT ON COLUMN acct_export.job.rows_print IS 'SHA-256 of what chooses the rows, and of role and session: requests of one print read the same rows';
COMMENT ON COLUMN acct_export.job.tenant_key IS 'the same for equal values of the tenant column, however they are written';
COMMENT ON COLUMN acct_export.job.session IS 'tenants and further settings of the session that asked: the job is visible in sessions that have the same';
COMMENT ON COLUMN acct_export.job.login IS 'name of requested_login; with client_addr and application_name of the session that asked, for the audit trail';
COMMENT ON COLUMN acct_export.job.approved_by IS 'role, actor and session who let it have more rows than the dataset''s approve_above';
COMMENT ON COLUMN acct_export.job.cancelled_by IS 'role, actor and session who asked to cancel the job';

DROP INDEX acct_export.job_active_role, acct_export.job_active_tenant, acct_export.job_turns;
CREATE INDEX job_active_role ON acct_export.job (requested_by, (coalesce(tenant_key, '')) COLLATE "C", made_in COLLATE "C")
    WHERE status IN ('awaiting_approval', 'queued', 'running');
CREATE INDEX job_active_tenant ON acct_export.job (dataset COLLATE "C", (coalesce(tenant_key, '')) COLLATE "C", made_in COLLATE "C")
    WHERE status IN ('queued', 'running');
CREATE INDEX job_queued ON acct_export.job ((coalesce(tenant_key, '')) COLLATE "C", requested_by, created_at) WHERE status = 'queued';
CREATE INDEX job_turns ON acct_export.job ((coalesce(tenant_key, '')) COLLATE "C", started_at) WHERE started_at IS NOT NULL;
CREATE INDEX job_rows ON acct_export.job (rows_print, finished_at) WHERE rows_done IS NOT NULL;
CREATE INDEX job_history ON acct_export.job (finished_at) WHERE status IN ('expired', 'failed', 'cancelled');
-- Small at all times, and so what the planner takes for these, whatever its statistics say.
CREATE INDEX job_running ON acct_export.job (id) WHERE status = 'running';
CREATE INDEX job_asked ON acct_export.job (requested_by, dataset);
CREATE INDEX job_saved ON acct_export.job (saved, requested_by, finished_at) WHERE saved IS NOT NULL;

UPDATE acct_export.file AS f
   SET parts = (SELECT jsonb_agg(p.part || jsonb_build_object('masks', '{}'::jsonb, 'attnums', (
                           SELECT coalesce(jsonb_agg(coalesce(a.attnum, 0::smallint) ORDER BY n.place), '[]'::jsonb)
                             FROM jsonb_array_elements_text(p.part->'fields') WITH ORDINALITY AS n(field, place)
                             LEFT JOIN pg_attribute AS a ON a.attrelid = (p.part->>'source')::oid AND a.attname::text = n.field
                                   AND a.attnum > 0::smallint AND NOT a.attisdropped)) ORDER BY p.place)
                  FROM jsonb_array_elements(f.parts) WITH ORDINALITY AS p(part, place))
 WHERE jsonb_array_length(f.parts) > 0;

ALTER TABLE acct_export.outbox ADD COLUMN session jsonb, ADD COLUMN made_in text;
UPDATE acct_export.outbox SET made_in = acct_export.here();
ALTER TABLE acct_export.outbox ALTER COLUMN made_in SET NOT NULL;
COMMENT ON COLUMN acct_export.outbox.made_in IS 'system identifier and database that the job was asked for in: a copy of the database does not send it';
ALTER TABLE acct_export.object ADD COLUMN made_in text;
UPDATE acct_export.object SET made_in = acct_export.here();
ALTER TABLE acct_export.object ALTER COLUMN made_in SET NOT NULL;
COMMENT ON COLUMN acct_export.object.made_in IS 'system identifier and database that stored it: a copy of the database does not remove it';
UPDATE acct_export.outbox AS o
   SET session = coalesce((SELECT j.session FROM acct_export.job AS j WHERE j.id = o.job),
                          acct_export.upgraded_job('', o.requested_by, o.requested_by, jsonb_build_object('tenant', o.tenant), '{}'::jsonb)->'session');
ALTER TABLE acct_export.outbox ALTER COLUMN session SET NOT NULL;
CREATE INDEX outbox_ended ON acct_export.outbox (coalesce(sent_at, failed_at));
COMMENT ON COLUMN acct_export.outbox.session IS 'session in which the job, and so the message, is visible';

CREATE OR REPLACE VIEW @extschema@.acct_export_messages WITH (security_barrier) AS
SELECT job AS job_id, kind, server_name AS server, recipient, event->>'status' AS event, created_at, tries,
       CASE WHEN sent_at IS NULL AND failed_at IS NULL THEN next_try_at END AS next_try_at, sent_at, failed_at, error, error_code
  FROM acct_export.outbox
 WHERE acct_export.visible(requested_by, session)
 ORDER BY created_at DESC;
ALTER TABLE acct_export.outbox DROP COLUMN tenant;
DROP FUNCTION acct_export.upgraded_job(text, oid, oid, jsonb, jsonb);

-- Views of jobs: acct_export_jobs stands on nothing while those below it are made anew.
CREATE OR REPLACE VIEW @extschema@.acct_export_jobs WITH (security_barrier) AS
SELECT NULL::uuid AS job_id, NULL::text AS dataset, NULL::text AS format, NULL::text AS status, NULL::text AS stage,
       NULL::integer AS percent, NULL::bigint AS rows_done, NULL::bigint AS rows_total, NULL::bigint AS bytes_done,
       NULL::bigint AS bytes_total, NULL::integer AS seconds_left, NULL::text AS message, NULL::text AS error,
       NULL::text AS error_code, NULL::integer AS attempts, NULL::text AS requested_by, NULL::text AS actor, NULL::text AS tenant,
       NULL::timestamptz AS created_at, NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at,
       NULL::timestamptz AS expires_at, NULL::timestamptz AS as_of, NULL::jsonb AS files;
DROP VIEW acct_export.job_status, acct_export.job_now;
DROP FUNCTION acct_export.worker_progress(integer);
-- The jobs of a session, newest first; and the few kinds of sessions that there are.
CREATE INDEX job_session ON acct_export.job (requested_by, acct_export.session_print(session), created_at);
CREATE INDEX job_csv ON acct_export.job (requested_by, acct_export.session_print(session), dataset, created_at) WHERE format = 'csv';
CREATE INDEX job_shape ON acct_export.job (acct_export.session_shape(session));
CREATE INDEX job_awaiting ON acct_export.job (created_at) WHERE status = 'awaiting_approval';

-- The jobs that the caller sees. Part 1: a superuser all. Another role those of its session, which is mostly one role and one kind of
-- session (part 2), its own of other kinds (3), and those of the roles that it may act as (4); and an approver those that await approval
-- (5). Each part is read by an index, from the newest on, and the parts that do not concern the caller are not read. The condition of part
-- 1 stands outside, so that the planner takes the table for a part by itself; it is one on a column, and it and part 3 call functions
-- without a sub-select, so that the planner estimates how few rows there are: a million jobs of others are no reason to compile the query.
CREATE VIEW acct_export.job_seen AS
SELECT s.* FROM (
    SELECT j.*, 1 AS part FROM acct_export.job j
    UNION ALL
    (SELECT j.*, 2 FROM acct_export.job j
      WHERE NOT (SELECT acct_export.sees_all())
        AND j.requested_by = (SELECT acct_export.caller())
        AND acct_export.session_print(j.session) = (SELECT (acct_export.caller_prints())[1])
      ORDER BY j.created_at DESC)
    UNION ALL
    (SELECT j.*, 3 FROM acct_export.job j
      WHERE NOT (SELECT acct_export.sees_all())
        AND j.requested_by = acct_export.caller()
        AND acct_export.session_print(j.session) = ANY ((acct_export.caller_prints())[2:])
      ORDER BY j.created_at DESC)
    UNION ALL
    (SELECT j.*, 4 FROM acct_export.job j
      WHERE NOT (SELECT acct_export.sees_all())
        AND j.requested_by = ANY ((acct_export.caller_roles())[2:])
        AND acct_export.session_print(j.session) = ANY ((SELECT acct_export.caller_prints())::uuid[])
      ORDER BY j.created_at DESC)
    UNION ALL
    (SELECT j.*, 5 FROM acct_export.job j
      WHERE NOT (SELECT acct_export.sees_all()) AND j.status = 'awaiting_approval'
        AND NOT (j.requested_by = ANY ((SELECT acct_export.caller_roles())::oid[])
                 AND acct_export.session_print(j.session) = ANY ((SELECT acct_export.caller_prints())::uuid[]))
        AND acct_export.may_approve(j.id)
      ORDER BY j.created_at DESC)
) s WHERE s.part > 1
     OR s.created_at >= CASE WHEN acct_export.sees_all() THEN '-infinity'::timestamptz ELSE 'infinity'::timestamptz END;
COMMENT ON VIEW acct_export.job_seen IS 'jobs that the caller may see, or may approve';

-- A job past its time is over, purged or not.
CREATE VIEW acct_export.job_now AS
SELECT job.*,
       CASE WHEN status IN ('completed', 'completed_with_errors') AND expires_at <= acct_export.moment() THEN 'expired'
            WHEN status = 'awaiting_approval' AND expires_at <= acct_export.moment() THEN 'failed'
            ELSE status END AS state
  FROM acct_export.job_seen job;
COMMENT ON VIEW acct_export.job_now IS 'the same with the state that they are in now, which is their status, or what their time being over makes of it';

-- With their progress. Nothing in here is volatile and what costs time is in the list of columns: a list of 20 jobs takes them from
-- the index and works out no more than these, and a count works out none.
CREATE VIEW acct_export.job_status AS
SELECT j.id AS job_id, j.dataset, j.format, j.state AS status, j.stage,
       CASE WHEN j.status IN ('completed', 'completed_with_errors', 'expired') THEN 100
            WHEN j.status <> 'running' THEN 0
            WHEN j.stage = 'storing' THEN 90 + coalesce(9 * j.progress[5] / nullif(j.progress[6], 0), 0)
            -- The number of rows may not be known: then the percentage depends on the stage alone.
            WHEN j.stage = 'reading' THEN CASE WHEN j.progress[4] > 0 THEN least(90, 90 * j.progress[3] / j.progress[4]) ELSE 10 END
            ELSE 0 END::integer AS percent,
       coalesce(j.rows_done, j.progress[3], 0) AS rows_done,
       CASE WHEN j.rows_done IS NOT NULL THEN j.rows_done
            WHEN j.progress[4] > 0 THEN greatest(j.progress[4], j.progress[3]) END AS rows_total,
       coalesce(j.bytes_done, j.progress[5], 0) AS bytes_done,
       coalesce(j.bytes_done, nullif(j.progress[6], 0)) AS bytes_total,
       -- The rest of the reading or storing, at the pace so far.
       CASE WHEN j.status <> 'running' OR j.stage = 'preparing' THEN NULL
            WHEN j.stage = 'storing' THEN least(ceil(extract(epoch FROM acct_export.moment() - j.started_at) * 0.1), 2147483647)
            WHEN j.progress[3] > 0 AND j.progress[4] > 0 THEN
                 least(ceil(extract(epoch FROM acct_export.moment() - j.started_at) * greatest(j.progress[4] - j.progress[3], 0)
                            / j.progress[3] * 1.1), 2147483647)
            END::integer AS seconds_left,
       CASE j.state
            WHEN 'failed' THEN 'Export failed. Please try again.'
            WHEN 'cancelled' THEN 'Export cancelled.'
            WHEN 'expired' THEN 'Export expired.'
            WHEN 'awaiting_approval' THEN 'Waiting for approval'
            WHEN 'completed_with_errors' THEN j.titles[j.failed_part] || ' export failed'
            WHEN 'completed' THEN CASE WHEN cardinality(j.titles) > 1 THEN 'All exports complete!' ELSE 'Export complete!' END
                || CASE WHEN j.rows_done = 0 THEN ' No rows matched.' ELSE '' END
            WHEN 'running' THEN
                CASE WHEN j.stage = 'storing' AND j.progress[6] > 0 THEN
                    format('Downloading: %sMB / %sMB', to_char(j.progress[5] / 1e6, 'FM999999990.0'),
                           to_char(j.progress[6] / 1e6, 'FM999999990.0'))
                WHEN j.stage = 'reading' THEN CASE WHEN j.progress[2] > 1 THEN 'Downloading ' || lower(j.titles[j.progress[2]::integer])
                                         ELSE 'Preparing user export' END
                ELSE 'Preparing user export' END
            ELSE 'Preparing user export' END AS message,
       -- The text that acct_export_purge records of a job that nobody has approved in time.
       coalesce(j.error, CASE WHEN j.status = 'awaiting_approval' AND j.state = 'failed'
                              THEN 'nobody approved the export within acct_export.retention' END) AS error,
       coalesce(j.error_code, CASE WHEN j.status = 'awaiting_approval' AND j.state = 'failed' THEN '42501' END) AS error_code,
       j.attempts, j.requested_role AS requested_by, j.actor, j.tenant, j.created_at, j.started_at,
       coalesce(j.finished_at, CASE WHEN j.status = 'awaiting_approval' AND j.state = 'failed' THEN j.expires_at END) AS finished_at,
       j.expires_at, j.as_of,
       coalesce((
       SELECT jsonb_agg(jsonb_build_object('file', file.file, 'name', name, 'media_type', media_type, 'rows', rows,
                  'bytes', bytes, 'sha256', sha256, 'status', file.status)
                  || CASE file.status WHEN 'failed' THEN jsonb_build_object('error', file.error, 'error_code', file.error_code)
                     ELSE '{}' END
                  || coalesce(r.redacted, '{}') || coalesce(o.place, '{}') ORDER BY file.file)
         FROM acct_export.file
         LEFT JOIN LATERAL (SELECT jsonb_build_object('destination', o.server_name, 'object', o.uri) AS place
                              FROM acct_export.object o
                             WHERE o.job = file.job AND o.file = file.file AND o.status = 'stored') o ON true
         LEFT JOIN LATERAL (SELECT jsonb_build_object('redacted', jsonb_object_agg(n.field, n.secrets)) AS redacted
                              FROM (SELECT c.key AS field, sum(c.value::bigint) AS secrets
                                      FROM jsonb_array_elements(file.parts) p, jsonb_each_text(p.value -> 'redacted'::text) c
                                     GROUP BY c.key) n
                            HAVING count(*) > 0::bigint) r ON true
        WHERE file.job = j.id), '[]') AS files
  FROM (SELECT n.*, CASE WHEN n.status = 'running' THEN
                        CASE (acct_export.job_progress(n.worker_pid))[1] WHEN 1 THEN 'reading' WHEN 2 THEN 'storing' ELSE 'preparing' END
                    END AS stage,
               CASE WHEN n.status = 'running' THEN acct_export.job_progress(n.worker_pid) END AS progress
          FROM acct_export.job_now n) j;
COMMENT ON VIEW acct_export.job_status IS 'jobs that the caller may see, with their progress; see acct_export_jobs';
CREATE OR REPLACE VIEW @extschema@.acct_export_jobs WITH (security_barrier) AS
SELECT job_id, dataset, format, status, stage, percent, rows_done, rows_total, bytes_done, bytes_total, seconds_left,
       message, error, error_code, attempts, requested_by, actor, tenant, created_at, started_at, finished_at,
       expires_at, as_of, files
  FROM acct_export.job_status
 WHERE (SELECT acct_export.wake()) -- once a query
 ORDER BY created_at DESC;

DROP FUNCTION acct_export.visible(oid, text);

CREATE OR REPLACE FUNCTION @extschema@.acct_export_status(job uuid) RETURNS @extschema@.acct_export_jobs
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT jsonb_populate_record(NULL::@extschema@.acct_export_jobs, @extschema@.acct_export_job(job));
END;
CREATE OR REPLACE FUNCTION @extschema@.acct_export_wait(job uuid, timeout interval DEFAULT '1 hour') RETURNS @extschema@.acct_export_jobs
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT jsonb_populate_record(NULL::@extschema@.acct_export_jobs, acct_export.wait_for_end(job, timeout));
END;
COMMENT ON FUNCTION @extschema@.acct_export_wait(uuid, interval) IS 'state of an export job once it has ended or the time is up';

CREATE OR REPLACE VIEW @extschema@.acct_export_datasets WITH (security_barrier) AS
SELECT d.dataset, d.title, c.oid::regclass AS source, d.key, d.tenant_column, d.created_column, d.updated_column,
       '{xlsx,csv,ndjson,json}'::text[] AS formats, d.required_roles, d.companions,
       d.status_column, d.disabled_values, d.authorize, d.tenant_setting,
       acct_export.broken(d.dataset) AS broken,
       (SELECT jsonb_object_agg(m.companion, m.match) FROM acct_export.companion m WHERE m.dataset = d.dataset) AS matches
  FROM acct_export.dataset d
  LEFT JOIN pg_class c ON c.oid = d.source::oid
 WHERE CASE WHEN c.oid IS NULL THEN acct_export.may_know_without_source(d.required_roles)
            ELSE acct_export.may_know(d.source::oid, d.required_roles) END
 ORDER BY d.dataset;
CREATE OR REPLACE VIEW @extschema@.acct_export_fields WITH (security_barrier) AS
SELECT d.dataset, f.field, f.label, f."position", s.field_type AS type, f.is_default AND s.barred IS NULL AS is_default,
       f.in_group, f.on_anonymise, f.mask, f.json_path, s.barred,
       f.expand, f.keys, f.labels
  FROM acct_export.dataset d
  CROSS JOIN LATERAL acct_export.field_state(d.dataset) s
  JOIN acct_export.field f ON f.dataset = d.dataset AND f.field = s.field
 WHERE acct_export.may_know(d.source::oid, d.required_roles)
 ORDER BY d.dataset, f."position", f.field;
COMMENT ON VIEW @extschema@.acct_export_datasets IS 'datasets that the caller may export; broken says why nothing of one can be exported';

-- Registration and policies have new arguments. Privileges on the functions are kept.
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

CREATE FUNCTION @extschema@.acct_export_set_policy(
    dataset        text,
    approve_above  bigint  DEFAULT NULL,
    approver_roles name[]  DEFAULT NULL,
    require_filter text[]  DEFAULT NULL,
    max_rows       bigint  DEFAULT NULL,
    max_active     integer DEFAULT NULL,
    reset          text[]  DEFAULT '{}'
) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.set_policy(dataset, jsonb_build_object(
        'approve_above', approve_above, 'approver_roles', approver_roles, 'require_filter', require_filter,
        'max_rows', max_rows, 'max_active', max_active, 'reset', reset));
END;
COMMENT ON FUNCTION @extschema@.acct_export_set_policy(text, bigint, name[], text[], bigint, integer, text[])
    IS 'changes what exports of a dataset need: approval above so many rows, filters, limits; NULL keeps a rule, reset takes it away';

DO $$
DECLARE
    changed record;
    granted record;
BEGIN
    FOR changed IN
        SELECT o.proacl, o.oid::regprocedure AS old, n.oid AS new_oid, n.oid::regprocedure AS new
          FROM pg_proc AS o
          JOIN pg_proc AS n ON n.pronamespace = o.pronamespace AND n.proname = o.proname AND n.pronargs > o.pronargs
         WHERE o.pronamespace = '@extschema@'::regnamespace::oid AND o.proname IN ('acct_export_register'::name, 'acct_export_set_policy'::name)
    LOOP
        IF changed.proacl IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', changed.new);
            FOR granted IN
                SELECT CASE WHEN a.grantee = 0::oid THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee, a.is_grantable
                  FROM aclexplode(changed.proacl) AS a
            LOOP
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s%s', changed.new, granted.grantee,
                    CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
            END LOOP;
            -- These are not the extension's own privileges: a dump has to have them.
            DELETE FROM pg_init_privs AS i WHERE i.classoid = 'pg_proc'::regclass::oid AND i.objoid = changed.new_oid;
        END IF;
        EXECUTE format('DROP FUNCTION %s', changed.old);
    END LOOP;
END
$$;
DROP FUNCTION acct_export.register_dataset(jsonb);

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


-- The audit trail. Sealed events keep their hashes.
ALTER TABLE acct_export.audit ADD COLUMN login text, ADD COLUMN client_addr inet, ADD COLUMN application_name text;
COMMENT ON COLUMN acct_export.audit.login IS 'session user, whatever role it had taken on';
COMMENT ON COLUMN acct_export.audit.client_addr IS 'address of the session''s client; NULL: a local socket';
COMMENT ON COLUMN acct_export.audit.seq IS 'place in the chain; NULL: not sealed yet';
COMMENT ON COLUMN acct_export.audit.hash IS 'SHA-256 over the hash of the event before and this event''s columns; of an event that is not sealed yet, over these alone';
DROP INDEX acct_export.audit_unsealed;
CREATE INDEX audit_unsealed ON acct_export.audit (id) WHERE seq IS NULL;
CREATE OR REPLACE FUNCTION acct_export.audit_hash(before bytea, seq bigint, event acct_export.audit) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN -- not in SQL: sessions plan that anew for each statement
    RETURN sha256(before || convert_to((jsonb_build_array(
        seq, extract(epoch FROM event.at), event.event, event.job_id, event.actor, event.role,
        event.tenant, event.dataset, event.detail)
        -- Events of 0.1.0 have none of these. The length of the array tells the two forms apart.
        || CASE WHEN event.login IS NULL AND event.client_addr IS NULL AND event.application_name IS NULL THEN '[]'::jsonb
                ELSE jsonb_build_array(event.login, event.client_addr, event.application_name) END)::text, 'UTF8'));
END
$$;

CREATE OR REPLACE FUNCTION acct_export.audit_keep() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN -- by the extension, which acts as the owner, and by superusers, who restore a dump
        IF pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE') THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'only the extension writes to the audit trail' USING ERRCODE = 'insufficient_privilege',
            HINT = 'Events come from the acct_export_* functions.';
    END IF;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit' AND OLD.seq IS NULL AND NEW.seq IS NOT NULL
       AND (to_jsonb(OLD) - '{seq,hash}'::text[]) = (to_jsonb(NEW) - '{seq,hash}'::text[]) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege',
        HINT = 'A superuser can remove old events deliberately with acct_export_audit_remove(before, reason).';
END
$$;
CREATE OR REPLACE VIEW @extschema@.acct_export_audit AS
    SELECT id, at, event, job_id, actor, role, tenant, dataset, detail, CASE WHEN seq IS NOT NULL THEN hash END AS hash, login,
           client_addr, application_name
      FROM acct_export.audit;

CREATE OR REPLACE FUNCTION acct_export.audit_broken(OUT place bigint, OUT id bigint, OUT hash bytea) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH event AS (
        SELECT e AS whole, e.id, e.seq, e.hash,
               coalesce(lag(e.hash) OVER (ORDER BY e.seq), (SELECT a.hash FROM acct_export.audit_anchor a), '\x') AS before,
               coalesce(lag(e.seq) OVER (ORDER BY e.seq), (SELECT a.seq FROM acct_export.audit_anchor a), 0) AS seq_before
          FROM acct_export.audit e WHERE e.seq IS NOT NULL
    )
    -- Its hash is not what its place in the chain asks for, or the one before it was removed.
    SELECT e.seq, e.id, e.hash
      FROM event e
     WHERE e.hash IS DISTINCT FROM acct_export.audit_hash(e.before, e.seq, e.whole) OR e.seq <> e.seq_before + 1
    UNION ALL
    -- Its seal was made and the event is gone or another: all that is left of it is the hash.
    SELECT s.seq, NULL, s.hash
      FROM acct_export.audit_seal s
     WHERE NOT EXISTS (SELECT FROM acct_export.audit e WHERE e.seq = s.seq AND e.hash = s.hash)
    UNION ALL
    -- The anchor is not one that a removal has told of.
    SELECT a.seq, NULL, a.hash
      FROM acct_export.audit_anchor a
     WHERE NOT EXISTS (SELECT FROM acct_export.audit e
                        WHERE e.event = 'user.bulk_export.audit_removed' AND e.detail->>'last_seq' = a.seq::text
                          AND e.detail->>'last_hash' = encode(a.hash, 'hex'))
    UNION ALL
    -- It has a place that was never sealed.
    SELECT NULL, e.id, e.hash
      FROM acct_export.audit e
     WHERE e.seq IS NOT NULL AND NOT EXISTS (SELECT FROM acct_export.audit_seal s WHERE s.seq = e.seq AND s.hash = e.hash)
    UNION ALL
    -- It waits for its place, and was changed or put in by others than the extension.
    SELECT NULL, e.id, e.hash
      FROM acct_export.audit e
     WHERE e.seq IS NULL AND e.hash IS DISTINCT FROM acct_export.audit_hash('\x', 0, e)
     ORDER BY 1, 2
     LIMIT 1;
END;

CREATE OR REPLACE FUNCTION @extschema@.acct_export_audit_verify() RETURNS SETOF @extschema@.acct_export_audit
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT b.id, e.at, e.event, e.job_id, e.actor, e.role, e.tenant, e.dataset, e.detail, b.hash,
           e.login, e.client_addr, e.application_name
      FROM acct_export.audit_broken() b LEFT JOIN @extschema@.acct_export_audit e ON e.id = b.id;
END;
COMMENT ON FUNCTION @extschema@.acct_export_audit_verify() IS 'first broken event of the audit trail, or no row: each event carries the hash of the one before it; for those who may read acct_export_audit';
GRANT EXECUTE ON FUNCTION @extschema@.acct_export_audit_verify() TO PUBLIC;

CREATE OR REPLACE PROCEDURE @extschema@.acct_export_run(
    dataset          text,
    format           text        DEFAULT 'xlsx',
    period           text        DEFAULT NULL,
    start_date       date        DEFAULT NULL,
    end_date         date        DEFAULT NULL,
    period_field     text        DEFAULT NULL,
    since            timestamptz DEFAULT NULL,
    filter           jsonb       DEFAULT NULL,
    fields           text[]      DEFAULT NULL,
    include          text[]      DEFAULT NULL,
    include_disabled boolean     DEFAULT NULL,
    anonymise        boolean     DEFAULT false,
    all_tenants      boolean     DEFAULT false,
    destination      text        DEFAULT NULL,
    notify_email     text        DEFAULT NULL,
    reason           text        DEFAULT NULL,
    options          jsonb       DEFAULT '{}',
    INOUT job        uuid        DEFAULT NULL
)
LANGUAGE plpgsql AS $$
-- A procedure that commits can have no SET clause: the caller's search_path is in force, so every name and operator has its schema,
-- and what takes operators from the path (IN, IS DISTINCT FROM, CASE with a value) is not used.
DECLARE
    state @extschema@.acct_export_jobs;
    bar   pg_catalog.text;
    shown pg_catalog.text := '';
BEGIN
    job := @extschema@.acct_export_start(dataset, format, period, start_date, end_date, period_field, since, filter, fields,
        include, include_disabled, anonymise, all_tenants, destination, notify_email, reason, options);
    COMMIT;
    LOOP
        -- Half a second at most, so that the bar moves; a transaction each, so that no snapshot is held.
        state := @extschema@.acct_export_wait(job, '0.5 seconds'::pg_catalog.interval);
        bar := @extschema@.acct_export_progress_bar(state);
        IF bar OPERATOR(pg_catalog.<>) shown THEN
            RAISE INFO '%', bar;
            shown := bar;
        END IF;
        COMMIT;
        EXIT WHEN state.finished_at IS NOT NULL OR state.status OPERATOR(pg_catalog.=) 'awaiting_approval'::pg_catalog.text;
    END LOOP;
    state.message := pg_catalog.regexp_replace(state.message, '[\u0001-\u001f\u007f-\u009f]'::pg_catalog.text, '?'::pg_catalog.text,
        'g'::pg_catalog.text);
    state.error := pg_catalog.regexp_replace(state.error, '[\u0001-\u001f\u007f-\u009f]'::pg_catalog.text, '?'::pg_catalog.text,
        'g'::pg_catalog.text);
    IF state.status OPERATOR(pg_catalog.=) 'awaiting_approval'::pg_catalog.text THEN -- for hours, perhaps: nothing to wait for here
        RAISE INFO 'export job % waits for the approval of a second person, until %', job, state.expires_at
            USING HINT = pg_catalog.format('SELECT acct_export_approve(%L) approves it, by somebody whom the dataset''s policy names; acct_export_cancel gives it up.'::pg_catalog.text, job);
        RETURN;
    END IF;
    IF state.status OPERATOR(pg_catalog.=) 'completed_with_errors'::pg_catalog.text THEN
        RAISE WARNING '%', state.error
            USING ERRCODE = state.error_code,
                  DETAIL = pg_catalog.format('%s: the other files of export job %s are there.'::pg_catalog.text, state.message, job);
    ELSIF state.status OPERATOR(pg_catalog.<>) 'completed'::pg_catalog.text THEN
        RAISE EXCEPTION '%', coalesce(state.error, state.message)
            USING ERRCODE = coalesce(state.error_code, 'query_canceled'),
                  DETAIL = pg_catalog.format('Export job %s is %s.'::pg_catalog.text, job, state.status);
    END IF;
END
$$;

-- Comments.
COMMENT ON FUNCTION acct_export.register_dataset(text, jsonb, boolean) IS 'behind acct_export_register';
COMMENT ON FUNCTION acct_export.visible(oid, jsonb) IS 'whether the caller may see a job of this role and session';
COMMENT ON FUNCTION acct_export.column_code(oid, smallint) IS 'hash of the code that makes a column of a view, by which it is seen that the view was replaced';
COMMENT ON FUNCTION acct_export.check_dataset(text, text) IS 'behind acct_export_check';
COMMENT ON FUNCTION acct_export.alter_dataset(text, jsonb, text[]) IS 'behind acct_export_alter';
COMMENT ON FUNCTION acct_export.set_companion(text, text, text) IS 'behind acct_export_set_companion';
COMMENT ON FUNCTION acct_export.broken(text) IS 'why nothing of a dataset can be exported; NULL: all is well';
COMMENT ON FUNCTION acct_export.may_know_without_source(text[]) IS 'whether the caller may know of a dataset whose source was dropped';
COMMENT ON FUNCTION @extschema@.acct_export_refresh(text) IS 'makes the fields of a dataset follow the columns of its source, and returns the changes';
COMMENT ON FUNCTION @extschema@.acct_export_save(text, text, text, text, date, date, text, timestamptz, jsonb, text[], text[], boolean, boolean, boolean, text, text, text, jsonb, boolean) IS 'saves a request under a name, for the current role and tenant';
COMMENT ON FUNCTION @extschema@.acct_export_start_saved(text, text) IS 'starts a saved export; returns the job';
COMMENT ON FUNCTION @extschema@.acct_export_drop_saved(text) IS 'removes a saved export; its schedule goes with it, its jobs stay';
COMMENT ON FUNCTION @extschema@.acct_export_schedule(text, text, text, boolean) IS 'has a saved export started by a cron expression; NULL: no longer';
COMMENT ON FUNCTION @extschema@.acct_export_run_due() IS 'starts the saved exports whose schedules are due; returns their number';
COMMENT ON FUNCTION @extschema@.acct_export_without_secrets(jsonb) IS 'a document as exports show it; filters on fields of JSON use it';
COMMENT ON FUNCTION @extschema@.acct_export_subject(text, text, text, text) IS 'asks for everything about one person: the row, the rows of companions with a match, as one archive; returns the job';
COMMENT ON FUNCTION @extschema@.acct_export_stream(text, text, text, date, date, text, timestamptz, jsonb, text[], text[], boolean, boolean, boolean, jsonb) IS 'streams the file of an export in pieces; in a select list nothing is stored';
COMMENT ON FUNCTION @extschema@.acct_export_manifest(uuid) IS 'what the files of an export job hold: request, moment, rows, fields, and what was left out';
COMMENT ON FUNCTION @extschema@.acct_export_definition(text) IS 'a dataset as SQL that registers it again';
COMMENT ON COLUMN @extschema@.acct_export_datasets.source IS 'relation that is read; NULL: it was dropped';
COMMENT ON COLUMN @extschema@.acct_export_datasets.status_column IS 'column whose disabled_values leave rows out';
COMMENT ON COLUMN @extschema@.acct_export_datasets.disabled_values IS 'values of rows that are exported on request only (include_disabled)';
COMMENT ON COLUMN @extschema@.acct_export_datasets.authorize IS 'function that must return true for each request';
COMMENT ON COLUMN @extschema@.acct_export_datasets.tenant_setting IS 'setting that carries the tenant; NULL: the one that acct_export.tenant_setting names';
COMMENT ON COLUMN @extschema@.acct_export_datasets.broken IS 'why nothing can be exported; NULL: all is well';
COMMENT ON COLUMN @extschema@.acct_export_datasets.matches IS 'fields of companions that hold the key of the dataset, by companion (acct_export_set_companion)';
COMMENT ON COLUMN @extschema@.acct_export_jobs.percent IS '0 to 100; 10 while rows are read and their number is not known';
COMMENT ON COLUMN @extschema@.acct_export_templates.name IS 'outcome that the mail reports: completed, completed_with_errors or failed';
COMMENT ON COLUMN @extschema@.acct_export_jobs.rows_total IS 'number of rows; while the job runs that of the last export of the same rows, or NULL';
COMMENT ON COLUMN @extschema@.acct_export_audit.login IS 'session user; of events about a job that a worker makes, that of the session that asked for the job';
COMMENT ON COLUMN @extschema@.acct_export_audit.client_addr IS 'address of that session''s client; NULL: a local socket';
COMMENT ON COLUMN @extschema@.acct_export_audit.application_name IS 'application_name of that session';
COMMENT ON COLUMN @extschema@.acct_export_audit.hash IS 'hash of the event and of the one before it; NULL: not sealed yet';

-- DDL is followed from here on.
CREATE FUNCTION acct_export.keep_names() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE acct_export.field AS f SET column_name = a.attname::text
      FROM pg_attribute AS a
     WHERE f.attnum > 0::smallint AND a.attrelid = f.relation_oid AND a.attnum = f.attnum AND NOT a.attisdropped
       AND a.attname::text <> f.column_name;
    UPDATE acct_export.dataset AS d SET source_name = format('%I.%I', n.nspname, c.relname)
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = d.source::oid AND d.source_name <> format('%I.%I', n.nspname, c.relname);
    UPDATE acct_export.declaration AS d
       SET schema_name = s.schema_name, table_name = s.table_name, column_name = s.column_name,
           former_tables = CASE WHEN d.kind = 'secret_column'
               THEN array_remove(array_append(array_remove(d.former_tables, s.before), s.before), s.now)
               ELSE d.former_tables END
      FROM (SELECT o.id, n.nspname::text AS schema_name, c.relname::text AS table_name,
                   coalesce(a.attname::text, o.column_name) AS column_name,
                   o.relation_name AS before, format('%I.%I', n.nspname, c.relname) AS now
              FROM acct_export.declaration AS o
              JOIN pg_class AS c ON c.oid = o.relation::oid AND c.oid = o.relation_oid
              JOIN pg_namespace AS n ON n.oid = c.relnamespace
              LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = o.attnum AND a.attnum > 0::smallint
                    AND NOT a.attisdropped) AS s
     WHERE s.id = d.id
       AND (d.schema_name <> s.schema_name OR d.table_name <> s.table_name OR d.column_name <> s.column_name);
    -- A new name is in the text of a view that is the same.
    UPDATE acct_export.declaration AS d SET view_text = acct_export.view_text(d.relation::oid)
     WHERE d.kind = 'exempt_column' AND d.code IS NOT NULL AND d.attnum > 0::smallint
       AND d.view_text <> acct_export.view_text(d.relation::oid)
       AND d.code = acct_export.column_code(d.relation::oid, d.attnum);
END;
COMMENT ON FUNCTION acct_export.keep_names() IS 'keeps the names of what fields and declarations are bound to as they are now';

CREATE FUNCTION acct_export.keep_families() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent record;
BEGIN
    FOR parent IN
        SELECT o.id, o.column_name, o.reason, o.declared_by, o.declared_at, o.family,
               acct_export.descendants(o.relation::oid) AS family_now
          FROM acct_export.declaration AS o
         WHERE o.kind = 'secret_column' AND o.relation IS NOT NULL
           AND (o.family <> '{}'::oid[] OR EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = o.relation::oid))
    LOOP
        CONTINUE WHEN parent.family = parent.family_now;
        INSERT INTO acct_export.declaration (kind, relation, column_name, reason, declared_by, declared_at)
        SELECT 'secret_column', a.attrelid::regclass, parent.column_name, parent.reason, parent.declared_by, parent.declared_at
          FROM pg_attribute AS a
         WHERE a.attrelid = ANY (parent.family) AND a.attrelid <> ALL (parent.family_now)
           AND a.attname::text = parent.column_name AND a.attnum > 0::smallint AND NOT a.attisdropped
           AND NOT EXISTS (SELECT FROM acct_export.declared_column AS c
                            WHERE c.kind = 'secret_column' AND c.relation = a.attrelid AND c.attnum = a.attnum);
        UPDATE acct_export.declaration SET family = parent.family_now WHERE id = parent.id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION acct_export.keep_families() IS 'declares secret columns of partitions and children that were detached since';

CREATE FUNCTION acct_export.follow_names() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Temporary tables may be created often.
    IF TG_TAG NOT IN ('CREATE TABLE', 'CREATE FOREIGN TABLE') THEN
        PERFORM acct_export.keep_names();
    END IF;
    PERFORM acct_export.keep_families();
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'pg_acctexport could not record the new names of tables and columns'
        USING DETAIL = format('It failed with SQLSTATE %s.', SQLSTATE),
              HINT = 'Declared secrets hold as before. If the table is replaced by another one next, declare them again.';
END
$$;
COMMENT ON FUNCTION acct_export.follow_names() IS 'event trigger: keeps names of tables and columns, and declares secret columns of detached partitions';
CREATE EVENT TRIGGER acct_export_follow_names ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE', 'ALTER INDEX', 'ALTER TYPE',
                 'ALTER SCHEMA', 'ALTER EXTENSION', 'CREATE TABLE', 'CREATE FOREIGN TABLE')
    EXECUTE FUNCTION acct_export.follow_names();
-- In sessions that replicate, too.
ALTER EVENT TRIGGER acct_export_follow_names ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER acct_export_follow_names IS 'keeps the names of columns and tables that fields and declarations are bound to';

CREATE FUNCTION acct_export.follow_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() AS o
                    WHERE NOT o.is_temporary AND o.classid IN ('pg_class'::regclass::oid, 'pg_proc'::regclass::oid)) THEN
        RETURN;
    END IF;
    UPDATE acct_export.field AS f SET attnum = 0::smallint
      FROM pg_event_trigger_dropped_objects() AS o
     WHERE o.classid = 'pg_class'::regclass::oid AND o.objsubid > 0
       AND f.relation_oid = o.objid AND f.attnum::integer = o.objsubid;
    UPDATE acct_export.declaration AS d
       SET relation = CASE WHEN o.objsubid = 0 THEN NULL ELSE d.relation END,
           attnum = CASE WHEN o.objsubid > 0 THEN 0::smallint ELSE d.attnum END
      FROM pg_event_trigger_dropped_objects() AS o
     WHERE o.classid = 'pg_class'::regclass::oid AND d.relation::oid = o.objid AND d.relation_oid = o.objid
       AND (o.objsubid = 0 OR d.attnum::integer = o.objsubid);
    UPDATE acct_export.declaration AS d SET function = NULL
      FROM pg_event_trigger_dropped_objects() AS o
     WHERE o.classid = 'pg_proc'::regclass::oid AND d.function = o.objid;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'pg_acctexport could not record what was dropped'
        USING DETAIL = format('It failed with SQLSTATE %s.', SQLSTATE),
              HINT = 'Declarations of it hold no longer, except for secret columns, which hold by name.';
END
$$;
COMMENT ON FUNCTION acct_export.follow_drop() IS 'event trigger: marks fields and declarations whose columns, tables or functions were dropped';
CREATE EVENT TRIGGER acct_export_follow_drop ON sql_drop EXECUTE FUNCTION acct_export.follow_drop();
ALTER EVENT TRIGGER acct_export_follow_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER acct_export_follow_drop IS 'marks fields and declarations whose columns, tables or functions were dropped';

-- Digests of an export's rows, by which a later one finds what has changed.
CREATE TABLE acct_export.digest (
    job       uuid PRIMARY KEY REFERENCES acct_export.job ON DELETE CASCADE,
    rows      bigint NOT NULL,
    selection jsonb NOT NULL
);
COMMENT ON TABLE acct_export.digest IS 'exports whose rows have digests';
COMMENT ON COLUMN acct_export.digest.selection IS 'choice of rows and fields: only exports of the same choice are compared';

CREATE TABLE acct_export.digest_chunk (
    job      uuid NOT NULL REFERENCES acct_export.digest ON DELETE CASCADE,
    chunk    integer NOT NULL CHECK (chunk > 0),
    unpacked integer,
    data     bytea NOT NULL,
    PRIMARY KEY (job, chunk)
);
ALTER TABLE acct_export.digest_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE acct_export.digest_chunk IS 'keys and digests of the rows, in the order of the key';
COMMENT ON COLUMN acct_export.digest_chunk.unpacked IS 'bytes of content where data is compressed (Zstandard); NULL: data is the content itself';
COMMENT ON COLUMN acct_export.chunk.unpacked IS 'bytes of content where data is compressed (Zstandard, or LZ4 by version 0.1); NULL: data is the content itself';

-- Requests under a name, each of a role and of the session that saved it.
CREATE TABLE acct_export.saved (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation bigint GENERATED ALWAYS AS IDENTITY,
    name       text NOT NULL,
    owner      oid NOT NULL,
    owner_name text NOT NULL,
    dataset    text NOT NULL,
    format     text NOT NULL,
    request    jsonb NOT NULL,
    tenant     text,
    session    jsonb NOT NULL,
    saved_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_job   uuid,
    captured   jsonb NOT NULL,
    cron       text,
    time_zone  text,
    enabled    boolean,
    disabled_reason text,
    next_run_at timestamptz,
    made_in    text,
    CHECK ((cron IS NULL) = (time_zone IS NULL) AND (cron IS NULL) = (enabled IS NULL) AND (cron IS NULL) = (made_in IS NULL)),
    CHECK (next_run_at IS NULL OR enabled)
);
CREATE UNIQUE INDEX saved_name ON acct_export.saved (owner, name, acct_export.session_print(session));
CREATE UNIQUE INDEX saved_generation ON acct_export.saved (generation);
CREATE INDEX saved_due ON acct_export.saved (next_run_at) WHERE next_run_at IS NOT NULL;
COMMENT ON TABLE acct_export.saved IS 'requests that were saved under a name; see the view acct_export_saved';
COMMENT ON COLUMN acct_export.saved.generation IS 'another one each time that it is replaced: runs of what was there before are no runs of it';
COMMENT ON COLUMN acct_export.saved.request IS 'the arguments of acct_export_start as asked';
COMMENT ON COLUMN acct_export.saved.session IS 'tenants and further settings of the session that saved it: it is visible in sessions that have the same';
COMMENT ON COLUMN acct_export.saved.captured IS 'settings, login and role of the session that saved it: its schedule starts it in such a session';
COMMENT ON COLUMN acct_export.saved.next_run_at IS 'when its schedule starts it next; NULL: there is no schedule, or it is disabled';
COMMENT ON COLUMN acct_export.saved.made_in IS 'cluster and database in which the schedule was set: a copy of the database does not run it';
COMMENT ON COLUMN acct_export.saved.owner_name IS 'name of owner when it was saved, for a role that is gone';

CREATE VIEW @extschema@.acct_export_saved AS
SELECT s.name, s.dataset, s.format, s.request, coalesce(r.rolname::text, s.owner_name) AS owner, s.tenant, s.cron, s.time_zone, s.enabled,
       CASE WHEN s.made_in <> h.here THEN 'the schedule was set in another cluster or database' ELSE s.disabled_reason END AS disabled_reason,
       CASE WHEN s.made_in = h.here THEN s.next_run_at END AS next_run_at, s.last_job, j.state AS last_status
  FROM acct_export.saved AS s
  LEFT JOIN pg_roles AS r ON r.oid = s.owner
  LEFT JOIN acct_export.job_now AS j ON j.id = s.last_job
 CROSS JOIN (SELECT acct_export.here() AS here) AS h
 WHERE acct_export.visible(s.owner, s.session)
 ORDER BY s.name, s.id;
COMMENT ON VIEW @extschema@.acct_export_saved IS 'saved exports of the caller''s roles and tenant (acct_export_save); a superuser sees all';
COMMENT ON COLUMN @extschema@.acct_export_saved.name IS 'name of the saved export';
COMMENT ON COLUMN @extschema@.acct_export_saved.dataset IS 'dataset that is exported';
COMMENT ON COLUMN @extschema@.acct_export_saved.format IS 'format of the files';
COMMENT ON COLUMN @extschema@.acct_export_saved.request IS 'the arguments as they were saved';
COMMENT ON COLUMN @extschema@.acct_export_saved.owner IS 'role that saved it';
COMMENT ON COLUMN @extschema@.acct_export_saved.tenant IS 'tenant of the session that saved it';
COMMENT ON COLUMN @extschema@.acct_export_saved.cron IS 'cron expression of its schedule; NULL: there is none (acct_export_schedule)';
COMMENT ON COLUMN @extschema@.acct_export_saved.time_zone IS 'time zone of the cron expression';
COMMENT ON COLUMN @extschema@.acct_export_saved.enabled IS 'whether the schedule starts it';
COMMENT ON COLUMN @extschema@.acct_export_saved.disabled_reason IS 'why the schedule no longer starts it; NULL: it does, or acct_export_schedule disabled it';
COMMENT ON COLUMN @extschema@.acct_export_saved.next_run_at IS 'when the schedule starts it next';
COMMENT ON COLUMN @extschema@.acct_export_saved.last_job IS 'job that was started last';
COMMENT ON COLUMN @extschema@.acct_export_saved.last_status IS 'status of that job; NULL: it is gone, or there was none';
GRANT SELECT ON @extschema@.acct_export_saved TO PUBLIC;

-- It starts exports of others, if only when they are due: a DBA grants it.
REVOKE ALL ON FUNCTION @extschema@.acct_export_run_due() FROM PUBLIC;

-- For monitoring: no tenant and no person is in it.
CREATE INDEX job_ended ON acct_export.job (finished_at) INCLUDE (status, error_code) WHERE finished_at IS NOT NULL;
CREATE INDEX file_stored ON acct_export.file (job) INCLUDE (bytes) WHERE status = 'stored';
CREATE VIEW @extschema@.acct_export_stats AS
SELECT j.queued, j.oldest_queued_age, j.running, j.awaiting_approval, e.completed, e.failed, coalesce(e.failures, '{}') AS failures,
       f.bytes_stored, m.messages_due, m.messages_given_up, o.objects_to_remove, greatest(p.purge_lag, interval '0') AS purge_lag, r.stats_reset
  FROM (SELECT pg_stat_get_db_stat_reset_time(d.oid) AS stats_reset FROM pg_database AS d WHERE d.datname = current_database()) AS r
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE status = 'queued') AS queued,
              clock_timestamp() - min(created_at) FILTER (WHERE status = 'queued') AS oldest_queued_age,
              count(*) FILTER (WHERE status = 'running') AS running,
              count(*) FILTER (WHERE status = 'awaiting_approval') AS awaiting_approval
         FROM acct_export.job WHERE status IN ('queued', 'running', 'awaiting_approval')) AS j
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(n.jobs) FILTER (WHERE n.status IN ('completed', 'completed_with_errors', 'expired')), 0::numeric)::bigint AS completed,
              coalesce(sum(n.jobs) FILTER (WHERE n.status = 'failed'), 0::numeric)::bigint AS failed,
              jsonb_object_agg(n.error_code, n.jobs) FILTER (WHERE n.status = 'failed') AS failures
         FROM (SELECT status, coalesce(error_code, 'XX000') AS error_code, count(*) AS jobs FROM acct_export.job
                WHERE finished_at >= coalesce(r.stats_reset, '-infinity'::timestamptz)
                GROUP BY status, coalesce(error_code, 'XX000')) AS n) AS e
 CROSS JOIN (SELECT coalesce(sum(bytes), 0::numeric)::bigint AS bytes_stored FROM acct_export.file WHERE status = 'stored') AS f
 CROSS JOIN (SELECT count(*) FILTER (WHERE sent_at IS NULL AND failed_at IS NULL AND next_try_at <= clock_timestamp()) AS messages_due,
                    count(*) FILTER (WHERE failed_at IS NOT NULL) AS messages_given_up FROM acct_export.outbox) AS m
 CROSS JOIN (SELECT count(*) AS objects_to_remove FROM acct_export.object WHERE status = 'doomed') AS o
 CROSS JOIN (SELECT coalesce(clock_timestamp() - min(expires_at), interval '0') AS purge_lag FROM acct_export.job
              WHERE status IN ('completed', 'completed_with_errors', 'awaiting_approval')) AS p;
COMMENT ON VIEW @extschema@.acct_export_stats IS 'state of the queue, of files and of messages in one row; readable by pg_monitor';
REVOKE ALL ON @extschema@.acct_export_stats FROM PUBLIC;
GRANT SELECT ON @extschema@.acct_export_stats TO pg_monitor;
COMMENT ON COLUMN @extschema@.acct_export_stats.queued IS 'jobs that wait for a worker';
COMMENT ON COLUMN @extschema@.acct_export_stats.oldest_queued_age IS 'how long the oldest of them has waited; NULL: none waits';
COMMENT ON COLUMN @extschema@.acct_export_stats.running IS 'jobs that run';
COMMENT ON COLUMN @extschema@.acct_export_stats.awaiting_approval IS 'jobs that wait for a second person';
COMMENT ON COLUMN @extschema@.acct_export_stats.completed IS 'jobs that completed since stats_reset, of those whose record is kept (acct_export.history)';
COMMENT ON COLUMN @extschema@.acct_export_stats.failed IS 'jobs that failed since then';
COMMENT ON COLUMN @extschema@.acct_export_stats.failures IS 'failed jobs by SQLSTATE';
COMMENT ON COLUMN @extschema@.acct_export_stats.bytes_stored IS 'bytes of stored files, in the database and in buckets';
COMMENT ON COLUMN @extschema@.acct_export_stats.messages_due IS 'mails and webhook events whose time to be sent has come';
COMMENT ON COLUMN @extschema@.acct_export_stats.messages_given_up IS 'mails and webhook events that could not be sent';
COMMENT ON COLUMN @extschema@.acct_export_stats.objects_to_remove IS 'objects of buckets that are still to be removed';
COMMENT ON COLUMN @extschema@.acct_export_stats.purge_lag IS 'time since the oldest job that is past its time expired; 0: there is none';
COMMENT ON COLUMN @extschema@.acct_export_stats.stats_reset IS 'when the statistics of the database were last reset (pg_stat_reset); NULL: never';

-- With the rights of the caller on the audit trail.
CREATE INDEX audit_job ON acct_export.audit (job_id) WHERE job_id IS NOT NULL;
CREATE VIEW @extschema@.acct_export_report WITH (security_invoker = true) AS
SELECT a.at, a.job_id, a.login, a.actor, a.role, a.tenant, a.dataset,
       coalesce((a.detail ->> 'dataset_rows')::bigint, (a.detail #>> '{files,0,parts,0,rows}')::bigint) AS dataset_rows,
       (a.detail ->> 'row_count')::bigint AS all_rows, a.detail ->> 'reason' AS reason, d.downloads, d.last_download
  FROM @extschema@.acct_export_audit AS a
 CROSS JOIN LATERAL (
       SELECT count(*) AS downloads, max(o.at) AS last_download FROM @extschema@.acct_export_audit AS o
        WHERE o.job_id = a.job_id AND o.event = 'user.bulk_export.downloaded') AS d
 WHERE a.event = 'user.bulk_export'
 ORDER BY a.id DESC;
COMMENT ON VIEW @extschema@.acct_export_report IS 'one row per export that was made, newest first; for those who may read acct_export_audit';
GRANT SELECT ON @extschema@.acct_export_report TO PUBLIC;
COMMENT ON COLUMN @extschema@.acct_export_report.at IS 'when the export was made';
COMMENT ON COLUMN @extschema@.acct_export_report.job_id IS 'job; NULL: a stream';
COMMENT ON COLUMN @extschema@.acct_export_report.login IS 'session user who asked';
COMMENT ON COLUMN @extschema@.acct_export_report.actor IS 'acting user';
COMMENT ON COLUMN @extschema@.acct_export_report.role IS 'role that asked';
COMMENT ON COLUMN @extschema@.acct_export_report.tenant IS 'tenant that was set';
COMMENT ON COLUMN @extschema@.acct_export_report.dataset IS 'dataset that was asked for';
COMMENT ON COLUMN @extschema@.acct_export_report.dataset_rows IS 'rows of this dataset; NULL: a stream, whose event is written before its rows are read';
COMMENT ON COLUMN @extschema@.acct_export_report.all_rows IS 'rows of all files, companions included; NULL: a stream';
COMMENT ON COLUMN @extschema@.acct_export_report.reason IS 'reason that was given';
COMMENT ON COLUMN @extschema@.acct_export_report.downloads IS 'how often a file of it was read';
COMMENT ON COLUMN @extschema@.acct_export_report.last_download IS 'when a file of it was last read';

COMMENT ON FUNCTION @extschema@.acct_export_check_import(text, bytea) IS 'compares an edited workbook or CSV file with the database: references that do not exist, what changed, what would be new, what cannot be imported';

SET LOCAL search_path TO @extschema@, pg_temp;
