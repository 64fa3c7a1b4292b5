SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- The views for callers. They run with the rights of the extension's owner on its tables, and filter by the caller.

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

CREATE VIEW @extschema@.acct_export_jobs WITH (security_barrier) AS
SELECT job_id, dataset, format, status, stage, percent, rows_done, rows_total, bytes_done, bytes_total, seconds_left,
       message, error, error_code, attempts, requested_by, actor, tenant, created_at, started_at, finished_at,
       expires_at, as_of, files
  FROM acct_export.job_status
 WHERE (SELECT acct_export.wake()) -- once a query
 ORDER BY created_at DESC;
COMMENT ON VIEW @extschema@.acct_export_jobs IS 'export jobs that the caller may see, or may approve, newest first';
GRANT SELECT ON @extschema@.acct_export_jobs TO PUBLIC;

CREATE FUNCTION @extschema@.acct_export_status(job uuid) RETURNS @extschema@.acct_export_jobs
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT jsonb_populate_record(NULL::@extschema@.acct_export_jobs, @extschema@.acct_export_job(job));
END;
COMMENT ON FUNCTION @extschema@.acct_export_status(uuid) IS 'state and progress of an export job, one row';

CREATE FUNCTION @extschema@.acct_export_wait(job uuid, timeout interval DEFAULT '1 hour') RETURNS @extschema@.acct_export_jobs
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT jsonb_populate_record(NULL::@extschema@.acct_export_jobs, acct_export.wait_for_end(job, timeout));
END;
COMMENT ON FUNCTION @extschema@.acct_export_wait(uuid, interval) IS 'state of an export job once it has ended or the time is up';

-- A dataset whose source was dropped is shown to those who hold its roles; without any, to superusers.
CREATE VIEW @extschema@.acct_export_datasets WITH (security_barrier) AS
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
COMMENT ON VIEW @extschema@.acct_export_datasets IS 'datasets that the caller may export; broken says why nothing of one can be exported';
GRANT SELECT ON @extschema@.acct_export_datasets TO PUBLIC;

CREATE VIEW @extschema@.acct_export_fields WITH (security_barrier) AS
SELECT d.dataset, f.field, f.label, f."position", s.field_type AS type, f.is_default AND s.barred IS NULL AS is_default,
       f.in_group, f.on_anonymise, f.mask, f.json_path, s.barred,
       f.expand, f.keys, f.labels
  FROM acct_export.dataset d
  CROSS JOIN LATERAL acct_export.field_state(d.dataset) s
  JOIN acct_export.field f ON f.dataset = d.dataset AND f.field = s.field
 WHERE acct_export.may_know(d.source::oid, d.required_roles)
 ORDER BY d.dataset, f."position", f.field;
COMMENT ON VIEW @extschema@.acct_export_fields IS 'fields of the datasets that the caller may export; barred says why one never leaves';
GRANT SELECT ON @extschema@.acct_export_fields TO PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
