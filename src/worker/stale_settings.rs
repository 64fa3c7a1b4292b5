//! The settings of ALTER DATABASE and ALTER ROLE. A process has them as they were when it began, so a worker that has been there for some
//! time leaves the jobs to a new one when they have changed.

use crate::error::Result;
use crate::pg::sql;
use std::cell::RefCell;

thread_local! {
    /// As they were when this process began, or when it last had to go on with those that it has.
    static KNOWN: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// Those that a worker gets: it connects as the role that initdb made (process_settings, postinit.c).
const SETTINGS: &str = "
SELECT string_agg(format('%s %s %s', s.setdatabase, s.setrole, s.setconfig), ' ' ORDER BY s.setdatabase, s.setrole)
  FROM pg_db_role_setting AS s
 WHERE s.setdatabase IN (0::oid, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
   AND s.setrole IN (0::oid, 10::oid)";

/// Takes the settings of now for those of this process: at its beginning, and where no other process can be had.
pub fn take() -> Result<()> {
    let now = sql::text(SETTINGS, &[])?;
    KNOWN.set(Some(now));
    Ok(())
}

/// True if they are others now.
pub fn have_changed() -> Result<bool> {
    let now = sql::text(SETTINGS, &[])?;
    Ok(KNOWN.with_borrow(|known| known.as_ref().is_some_and(|known| *known != now)))
}
