//! The session that asked for a job, as far as it decides who sees the job.
//!
//! Where a policy or a view of the source reads the login (`session_user`), the job is visible to sessions of that login only. Elsewhere
//! the login is not compared: members of the requesting role see its jobs, whoever they log in as.
//!
//! A policy can read any setting: where roles are shared, the settings say who a person is. So a job is visible only in a session
//! in which the tenant's setting and each of `acct_export.session_settings` have the values that they had when it was asked for.
//! The captured list decides: a setting that was removed from `acct_export.session_settings` since is still compared. A setting that was
//! added since was not captured, so its value at that time is unknown, and the job is visible to superusers only.

use crate::pg::{guc, identity};
use crate::settings;
use crate::tenant::SessionTenant;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use std::collections::BTreeMap;

/// Stored with the job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Of the dataset and of those that ride along or are referred to.
    pub tenants: Vec<SessionTenant>,
    /// The further settings by their names in lower case; empty where one was not set.
    pub settings: BTreeMap<String, String>,
    /// The session user, where the rows depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<u32>,
}

impl Session {
    /// Captures from the caller's session. `reads_login`: the rows depend on the session user.
    pub fn capture(tenants: impl IntoIterator<Item = SessionTenant>, reads_login: bool) -> Session {
        let mut distinct: Vec<SessionTenant> = Vec::new();
        for tenant in tenants {
            if !distinct.contains(&tenant) {
                distinct.push(tenant);
            }
        }
        let is_tenant = |name: &str| distinct.iter().any(|tenant| tenant.setting.eq_ignore_ascii_case(name));
        let further = settings::session_settings().into_iter().filter(|name| !is_tenant(name));
        let settings = further.map(|name| {
            let value = guc::get(&name).unwrap_or_default();
            (name.to_lowercase(), value)
        });
        let settings = settings.collect();
        Session { tenants: distinct, settings, login: reads_login.then(identity::session_user) }
    }

    /// True if the caller's session has the same tenants set.
    pub fn is_of_tenant(&self) -> bool {
        self.tenants.iter().all(SessionTenant::is_set_here)
    }

    /// True if all settings that count now were captured.
    fn has_all_settings(&self) -> bool {
        let is_captured = |name: &String| {
            self.settings.contains_key(&name.to_lowercase())
                || self.tenants.iter().any(|tenant| tenant.setting.eq_ignore_ascii_case(name))
        };
        settings::session_settings().iter().all(is_captured)
    }

    /// True if the caller's session has the same tenants, the same values of all other settings and, where it counts, the same login.
    pub fn is_here(&self) -> bool {
        let is_same = |(name, value): (&String, &String)| guc::get(name).unwrap_or_default() == *value;
        self.is_of_tenant()
            && self.login.is_none_or(|login| login == identity::session_user())
            && self.settings.iter().all(is_same)
            && self.has_all_settings()
    }

    /// The same names with the values of the caller's session. None: a setting counts now that was not captured then, so that nobody but a
    /// superuser sees the jobs of it.
    pub fn here(&self) -> Option<Session> {
        if !self.has_all_settings() {
            return None;
        }
        let now = |tenant: &SessionTenant| {
            SessionTenant::new(tenant.setting.clone(), tenant.ty.clone(), guc::get(&tenant.setting)).ok()
        };
        let tenants = self.tenants.iter().map(now).collect::<Option<Vec<_>>>()?;
        let value = |name: &String| (name.clone(), guc::get(name).unwrap_or_default());
        let settings = self.settings.keys().map(value).collect();
        Some(Session { tenants, settings, login: self.login.map(|_| identity::session_user()) })
    }

    /// The names and types, without the values.
    pub fn shape(&self) -> Value {
        let tenants: Vec<Value> =
            self.tenants.iter().map(|tenant| json!([tenant.setting, tenant.ty])).collect();
        let settings: Vec<&String> = self.settings.keys().collect();
        json!({ "tenants": tenants, "settings": settings, "login": self.login.is_some() })
    }

    /// True if setting and type of a dataset's tenant are among the captured ones.
    pub fn covers(&self, tenant: &SessionTenant) -> bool {
        self.tenants.iter().any(|known| known.setting == tenant.setting && known.ty == tenant.ty)
    }

    /// The reader of rows as a document: a role in this session.
    pub fn reader(&self, role: u32) -> Value {
        json!({ "role": role, "session": self.print() })
    }

    /// Its part of a request's fingerprint.
    pub fn print(&self) -> Value {
        let tenants: Vec<Value> =
            self.tenants.iter().map(|tenant| json!([tenant.setting, tenant.ty, tenant.key()])).collect();
        let mut print = json!({ "tenants": tenants, "settings": self.settings });
        if let Some(login) = self.login {
            print["login"] = login.into();
        }
        print
    }
}
