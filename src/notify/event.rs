//! The message: the end of a job. The outbox keeps it as a JSON document; a webhook gets it as a CloudEvent.

use serde::{Deserialize, Serialize};

/// Instants are ISO 8601 in UTC.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    pub status: String,
    pub dataset: String,
    pub title: Option<String>,
    pub format: String,
    pub tenant: Option<String>,
    pub rows: Option<i64>,
    pub bytes: Option<i64>,
    pub files: Vec<File>,
    pub error_code: Option<String>,
    /// Title of the first companion that could not be exported.
    pub failed_part: Option<String>,
    /// The schedule that could not start the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    pub created_at: Option<String>,
    pub finished_at: Option<String>,
    pub expires_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Schedule {
    /// Of the saved export.
    pub name: String,
    pub disabled: bool,
    /// The message of the refusal, as `acct_export_start` would have it.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct File {
    pub file: i64,
    pub name: String,
    pub media_type: String,
    pub rows: i64,
    pub bytes: i64,
    /// None: it could not be made.
    pub sha256: Option<String>,
    pub status: String,
    pub error_code: Option<String>,
}

/// The event in the structured mode of CloudEvents 1.0 (JSON event format, section 3).
#[cfg(feature = "webhook")]
pub fn cloud_event(message: &super::Message, database: &str) -> serde_json::Value {
    let mut data = serde_json::json!({ "job": message.job });
    if let (Some(data), Ok(serde_json::Value::Object(event))) =
        (data.as_object_mut(), serde_json::to_value(&message.event))
    {
        data.extend(event);
    }
    serde_json::json!({
        "specversion": "1.0",
        "id": message.id,
        "source": format!("/pg_acctexport/{}", encoded(database)),
        "type": format!("pg_acctexport.export.{}", message.event.status),
        "subject": message.job,
        "time": message.at,
        "datacontenttype": "application/json",
        "data": data,
    })
}

/// A segment of a URI's path (RFC 3986, section 3.3): whatever is not unreserved is percent-encoded.
#[cfg(feature = "webhook")]
fn encoded(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(all(test, feature = "webhook"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::message::tests::message;
    use super::super::Channel;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cloud_event_has_the_required_attributes_and_the_files() {
        let told = cloud_event(&message(Channel::Webhook, "completed_with_errors"), "my app/ü");
        let attributes = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype"]
            .map(|name| &told[name]);
        assert_eq!(
            json!(attributes),
            json!([
                "1.0",
                "0190a1b2-0000-4000-8000-000000000001",
                "/pg_acctexport/my%20app%2F%C3%BC",
                "pg_acctexport.export.completed_with_errors",
                "c0ffee00-0000-4000-8000-000000000002",
                "2025-01-31T09:01:00.100000Z",
                "application/json"
            ])
        );
        let data = &told["data"];
        assert_eq!(
            (&data["job"], &data["rows"], &data["tenant"]),
            (&told["subject"], &json!(1234), &json!("t1"))
        );
        assert_eq!(data["files"][0]["sha256"], "ab");
        assert_eq!(
            (&data["files"][1]["status"], &data["files"][1]["error_code"]),
            (&json!("failed"), &json!("22012"))
        );
        // The address is for the mail server only.
        assert!(!told.to_string().contains("zoe@"));
    }
}
