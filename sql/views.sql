-- What callers see. The views run with the rights of the extension's owner on its tables, and filter by the caller.

-- What is past its time is over, whether or not it was purged yet.
CREATE VIEW acct_export.job_now AS
SELECT job.*,
       CASE WHEN status IN ('completed', 'completed_with_errors') AND expires_at <= clock_timestamp() THEN 'expired'
            WHEN status = 'awaiting_approval' AND expires_at <= clock_timestamp() THEN 'failed'
            ELSE status END AS state
  FROM acct_export.job;
COMMENT ON VIEW acct_export.job_now IS 'all jobs with the state that they are in now, which is their status, or what their time being over makes of it';

-- Every job with its progress, for all; nobody but the functions of the extension can read it.
CREATE VIEW acct_export.job_status AS
SELECT j.id AS job_id, j.dataset, j.format, j.state AS status,
       CASE WHEN j.status = 'running' THEN coalesce(p.stage, 'preparing') END AS stage,
       CASE WHEN j.status IN ('completed', 'completed_with_errors', 'expired') THEN 100
            WHEN j.status <> 'running' THEN 0
            WHEN p.stage = 'storing' THEN 90 + coalesce(9 * p.bytes_done / nullif(p.bytes_total, 0), 0)
            ELSE least(90, coalesce(90 * p.rows_done / nullif(p.rows_total, 0), 0)) END::integer AS percent,
       coalesce(j.rows_done, p.rows_done, 0) AS rows_done,
       CASE WHEN j.rows_done IS NOT NULL THEN j.rows_done ELSE greatest(p.rows_total, p.rows_done) END AS rows_total,
       coalesce(j.bytes_done, p.bytes_done, 0) AS bytes_done,
       coalesce(j.bytes_done, nullif(p.bytes_total, 0)) AS bytes_total,
       -- What is left of the reading or storing, at the pace so far.
       CASE WHEN j.status <> 'running' OR p.stage = 'preparing' THEN NULL
            WHEN p.stage = 'storing' THEN least(ceil(s.elapsed * 0.1), 2147483647)
            WHEN p.rows_done > 0 THEN
                 least(ceil(s.elapsed * greatest(p.rows_total - p.rows_done, 0) / p.rows_done * 1.1), 2147483647)
            END::integer AS seconds_left,
       CASE j.state
            WHEN 'failed' THEN 'Export failed. Please try again.'
            WHEN 'cancelled' THEN 'Export cancelled.'
            WHEN 'expired' THEN 'Export expired.'
            WHEN 'awaiting_approval' THEN 'Waiting for approval'
            WHEN 'completed_with_errors' THEN j.titles[j.failed_part] || ' export failed'
            WHEN 'completed' THEN CASE WHEN cardinality(j.titles) > 1 THEN 'All exports complete!' ELSE 'Export complete!' END
            WHEN 'running' THEN
                CASE p.stage WHEN 'storing' THEN
                    format('Downloading: %sMB / %sMB', to_char(p.bytes_done / 1e6, 'FM999999990.0'),
                           to_char(p.bytes_total / 1e6, 'FM999999990.0'))
                WHEN 'reading' THEN CASE WHEN p.part > 1 THEN 'Downloading ' || lower(j.titles[p.part]) ELSE 'Preparing user export' END
                ELSE 'Preparing user export' END
            ELSE 'Preparing user export' END AS message,
       coalesce(j.error, u.error) AS error, coalesce(j.error_code, u.error_code) AS error_code, j.attempts,
       j.requested_role AS requested_by, j.actor, j.tenant,
       j.created_at, j.started_at, coalesce(j.finished_at, u.finished_at) AS finished_at, j.expires_at, j.as_of,
       coalesce(f.files, '[]') AS files,
       j.requested_by AS requested_oid
  FROM acct_export.job_now j
  -- What acct_export_purge records of it.
  LEFT JOIN LATERAL (SELECT 'nobody approved the export within acct_export.retention' AS error, '42501' AS error_code,
                            j.expires_at AS finished_at) u ON j.status = 'awaiting_approval' AND j.state = 'failed'
  LEFT JOIN LATERAL acct_export.worker_progress(j.worker_pid) p ON j.status = 'running'
  CROSS JOIN LATERAL (SELECT extract(epoch FROM clock_timestamp() - j.started_at) AS elapsed) s
  CROSS JOIN LATERAL (
       SELECT count(*), jsonb_agg(jsonb_build_object('file', file.file, 'name', name, 'media_type', media_type, 'rows', rows,
                  'bytes', bytes, 'sha256', sha256, 'status', file.status)
                  || CASE file.status WHEN 'failed' THEN jsonb_build_object('error', file.error, 'error_code', file.error_code)
                     ELSE '{}' END
                  || coalesce(o.place, '{}') ORDER BY file.file) AS files
         FROM acct_export.file
         LEFT JOIN LATERAL (SELECT jsonb_build_object('destination', o.server_name, 'object', o.uri) AS place
                              FROM acct_export.object o
                             WHERE o.job = file.job AND o.file = file.file AND o.status = 'stored') o ON true
        WHERE file.job = j.id) f;
COMMENT ON VIEW acct_export.job_status IS 'all jobs with their progress; see acct_export_jobs';

CREATE VIEW acct_export_jobs WITH (security_barrier) AS
SELECT job_id, dataset, format, status, stage, percent, rows_done, rows_total, bytes_done, bytes_total, seconds_left,
       message, error, error_code, attempts, requested_by, actor, tenant, created_at, started_at, finished_at,
       expires_at, as_of, files
  FROM acct_export.job_status
 WHERE (SELECT acct_export.wake()) -- once a query
   AND CASE WHEN acct_export.visible(requested_oid, tenant) THEN true
            WHEN status = 'awaiting_approval' THEN acct_export.may_approve(job_id)
            ELSE false END
 ORDER BY created_at DESC;
COMMENT ON VIEW acct_export_jobs IS 'export jobs that the caller may see, or may approve, newest first';
GRANT SELECT ON acct_export_jobs TO PUBLIC;

CREATE FUNCTION acct_export_status(job uuid) RETURNS acct_export_jobs
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT * FROM jsonb_populate_record(NULL::acct_export_jobs, acct_export_job(job));
END;
COMMENT ON FUNCTION acct_export_status(uuid) IS 'state and progress of an export job, one row';

CREATE FUNCTION acct_export_wait(job uuid, timeout interval DEFAULT '1 hour') RETURNS acct_export_jobs
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT * FROM jsonb_populate_record(NULL::acct_export_jobs, acct_export.wait_for_end(job, timeout));
END;
COMMENT ON FUNCTION acct_export_wait(uuid, interval) IS 'state of an export job once it has ended or the time is up (NULL: no limit)';

CREATE VIEW acct_export_datasets WITH (security_barrier) AS
SELECT d.dataset, d.title, d.source, d.key, d.tenant_column, d.created_column, d.updated_column,
       '{xlsx,csv,ndjson,json}'::text[] AS formats, d.required_roles, d.companions
  FROM acct_export.dataset d
 WHERE acct_export.may_know(d.source::oid, d.required_roles)
 ORDER BY d.dataset;
COMMENT ON VIEW acct_export_datasets IS 'datasets that the caller may export';
GRANT SELECT ON acct_export_datasets TO PUBLIC;

CREATE VIEW acct_export_fields WITH (security_barrier) AS
SELECT d.dataset, f.field, f.label, f."position", s.field_type AS type, f.is_default AND s.barred IS NULL AS is_default,
       f.in_group, f.on_anonymise, f.mask, f.json_path, s.barred,
       f.expand, f.keys, f.labels
  FROM acct_export.dataset d
  CROSS JOIN LATERAL acct_export.field_state(d.dataset) s
  JOIN acct_export.field f ON f.dataset = d.dataset AND f.field = s.field
 WHERE acct_export.may_know(d.source::oid, d.required_roles)
 ORDER BY d.dataset, f."position", f.field;
COMMENT ON VIEW acct_export_fields IS 'fields of the datasets that the caller may export; barred says why one never leaves';
GRANT SELECT ON acct_export_fields TO PUBLIC;
