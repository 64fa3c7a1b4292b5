//! The request as it was asked: the arguments of `acct_export_start`, stored as jsonb with the job and echoed
//! to REST.
//!
//! Invariants: nothing is interpreted and nothing is filled in, so what is echoed is what was typed; reading
//! what was written gives the same value. Dates and instants stay texts, which only the server compares. It
//! must not hold anything of the session: role, tenant and actor are stored beside it.

use super::Period;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Arguments of an export, by their names in SQL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportRequest {
    pub dataset: String,
    /// Empty for the streaming functions, which have no such argument.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// NULL elements are kept until `select_fields` refuses them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include: Option<Vec<Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_disabled: Option<bool>,
    #[serde(skip_serializing_if = "is_false")]
    pub anonymise: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub all_tenants: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl ExportRequest {
    /// The period, if one was asked for.
    ///
    /// Errors: 22023 for an unknown period, and for a period beside `start_date`, `end_date` or `since`,
    /// which would say twice where the export begins.
    pub fn period(&self) -> Result<Option<Period>> {
        let Some(text) = &self.period else { return Ok(None) };
        let period = Period::parse(text)?;
        let beside = [("start_date", &self.start_date), ("end_date", &self.end_date), ("since", &self.since)];
        if let Some((name, _)) = beside.iter().find(|(_, value)| value.is_some()) {
            return Err(Error::invalid(format!("period and {name} cannot be used together"))
                .hint("Pass either period, or start_date and end_date, or since."));
        }
        Ok(Some(period))
    }

    /// SHA-256 of what chooses the rows: requests of one print and one asker (role, captured session) read the same rows, in
    /// whatever form they are written.
    pub fn rows_print(&self, asker: &Value) -> [u8; 32] {
        let mut options = Map::new();
        if self.options.contains_key("changes_since") {
            // Not all of the rows.
            options.insert("changes_since".into(), Value::Bool(true));
        }
        let rows = ExportRequest {
            format: String::new(),
            fields: None,
            anonymise: false,
            destination: None,
            reason: None,
            options,
            ..self.clone()
        };
        rows.fingerprint(asker)
    }

    /// SHA-256 by which a twin of this request is found while it is queued or running.
    ///
    /// Two requests are twins when the same asker (role, actor, captured session) asks for the same, with the same reason:
    /// `notify_email` and `if_active` change nothing about the files and are left out, and keys of JSON values have no order.
    pub fn fingerprint(&self, asker: &Value) -> [u8; 32] {
        let mut asked = ExportRequest { notify_email: None, ..self.clone() };
        asked.options.remove("if_active");
        let mut document = Map::new();
        document.insert("asker".into(), asker.clone());
        // Every key of the struct is a string and every value plain data: this conversion has no way to fail.
        // Were there one, null would make more requests twins, never fewer, and only of one asker.
        document.insert("asked".into(), serde_json::to_value(&asked).unwrap_or(Value::Null));
        let mut text = String::new();
        canonical(&Value::Object(document), &mut text);
        Sha256::digest(text.as_bytes()).into()
    }
}

/// Writes JSON with the keys of every object sorted. Recurses as deep as the value, which its parser bounded
/// (128).
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
