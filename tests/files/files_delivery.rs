//! Taking the file and losing it: names, media types, hashes, three ways to the same bytes, deletion, expiry, the words of
//! the status.

use support::asking;

use std::time::Duration;

use postgres::Client;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use support::asking::{column, completed, file, refusal, refused, start, status, text, Gate};
use support::common::{
    error_of, shared, unique, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants,
};
use support::jobs::wait_until_idle;

fn of_file(client: &mut Client, job: &str) -> Value {
    let files: Value = status(client, job).get("files");
    assert_eq!(files.as_array().map(Vec::len), Some(1), "{files}");
    files[0].clone()
}

#[test]
fn files_are_what_the_status_says_and_the_same_in_every_way() {
    let app = TwoTenants::with_users(shared(), 20);
    // Enough for several chunks of a megabyte.
    app.superuser()
        .batch_execute("UPDATE app.users SET name = (SELECT string_agg(md5(id::text || n), '') FROM generate_series(1, 6000) AS n)")
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for (format, media_type) in [
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("csv", "text/csv"),
        ("ndjson", "application/x-ndjson"),
        ("json", "application/json"),
    ] {
        let job = completed(&mut client, &format!("'users', '{format}'"));
        let bytes = file(&mut client, &job);
        let told = of_file(&mut client, &job);
        assert_eq!(
            (&told["file"], &told["rows"], &told["status"]),
            (&json!(1), &json!(18), &json!("stored"))
        );
        assert_eq!(told["bytes"], json!(bytes.len()));
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told["sha256"], json!(hash));
        assert!(told["media_type"].as_str().unwrap().starts_with(media_type), "{told}");
        let name = told["name"].as_str().unwrap();
        assert!(name.starts_with("users-2") && name.ends_with(&format!(".{format}")), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.'), "{name}");

        let chunks =
            client.query(&format!("SELECT chunk, data FROM acct_export_chunks('{job}')"), &[]).unwrap();
        let numbers: Vec<i32> = chunks.iter().map(|row| row.get(0)).collect();
        assert_eq!(numbers, (1..=chunks.len() as i32).collect::<Vec<_>>());
        let joined: Vec<u8> = chunks.iter().flat_map(|row| row.get::<_, Vec<u8>>(1)).collect();
        assert!(joined == bytes, "{format}: chunks are not the file");
        if format == "csv" {
            assert!(chunks.len() > 2, "{} chunks", chunks.len());
        }
        let object: u32 =
            client.query_one(&format!("SELECT acct_export_large_object('{job}')"), &[]).unwrap().get(0);
        let copied: Vec<u8> = client.query_one("SELECT lo_get($1)", &[&object]).unwrap().get(0);
        assert!(copied == bytes, "{format}: the large object is not the file");
        let owner =
            format!("SELECT lomowner::regrole::text FROM pg_largeobject_metadata WHERE oid = {object}");
        assert_eq!(text(&mut client, &owner).as_deref(), Some(app.login.as_str()));
        let stranger = error_of(app.session(&app.nologin, 0).query("SELECT lo_get($1)", &[&object]));
        assert_eq!(stranger.sqlstate, "42501");
        client.execute("SELECT lo_unlink($1)", &[&object]).unwrap();
    }
}

/// Every way to the bytes is a download in the audit trail, with who took it.
#[test]
fn every_reading_is_audited() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET app.user_id = 'anna'").unwrap();
    let job = completed(&mut client, "'users', 'csv', reason => 'why not'");
    client.batch_execute("SET app.user_id = 'berta'").unwrap();
    file(&mut client, &job);
    client.query(&format!("SELECT * FROM acct_export_chunks('{job}')"), &[]).unwrap();
    client.query(&format!("SELECT acct_export_large_object('{job}')"), &[]).unwrap();
    client.query(&format!("SELECT acct_export_delete('{job}')"), &[]).unwrap();
    refusal(&mut client, &format!("SELECT acct_export_file('{job}')"));
    let trail = format!("SELECT concat_ws(' ', event, actor, role, tenant) FROM acct_export_audit WHERE job_id = '{job}' ORDER BY id");
    let (role, tenant) = (&app.login, &app.tenants[0]);
    let event = |event: &str, actor: &str| format!("user.bulk_export{event} {actor} {role} {tenant}");
    assert_eq!(
        column(&mut app.superuser(), &trail),
        [
            event(".requested", "anna"),
            event("", "anna"),
            event(".downloaded", "berta"),
            event(".downloaded", "berta"),
            event(".downloaded", "berta"),
            event(".deleted", "berta"),
        ]
    );
    assert_eq!(
        column(&mut app.superuser(), "SELECT event FROM acct_export_audit_verify()"),
        Vec::<String>::new()
    );
}

#[test]
fn deleted_files_are_gone_and_the_record_stays() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    let delete = format!("SELECT acct_export_delete('{job}')::text");
    assert_eq!(text(&mut client, &delete).as_deref(), Some("true"));
    let told = of_file(&mut client, &job);
    assert_eq!((&told["status"], &told["rows"]), (&json!("deleted"), &json!(5)));
    assert_eq!(status(&mut client, &job).get::<_, String>("status"), "expired");
    let error = refused(
        &mut client,
        &format!("SELECT acct_export_file('{job}')"),
        "55000",
        &job,
        "acct_export_start",
    );
    assert!(error.message.contains("deleted"), "{error:?}");
    assert_eq!(text(&mut client, &delete).as_deref(), Some("false"));
    let kept = text(
        &mut app.superuser(),
        &format!("SELECT count(*)::text FROM acct_export.chunk WHERE job = '{job}'"),
    );
    assert_eq!(kept.as_deref(), Some("0"));
    // A rollback brings it back: nothing was removed outside the transaction.
    let job = completed(&mut client, "'users', 'csv'");
    client.batch_execute(&format!("BEGIN; SELECT acct_export_delete('{job}'); ROLLBACK")).unwrap();
    assert!(!file(&mut client, &job).is_empty());
}

/// On a server without the launcher, so that nobody purges but this test.
#[test]
fn files_expire() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default())));
    let app = TwoTenants::with_users(cluster, 5);
    let mut superuser = app.superuser();
    let mut client = app.session(&app.login, 0);
    let kept = completed(&mut client, "'users', 'json'");
    let sql = format!("SELECT (expires_at - finished_at)::text FROM acct_export_status('{kept}')");
    assert!(text(&mut client, &sql).unwrap().starts_with("7 days"));

    wait_until_idle(&mut superuser); // a worker that is there has the old setting
    superuser.batch_execute(&format!("ALTER DATABASE {} SET acct_export.retention = '0'", app.db)).unwrap();
    let job = start(&mut client, "'users', 'csv'");
    // Its time is over at once, whether somebody has swept or not.
    let row = wait_for_job(&mut client, &job);
    assert_eq!((row.get::<_, String>("status"), row.get::<_, i64>("rows_done")), ("expired".into(), 5));
    for way in ["file", "large_object"] {
        let sql = format!("SELECT acct_export_{way}('{job}')");
        let error = refused(&mut client, &sql, "55000", &job, "acct_export_start");
        assert!(error.message.contains("expired"), "{error:?}");
    }
    // The worker may have purged it already, but nobody purges twice.
    let purge = "SELECT acct_export_purge()::text";
    let first = text(&mut superuser, purge).unwrap();
    assert!(["0", "1"].contains(&first.as_str()), "{first}");
    assert_eq!(text(&mut superuser, purge).as_deref(), Some("0"));
    assert_eq!(status(&mut client, &job).get::<_, String>("status"), "expired");
    assert_eq!(of_file(&mut client, &job)["status"], json!("expired"));
    refused(&mut client, &format!("SELECT acct_export_file('{job}')"), "55000", &job, "acct_export_start");
    let chunks = format!("SELECT count(*)::text FROM acct_export.chunk WHERE job = '{job}'");
    assert_eq!(text(&mut superuser, &chunks).as_deref(), Some("0"));
    assert!(!file(&mut client, &kept).is_empty(), "purged before its time");
    let purged =
        format!("SELECT event FROM acct_export_audit WHERE job_id = '{job}' AND event LIKE '%purged'");
    assert_eq!(column(&mut superuser, &purged), ["user.bulk_export.purged"]);
    // Records go when their own time is over, the trail stays.
    superuser.batch_execute("SET acct_export.history = '0'; SELECT acct_export_purge()").unwrap();
    refused(&mut client, &format!("SELECT status FROM acct_export_status('{job}')"), "P0002", &job, "");
    assert_eq!(column(&mut superuser, &purged), ["user.bulk_export.purged"]);
    assert_eq!(status(&mut client, &kept).get::<_, String>("status"), "completed");
}

#[test]
fn the_words_of_the_status() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let words = |client: &mut Client, job: &str| {
        let row = status(client, job);
        (
            row.get::<_, String>("status"),
            row.get::<_, Option<String>>("stage"),
            row.get::<_, String>("message"),
            row.get::<_, i32>("percent"),
        )
    };
    client.batch_execute("BEGIN").unwrap();
    let job = start(&mut client, "'users', 'csv'");
    assert_eq!(words(&mut client, &job), ("queued".into(), None, "Preparing user export".into(), 0));
    client.batch_execute("COMMIT").unwrap();
    let row = wait_for_job(&mut client, &job);
    assert_eq!(words(&mut client, &job), ("completed".into(), None, "Export complete!".into(), 100));
    assert_eq!((row.get::<_, i64>("rows_done"), row.get::<_, Option<i64>>("rows_total")), (5, Some(5)));
    assert_eq!(
        (row.get::<_, Option<String>>("error"), row.get::<_, Option<String>>("error_code")),
        (None, None)
    );
    assert_eq!(row.get::<_, Option<i32>>("seconds_left").unwrap_or(0), 0);
    let times = format!(
        "SELECT (created_at <= started_at AND started_at <= as_of AND as_of <= finished_at AND finished_at < expires_at)::text
         FROM acct_export_status('{job}')"
    );
    assert_eq!(text(&mut client, &times).as_deref(), Some("true"));

    let gate = Gate::close(&app);
    let job = start(&mut client, "'users', 'json'");
    asking::wait_for_status(&mut client, &job, "running");
    wait_until(Duration::from_secs(20), "the job reads", || {
        words(&mut client, &job).1.as_deref() == Some("reading")
    });
    let reads = words(&mut client, &job);
    assert_eq!(reads, ("running".into(), Some("reading".into()), "Preparing user export".into(), 0));
    client.query(&format!("SELECT acct_export_cancel('{job}')"), &[]).unwrap();
    assert_eq!(wait_for_job(&mut client, &job).get::<_, String>("status"), "cancelled");
    gate.open();

    let role = unique("poor");
    app.superuser()
        .batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON app.users TO {role}"))
        .unwrap();
    let mut poor = app.session(&role, 0);
    poor.batch_execute("BEGIN").unwrap();
    let job = start(&mut poor, "'users', 'csv'");
    app.superuser().batch_execute(&format!("REVOKE SELECT ON app.users FROM {role}")).unwrap();
    poor.batch_execute("COMMIT").unwrap();
    wait_for_job(&mut poor, &job);
    let (status, stage, message, _) = words(&mut poor, &job);
    assert_eq!(
        (status.as_str(), stage, message.as_str()),
        ("failed", None, "Export failed. Please try again.")
    );
}
