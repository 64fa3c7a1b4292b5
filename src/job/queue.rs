//! The queue: which job is next, and which have lost their worker.

use super::all_slots::{self, AllSlots};
use super::turn::{alone, by_index, in_turn, Place, Waiting};
use super::{lock_of, record};
use crate::audit::{self, By};
use crate::error::Result;
use crate::model::JobStatus;
use crate::pg::identity::Requester;
use crate::pg::lock::{self, Lock};
use crate::pg::{sql, worker};
use crate::settings;
use serde::Deserialize;
use std::cell::Cell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A job that this process has claimed.
#[derive(Debug, Deserialize)]
pub struct Claimed {
    pub id: String,
    pub requested_by: u32,
    /// Session user who asked.
    pub requested_login: u32,
    pub request: crate::model::ExportRequest,
    pub context: super::captured_session::CapturedSession,
    /// Of the dataset and its companions.
    pub titles: Vec<String>,
    /// The second person who has agreed to whatever number of rows.
    pub approved_by: Option<By>,
    /// The number of this run, which no other run of the job has: to finish another one is too late.
    pub run: i64,
    /// Its tenant and its role, where they have all slots now.
    #[serde(skip)]
    pub all_slots: AllSlots,
}

// By its id alone: for `status = 'queued'` the planner could take an index of all that is queued, which it thinks empty after a quiet time.
const TAKE: &str = "
WITH next AS (
    SELECT id FROM acct_export.job WHERE id = $1::uuid AND status IS NOT DISTINCT FROM 'queued' FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE acct_export.job j
   SET status = 'running', started_at = clock_timestamp(), attempts = attempts + 1, runs = runs + 1, worker_pid = $2::integer
  FROM next WHERE j.id = next.id
RETURNING jsonb_build_object('id', j.id, 'requested_by', j.requested_by::bigint,
                             'requested_login', j.requested_login::bigint, 'request', j.request,
                             'context', j.context, 'titles', j.titles, 'approved_by', j.approved_by, 'run', j.runs)";

impl Claimed {
    /// The session that asked.
    pub fn asker(&self) -> Requester {
        Requester { login: self.requested_login, role: self.context.role_taken_on }
    }
}

thread_local! {
    /// Lock of the job that this worker has claimed. A session lock outlives an aborted transaction, so who claims has
    /// to know what to give back.
    static HELD: Cell<Option<Lock>> = const { Cell::new(None) };
    /// Id and run of this job.
    static CLAIMED: Cell<Option<(String, i64)>> = const { Cell::new(None) };
    /// The rest of the list that the last claim was from.
    static LIST: Cell<Option<List>> = const { Cell::new(None) };
}

/// Gives the lock of the claimed job back, if there is one.
pub fn let_go() {
    CLAIMED.set(None);
    all_slots::withdraw();
    let Some(lock) = HELD.take() else { return };
    // It was taken again after the read: twice at most.
    for _ in 0..2 {
        if lock.is_held() {
            lock.release();
        }
    }
}

/// Takes the next job for this worker; its lock is held before the change is committed, so there is no moment in which it
/// looks crashed. `extra`: it has the extra slot. As the owner, under `Lock::Claim`; `let_go` ends it, whatever comes.
pub fn claim(extra: bool) -> Result<Option<Claimed>> {
    let slots = i64::from(settings::max_workers());
    if !extra {
        if let Some(claimed) = claim_of_list(slots)? {
            return Ok(Some(claimed));
        }
    }
    let alone = if extra { None } else { alone()? };
    let mut list = VecDeque::from(match alone {
        Some(waiting) => vec![waiting],
        None => in_turn(slots, extra)?,
    });
    while let Some(waiting) = list.pop_front() {
        if let Some(claimed) = claim_one(&waiting, slots)? {
            if !extra {
                list.retain(Waiting::is_first_of_tenant);
                LIST.set(Some(List { made: Instant::now(), slots, waiting: list }));
            }
            return Ok(Some(claimed));
        }
    }
    Ok(None)
}

/// The rest of a list of turns, from which the next jobs are taken without making it anew: those of tenants of which nothing ran. A
/// tenant that has had a turn since comes after all of them.
struct List {
    made: Instant,
    slots: i64,
    waiting: VecDeque<Waiting>,
}

/// The time for which a list is used. A tenant that comes meanwhile, or whose last job ends, waits so long, and for the job that is taken
/// last.
const LIST_AGE: Duration = Duration::from_millis(200);

/// Entries that other workers have taken, after which the list is made anew: each costs a look while others wait for theirs.
const MOST_TAKEN: usize = 3;

/// Takes a job of the list, as long as the list is what a new one would be but for tenants that have come since.
fn claim_of_list(slots: i64) -> Result<Option<Claimed>> {
    let Some(mut list) = LIST.take() else { return Ok(None) };
    let mut taken = 0;
    while list.slots == slots && list.made.elapsed() < LIST_AGE && taken < MOST_TAKEN {
        let Some(waiting) = list.waiting.pop_front() else { break };
        match waiting.place()? {
            Place::Same => {}
            // Another worker has taken its job.
            Place::Later => {
                taken += 1;
                continue;
            }
            Place::Unknown => break,
        }
        if let Some(claimed) = claim_one(&waiting, slots)? {
            LIST.set(Some(list));
            return Ok(Some(claimed));
        }
    }
    Ok(None)
}

/// Takes the oldest of these jobs; None: others hold them.
fn claim_one(waiting: &Waiting, slots: i64) -> Result<Option<Claimed>> {
    let Some(job) = waiting.oldest()? else { return Ok(None) };
    let lock = lock_of(&job);
    if !lock.try_acquire() {
        return Ok(None);
    }
    HELD.set(Some(lock));
    let Some(mut claimed) = take(&job)? else {
        let_go();
        return Ok(None);
    };
    claimed.all_slots = waiting.with_one_more(slots);
    CLAIMED.set(Some((job, claimed.run)));
    Ok(Some(claimed))
}

/// Runs beyond which an interrupted run counts as an attempt, whatever the reason of the interruption.
pub const MOST_RUNS: i64 = 1000;

/// The run does not count. A row that somebody holds is not waited for, and one that is to be cancelled is left to `recover`.
const GIVE_BACK: &str = "
WITH mine AS (
    SELECT id FROM acct_export.job
     WHERE id = $1::uuid AND status IS NOT DISTINCT FROM 'running' AND runs = $2 AND runs < $3 AND NOT cancel_requested
       FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE acct_export.job j SET status = 'queued', attempts = attempts - 1, worker_pid = NULL, started_at = NULL
  FROM mine WHERE j.id = mine.id
RETURNING to_jsonb(j.id)";

/// Puts the job of this process, which another process ends, back into the queue: the run does not count as an attempt. True if
/// another worker may take it after the commit. Waits for nothing. As the owner.
pub fn give_back() -> Result<bool> {
    let Some((job, run)) = CLAIMED.take() else { return Ok(false) };
    if !lock::table_is_free("acct_export", "job") {
        return Ok(false);
    }
    let given: Option<String> = sql::change(GIVE_BACK, &[(&job).into(), run.into(), MOST_RUNS.into()])?;
    if given.is_some() {
        super::status::notify(&job, JobStatus::Queued)?;
    }
    Ok(given.is_some())
}

/// Makes one queued job this process's own. Without its lock only where nobody else can see the job: in the transaction
/// that has just asked for it.
pub fn take(job: &str) -> Result<Option<Claimed>> {
    let pid = i64::from(worker::pid());
    let claimed: Option<Claimed> = sql::change(TAKE, &[job.into(), pid.into()])?;
    if claimed.is_some() {
        super::status::notify(job, JobStatus::Running)?;
    }
    Ok(claimed)
}

/// True if a worker would find a job to take. A queued job that an open transaction is about to cancel is none. `extra`: for the extra
/// slot. As the owner, within a transaction that may write.
pub fn has_work(extra: bool) -> Result<bool> {
    if extra {
        for waiting in in_turn(settings::max_workers().into(), true)? {
            if waiting.oldest()?.is_some() {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let free = "
SELECT to_jsonb(id) FROM acct_export.job
 WHERE status = 'queued' AND made_in = $1
 ORDER BY coalesce(tenant_key, '') COLLATE \"C\", requested_by, created_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED";
    Ok(by_index(|| sql::change::<String>(free, &[(&worker::here()).into()]))?.is_some())
}

/// True if a job is queued. Reads only.
pub fn is_queued() -> Result<bool> {
    let queued = "SELECT 'x' FROM acct_export.job WHERE status = 'queued' AND made_in = $1
                   ORDER BY coalesce(tenant_key, '') COLLATE \"C\", requested_by, created_at LIMIT 1";
    Ok(by_index(|| sql::text(queued, &[(&worker::here()).into()]))?.is_some())
}

/// True if a worker may be missing: a queued job, one that lost its worker, one that is past its time. Reads only.
pub fn is_waiting() -> Result<bool> {
    Ok(is_queued()? || is_lost()?)
}

/// The same but for queued jobs.
pub fn is_lost() -> Result<bool> {
    let lost = running()?.iter().any(|job| !lock_of(job).is_held_elsewhere());
    Ok(lost || super::purge::has_unapproved()?)
}

/// Running jobs, but for those that a copy of the database has of its original.
fn running() -> Result<Vec<String>> {
    let running =
        "SELECT to_jsonb(id) FROM acct_export.job WHERE status = 'running' AND made_in = $1 ORDER BY id";
    by_index(|| sql::documents(running, &[(&worker::here()).into()]))
}

const CRASHED: &str = "
WITH lost AS (SELECT id FROM acct_export.job WHERE id = $1::uuid AND status IS NOT DISTINCT FROM 'running' FOR NO KEY UPDATE SKIP LOCKED)
UPDATE acct_export.job j
   SET status = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempts < $2 THEN 'queued' ELSE 'failed' END,
       worker_pid = NULL, started_at = NULL,
       finished_at = CASE WHEN cancel_requested OR attempts >= $2 THEN clock_timestamp() END,
       error = CASE WHEN NOT cancel_requested AND attempts >= $2 THEN 'the worker or the server went down while the export ran' END,
       error_code = CASE WHEN NOT cancel_requested AND attempts >= $2 THEN '57P02' END
  FROM lost WHERE j.id = lost.id
RETURNING jsonb_build_array(j.status, j.attempts, j.error, j.error_code)";

/// Puts running jobs whose worker is gone back into the queue, or ends them after `max_attempts`. As the owner.
pub fn recover() -> Result<()> {
    for job in running()? {
        let lock = lock_of(&job);
        if !lock.try_acquire() {
            continue;
        }
        let outcome: Option<(JobStatus, i64, Option<String>, Option<String>)> =
            sql::change(CRASHED, &[(&job).into(), settings::max_attempts().into()])?;
        lock.release();
        if let Some((status, attempts, error, code)) = outcome {
            super::stored_object::mark_begun_for_deletion(&job)?;
            match status {
                JobStatus::Failed => record::record(
                    audit::FAILED,
                    &job,
                    serde_json::json!({ "error": error, "error_code": code, "attempts": attempts }),
                )?,
                JobStatus::Cancelled => record::record_cancelled(&job)?,
                _ => {}
            }
            super::status::notify(&job, status)?;
        }
    }
    Ok(())
}
