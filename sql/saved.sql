SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Requests under a name, each of a role and of the session that saved it.
CREATE TABLE acct_export.saved (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    owner      oid NOT NULL,
    owner_name text NOT NULL,
    dataset    text NOT NULL,
    format     text NOT NULL,
    request    jsonb NOT NULL,
    tenant     text,
    session    jsonb NOT NULL,
    saved_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_job   uuid
);
CREATE UNIQUE INDEX saved_name ON acct_export.saved (owner, name, acct_export.session_print(session));
COMMENT ON TABLE acct_export.saved IS 'requests that were saved under a name; see the view acct_export_saved';
COMMENT ON COLUMN acct_export.saved.request IS 'the arguments of acct_export_start as asked';
COMMENT ON COLUMN acct_export.saved.session IS 'tenants and further settings of the session that saved it: it is visible in sessions that have the same';
COMMENT ON COLUMN acct_export.saved.owner_name IS 'name of owner when it was saved, for a role that is gone';

CREATE VIEW @extschema@.acct_export_saved AS
SELECT s.name, s.dataset, s.format, s.request, coalesce(r.rolname::text, s.owner_name) AS owner, s.tenant, s.last_job,
       j.state AS last_status
  FROM acct_export.saved AS s
  LEFT JOIN pg_roles AS r ON r.oid = s.owner
  LEFT JOIN acct_export.job_now AS j ON j.id = s.last_job
 WHERE acct_export.visible(s.owner, s.session)
 ORDER BY s.name, s.id;
COMMENT ON VIEW @extschema@.acct_export_saved IS 'saved exports of the caller''s roles and tenant (acct_export_save); a superuser sees all';
COMMENT ON COLUMN @extschema@.acct_export_saved.name IS 'name of the saved export';
COMMENT ON COLUMN @extschema@.acct_export_saved.dataset IS 'dataset that is exported';
COMMENT ON COLUMN @extschema@.acct_export_saved.format IS 'format of the files';
COMMENT ON COLUMN @extschema@.acct_export_saved.request IS 'the arguments as they were saved';
COMMENT ON COLUMN @extschema@.acct_export_saved.owner IS 'role that saved it';
COMMENT ON COLUMN @extschema@.acct_export_saved.tenant IS 'tenant of the session that saved it';
COMMENT ON COLUMN @extschema@.acct_export_saved.last_job IS 'job that was started last';
COMMENT ON COLUMN @extschema@.acct_export_saved.last_status IS 'status of that job; NULL: it is gone, or there was none';
GRANT SELECT ON @extschema@.acct_export_saved TO PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
