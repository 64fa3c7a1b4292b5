SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

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

SET LOCAL search_path TO @extschema@, pg_temp;
