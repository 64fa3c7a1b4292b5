SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Objects in buckets. A row is committed before the first byte leaves, and goes when the bucket has nothing of it any more: whatever
-- dies in between is found here.
CREATE TABLE acct_export.object (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job          uuid NOT NULL,
    file         integer NOT NULL,
    attempt      integer NOT NULL,
    server       oid NOT NULL,
    server_name  text NOT NULL,
    requested_by oid NOT NULL,
    bucket       text NOT NULL,
    key          text NOT NULL,
    uri          text NOT NULL,
    status       text NOT NULL DEFAULT 'uploading' CHECK (status IN ('uploading', 'stored', 'doomed')),
    mapping      oid NOT NULL,
    e_tag        text CHECK (e_tag IS NOT NULL OR status <> 'stored'),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    doomed_at    timestamptz,
    tries        integer NOT NULL DEFAULT 0,
    next_try_at  timestamptz,
    error        text,
    error_code   text,
    made_in      text NOT NULL,
    UNIQUE (job, file, attempt),
    CHECK ((status = 'doomed') = (next_try_at IS NOT NULL AND doomed_at IS NOT NULL))
);
COMMENT ON COLUMN acct_export.object.made_in IS 'system identifier and database that stored it: a copy of the database does not remove it';
CREATE INDEX object_doomed ON acct_export.object (next_try_at) WHERE status = 'doomed';
COMMENT ON TABLE acct_export.object IS 'files of jobs that lie in buckets, are on their way there, or are to be removed from there; it outlives the job where a bucket cannot be reached';
COMMENT ON COLUMN acct_export.object.requested_by IS 'role whose user mapping has the credentials, if PUBLIC''s is not used';
COMMENT ON COLUMN acct_export.object.bucket IS 'bucket of the server when it was stored';
COMMENT ON COLUMN acct_export.object.status IS 'uploading; stored, and readable by acct_export_url; doomed: to be removed';
COMMENT ON COLUMN acct_export.object.uri IS 'how people name it: s3://bucket/key';
COMMENT ON COLUMN acct_export.object.mapping IS 'user mapping with whose credentials it was stored, and is read and removed as long as there is that mapping; 0: the environment''s';
COMMENT ON COLUMN acct_export.object.e_tag IS 'ETag of the object as it was stored: another one is not read and not removed';
COMMENT ON COLUMN acct_export.object.tries IS 'how often its removal was tried';
COMMENT ON COLUMN acct_export.object.error IS 'why the last try to remove it failed';

SET LOCAL search_path TO @extschema@, pg_temp;
