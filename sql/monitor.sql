SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

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

SET LOCAL search_path TO @extschema@, pg_temp;
