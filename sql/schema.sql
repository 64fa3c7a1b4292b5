-- Names in hand-written SQL are the server's own: whoever may create objects in the schema that is installed into is not asked.
-- Objects of that schema are written @extschema@.name. Each file sets this path first, and at its end the one for the functions that
-- pgrx generates without a schema: they are created in @extschema@ and name nothing but types, which pg_catalog, searched first
-- as it is not in the list, has all of. The setting ends with CREATE EXTENSION.
SET LOCAL search_path TO pg_catalog, pg_temp;

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) 'UTF8'::pg_catalog.name THEN
        RAISE EXCEPTION 'pg_acctexport needs a database with encoding UTF8, this one has %', pg_catalog.getdatabaseencoding()
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'CREATE DATABASE name ENCODING ''UTF8'' TEMPLATE template0;';
    END IF;
END
$$;

-- The tables. They belong to the extension's owner; no ordinary role has any right in this schema.
CREATE SCHEMA acct_export;
REVOKE ALL ON SCHEMA acct_export FROM PUBLIC;
COMMENT ON SCHEMA acct_export IS 'pg_acctexport: registered datasets, jobs, files and the audit trail; reached through the acct_export_* functions and views only';

CREATE TABLE acct_export.dataset (
    dataset         text PRIMARY KEY CHECK (dataset <> '' AND length(dataset) <= 200),
    title           text NOT NULL CHECK (title <> ''),
    source          regclass NOT NULL,
    key             text NOT NULL,
    tenant_column   text,
    tenant_setting  text,
    created_column  text,
    updated_column  text,
    status_column   text,
    disabled_values text[] NOT NULL DEFAULT '{}',
    required_roles  text[] NOT NULL DEFAULT '{}',
    authorize       text,
    companions      text[] NOT NULL DEFAULT '{}',
    -- The policy; kept when the dataset is registered anew.
    approve_above   bigint CHECK (approve_above >= 0),
    approver_roles  text[] NOT NULL DEFAULT '{}',
    require_filter  text[] NOT NULL DEFAULT '{}',
    max_rows        bigint CHECK (max_rows > 0),
    max_active      integer CHECK (max_active > 0),
    -- Columns are added at the end, as an upgrade adds them.
    source_name     text NOT NULL,
    CHECK ((approve_above IS NULL) = (approver_roles = '{}'))
);
COMMENT ON TABLE acct_export.dataset IS 'relations that may be exported, by the name that requesters use (acct_export_register), and their policies (acct_export_set_policy)';
COMMENT ON COLUMN acct_export.dataset.tenant_setting IS 'setting that carries the tenant of this dataset; NULL: the one that acct_export.tenant_setting names';
COMMENT ON COLUMN acct_export.dataset.source_name IS 'last known name of the source, quoted with its schema';
COMMENT ON COLUMN acct_export.dataset.key IS 'name of a field, as those of the tenant, created, updated and status columns are; of a key of several columns an array of names, as text';
COMMENT ON COLUMN acct_export.dataset.authorize IS 'schema.function(jsonb) that must say true to each request, or NULL';

CREATE TABLE acct_export.companion (
    dataset   text NOT NULL REFERENCES acct_export.dataset ON DELETE CASCADE,
    companion text NOT NULL,
    match     text NOT NULL,
    PRIMARY KEY (dataset, companion)
);
COMMENT ON TABLE acct_export.companion IS 'companions whose rows belong to those of the dataset (acct_export_set_companion)';
COMMENT ON COLUMN acct_export.companion.match IS 'field of the companion that holds the key of the dataset; of a key of several columns an array of names, as text';

CREATE TABLE acct_export.field (
    dataset      text NOT NULL REFERENCES acct_export.dataset ON DELETE CASCADE,
    field        text NOT NULL,
    label        text NOT NULL,
    position     integer NOT NULL,
    is_default   boolean NOT NULL,
    in_group     text,
    on_anonymise text NOT NULL DEFAULT 'keep' CHECK (on_anonymise IN ('keep', 'redact', 'pseudonymise', 'last4', 'drop')),
    mask         text NOT NULL DEFAULT 'none' CHECK (mask IN ('none', 'last4', 'redact')),
    json_path    text,
    eligible     boolean NOT NULL DEFAULT true,
    -- The way a field of JSON documents is written in csv and xlsx; kept when the dataset is registered anew.
    expand       boolean NOT NULL DEFAULT false,
    keys         text[],
    labels       text[],
    -- The column that the field is bound to, set by the trigger bind.
    attnum       smallint NOT NULL CHECK (attnum >= 0::smallint),
    relation_oid oid NOT NULL,
    column_name  text NOT NULL,
    column_type  text NOT NULL,
    PRIMARY KEY (dataset, field),
    CHECK (expand OR keys IS NULL),
    CHECK (labels IS NULL OR cardinality(labels) = cardinality(keys))
);
COMMENT ON COLUMN acct_export.field.eligible IS 'whether the field could leave when it was registered; one that is barred since fails its exports';
COMMENT ON COLUMN acct_export.field.keys IS 'keys of an expanded field that become columns; NULL: those that the rows of an export have';
COMMENT ON COLUMN acct_export.field.labels IS 'labels of these columns; NULL, or a NULL among them: the key';
COMMENT ON COLUMN acct_export.field.field IS 'name that requesters use: the name of the column when the dataset was registered or refreshed';
COMMENT ON COLUMN acct_export.field.attnum IS 'attribute number of the column in relation_oid; 0: the column was dropped';
COMMENT ON COLUMN acct_export.field.relation_oid IS 'relation that attnum belongs to; where it is not the source of the dataset, the column is found by column_name';
COMMENT ON COLUMN acct_export.field.column_name IS 'last known name of the column, by which the field is bound again after a restore';
COMMENT ON COLUMN acct_export.field.column_type IS 'type of the column when the dataset was registered or refreshed';
COMMENT ON TABLE acct_export.field IS 'columns of the registered relations, how they are labelled, ordered and masked (acct_export_set_field)';

-- An object is bound by its OID, a column by its number; the names are kept for objects that are gone, and for a restore.
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

CREATE TABLE acct_export.pseudonym_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    key      bytea NOT NULL CHECK (length(key) = 32)
);
COMMENT ON TABLE acct_export.pseudonym_key IS 'secret from which each tenant''s key for pseudonyms is derived (HMAC-SHA-256)';

CREATE TABLE acct_export.job (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dataset          text NOT NULL,
    format           text NOT NULL,
    status           text NOT NULL CHECK (status IN ('awaiting_approval', 'queued', 'running', 'completed',
                         'completed_with_errors', 'failed', 'cancelled', 'expired')),
    request          jsonb NOT NULL,
    context          jsonb NOT NULL,
    fingerprint      bytea NOT NULL,
    requested_by     oid NOT NULL,
    requested_role   text NOT NULL,
    requested_login  oid NOT NULL,
    actor            text,
    tenant           text,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    started_at       timestamptz,
    finished_at      timestamptz,
    expires_at       timestamptz,
    as_of            timestamptz,
    wal_position     pg_lsn,
    rows_done        bigint,
    bytes_done       bigint,
    titles           text[] NOT NULL,
    failed_part      integer,
    attempts         integer NOT NULL DEFAULT 0,
    worker_pid       integer,
    cancel_requested boolean NOT NULL DEFAULT false,
    cancelled_by     jsonb,
    approved_by      jsonb,
    error            text,
    error_code       text,
    rows_print       bytea NOT NULL,
    login            text,
    client_addr      inet,
    application_name text,
    tenant_key       text,
    session          jsonb NOT NULL,
    runs             integer NOT NULL DEFAULT 0,
    made_in          text NOT NULL,
    saved            bigint
);
COMMENT ON TABLE acct_export.job IS 'one row per export asked for; see the view acct_export_jobs';
COMMENT ON COLUMN acct_export.job.request IS 'the arguments as asked';
COMMENT ON COLUMN acct_export.job.context IS 'what was resolved and captured when it was asked: bounds of the period, session settings';
COMMENT ON COLUMN acct_export.job.fingerprint IS 'SHA-256 of the request, role, actor and session: one active job each';
COMMENT ON COLUMN acct_export.job.rows_print IS 'SHA-256 of what chooses the rows, and of role and session: requests of one print read the same rows';
COMMENT ON COLUMN acct_export.job.tenant_key IS 'the same for equal values of the tenant column, however they are written';
COMMENT ON COLUMN acct_export.job.session IS 'tenants and further settings of the session that asked: the job is visible in sessions that have the same';
COMMENT ON COLUMN acct_export.job.requested_login IS 'session user who asked, whatever role it had taken on: never the approver';
COMMENT ON COLUMN acct_export.job.login IS 'name of requested_login; with client_addr and application_name of the session that asked, for the audit trail';
COMMENT ON COLUMN acct_export.job.approved_by IS 'role, actor and session who let it have more rows than the dataset''s approve_above';
COMMENT ON COLUMN acct_export.job.expires_at IS 'when its files are deleted; while it awaits approval, until when';
COMMENT ON COLUMN acct_export.job.cancelled_by IS 'role, actor and session who asked to cancel the job';
COMMENT ON COLUMN acct_export.job.wal_position IS 'nothing in the files was committed after this place in the write-ahead log';
COMMENT ON COLUMN acct_export.job.titles IS 'titles of the dataset and of its companions in the job, for messages';
COMMENT ON COLUMN acct_export.job.failed_part IS 'the first companion that could not be exported: its place among the titles';
COMMENT ON COLUMN acct_export.job.attempts IS 'runs that count: those that an administrator or a shutdown interrupted do not';
COMMENT ON COLUMN acct_export.job.runs IS 'how often a worker has begun it: the number of the present run';
COMMENT ON COLUMN acct_export.job.created_xid IS 'the asking transaction, which cannot wait for its own job';
COMMENT ON COLUMN acct_export.job.saved IS 'generation of the saved export that it is a run of';
COMMENT ON COLUMN acct_export.job.made_in IS 'system identifier and database that it was asked for in: a copy of the database does not run it';

CREATE UNIQUE INDEX job_active_twin ON acct_export.job (fingerprint)
    WHERE status IN ('awaiting_approval', 'queued', 'running');
CREATE INDEX job_active ON acct_export.job (status, created_at) WHERE status IN ('queued', 'running');
-- These two are scanned by src/pg/count.rs, which compares as "C" does.
CREATE INDEX job_active_role ON acct_export.job (requested_by, (coalesce(tenant_key, '')) COLLATE "C", made_in COLLATE "C")
    WHERE status IN ('awaiting_approval', 'queued', 'running');
CREATE INDEX job_active_tenant ON acct_export.job (dataset COLLATE "C", (coalesce(tenant_key, '')) COLLATE "C", made_in COLLATE "C")
    WHERE status IN ('queued', 'running');
-- The turns of tenants: src/job/turn.rs goes through them from tenant to tenant, and needs no order but that of bytes.
CREATE INDEX job_queued ON acct_export.job ((coalesce(tenant_key, '')) COLLATE "C", requested_by, created_at) WHERE status = 'queued';
CREATE INDEX job_turns ON acct_export.job ((coalesce(tenant_key, '')) COLLATE "C", started_at) WHERE started_at IS NOT NULL;
CREATE INDEX job_rows ON acct_export.job (rows_print, finished_at) WHERE rows_done IS NOT NULL;
CREATE INDEX job_expiry ON acct_export.job (expires_at)
    WHERE status IN ('completed', 'completed_with_errors', 'awaiting_approval');
CREATE INDEX job_history ON acct_export.job (finished_at) WHERE status IN ('expired', 'failed', 'cancelled');
-- Small at all times, and so what the planner takes for these, whatever its statistics say.
CREATE INDEX job_running ON acct_export.job (id) WHERE status = 'running';
CREATE INDEX job_asked ON acct_export.job (requested_by, dataset);
CREATE INDEX job_saved ON acct_export.job (saved, requested_by, finished_at) WHERE saved IS NOT NULL;
CREATE INDEX job_newest ON acct_export.job (created_at);

CREATE TABLE acct_export.file (
    job        uuid NOT NULL REFERENCES acct_export.job ON DELETE CASCADE,
    file       integer NOT NULL CHECK (file > 0),
    name       text NOT NULL,
    media_type text NOT NULL,
    rows       bigint NOT NULL,
    bytes      bigint NOT NULL,
    sha256     text,
    status     text NOT NULL CHECK (status IN ('stored', 'deleted', 'expired', 'failed')),
    parts      jsonb NOT NULL,
    error      text,
    error_code text,
    PRIMARY KEY (job, file),
    CHECK ((status = 'failed') = (sha256 IS NULL)),
    CHECK ((status = 'failed') = (error IS NOT NULL AND error_code IS NOT NULL))
);
COMMENT ON COLUMN acct_export.file.parts IS 'datasets in the file: their fields, on which who reads it needs SELECT still, their rows, and kinds and places of the columns, by which acct_export_diff reads it back';
COMMENT ON COLUMN acct_export.file.error IS 'why the file could not be made';
COMMENT ON TABLE acct_export.file IS 'files of the jobs; their bytes are in acct_export.chunk';

CREATE TABLE acct_export.chunk (
    job   uuid NOT NULL,
    file  integer NOT NULL,
    chunk integer NOT NULL CHECK (chunk > 0),
    unpacked integer,
    data  bytea NOT NULL,
    PRIMARY KEY (job, file, chunk),
    FOREIGN KEY (job, file) REFERENCES acct_export.file ON DELETE CASCADE
);
-- The chunks are compressed where they can be: TOAST shall not try again (pglz halves the speed).
ALTER TABLE acct_export.chunk ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE acct_export.chunk IS 'bytes of the files, in order, 1 MiB each; read them with acct_export_chunks';
COMMENT ON COLUMN acct_export.chunk.unpacked IS 'bytes of content where data is compressed (Zstandard, or LZ4 by version 0.1); NULL: data is the content itself';

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

-- Datasets and fields are the DBA's work and go into a dump; jobs and files live in this database only.
SELECT pg_catalog.pg_extension_config_dump('acct_export.dataset', '');
SELECT pg_catalog.pg_extension_config_dump('acct_export.companion', '');
SELECT pg_catalog.pg_extension_config_dump('acct_export.field', '');
CREATE FUNCTION acct_export.function_hash(function oid) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- An aggregate has no text of its own: it is what its functions are.
    SELECT encode(sha256(convert_to(CASE WHEN p.prokind = 'a' THEN (
               SELECT string_agg(pg_get_functiondef(f.oid), '' ORDER BY f.oid::regprocedure::text)
                 FROM pg_aggregate a JOIN pg_proc f ON f.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
                      a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)
                WHERE a.aggfnoid = p.oid)
           ELSE pg_get_functiondef(p.oid) END, 'UTF8')), 'hex')
      FROM pg_proc p WHERE p.oid = function;
END;
COMMENT ON FUNCTION acct_export.function_hash(oid) IS 'hash of a function''s definition';

SELECT pg_catalog.pg_extension_config_dump('acct_export.declaration', '');
SELECT pg_catalog.pg_extension_config_dump('acct_export.pseudonym_key', '');

SET LOCAL search_path TO @extschema@, pg_temp;
