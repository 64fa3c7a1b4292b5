//! `acct_export_adopt`: a copy of a database takes over the jobs, messages, objects and schedules of its original.
//!
//! Each row says in which system and database it was made (`worker::here`). All who run, send or remove ask for rows of this one only, so
//! that a copy (a restored backup, `CREATE DATABASE … TEMPLATE`, a logical subscriber) leaves alone what its original still works on.

use super::wake;
use crate::audit::{self, By, Event};
use crate::error::{Error, Result};
use crate::pg::{identity, sql, worker, xact};
use serde_json::json;

const JOBS: &str = "UPDATE acct_export.job SET made_in = $1 WHERE made_in <> $1";
const MESSAGES: &str = "UPDATE acct_export.outbox SET made_in = $1 WHERE made_in <> $1";
const SCHEDULES: &str = "UPDATE acct_export.saved SET made_in = $1 WHERE made_in <> $1";
const OBJECTS: &str = "UPDATE acct_export.object SET made_in = $1 WHERE made_in <> $1";

/// The number of jobs that are this database's own from now on. 42501 for others than superusers, 25006 where nothing can be written.
pub fn adopt() -> Result<i64> {
    if !identity::is_superuser(identity::current_user()) {
        return Err(Error::denied("only a superuser may adopt the exports of another database")
            .hint("Ask your database administrator."));
    }
    xact::require_write("adopt exports")?;
    let by = By::caller();
    let here = worker::here();
    identity::as_owner(|| {
        let changed = |statement: &str| sql::run(statement, &[(&here).into()]);
        let (jobs, messages) = (changed(JOBS)?, changed(MESSAGES)?);
        let (objects, schedules) = (changed(OBJECTS)?, changed(SCHEDULES)?);
        if jobs + messages + objects + schedules > 0 {
            let detail =
                json!({ "jobs": jobs, "messages": messages, "objects": objects, "schedules": schedules });
            audit::record_plain(Event::new(audit::ADOPTED, by, detail))?;
            wake::at_commit(None);
            wake::sender_at_commit();
        }
        Ok(jobs as i64)
    })
}
