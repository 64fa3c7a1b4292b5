//! The settings `acct_export.*`.
//!
//! All are for superusers: each touches safety or cost. `max_workers` is changed by a reload, because workers of
//! every session have to agree on it. Values are checked when they are set (`rules`).

mod rules;

use crate::error::{Error, Result};
use crate::pg::text_setting;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CString;
use std::path::PathBuf;
use std::time::Duration;

static TENANT_SETTING: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c"app.tenant_id"));
static ACTOR_SETTING: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"app.user_id"));
static SESSION_SETTINGS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static ASYNC: GucSetting<bool> = GucSetting::<bool>::new(true);
static MAX_WORKERS: GucSetting<i32> = GucSetting::<i32>::new(2);
static MAX_ACTIVE_PER_ROLE: GucSetting<i32> = GucSetting::<i32>::new(1000);
static MAX_ATTEMPTS: GucSetting<i32> = GucSetting::<i32>::new(3);
static RETENTION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"7 days"));
static HISTORY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"90 days"));
static JOB_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(0);
static MAX_ROWS: GucSetting<i32> = GucSetting::<i32>::new(0);
static SPOOL_DIRECTORY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

static MAIL_SERVER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// Defines all settings; called once when the library is loaded.
pub fn define() {
    let flags = GucFlags::default();
    text_setting::define::<rules::CustomName>(
        c"acct_export.tenant_setting",
        c"Name of the setting that contains the tenant.",
        c"Its value when an export is requested is the tenant of the job, and is set again when the job runs.",
        &TENANT_SETTING,
    );
    text_setting::define::<rules::CustomName>(
        c"acct_export.actor_setting",
        c"Name of the setting that contains the acting user of the application.",
        c"Its value is stored with the job and in the audit trail.",
        &ACTOR_SETTING,
    );
    text_setting::define::<rules::NameList>(
        c"acct_export.session_settings",
        c"Further settings that policies and views read, separated by commas.",
        c"Their values when an export is requested are set again when the job runs, with the rights of the requester.",
        &SESSION_SETTINGS,
    );
    text_setting::define::<rules::Period>(
        c"acct_export.retention",
        c"How long files are kept.",
        c"An interval, counted from the end of the export.",
        &RETENTION,
    );
    text_setting::define::<rules::Period>(
        c"acct_export.history",
        c"How long job records are kept.",
        c"An interval, counted from the end of the job.",
        &HISTORY,
    );
    text_setting::define::<rules::Directory>(
        c"acct_export.spool_directory",
        c"Directory of the temporary files of running exports.",
        c"An empty string means base/pgsql_tmp in the data directory. The files have no name and end with their process.",
        &SPOOL_DIRECTORY,
    );
    text_setting::define::<rules::ObjectName>(
        c"acct_export.mail_server",
        c"Name of the foreign server that sends the mails of exports.",
        c"It is needed if a requester may use several servers of acct_export_smtp. Workers read it, so set it for the database.",
        &MAIL_SERVER,
    );
    GucRegistry::define_bool_guc(
        c"acct_export.async",
        c"Runs exports in the background.",
        c"If off, acct_export_start runs the whole job in the session of the caller before it returns.",
        &ASYNC,
        GucContext::Suset,
        flags,
    );
    GucRegistry::define_int_guc(
        c"acct_export.max_workers",
        c"Maximum number of exports of one database that run at a time.",
        c"0 pauses the queue. One more export runs while one tenant or one role uses all worker slots and another one waits.",
        &MAX_WORKERS,
        0,
        1024,
        GucContext::Sighup,
        flags,
    );
    GucRegistry::define_int_guc(
        c"acct_export.max_active_per_role",
        c"Maximum number of queued and running exports of one role for one tenant.",
        c"0 means no limit. Superusers are not limited.",
        &MAX_ACTIVE_PER_ROLE,
        0,
        i32::MAX,
        GucContext::Suset,
        flags,
    );
    GucRegistry::define_int_guc(
        c"acct_export.max_attempts",
        c"Maximum number of attempts for a job that is interrupted by a crash.",
        c"After that the job fails.",
        &MAX_ATTEMPTS,
        1,
        100,
        GucContext::Suset,
        flags,
    );
    GucRegistry::define_int_guc(
        c"acct_export.job_timeout",
        c"Maximum duration of one export.",
        c"0 means no limit.",
        &JOB_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"acct_export.max_rows",
        c"Maximum number of rows of one export.",
        c"0 means no limit. An export with more rows fails; it is never truncated.",
        &MAX_ROWS,
        0,
        i32::MAX,
        GucContext::Suset,
        flags,
    );
    text_setting::defined();
}

fn string(setting: &GucSetting<Option<CString>>) -> String {
    setting.get().map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
}

pub fn tenant_setting() -> String {
    string(&TENANT_SETTING)
}

pub fn actor_setting() -> String {
    string(&ACTOR_SETTING)
}

/// Names of the DBA's further settings that policies rely on.
pub fn session_settings() -> Vec<String> {
    let names = string(&SESSION_SETTINGS);
    names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Names of all settings that are captured with a request: tenant, actor, the DBA's further ones. Datasets may name others that
/// carry their tenant (job/context.rs).
pub fn captured_settings() -> Vec<String> {
    let mut names = vec![tenant_setting(), actor_setting()];
    names.extend(session_settings());
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
}

/// Checks the name of a setting that is to carry the tenant of a dataset.
///
/// Errors: 22023.
pub fn check_custom_name(name: &str, what: &str) -> Result<()> {
    if rules::is_custom_name(name) {
        return Ok(());
    }
    Err(Error::invalid(format!("invalid setting name \"{}\" in {what}", name.escape_default()))
        .hint("Use a name like 'app.tenant_id': identifiers joined by dots, without the prefix acct_export."))
}

/// Empty: none is named.
pub fn mail_server() -> String {
    string(&MAIL_SERVER)
}

pub fn runs_in_background() -> bool {
    ASYNC.get()
}

pub fn max_workers() -> u32 {
    MAX_WORKERS.get().max(0).unsigned_abs()
}

/// None: no limit.
pub fn max_active_per_role() -> Option<u64> {
    Some(u64::from(MAX_ACTIVE_PER_ROLE.get().max(0).unsigned_abs())).filter(|limit| *limit > 0)
}

pub fn max_attempts() -> i64 {
    i64::from(MAX_ATTEMPTS.get())
}

/// Zero: no limit.
pub fn job_timeout() -> Duration {
    Duration::from_millis(u64::from(JOB_TIMEOUT.get().max(0).unsigned_abs()))
}

/// None: no limit.
pub fn max_rows() -> Option<u64> {
    Some(u64::from(MAX_ROWS.get().max(0).unsigned_abs())).filter(|limit| *limit > 0)
}

/// The directory of spool files; created if it is the default one.
pub fn spool_directory() -> Result<PathBuf> {
    let chosen = string(&SPOOL_DIRECTORY);
    if !chosen.is_empty() {
        let path = PathBuf::from(chosen);
        if !path.is_dir() {
            return Err(Error::invalid("acct_export.spool_directory is not a directory")
                .hint("Create it for the operating system user of the server, or reset the setting."));
        }
        return Ok(path);
    }
    let path = PathBuf::from(crate::pg::catalog::data_directory()).join("base").join("pgsql_tmp");
    if !path.is_dir() {
        std::fs::create_dir_all(&path)?;
    }
    Ok(path)
}

/// The time that files are kept, as text that `interval` reads.
pub fn retention() -> String {
    string(&RETENTION)
}

/// The time that job records are kept, as text that `interval` reads.
pub fn history() -> String {
    string(&HISTORY)
}
