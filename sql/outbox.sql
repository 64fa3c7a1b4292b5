SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Messages about the outcome of jobs: a row is made in the commit of the outcome, and sent afterwards
-- (src/job/outbox.rs, src/worker/outbox_worker.rs). It outlives its job.
CREATE TABLE acct_export.outbox (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job          uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('mail', 'webhook')),
    server       oid,
    server_name  text,
    requested_by oid NOT NULL,
    recipient    text,
    event        jsonb NOT NULL,
    has_links    boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries        integer NOT NULL DEFAULT 0,
    next_try_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at      timestamptz,
    failed_at    timestamptz,
    error        text,
    error_code   text,
    session      jsonb NOT NULL,
    made_in      text NOT NULL,
    CHECK ((kind = 'mail') = (recipient IS NOT NULL)),
    CHECK (sent_at IS NULL OR failed_at IS NULL),
    CHECK (server IS NOT NULL OR failed_at IS NOT NULL),
    CHECK ((error IS NULL) = (error_code IS NULL))
);
COMMENT ON TABLE acct_export.outbox IS 'mails and events of webhooks, sent and to be sent; see the view acct_export_messages';
COMMENT ON COLUMN acct_export.outbox.id IS 'the message''s own id, the same at each try: by it who gets a message twice knows it again';
COMMENT ON COLUMN acct_export.outbox.server IS 'foreign server by which it goes; NULL: there was none to be used';
COMMENT ON COLUMN acct_export.outbox.requested_by IS 'who asked for the job: whose right to use the server counts, and whose user mapping is used';
COMMENT ON COLUMN acct_export.outbox.session IS 'session in which the job, and so the message, is visible';
COMMENT ON COLUMN acct_export.outbox.event IS 'what is told: what became of the job, and its files; no filter, no actor, no address';
COMMENT ON COLUMN acct_export.outbox.made_in IS 'system identifier and database that the job was asked for in: a copy of the database does not send it';
COMMENT ON COLUMN acct_export.outbox.has_links IS 'whether it was made ready with URLs of files, which the audit trail was told of';
COMMENT ON COLUMN acct_export.outbox.next_try_at IS 'when it is tried next, unless it was sent or given up';
CREATE INDEX outbox_due ON acct_export.outbox (next_try_at) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_job ON acct_export.outbox (job);
CREATE INDEX outbox_ended ON acct_export.outbox (coalesce(sent_at, failed_at));

CREATE VIEW @extschema@.acct_export_messages WITH (security_barrier) AS
SELECT job AS job_id, kind, server_name AS server, recipient, event->>'status' AS event, created_at, tries,
       CASE WHEN sent_at IS NULL AND failed_at IS NULL THEN next_try_at END AS next_try_at, sent_at, failed_at, error, error_code
  FROM acct_export.outbox
 WHERE acct_export.visible(requested_by, session)
 ORDER BY created_at DESC;
COMMENT ON VIEW @extschema@.acct_export_messages IS 'mails and events about the export jobs that the caller may see, and what became of them, newest first';
COMMENT ON COLUMN @extschema@.acct_export_messages.job_id IS 'job of which it tells';
COMMENT ON COLUMN @extschema@.acct_export_messages.kind IS 'mail or webhook';
COMMENT ON COLUMN @extschema@.acct_export_messages.server IS 'foreign server by which it goes';
COMMENT ON COLUMN @extschema@.acct_export_messages.recipient IS 'address of a mail';
COMMENT ON COLUMN @extschema@.acct_export_messages.event IS 'what it tells: completed, completed_with_errors, failed, cancelled or expired';
COMMENT ON COLUMN @extschema@.acct_export_messages.created_at IS 'when it came to be told';
COMMENT ON COLUMN @extschema@.acct_export_messages.tries IS 'how often sending was begun';
COMMENT ON COLUMN @extschema@.acct_export_messages.next_try_at IS 'when it is tried next; NULL: never again';
COMMENT ON COLUMN @extschema@.acct_export_messages.sent_at IS 'when its server took it';
COMMENT ON COLUMN @extschema@.acct_export_messages.failed_at IS 'when it was given up';
COMMENT ON COLUMN @extschema@.acct_export_messages.error IS 'why the last try failed';
COMMENT ON COLUMN @extschema@.acct_export_messages.error_code IS 'SQLSTATE of the error';
GRANT SELECT ON @extschema@.acct_export_messages TO PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
