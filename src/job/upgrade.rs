//! Jobs of version 0.1.0, which captured the tenant as a text and knew of one tenant setting. What was not captured then is
//! missing now: a job whose session cannot be told is visible to superusers only.

use super::captured_session::CapturedSession;
use super::create;
use super::session::Session;
use crate::catalog::{load, reference, settings_read};
use crate::error::{Error, Kind, Result};
use crate::pg::{identity, xact};
use crate::request::ExportRequest;
use crate::settings;
use crate::tenant::{SessionTenant, TenantType};
use crate::value::text::hex;
use serde_json::{json, Map, Value};

/// A row of 0.1.0.
pub struct Job<'a> {
    pub dataset: &'a str,
    /// Role that asked, and session user.
    pub role: u32,
    pub login: u32,
    pub context: Value,
    pub request: Value,
}

impl Job<'_> {
    /// Columns of the row of 0.2.0, by name; hashes in hexadecimal.
    pub fn upgraded(self) -> Result<Value> {
        let asked: ExportRequest = serde_json::from_value(self.request).map_err(|_| unreadable("request"))?;
        let mut context = context(self.context, self.login, self.role)?;
        let session = session(self.dataset, self.login, &context)?;
        if let Some(own) = session.tenants.first() {
            context.tenant = own.clone();
        }
        let asker = create::asker(self.role, &context, &session);
        let columns = json!({
            "tenant_key": context.tenant.key(),
            "fingerprint": hex(&asked.fingerprint(&asker)),
            "rows_print": hex(&asked.rows_print(&session.reader(self.role))),
            "session": session,
        });
        context.session = Some(session);
        let mut columns: Map<String, Value> =
            serde_json::from_value(columns).map_err(|_| unreadable("session"))?;
        columns.insert("context".to_owned(), json!(context));
        Ok(Value::Object(columns))
    }
}

/// 0.1.0 read as the requesting role; from 0.2.0 on the session user is the login, which had taken on the role if it may.
fn context(mut old: Value, login: u32, role: u32) -> Result<CapturedSession> {
    let tenant_setting = settings::tenant_setting();
    let set = old.get("tenant").and_then(Value::as_str).map(str::to_owned);
    let tenant = SessionTenant::new(tenant_setting.clone(), TenantType::default(), set)?;
    let fields = old.as_object_mut().ok_or_else(|| unreadable("context"))?;
    fields.insert("tenant".to_owned(), json!(tenant));
    fields.insert("tenant_setting".to_owned(), json!(tenant_setting));
    for (name, default) in
        [("settings", json!([])), ("time_zone", json!("UTC")), ("bounds", json!({})), ("asked_at", json!(""))]
    {
        fields.entry(name).or_insert(default);
    }
    fields.insert("login".to_owned(), json!(identity::role_name(login).unwrap_or_default()));
    let has_taken_on = login != role && identity::was_granted(login, role) || identity::is_superuser(login);
    fields.insert("role_taken_on".to_owned(), json!(Some(role).filter(|_| has_taken_on && login != role)));
    let mut context: CapturedSession = serde_json::from_value(old).map_err(|_| unreadable("context"))?;
    // One that was captured under another name of the setting since.
    let is_captured = |(name, _): &(String, String)| name.eq_ignore_ascii_case(&context.tenant_setting);
    if let (Some(set), false) = (&context.tenant.set, context.settings.iter().any(is_captured)) {
        let captured = (context.tenant_setting.clone(), set.clone());
        context.settings.push(captured);
    }
    Ok(context)
}

/// The tenants of all datasets in the job, the own one first, and the further settings that were captured.
fn session(dataset: &str, login: u32, context: &CapturedSession) -> Result<Session> {
    let referred: Vec<String> =
        reference::of(dataset)?.into_iter().map(|reference| reference.target.dataset).collect();
    let names = std::iter::once(dataset)
        .chain(context.included.iter().map(String::as_str))
        .chain(referred.iter().map(String::as_str));
    let mut tenants = Vec::new();
    let mut reads_login = false;
    for name in names {
        reads_login = reads_login || depends_on_login(name)?;
        let tenant = context.tenant_of(name)?;
        if !tenants.contains(&tenant) {
            tenants.push(tenant);
        }
    }
    let is_tenant =
        |name: &str| tenants.iter().any(|tenant: &SessionTenant| tenant.setting.eq_ignore_ascii_case(name));
    let further = settings::session_settings().into_iter().filter(|name| !is_tenant(name));
    let captured = |name: String| {
        let (_, value) = context.settings.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name))?;
        Some((name.to_lowercase(), value.clone()))
    };
    let settings = further.filter_map(captured).collect();
    Ok(Session { tenants, settings, login: Some(login).filter(|_| reads_login) })
}

/// True if the rows depend on the session user, and where that cannot be told: the dataset or its source is gone.
fn depends_on_login(dataset: &str) -> Result<bool> {
    match xact::attempt(|| settings_read::reads_login(&load::load_named(dataset)?.lineage)) {
        Err(failure) if failure.is_of_server() => Err(failure.into_error()),
        outcome => Ok(outcome.unwrap_or(true)),
    }
}

fn unreadable(what: &str) -> Error {
    Error::new(Kind::DataCorrupted, format!("the {what} of an export job cannot be read"))
}
