//! A spool that finds no room: the export fails with what mends it, nothing is left, and the next one is made.

use support::asking;

use postgres::Client;
use support::asking::{completed, exported, start, text};
use support::common::{shared, unique, wait_for_job};
use support::jobs::disk::Disk;
use support::jobs::{assert_nothing, assert_tidy};

/// Dataset `noise`: 10,000 rows of 320 bytes that no packing halves; superuser and requester.
fn noise() -> (String, Client, Client) {
    let db = shared().create_database_with_extension("disk");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN;
             CREATE TABLE t (id int PRIMARY KEY);
             INSERT INTO t SELECT generate_series(1, 10000);
             CREATE VIEW noise WITH (security_invoker) AS
                 SELECT id, (SELECT string_agg(md5((t.id * 10 + n)::text), '') FROM generate_series(1, 10) AS n) AS note FROM t;
             GRANT SELECT ON t, noise TO {role};
             SELECT acct_export_register('noise', 'noise', 'id')"
        ))
        .unwrap();
    let requester = shared().connect(&db, &role);
    (db, superuser, requester)
}

const WAYS: [&str; 5] = [
    "'noise', 'csv'",
    "'noise', 'ndjson'",
    "'noise', 'xlsx'",
    "'noise', 'xlsx', options => '{\"compact\":true}'",
    "'noise', 'json', options => '{\"compression\":\"gzip\"}'",
];

/// The export fails with this SQLSTATE and says `hint`.
#[track_caller]
fn fails(superuser: &mut Client, client: &mut Client, way: &str, sqlstate: &str, hint: &str) -> String {
    let job = start(client, way);
    let row = wait_for_job(client, &job);
    let (status, code, error): (String, Option<String>, Option<String>) =
        (row.get("status"), row.get("error_code"), row.get("error"));
    let error = error.unwrap_or_default();
    assert_eq!((status.as_str(), code.as_deref()), ("failed", Some(sqlstate)), "{way}: {error}");
    assert!(error.contains(hint), "{way}: {error}");
    assert_nothing(superuser, &job);
    job
}

#[test]
fn a_full_disk() {
    let Some(disk) = Disk::mount(1) else {
        eprintln!("not tested: file systems cannot be mounted here");
        return;
    };
    let (db, mut superuser, mut client) = noise();
    let place = disk.path().display();
    superuser
        .batch_execute(&format!("ALTER DATABASE {db} SET acct_export.spool_directory = '{place}'"))
        .unwrap();
    let mut failed = Vec::new();
    for way in WAYS {
        failed.push(fails(&mut superuser, &mut client, way, "53100", "acct_export.spool_directory"));
        disk.is_empty();
        // A request within the limit is made.
        let few = format!("{way}, filter => '{{\"id\":{{\"lt\":100}}}}'");
        completed(&mut client, &few);
    }
    // Without a background, in the caller's session and as their error.
    superuser.batch_execute(&format!("ALTER DATABASE {db} SET acct_export.async = off")).unwrap();
    let role = text(&mut client, "SELECT current_user::text").unwrap();
    let mut other = shared().connect(&db, &role);
    let error = asking::refusal(&mut other, "SELECT acct_export_start('noise', 'csv')::text");
    assert_eq!(error.sqlstate, "53100", "{error:?}");
    assert!(error.hint.is_some_and(|hint| hint.contains("acct_export.spool_directory")));
    disk.is_empty();
    // With more room the same request goes through.
    disk.grow(64);
    for job in failed {
        let again = text(&mut client, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
        let row = wait_for_job(&mut client, &again);
        assert_eq!(
            row.get::<_, String>("status"),
            "completed",
            "{:?}",
            row.get::<_, Option<String>>("error")
        );
    }
    disk.is_empty();
    assert_tidy(&mut superuser, shared());
}

#[test]
fn the_servers_limit_on_temporary_files() {
    let (db, mut superuser, mut client) = noise();
    superuser.batch_execute(&format!("ALTER DATABASE {db} SET temp_file_limit = '1MB'")).unwrap();
    for way in WAYS {
        fails(&mut superuser, &mut client, way, "53400", "temp_file_limit");
    }
    assert!(!exported(&mut client, "'noise', 'csv', filter => '{\"id\":{\"lt\":1000}}'").is_empty());
    assert_tidy(&mut superuser, shared());
}
