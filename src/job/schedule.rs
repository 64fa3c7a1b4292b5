//! Schedules of saved exports: a cron expression each, the next moment, and the reason why one was disabled.
//!
//! The state is in the table, so it survives a restart and a promotion. A moment that was missed is made up for once. A schedule
//! belongs to the cluster and the database in which it was set: a copy of the database does not run it.

use super::captured_session::known_zone;
use super::record;
use super::saved::{self, Captured, Saved};
use super::session::Session;
use crate::audit::{self, By, Event};
use crate::error::{Error, Result};
use crate::model::{Cron, ExportRequest};
use crate::pg::zone::Zone;
use crate::pg::{guc, identity, sql, worker, xact};
use crate::value::shown;
use serde::Deserialize;
use serde_json::{json, Value};

const SET: &str = "
UPDATE acct_export.saved
   SET cron = $2, time_zone = $3, enabled = $4, disabled_reason = NULL, made_in = $6,
       next_run_at = CASE WHEN $4 THEN timestamptz '2000-01-01 00:00:00+00' + $5 * interval '1 microsecond' END
 WHERE id = $1::bigint RETURNING to_jsonb(id)";

const REMOVE: &str = "
UPDATE acct_export.saved
   SET cron = NULL, time_zone = NULL, enabled = NULL, disabled_reason = NULL, made_in = NULL, next_run_at = NULL
 WHERE id = $1::bigint AND cron IS NOT NULL RETURNING to_jsonb(id)";

/// `acct_export_schedule`. `time_zone`: None: the session's. 22023 for an expression or a zone that cannot be used, P0002 for a name that
/// is not visible.
pub fn set(name: Option<&str>, cron: Option<&str>, time_zone: Option<&str>, enabled: bool) -> Result<()> {
    let saved = saved::find(name)?;
    xact::require_write("schedule an export")?;
    let Some(cron) = cron.map(str::trim) else { return remove(&saved) };
    let time_zone = match time_zone {
        Some(name) => known_zone(name)?,
        None => guc::get("TimeZone").unwrap_or_else(|| "UTC".to_owned()),
    };
    let next = next(cron, &time_zone)?;
    let updated: Option<i64> = identity::as_owner(|| {
        sql::change(
            SET,
            &[
                saved.id.into(),
                cron.into(),
                (&time_zone).into(),
                enabled.into(),
                next.into(),
                (&worker::here()).into(),
            ],
        )
    })?;
    if updated.is_none() {
        return Err(saved::dropped(&saved));
    }
    let detail = json!({ "name": saved.name, "cron": cron, "time_zone": time_zone, "enabled": enabled });
    saved::tell(audit::SCHEDULE_SET, &saved.request.dataset, saved.tenant.as_deref(), detail)
}

fn remove(saved: &Saved) -> Result<()> {
    let removed: Option<i64> = identity::as_owner(|| sql::change(REMOVE, &[saved.id.into()]))?;
    if removed.is_none() {
        return Ok(());
    }
    let detail = json!({ "name": saved.name });
    saved::tell(audit::SCHEDULE_REMOVED, &saved.request.dataset, saved.tenant.as_deref(), detail)
}

/// The first moment of an expression after now, in microseconds since 2000-01-01 UTC.
fn next(cron: &str, time_zone: &str) -> Result<i64> {
    let zone = Zone::named(time_zone).ok_or_else(|| {
        Error::invalid(format!("time zone {} is not recognized", shown(time_zone)))
            .hint("Give argument time_zone a name of pg_timezone_names, such as \"Europe/Paris\".")
    })?;
    Cron::parse(cron)?.next(xact::now(), zone).ok_or_else(|| {
        Error::invalid(format!("cron expression {} matches no date", shown(cron)))
            .hint("Check day of month and month: for example, 30 February does not exist.")
    })
}

/// A saved export that its schedule is to start.
#[derive(Debug, Deserialize)]
pub struct Due {
    pub id: i64,
    pub generation: i64,
    pub name: String,
    pub owner: u32,
    owner_name: String,
    pub request: ExportRequest,
    tenant: Option<String>,
    pub session: Session,
    pub captured: Captured,
    cron: String,
    time_zone: String,
    next_run_at: String,
}

/// The place of a start within the minute, where many are due: the same for a saved export each time.
macro_rules! in_its_second {
    () => {
        "next_run_at + (id * 37 % 60) * interval '1 second'"
    };
}

const CLAIM: &str = concat!(
    "SELECT to_jsonb(id) FROM acct_export.saved
      WHERE next_run_at <= (SELECT clock_timestamp()) AND made_in = $1 AND id <> ALL ($2::bigint[])
        AND (NOT $3 OR ",
    in_its_second!(),
    " <= (SELECT clock_timestamp()))
      ORDER BY next_run_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
);

/// Locks the next one that is due, without those that were tried; its id. `spread`: if its second of the minute has come. As the owner.
pub fn claim(tried: &[i64], spread: bool) -> Result<Option<i64>> {
    sql::change(CLAIM, &[(&worker::here()).into(), (&array(tried)).into(), spread.into()])
}

fn array(ids: &[i64]) -> String {
    format!("{{{}}}", ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
}

/// So many that are due at one time are spread over the minute.
const MANY: i64 = 100;

const DUE: &str = "
SELECT to_jsonb(count(*))
  FROM (SELECT FROM acct_export.saved
         WHERE next_run_at <= (SELECT clock_timestamp()) AND made_in = $1 LIMIT $2::bigint + 1) AS due";

/// The exports that are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowMany {
    None,
    Some,
    /// So many that their starts are spread over the minute.
    Many,
}

/// As the owner.
pub fn are_due() -> Result<HowMany> {
    let number: i64 = sql::document(DUE, &[(&worker::here()).into(), MANY.into()])?.unwrap_or_default();
    Ok(match number {
        0 => HowMany::None,
        1..=MANY => HowMany::Some,
        _ => HowMany::Many,
    })
}

/// One whose second has come and that somebody has locked is for the next round.
const WAIT: &str = concat!(
    "SELECT to_jsonb(ceil(extract(epoch FROM min(",
    in_its_second!(),
    ") - clock_timestamp()) * 1000)::bigint)
       FROM acct_export.saved
      WHERE next_run_at <= (SELECT clock_timestamp()) AND made_in = $1 AND id <> ALL ($2::bigint[]) AND ",
    in_its_second!(),
    " > (SELECT clock_timestamp())"
);

/// Milliseconds until the next one of those that are due comes to its second; None: none is due. As the owner.
pub fn wait(tried: &[i64]) -> Result<Option<i64>> {
    let wait: Option<Option<i64>> = sql::document(WAIT, &[(&worker::here()).into(), (&array(tried)).into()])?;
    Ok(wait.flatten())
}

const LOOK: &str = "
SELECT jsonb_build_object('id', id, 'generation', generation, 'name', name, 'owner', owner::bigint, 'owner_name', owner_name, 'request', request,
                          'tenant', tenant, 'session', session, 'captured', captured, 'cron', cron, 'time_zone', time_zone, 'next_run_at', next_run_at)
  FROM acct_export.saved WHERE id = $1::bigint FOR NO KEY UPDATE";

/// One that this transaction has locked. As the owner.
pub fn look(id: i64) -> Result<Option<Due>> {
    sql::change(LOOK, &[id.into()])
}

const MOVE: &str = "
UPDATE acct_export.saved
   SET next_run_at = timestamptz '2000-01-01 00:00:00+00' + $2 * interval '1 microsecond', last_job = coalesce($3::uuid, last_job)
 WHERE id = $1::bigint";

const DISABLE: &str = "
UPDATE acct_export.saved SET enabled = false, next_run_at = NULL, disabled_reason = $2 WHERE id = $1::bigint";

const FAILED: &str =
    "UPDATE acct_export.saved SET last_job = coalesce($2::uuid, last_job) WHERE id = $1::bigint";

impl Due {
    /// The owner's name, also of one that is gone.
    pub fn role(&self) -> String {
        identity::role_name(self.owner).unwrap_or_else(|| self.owner_name.clone())
    }

    /// The first moment after now. 22023 where the server has no such zone any more.
    pub fn next(&self) -> Result<i64> {
        next(&self.cron, &self.time_zone)
    }

    /// Its job was queued. As the owner.
    pub fn started(&self, job: &str, next: i64) -> Result<()> {
        sql::run(MOVE, &[self.id.into(), next.into(), job.into()])?;
        saved::mark(self.generation, job)?;
        record::record(
            audit::SCHEDULE_STARTED,
            job,
            json!({ "name": self.name, "cron": self.cron, "time_zone": self.time_zone, "due_at": self.next_run_at }),
        )
    }

    /// It is left for another moment. `job`: the failed job that reports why. As the owner.
    pub fn put_off(&self, next: i64, job: Option<&str>) -> Result<()> {
        sql::run(MOVE, &[self.id.into(), next.into(), job.into()]).map(drop)
    }

    /// Disables the schedule. As the owner.
    pub fn disable(&self, reason: &str) -> Result<()> {
        sql::run(DISABLE, &[self.id.into(), reason.into()]).map(drop)
    }

    /// Records that it was disabled. `job`: the failed job that reports the reason. As the owner.
    pub fn record_disabled(&self, reason: &str, sqlstate: &str, job: Option<&str>) -> Result<()> {
        sql::run(FAILED, &[self.id.into(), job.into()])?;
        let detail = json!({ "name": self.name, "error": reason, "error_code": sqlstate });
        self.record(audit::SCHEDULE_DISABLED, detail, job)
    }

    /// Records a start that failed as the one before it did. As the owner.
    pub fn record_failed(&self, error: &str, sqlstate: &str) -> Result<()> {
        let detail = json!({ "schedule": self.name, "error": error, "error_code": sqlstate });
        self.record(audit::FAILED, detail, None)
    }

    fn record(&self, event: &'static str, detail: Value, job: Option<&str>) -> Result<()> {
        let context = &self.captured.context;
        let by = By {
            role: self.role(),
            actor: context.actor.clone(),
            login: Some(context.login.clone()),
            client_addr: None,
            application_name: None,
        };
        let mut event = Event::new(event, by, detail);
        event.job = job.map(str::to_owned);
        event.dataset = Some(self.request.dataset.clone());
        event.tenant = self.tenant.clone();
        audit::record_plain(event)
    }
}
