//! One event, as far as it is known before it has a place in the chain.

use crate::error::Result;
use crate::pg::{client, guc, identity, sql, xact};
use crate::settings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Bytes of one value beyond which an event that an audit worker writes leaves it out: who is refused shall not fill shared memory
/// and the trail with a filter of a hundred megabytes.
const LARGEST: usize = 4096;

/// The actor of an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct By {
    pub role: String,
    pub actor: Option<String>,
    /// The session: who has logged in, from where, and what it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_addr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_name: Option<String>,
}

impl By {
    /// The caller; to be taken before the extension's owner acts.
    pub fn caller() -> By {
        By {
            role: identity::role_name(identity::current_user()).unwrap_or_default(),
            actor: guc::get(&settings::actor_setting()),
            login: identity::role_name(identity::session_user()),
            client_addr: client::address(),
            application_name: guc::get("application_name"),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Event {
    pub event: &'static str,
    /// Microseconds since 2000-01-01 UTC.
    at: i64,
    pub job: Option<String>,
    pub by: By,
    pub tenant: Option<String>,
    pub dataset: Option<String>,
    pub detail: Value,
}

impl Event {
    /// An event of this moment.
    pub fn new(event: &'static str, by: By, detail: Value) -> Event {
        Event { event, at: xact::now(), job: None, by, tenant: None, dataset: None, detail }
    }

    /// As it will stand in the table.
    pub(super) fn row(&self) -> Row {
        Row {
            event: self.event.to_owned(),
            at: self.at,
            job: self.job.clone(),
            actor: self.by.actor.clone(),
            role: self.by.role.clone(),
            tenant: self.tenant.clone(),
            dataset: self.dataset.clone(),
            detail: told(self.detail.clone()),
            login: self.by.login.clone(),
            client_addr: self.by.client_addr.clone(),
            application_name: self.by.application_name.clone(),
        }
    }

    /// Without what is too large, which `detail.left_out` names.
    pub(super) fn bounded(mut self) -> Event {
        let mut left_out = Vec::new();
        for (name, value) in
            [("actor", &mut self.by.actor), ("tenant", &mut self.tenant), ("dataset", &mut self.dataset)]
        {
            if value.as_ref().is_some_and(|text| text.len() > LARGEST) {
                *value = None;
                left_out.push(Value::from(name));
            }
        }
        if let Value::Object(detail) = &mut self.detail {
            if let Some(Value::Object(request)) = detail.get_mut("request") {
                shorten(request, &mut left_out);
            }
            shorten(detail, &mut left_out);
            if !left_out.is_empty() {
                detail.insert("left_out".into(), left_out.into());
            }
        }
        self
    }
}

/// A row of the table before it is sealed; so it goes to an audit worker. The detail is text there, which only jsonb reads again:
/// nothing that a request nests deeply stands in its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    event: String,
    at: i64,
    job: Option<String>,
    actor: Option<String>,
    role: String,
    tenant: Option<String>,
    dataset: Option<String>,
    detail: String,
    login: Option<String>,
    client_addr: Option<String>,
    application_name: Option<String>,
}

/// An INSERT of what a query gives, which names its columns as the table does. Each row has the hash of its own columns, until it has
/// a place in the chain.
macro_rules! insert {
    ($rows:literal) => {
        concat!(
            "
INSERT INTO acct_export.audit (at, event, job_id, actor, role, tenant, dataset, detail, login, client_addr, application_name, hash)
SELECT (n.event).at, (n.event).event, (n.event).job_id, (n.event).actor, (n.event).role, (n.event).tenant, (n.event).dataset,
       (n.event).detail, (n.event).login, (n.event).client_addr, (n.event).application_name,
       acct_export.audit_hash('\\x', 0, n.event)
  FROM (SELECT ROW(0, NULL, e.at, e.event, e.job_id, e.actor, e.role, e.tenant, e.dataset, e.detail, NULL,
                   e.login, e.client_addr, e.application_name)::acct_export.audit AS event
          FROM (",
            $rows,
            ") e
        OFFSET 0) n"
        )
    };
}
pub(crate) use insert;

const INSERT: &str = insert!(
    "SELECT timestamptz '2000-01-01 00:00:00+00' + $2 * interval '1 microsecond' AS at, $1 AS event, $3::uuid AS job_id, $4 AS actor,
            $5 AS role, $6 AS tenant, $7 AS dataset, $8::jsonb AS detail, $9 AS login, $10::inet AS client_addr,
            $11 AS application_name"
);

impl Row {
    /// As the owner; `hash_chain::at_commit` has to follow.
    pub(super) fn insert(&self) -> Result<()> {
        sql::run(
            INSERT,
            &[
                (&self.event).into(),
                self.at.into(),
                self.job.as_deref().into(),
                self.actor.as_deref().into(),
                (&self.role).into(),
                self.tenant.as_deref().into(),
                self.dataset.as_deref().into(),
                (&self.detail).into(),
                self.login.as_deref().into(),
                self.client_addr.as_deref().into(),
                self.application_name.as_deref().into(),
            ],
        )?;
        Ok(())
    }

    /// The text for the log: names and ids.
    pub(super) fn in_short(&self) -> String {
        let what = match (&self.job, &self.dataset) {
            (Some(job), _) => format!("export {job}"),
            (None, Some(dataset)) => format!("dataset \"{}\"", dataset.escape_default()),
            (None, None) => "an export".to_owned(),
        };
        format!("event {} of {what} by role \"{}\"", self.event, self.role)
    }
}

/// Four of the largest values in all, beside small ones.
fn shorten(members: &mut Map<String, Value>, left_out: &mut Vec<Value>) {
    let mut all = 0;
    members.retain(|name, value| {
        let size = name.len() + value.to_string().len();
        // The request has been shortened by itself.
        let keep = name == "request" || (size <= LARGEST && all + size <= 4 * LARGEST);
        if keep {
            all += size;
        } else {
            left_out.push(Value::from(name.chars().take(64).collect::<String>()));
        }
        keep
    });
}

/// A detail without what was not asked; nulls inside (`{"phone": null}` is a filter) stay.
pub fn told(mut detail: Value) -> String {
    if let Value::Object(members) = &mut detail {
        members.retain(|_, value| !value.is_null());
    }
    detail.to_string()
}
