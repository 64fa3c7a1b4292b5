//! The outbox: messages about the end of jobs, made in its commit, sent after it (worker/sender.rs).

use crate::error::{Error, Result};
use crate::foreign_server::Server;
use crate::model::JobStatus;
use crate::notify::{self, mail_server, Channel, Message, Retry, SendError};
use crate::pg::sql::{self, Arg};
use crate::pg::{worker, xact};
use serde::Deserialize;

/// Outcomes that are told by mail to who asked for one. Whoever cancels an export knows of it.
const MAILED: [JobStatus; 3] = [JobStatus::Completed, JobStatus::CompletedWithErrors, JobStatus::Failed];

const ASKED: &str = "
SELECT jsonb_build_array(requested_by::bigint, request->>'notify_email')
  FROM acct_export.job WHERE id = $1::uuid AND made_in = $2";

/// The event is told as the job's row is now. The address comes from there too, and is no parameter that a log of statements shows.
/// By a server that was out of reach it goes when that is tried again, or in a minute.
const INSERT: &str = "
WITH told AS (
    SELECT 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"' AS iso
)
INSERT INTO acct_export.outbox (job, kind, server, server_name, requested_by, session, made_in, recipient, event, next_try_at,
                                failed_at, error, error_code)
SELECT j.id, $3, $4::oid, $5, j.requested_by, j.session, j.made_in, CASE $3 WHEN 'mail' THEN j.request->>'notify_email' END,
       jsonb_build_object('status', $2, 'dataset', j.dataset, 'title', j.titles[1], 'format', j.format, 'tenant', j.tenant,
           'rows', j.rows_done, 'bytes', j.bytes_done,
           'files', (SELECT coalesce(jsonb_agg(jsonb_build_object('file', f.file, 'name', f.name, 'media_type', f.media_type,
                                'rows', f.rows, 'bytes', f.bytes, 'sha256', f.sha256, 'status', f.status,
                                'error_code', f.error_code) ORDER BY f.file), '[]')
                       FROM acct_export.file f WHERE f.job = j.id),
           'error_code', j.error_code, 'failed_part', j.titles[j.failed_part],
           'schedule', (SELECT jsonb_build_object('name', s.name, 'disabled', NOT s.enabled, 'reason', j.error)
                          FROM acct_export.saved s
                         WHERE s.generation = j.saved AND s.cron IS NOT NULL AND $2 = 'failed' AND j.runs = 0 AND j.expires_at IS NULL),
           'created_at', to_char(j.created_at AT TIME ZONE 'UTC', t.iso),
           'finished_at', to_char(j.finished_at AT TIME ZONE 'UTC', t.iso),
           'expires_at', to_char(j.expires_at AT TIME ZONE 'UTC', t.iso)),
       coalesce((SELECT least(min(o.next_try_at), clock_timestamp() + interval '1 minute')
                   FROM acct_export.outbox o
                  WHERE o.server = $4::oid AND o.sent_at IS NULL AND o.failed_at IS NULL
                    AND o.error_code = 'HV00N' AND o.next_try_at > clock_timestamp()
                 HAVING count(*) > 0), clock_timestamp()),
       CASE WHEN $7 IS NOT NULL THEN clock_timestamp() END, $6, $7
  FROM acct_export.job j, told t WHERE j.id = $1::uuid";

/// Makes the messages about a change of status, if it is one that is told; whether there is one to send. A server that cannot be
/// used is the message's failure, never the job's. A copy of the database makes none
/// about jobs of its original. As the owner.
pub fn fill(job: &str, status: JobStatus) -> Result<bool> {
    if !notify::is_told(status) {
        return Ok(false);
    }
    // As it is now: this very statement may have made the job (acct_export.async = off).
    let here = worker::here();
    let asked = xact::with_latest_snapshot(|| {
        sql::document::<(u32, Option<String>)>(ASKED, &[job.into(), (&here).into()])
    })?;
    let Some((role, address)) = asked else { return Ok(false) };
    let mut to_send = false;
    if let Some(address) = address.filter(|_| MAILED.contains(&status)) {
        let server = mail_server::of(role, &address);
        insert(job, status, Channel::Mail, server.as_ref())?;
        to_send = server.is_ok();
    }
    for server in notify::webhooks(role, status)? {
        insert(job, status, Channel::Webhook, Ok(&server))?;
        to_send = true;
    }
    Ok(to_send)
}

fn insert(
    job: &str,
    status: JobStatus,
    channel: Channel,
    server: std::result::Result<&Server, &Error>,
) -> Result<()> {
    let (server, error) = (server.ok(), server.err());
    sql::run(
        INSERT,
        &[
            job.into(),
            status.as_str().into(),
            channel.name().into(),
            Arg::Int(server.map(|server| server.oid.into())),
            server.map(|server| server.name.as_str()).into(),
            error.map(told).as_deref().into(),
            error.map(Error::sqlstate).into(),
        ],
    )?;
    Ok(())
}

/// One sentence, with what mends it.
fn told(error: &Error) -> String {
    let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}{hint}", error.message)
}

/// A message that this sender has taken on.
#[derive(Debug, Deserialize)]
pub struct Claimed {
    #[serde(flatten)]
    pub message: Message,
    /// The number of this try.
    pub tries: u32,
}

const NEXT: &str = "
SELECT jsonb_build_array(id, server::bigint, tries)
  FROM acct_export.outbox
 WHERE sent_at IS NULL AND failed_at IS NULL AND next_try_at <= clock_timestamp() AND made_in = $1
 ORDER BY next_try_at, created_at LIMIT 1";

const CLAIM: &str = "
UPDATE acct_export.outbox
   SET tries = tries + 1, next_try_at = clock_timestamp() + $2 * interval '1 second'
 WHERE id = $1::uuid AND sent_at IS NULL AND failed_at IS NULL AND next_try_at <= clock_timestamp()
RETURNING jsonb_build_object('id', id, 'job', job, 'kind', kind, 'server', server::bigint, 'requested_by', requested_by::bigint,
              'recipient', recipient, 'event', event, 'tries', tries,
              'at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))";

/// Takes the next message that is due. The try counts from now on: a sender that goes down in the midst of it has failed, and the
/// message is due again when it would be after any failure. There is one sender (Lock::Sender). As the owner.
pub fn claim() -> Result<Option<Claimed>> {
    let next: Option<(String, u32, u32)> = sql::document(NEXT, &[(&worker::here()).into()])?;
    let Some((id, server, tries)) = next else { return Ok(None) };
    let pause = retry(server)?.after(tries.saturating_add(1));
    sql::change(CLAIM, &[(&id).into(), i64::from(pause).into()])
}

fn retry(server: u32) -> Result<Retry> {
    Ok(crate::foreign_server::by_oid(server)?.as_ref().map(Retry::of).unwrap_or_default())
}

/// True if a mail has links for the first time, which is then remembered. As the owner.
pub fn begins_with_links(message: &Message) -> Result<bool> {
    let first = "UPDATE acct_export.outbox SET has_links = true WHERE id = $1::uuid AND NOT has_links";
    Ok(sql::run(first, &[(&message.id).into()])? > 0)
}

const SENT: &str = "
UPDATE acct_export.outbox SET sent_at = clock_timestamp(), error = NULL, error_code = NULL WHERE id = $1::uuid";

/// Records that a message's server took it. As the owner.
pub fn sent(message: &Message) -> Result<()> {
    sql::run(SENT, &[(&message.id).into()])?;
    Ok(())
}

const FAILED: &str = "
UPDATE acct_export.outbox
   SET error = $2, error_code = $3, next_try_at = clock_timestamp() + $5 * interval '1 second',
       failed_at = CASE WHEN $4 OR clock_timestamp() >= created_at + $6 * interval '1 second' THEN clock_timestamp() END
 WHERE id = $1::uuid AND sent_at IS NULL
RETURNING to_jsonb(failed_at IS NOT NULL)";

/// All messages for a server that cannot be reached wait as long: the messages of others shall not wait for all of it.
const POSTPONE: &str = "
UPDATE acct_export.outbox SET next_try_at = clock_timestamp() + $2 * interval '1 second'
 WHERE server = $1::oid AND sent_at IS NULL AND failed_at IS NULL
   AND next_try_at < clock_timestamp() + $2 * interval '1 second'";

/// Records that a try failed; whether the message is given up. As the owner.
pub fn failed(claimed: &Claimed, send_error: &SendError) -> Result<bool> {
    let message = &claimed.message;
    let (retry, error) = (retry(message.server)?, &send_error.error);
    let pause = i64::from(retry.after(claimed.tries));
    let given_up = sql::change(
        FAILED,
        &[
            (&message.id).into(),
            (&told(error)).into(),
            error.sqlstate().into(),
            send_error.is_final.into(),
            pause.into(),
            i64::from(retry.timeout).into(),
        ],
    )?;
    if error.kind == crate::error::Kind::FdwUnreachable {
        sql::run(POSTPONE, &[i64::from(message.server).into(), pause.into()])?;
    }
    Ok(given_up.unwrap_or(true))
}

const FORGET: &str = "
DELETE FROM acct_export.outbox WHERE id = ANY (ARRAY(
    SELECT id FROM acct_export.outbox
     WHERE coalesce(sent_at, failed_at) < (SELECT clock_timestamp() - $1::interval)
     ORDER BY coalesce(sent_at, failed_at) LIMIT $2 FOR UPDATE SKIP LOCKED))";

/// Forgets messages that were sent or given up, as long ago as job records are kept, so many at most; how many. As the owner.
pub fn forget(history: &str, most: i64) -> Result<u64> {
    sql::run(FORGET, &[history.into(), most.into()])
}
