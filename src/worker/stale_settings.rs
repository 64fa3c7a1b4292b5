//! The settings of ALTER DATABASE and ALTER ROLE. A process has them as they were when it began, so a worker that has been there for some
//! time leaves the jobs to a new one when they have changed.

use crate::error::Result;
use crate::pg::sql;
use std::cell::OnceCell;

thread_local! {
    /// As they were when this process began.
    static BEGUN_WITH: OnceCell<Option<String>> = const { OnceCell::new() };
}

const SETTINGS: &str = "
SELECT string_agg(format('%s %s %s', s.setdatabase, s.setrole, s.setconfig), ' ' ORDER BY s.setdatabase, s.setrole)
  FROM pg_db_role_setting AS s
 WHERE s.setdatabase IN (0::oid, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))";

/// True if they have changed since the first call, which the process makes when it begins. As the owner.
pub fn have_changed() -> Result<bool> {
    let now = sql::text(SETTINGS, &[])?;
    Ok(BEGUN_WITH.with(|begun_with| *begun_with.get_or_init(|| now.clone()) != now))
}
