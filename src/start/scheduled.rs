//! The start of a saved export by its schedule: in the session that saved it, as its owner.

use super::{queue, ready};
use crate::error::{Error, Result};
use crate::job::create::Created;
use crate::job::saved;
use crate::job::schedule::Due;
use crate::pg::identity::{self, Requester};
use crate::pg::session::as_session;

/// Starts it as `acct_export_start_saved` would for its owner, with the rights, fields and policies of now. In a worker, within a
/// subtransaction. `limit`: of waits for locks.
///
/// The session user is the login that saved it. Where that login is gone, or may not take on the owner any more, it is the owner
/// itself, unless the rows depend on the login.
///
/// Errors: those of `acct_export_start`; 42501 where the owner or a login that matters is gone, or other settings count now.
pub fn start_scheduled(due: &Due, limit: &str) -> Result<Created> {
    let context = &due.captured.context;
    if identity::role_name(due.owner).is_none() {
        return Err(Error::denied(format!(
            "role \"{}\", which saved the export, does not exist any more",
            due.role()
        ))
        .hint("Save the export as a role that exists."));
    }
    let saving = due.captured.asker();
    let (asker, lost) = match saving.check(&context.login) {
        Ok(()) => (saving, None),
        Err(error) if due.session.login.is_some() => return Err(error),
        Err(error) => (Requester { login: due.owner, role: None }, Some(error)),
    };
    as_session(due.owner, &asker, &context.settings, limit, || {
        if !due.session.is_here() {
            return Err(Error::denied(
                "the settings that decide who can see the export have changed since it was saved",
            )
            .hint("Save it again with acct_export_save and replace => true."));
        }
        if let Some(active) = saved::active_run(due.id, due.generation, &due.request)? {
            return Err(saved::already_active(&active));
        }
        let asked = saved::request_of_run(due.generation, &due.request)?;
        let checked = ready(&asked, true)?;
        match lost {
            Some(error) if checked.reads_login => Err(error),
            _ => queue(&asked, checked, true),
        }
    })
}
