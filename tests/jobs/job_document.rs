//! A job as one document, `acct_export_job`, as it is served at `GET /v4/user-export-jobs/:jobId`: the same keys in every
//! state, what was asked, and nothing of the inside. Over HTTP it is in postgrest.rs.

use support::asking;
use support::jobs;

use chrono::DateTime;
use postgres::Client;
use serde_json::{json, Value};
use support::approval::Approval;
use support::asking::column;
use support::common::{shared, wait_for_job};
use support::jobs::{Hold, Phase};

const KEYS: [&str; 28] = [
    "actor",
    "as_of",
    "attempts",
    "bounds",
    "bytes_done",
    "bytes_total",
    "created_at",
    "dataset",
    "error",
    "error_code",
    "expires_at",
    "files",
    "finished_at",
    "format",
    "job_id",
    "message",
    "percent",
    "request",
    "requested_by",
    "rows_done",
    "rows_total",
    "seconds_left",
    "stage",
    "started_at",
    "status",
    "tenant",
    "time_zone",
    "wal_position",
];

/// The document, with what holds in every state checked.
#[track_caller]
fn document(client: &mut Client, job: &str, status: &str, message: &str) -> Value {
    let document: Value = client.query_one("SELECT acct_export_job($1::text::uuid)", &[&job]).unwrap().get(0);
    let mut keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, KEYS);
    assert_eq!(
        (&document["status"], &document["message"]),
        (&json!(status), &json!(message)),
        "{document:#}"
    );
    assert_eq!((&document["job_id"], &document["dataset"]), (&json!(job), &json!("users")));
    assert_eq!(document["request"]["dataset"], "users");
    assert!((0..=100).contains(&document["percent"].as_i64().unwrap()), "{document:#}");
    for time in ["created_at", "started_at", "finished_at", "expires_at", "as_of"] {
        if let Some(text) = document[time].as_str() {
            assert!(DateTime::parse_from_rfc3339(text).is_ok(), "{time}: {text}");
        } else {
            assert!(document[time].is_null() && time != "created_at", "{time}");
        }
    }
    // A file is there once the job is, an error where it failed.
    let files = document["files"].as_array().unwrap().len();
    assert_eq!(files, usize::from(matches!(status, "completed" | "expired")), "{document:#}");
    assert_eq!(document["error"].is_null(), status != "failed", "{document:#}");
    assert_eq!(document["stage"].is_null(), status != "running", "{document:#}");
    document
}

#[test]
fn the_same_keys_in_every_state() {
    let app = jobs::app(shared(), 50);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    client.batch_execute("SET app.user_id = 'anna'; SET TimeZone = 'Europe/Paris'").unwrap();
    client.batch_execute("BEGIN").unwrap();
    let asked = ", filter => '{\"status\": \"active\"}', fields => '{id,email}', period => 'last_year', reason => 'review',
                 options => '{\"bom\": true}'";
    let job = jobs::start(&mut client, "csv", asked);
    let queued = document(&mut client, &job, "queued", "Preparing user export");
    assert_eq!(
        queued["request"],
        json!({"dataset": "users", "format": "csv", "filter": {"status": "active"}, "fields": ["id", "email"],
               "period": "last_year", "reason": "review", "options": {"bom": true}})
    );
    assert_eq!(
        (&queued["requested_by"], &queued["actor"], &queued["tenant"]),
        (&json!(app.login), &json!("anna"), &json!(app.tenants[0]))
    );
    client.batch_execute("ROLLBACK").unwrap();

    let hold = Hold::at(Phase::Reading, &app);
    let job = jobs::start(&mut client, "json", "");
    jobs::wait_until_held(&mut superuser, &job, Phase::Reading);
    let running = document(&mut client, &job, "running", "Preparing user export");
    assert_eq!((&running["stage"], &running["attempts"]), (&json!("reading"), &json!(1)));
    let cancelled = jobs::start(&mut client, "csv", "");
    jobs::wait_until_held(&mut superuser, &cancelled, Phase::Reading);
    column(&mut client, &format!("SELECT acct_export_cancel('{cancelled}')::text"));
    wait_for_job(&mut client, &cancelled);
    let told = document(&mut client, &cancelled, "cancelled", "Export cancelled.");
    assert!(told["expires_at"].is_null() && told["finished_at"].is_string());
    hold.release();

    wait_for_job(&mut client, &job);
    let completed = document(&mut client, &job, "completed", "Export complete!");
    let file = &completed["files"][0];
    let mut keys: Vec<&str> = file.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["bytes", "file", "media_type", "name", "redacted", "rows", "sha256", "status"]);
    assert_eq!(
        (&file["file"], &file["status"], &file["rows"]),
        (&json!(1), &json!("stored"), &completed["rows_done"])
    );
    assert_eq!((&completed["percent"], &completed["rows_total"]), (&json!(100), &completed["rows_done"]));
    column(&mut client, &format!("SELECT acct_export_delete('{job}')::text"));
    let expired = document(&mut client, &job, "expired", "Export expired.");
    assert_ne!(expired["files"][0]["status"], "stored");
}

#[test]
fn failed_and_waiting_ones() {
    let scene = Approval::above(shared(), 3);
    let mut client = scene.requester();
    let waiting = scene.waiting();
    document(&mut client, &waiting, "awaiting_approval", "Waiting for approval");
    // To whom it is not visible it does not exist; who may approve it sees the same.
    document(&mut scene.approver(), &waiting, "awaiting_approval", "Waiting for approval");
    let sql = format!("SELECT acct_export_job('{waiting}')");
    asking::refused(&mut scene.app.session(&scene.app.login, 1), &sql, "P0002", &waiting, "acct_export_jobs");

    scene.set("max_rows => 2");
    let job = asking::start(&mut client, "'users', 'json'");
    wait_for_job(&mut client, &job);
    let failed = document(&mut client, &job, "failed", "Export failed. Please try again.");
    assert_eq!(failed["error_code"], "54000");
    assert!(failed["error"].as_str().unwrap().contains("max_rows"), "{failed:#}");
}
