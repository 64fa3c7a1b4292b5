//! A message as the outbox keeps it.

use super::event::Event;
use serde::Deserialize;

/// The channel of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Mail,
    Webhook,
}

impl Channel {
    pub fn name(self) -> &'static str {
        match self {
            Channel::Mail => "mail",
            Channel::Webhook => "webhook",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// A UUID, the same at each try.
    pub id: String,
    pub job: String,
    pub kind: Channel,
    pub server: u32,
    pub requested_by: u32,
    pub recipient: Option<String>,
    pub event: Event,
    /// The time of the event, ISO 8601 in UTC.
    pub at: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub mod tests {
    use super::*;
    use serde_json::json;

    /// An export of two files that went well, of which the second one failed where the status says so.
    pub fn message(kind: Channel, status: &str) -> Message {
        let failed = status == "completed_with_errors";
        let event = json!({
            "status": status, "dataset": "users", "title": "Users", "format": "csv", "tenant": "t1", "rows": 1234, "bytes": 56789,
            "error_code": (status == "failed" || failed).then_some("22012"), "failed_part": failed.then_some("State events"),
            "created_at": "2025-01-31T09:00:00.000000Z", "finished_at": "2025-01-31T09:01:00.000000Z",
            "expires_at": (status != "failed").then_some("2025-02-07T09:01:00.000000Z"),
            "files": if status == "failed" { json!([]) } else { json!([
                { "file": 1, "name": "users.csv", "media_type": "text/csv", "rows": 1234, "bytes": 56789, "sha256": "ab", "status": "stored" },
                { "file": 2, "name": "", "media_type": "text/csv", "rows": 0, "bytes": 0, "sha256": null, "status": "failed", "error_code": "22012" },
            ])},
        });
        serde_json::from_value(json!({
            "id": "0190a1b2-0000-4000-8000-000000000001", "job": "c0ffee00-0000-4000-8000-000000000002",
            "kind": kind.name(), "server": 5, "requested_by": 10, "recipient": "zoe@example.com", "event": event,
            "at": "2025-01-31T09:01:00.100000Z",
        }))
        .unwrap()
    }

    #[test]
    fn it_is_read_as_the_outbox_has_it() {
        let message = message(Channel::Mail, "failed");
        assert_eq!((message.kind, message.event.status.as_str()), (Channel::Mail, "failed"));
        assert!(message.event.files.is_empty());
    }
}
