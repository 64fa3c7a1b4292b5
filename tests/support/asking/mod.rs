//! Asking for exports as a client would: starting, waiting for the end, taking the file, being refused.

mod canary;
mod gate;
mod pause;
mod workbook;

pub use canary::{alive, hostile, with_canary};
pub use gate::Gate;
pub use pause::{asked_before, pausable};
pub use workbook::Workbook;

use postgres::{Client, Row};
use serde_json::Value;
use std::time::Duration;

use crate::common::{error_of, wait_for_job, wait_until, ServerError};

/// Starts an export; `arguments` are those of `acct_export_start` as SQL. Returns the job's id.
#[track_caller]
pub fn start(client: &mut Client, arguments: &str) -> String {
    let sql = format!("SELECT acct_export_start({arguments})::text");
    client.query_one(&sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
}

/// Starts an export and waits for its end, which has to be `completed`. Returns the job's id.
#[track_caller]
pub fn completed(client: &mut Client, arguments: &str) -> String {
    let job = start(client, arguments);
    let row = wait_for_job(client, &job);
    let (status, error): (String, Option<String>) = (row.get("status"), row.get("error"));
    assert_eq!((status.as_str(), error), ("completed", None), "{arguments}");
    job
}

/// The first file of a job.
#[track_caller]
pub fn file(client: &mut Client, job: &str) -> Vec<u8> {
    client
        .query_one("SELECT acct_export_file($1::text::uuid)", &[&job])
        .unwrap_or_else(|e| panic!("file of {job}: {e:?}"))
        .get(0)
}

/// The file of an export that is started, waited for and taken.
#[track_caller]
pub fn exported(client: &mut Client, arguments: &str) -> Vec<u8> {
    let job = completed(client, arguments);
    file(client, &job)
}

/// Rows of an ndjson file.
#[track_caller]
pub fn objects(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One row of `acct_export_status`.
#[track_caller]
pub fn status(client: &mut Client, job: &str) -> Row {
    client
        .query_one("SELECT * FROM acct_export_status($1::text::uuid)", &[&job])
        .unwrap_or_else(|e| panic!("status of {job}: {e:?}"))
}

/// Waits, half a minute at the most, until a job has this status.
#[track_caller]
pub fn wait_for_status(client: &mut Client, job: &str, wanted: &str) {
    wait_until(std::time::Duration::from_secs(30), &format!("job {job} is {wanted}"), || {
        status(client, job).get::<_, String>("status") == wanted
    });
}

/// First column of the first row, as text.
#[track_caller]
pub fn text(client: &mut Client, sql: &str) -> Option<String> {
    client.query_one(sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
}

/// The server's version: 15 to 18.
pub fn version(client: &mut Client) -> i32 {
    text(client, "SHOW server_version_num").unwrap().parse::<i32>().unwrap() / 10_000
}

/// First column of every row, as text.
#[track_caller]
pub fn column(client: &mut Client, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// The error that a statement ends with; names the statement where it does not fail.
#[track_caller]
pub fn refusal(client: &mut Client, sql: &str) -> ServerError {
    match client.query(sql, &[]) {
        Ok(rows) => panic!("should have failed, and gave {} rows: {sql}", rows.len()),
        failed => {
            let error = error_of(failed);
            // The error arrives before the server has rolled back; this is answered after it.
            if !client.is_closed() {
                client.batch_execute("").ok();
            }
            error
        }
    }
}

/// A statement that is refused with this SQLSTATE, its message naming `named`, its HINT saying `hint`.
#[track_caller]
pub fn refused(client: &mut Client, sql: &str, sqlstate: &str, named: &str, hint: &str) -> ServerError {
    let error = refusal(client, sql);
    assert_eq!(error.sqlstate, sqlstate, "{sql}: {error:?}");
    assert!(error.message.contains(named), "{sql}: the message does not name {named}: {error:?}");
    match &error.hint {
        Some(text) => assert!(text.contains(hint), "{sql}: the hint does not say {hint}: {error:?}"),
        None => panic!("{sql}: no hint: {error:?}"),
    }
    error
}

/// All functions that take a job, as statements on this one.
pub fn every_use_of(job: &str) -> Vec<String> {
    [
        "SELECT status FROM acct_export_status(JOB)",
        "SELECT acct_export_job(JOB)::text",
        "SELECT status FROM acct_export_wait(JOB, timeout => '1 second')",
        "SELECT acct_export_cancel(JOB)",
        "SELECT acct_export_retry(JOB)::text",
        "SELECT acct_export_approve(JOB)",
        "SELECT acct_export_file(JOB)",
        "SELECT count(*) FROM acct_export_chunks(JOB)",
        "SELECT acct_export_large_object(JOB)",
        "SELECT acct_export_delete(JOB)",
        "SELECT count(*) FROM acct_export_diff(JOB, JOB)",
    ]
    .map(|sql| sql.replace("JOB", job))
    .to_vec()
}

/// Values of one field, as text, of an export in any format and of the two streams: `(what it was, values)`.
#[track_caller]
pub fn values_every_way(
    client: &mut Client,
    dataset: &str,
    field: &str,
    arguments: &str,
) -> Vec<(String, Vec<String>)> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let of_objects = |rows: Vec<Value>| rows.iter().map(|row| plain(&row[field])).collect::<Vec<_>>();
    let of_csv = |bytes: &[u8]| -> Vec<String> {
        let mut reader = csv::Reader::from_reader(bytes);
        let headers = reader.headers().unwrap().clone();
        let place = headers.iter().position(|label| label == field).unwrap();
        reader.records().map(|record| record.unwrap()[place].to_owned()).collect()
    };
    let mut ways = Vec::new();
    for format in ["xlsx", "csv", "ndjson", "json"] {
        let bytes = exported(client, &format!("'{dataset}', '{format}'{arguments}"));
        let values = match format {
            "xlsx" => Workbook::open(bytes).column(field).iter().map(ToString::to_string).collect(),
            "csv" => of_csv(&bytes),
            "ndjson" => of_objects(objects(&bytes)),
            _ => of_objects(serde_json::from_slice(&bytes).unwrap()),
        };
        ways.push((format.to_owned(), values));
    }
    let lines = column(client, &format!("SELECT acct_export_csv('{dataset}'{arguments})"));
    ways.push(("csv stream".to_owned(), of_csv(lines.join("\n").as_bytes())));
    let lines = column(client, &format!("SELECT acct_export_ndjson('{dataset}'{arguments})"));
    ways.push(("ndjson stream".to_owned(), of_objects(objects(lines.join("\n").as_bytes()))));
    ways
}

/// Every way to ask for the selection `arguments` of dataset users.
pub fn asked_every_way(arguments: &str) -> [String; 4] {
    [
        format!("SELECT acct_export_start('users', 'csv', {arguments})::text"),
        format!("SELECT acct_export_start('users', {arguments})::text"),
        format!("SELECT acct_export_ndjson('users', {arguments})"),
        format!("SELECT * FROM acct_export_csv('users', {arguments})"),
    ]
}

/// Refused by jobs of two formats and by the streaming functions alike.
#[track_caller]
pub fn refused_every_way(client: &mut Client, arguments: &str, sqlstate: &str, named: &str, hint: &str) {
    for sql in asked_every_way(arguments) {
        refused(client, &sql, sqlstate, named, hint);
    }
}

/// Ends the time of all files, until this job's are purged.
pub fn expire(superuser: &mut Client, job: &str) {
    let all =
        "UPDATE acct_export.job SET expires_at = now() - interval '1 hour' WHERE expires_at IS NOT NULL";
    superuser.batch_execute(all).unwrap();
    let status = format!("SELECT status FROM acct_export_jobs WHERE job_id = '{job}'");
    wait_until(Duration::from_secs(60), "the files are purged", || {
        superuser.batch_execute("SELECT acct_export_purge()").unwrap();
        text(superuser, &status).as_deref() == Some("expired")
    });
}
