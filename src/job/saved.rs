//! Requests that were saved under a name. A saved export belongs to the role and the session that saved it, as a job does.

use super::captured_session::CapturedSession;
use super::digests;
use super::session::Session;
use super::status::is_visible;
use crate::audit::{self, By, Event};
use crate::changes::NOTHING;
use crate::error::{Error, Kind, Result};
use crate::model::ExportRequest;
use crate::pg::identity::Requester;
use crate::pg::sql::Arg;
use crate::pg::{guc, identity, sql, xact};
use crate::value::shown;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

/// Saved exports of a role in one session.
const MOST: i64 = 1000;

/// Characters of a name.
const LONGEST: usize = 200;

/// An option of a saved export, and its value that means the last run.
const SINCE: &str = "changes_since";
const LAST: &str = "last";

/// The request as it can be checked when it is saved.
pub fn request_to_check(asked: &ExportRequest) -> ExportRequest {
    let mut asked = asked.clone();
    if asked.options.get(SINCE) == Some(&json!(LAST)) {
        asked.options.insert(SINCE.to_owned(), json!(NOTHING));
    }
    asked
}

/// A saved export, as the caller sees it.
#[derive(Debug, Deserialize)]
pub struct Saved {
    pub id: i64,
    pub generation: i64,
    pub(super) name: String,
    pub owner: u32,
    pub request: ExportRequest,
    pub(super) tenant: Option<String>,
    session: Session,
    /// The time zone of the session that saved it.
    time_zone: String,
}

/// The session that saved it, as its schedule puts it back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Captured {
    /// Session user.
    pub login: u32,
    pub context: CapturedSession,
}

impl Captured {
    /// Of the caller's session, in which the request was checked.
    pub fn here(context: CapturedSession, session: Session) -> Captured {
        Captured {
            login: identity::session_user(),
            context: CapturedSession { session: Some(session), ..context },
        }
    }

    /// The session user and the role of that session.
    pub fn asker(&self) -> Requester {
        Requester { login: self.login, role: self.context.role_taken_on }
    }
}

const NAMED: &str = "
SELECT jsonb_build_object('id', id, 'generation', generation, 'name', name, 'owner', owner::bigint, 'request', request, 'tenant', tenant, 'session', session,
                          'time_zone', captured #>> '{context,time_zone}')
  FROM acct_export.saved WHERE name = $1 ORDER BY id DESC";

const SAVE: &str = "
INSERT INTO acct_export.saved (name, owner, owner_name, dataset, format, request, tenant, session, captured)
VALUES ($1, $2::oid, $3, $4, $5, $6::jsonb, $7, $8::jsonb, $9::jsonb) ON CONFLICT DO NOTHING RETURNING to_jsonb(id)";

const REPLACE: &str = "
UPDATE acct_export.saved
   SET generation = DEFAULT, dataset = $2, format = $3, request = $4::jsonb, tenant = $5, session = $6::jsonb, captured = $7::jsonb, saved_at = clock_timestamp()
 WHERE id = $1::bigint";

const COUNT: &str = "
SELECT to_jsonb(count(*)) FROM acct_export.saved
 WHERE owner = $1::oid AND acct_export.session_print(session) = acct_export.session_print($2::jsonb)";

const DROP: &str = "DELETE FROM acct_export.saved WHERE id = $1::bigint RETURNING to_jsonb(id)";

const STARTED: &str = "UPDATE acct_export.saved SET last_job = $2::uuid WHERE id = $1::bigint";

/// A job that was active already, and was given in place of a new one, stays what it is.
const STARTED_BY: &str = "
UPDATE acct_export.job SET saved = $1 WHERE id = $2::uuid AND saved IS NULL AND created_xid = pg_current_xact_id()";

const ACTIVE: &str = "
SELECT to_jsonb(id) FROM acct_export.job
 WHERE saved = $1 AND requested_by = $2::oid AND status IN ('queued', 'running', 'awaiting_approval') LIMIT 1";

/// Finds one that the caller sees: first its own role's, of a session like this one. P0002 otherwise.
pub fn find(name: Option<&str>) -> Result<Saved> {
    let name = given(name)?;
    let caller = identity::current_user();
    let mut found = visible(name)?;
    let nearest = |saved: &Saved| (saved.owner == caller, saved.session.is_here());
    let own = (0..found.len()).rev().max_by_key(|place| nearest(&found[*place])).unwrap_or(0);
    if found.is_empty() {
        return Err(Error::new(Kind::NoDataFound, format!("saved export {} does not exist", shown(name)))
            .hint("acct_export_saved lists the saved exports that you can start in this session."));
    }
    Ok(found.swap_remove(own))
}

/// Those of a name that the caller sees, the newest first.
fn visible(name: &str) -> Result<Vec<Saved>> {
    let all: Vec<Saved> =
        xact::with_latest_snapshot(|| identity::as_owner(|| sql::documents(NAMED, &[name.into()])))?;
    Ok(all.into_iter().filter(|saved| is_visible(saved.owner, &saved.session)).collect())
}

fn given(name: Option<&str>) -> Result<&str> {
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| {
        Error::invalid("name must not be null or empty")
            .hint("acct_export_saved lists the names of saved exports.")
    })?;
    if name.contains(char::is_control) || name.chars().count() > LONGEST {
        return Err(Error::invalid("invalid name for a saved export")
            .hint(format!("A name must have at most {LONGEST} characters and no control characters.")));
    }
    Ok(name)
}

/// Saves a request that was checked. 42710 for a name that the role has already, without `replace`; 53400 where it has too many.
pub fn save(
    name: Option<&str>,
    asked: &ExportRequest,
    tenant: Option<&str>,
    captured: &Captured,
    replace: bool,
) -> Result<()> {
    let name = given(name)?;
    xact::require_write("save an export")?;
    let owner = identity::current_user();
    let owner_name = identity::role_name(owner).unwrap_or_default();
    // A superuser sees those of other tenants.
    let known = visible(name)?.into_iter().find(|saved| saved.owner == owner && saved.session.is_here());
    let request = json!(asked).to_string();
    let session = json!(captured.context.session.clone().unwrap_or_default()).to_string();
    let captured = json!(captured).to_string();
    let taken = || {
        Error::new(Kind::DuplicateObject, format!("saved export {} already exists", shown(name)))
            .hint("Give replace => true to change it, or choose another name.")
    };
    let detail = json!({ "name": name, "request": asked, "replaced": known.is_some() });
    match known {
        Some(_) if !replace => return Err(taken()),
        Some(saved) => {
            let arguments: [Arg<'_>; 7] = [
                saved.id.into(),
                (&asked.dataset).into(),
                (&asked.format).into(),
                (&request).into(),
                tenant.into(),
                (&session).into(),
                (&captured).into(),
            ];
            identity::as_owner(|| sql::run(REPLACE, &arguments))?;
        }
        None => {
            within_limit(owner, &session)?;
            let arguments: [Arg<'_>; 9] = [
                name.into(),
                i64::from(owner).into(),
                (&owner_name).into(),
                (&asked.dataset).into(),
                (&asked.format).into(),
                (&request).into(),
                tenant.into(),
                (&session).into(),
                (&captured).into(),
            ];
            let saved: Option<i64> = identity::as_owner(|| sql::change(SAVE, &arguments))?;
            // Another session was faster.
            saved.ok_or_else(taken)?;
        }
    }
    tell(audit::SAVED, &asked.dataset, tenant, detail)
}

/// `session`: the caller's. What this very statement has saved counts.
fn within_limit(owner: u32, session: &str) -> Result<()> {
    let count: Option<i64> = xact::with_latest_snapshot(|| {
        identity::as_owner(|| sql::document(COUNT, &[i64::from(owner).into(), session.into()]))
    })?;
    if count.unwrap_or_default() < MOST {
        return Ok(());
    }
    Err(Error::new(Kind::ConfigurationLimitExceeded, format!("too many saved exports: the limit is {MOST}"))
        .hint("Drop some with acct_export_drop_saved."))
}

/// Removes one that the caller sees.
pub fn remove(name: Option<&str>) -> Result<()> {
    let saved = find(name)?;
    xact::require_write("drop a saved export")?;
    let gone: Option<i64> = identity::as_owner(|| sql::change(DROP, &[saved.id.into()]))?;
    if gone.is_none() {
        return Err(dropped(&saved));
    }
    tell(audit::SAVED_DROPPED, &saved.request.dataset, saved.tenant.as_deref(), json!({ "name": saved.name }))
}

/// P0002: another session was faster.
pub(super) fn dropped(saved: &Saved) -> Error {
    Error::new(Kind::NoDataFound, format!("saved export {} does not exist", shown(&saved.name)))
        .hint("Another session dropped it.")
}

impl Saved {
    /// Does something on the clock of the session that saved it.
    pub fn in_its_zone<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        let scope = guc::Scope::open();
        if guc::get("TimeZone").as_deref() != Some(&self.time_zone) {
            scope.set("TimeZone", &self.time_zone, guc::Rights::CurrentUser);
        }
        body()
    }
}

/// Locks a saved export until the transaction ends, so that starts of it see one another.
const LOCK: &str =
    "SELECT to_jsonb(generation) FROM acct_export.saved WHERE id = $1::bigint FOR NO KEY UPDATE";

/// The active run of the current role of a saved export that tells changes. Two at a time would both tell what has changed since the one
/// before them: from here on nobody else starts one.
pub fn active_run(saved: i64, generation: i64, request: &ExportRequest) -> Result<Option<String>> {
    if request.options.get(SINCE) != Some(&json!(LAST)) {
        return Ok(None);
    }
    let role = i64::from(identity::current_user());
    identity::as_owner(|| {
        let now = sql::change_latest::<i64>(LOCK, &[saved.into()])?;
        if now != Some(generation) {
            return Err(Error::new(
                Kind::NoDataFound,
                "the saved export was dropped or replaced in the meantime",
            )
            .hint("Start it again; acct_export_saved lists the saved exports that you can start."));
        }
        xact::with_latest_snapshot(|| sql::document(ACTIVE, &[generation.into(), role.into()]))
    })
}

/// 55006 for a run that is active.
pub fn already_active(job: &str) -> Error {
    Error::new(Kind::ObjectInUse, "a run of the saved export with changes_since is already active")
        .detail(format!("Job {job}."))
        .hint("Wait until it has ended with acct_export_wait, or cancel it with acct_export_cancel.")
}

/// The request of a run. Digests are made where they can be, for a later run that asks what has changed; `"changes_since": "last"` is since the
/// last run of the role. At the first run all rows are new. 55000 where somebody has deleted the digests of the last one.
pub fn request_of_run(generation: i64, request: &ExportRequest) -> Result<ExportRequest> {
    let mut asked = request.clone();
    asked.options.entry("digests").or_insert_with(|| json!("auto"));
    if asked.options.get(SINCE) == Some(&json!(LAST)) {
        let role = identity::current_user();
        let last = xact::with_latest_snapshot(|| identity::as_owner(|| digests::last_of(generation, role)))?;
        let since = match last {
            Some((job, true)) => job,
            Some((job, false)) => {
                return Err(Error::new(
                    Kind::NotInPrerequisiteState,
                    format!("the digests of the last run of the saved export, job {job}, were deleted"),
                )
                .hint("Save it again with acct_export_save and replace => true. Its next run has all rows as added."))
            }
            None => NOTHING.to_owned(),
        };
        asked.options.insert(SINCE.to_owned(), json!(since));
    }
    Ok(asked)
}

/// Keeps the job that was started last.
pub fn started(saved: &Saved, job: &str) -> Result<()> {
    identity::as_owner(|| {
        sql::run(STARTED, &[saved.id.into(), job.into()])?;
        mark(saved.generation, job)
    })
}

/// Marks a job as a run of a saved export, also where it has run already, in the session. As the owner.
pub(super) fn mark(generation: i64, job: &str) -> Result<()> {
    sql::run(STARTED_BY, &[generation.into(), job.into()])?;
    digests::replace_earlier(job)
}

pub(super) fn tell(event: &'static str, dataset: &str, tenant: Option<&str>, detail: Value) -> Result<()> {
    let mut event = Event::new(event, By::caller(), detail);
    event.dataset = Some(dataset.to_owned());
    event.tenant = tenant.map(str::to_owned);
    identity::as_owner(|| audit::record_plain(event))
}
