//! The roles that may compare exports with acct_export_diff, its report, and its cost.

use postgres::Client;
use support::asking::{column, completed, refusal, refused, start, text};
use support::common::{shared, unique, TwoTenants};

fn sql(a: &str, b: &str) -> String {
    format!("SELECT * FROM acct_export_diff('{a}', '{b}')")
}

/// Refused with the two in either order.
#[track_caller]
fn both_ways(client: &mut Client, a: &str, b: &str, sqlstate: &str, named: &str, hint: &str) {
    for sql in [sql(a, b), sql(b, a)] {
        refused(client, &sql, sqlstate, named, hint);
    }
}

#[test]
fn only_what_the_caller_could_download() {
    let app = TwoTenants::with_users(shared(), 20);
    let mut client = app.session(&app.login, 0);
    let [one, other] = [(); 2].map(|()| completed(&mut client, "'users', 'csv'"));
    assert_eq!(
        column(&mut client, &format!("SELECT key FROM acct_export_diff('{one}', '{other}')")),
        Vec::<String>::new()
    );
    // Of the other tenant, of another role.
    let theirs = completed(&mut app.session(&app.login, 1), "'users', 'csv'");
    both_ways(&mut client, &one, &theirs, "P0002", &theirs, "acct_export_jobs");
    both_ways(&mut app.session(&app.nologin, 0), &one, &other, "P0002", "does not exist", "acct_export_jobs");
    // A superuser sees both, and may not mix the tenants either.
    both_ways(&mut app.superuser(), &one, &theirs, "22023", "different tenants", "one tenant");

    app.superuser().batch_execute(&format!("REVOKE SELECT ON app.users FROM {}", app.login)).unwrap();
    both_ways(&mut client, &one, &other, "42501", "app.users", "needs SELECT");
    let denied = "SELECT count(*)::text FROM acct_export.audit WHERE event = 'user.bulk_export.denied' AND detail ->> 'way' = 'diff'";
    // The four of strangers, who are told that there is no such job, and these two.
    assert_eq!(text(&mut app.superuser(), denied).as_deref(), Some("6"));
}

#[test]
fn both_files_are_downloads_in_the_audit_trail() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET app.user_id = 'anna'").unwrap();
    let jobs = ["csv", "xlsx"].map(|format| completed(&mut client, &format!("'users', '{format}'")));
    client.query(&sql(&jobs[0], &jobs[1]), &[]).unwrap();
    let told = column(
        &mut app.superuser(),
        "SELECT concat_ws(' ', job_id, actor, dataset, tenant, detail ->> 'file') FROM acct_export.audit
         WHERE event = 'user.bulk_export.downloaded' AND detail ->> 'way' = 'diff' ORDER BY id",
    );
    assert_eq!(told, jobs.each_ref().map(|job| format!("{job} anna users {} 1", app.tenants[0])));
    // Nothing is read where the audit event cannot be written.
    client.batch_execute("BEGIN READ ONLY").unwrap();
    refused(&mut client, &sql(&jobs[0], &jobs[1]), "25006", "read-only", "read-write transaction");
    client.batch_execute("ROLLBACK").unwrap();
}

#[test]
fn files_that_are_not_there() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let there = completed(&mut client, "'users', 'csv'");
    let gone = completed(&mut client, "'users', 'ndjson'");
    client.execute(&format!("SELECT acct_export_delete('{gone}')"), &[]).unwrap();
    both_ways(&mut client, &there, &gone, "55000", &gone, "acct_export_start");
    client.batch_execute("BEGIN").unwrap();
    let queued = start(&mut client, "'users', 'json'");
    refused(&mut client, &sql(&there, &queued), "55000", "not finished", "acct_export_wait");
    client.batch_execute("ROLLBACK").unwrap();
    for job in ["NULL, 'JOB'", "'JOB', NULL"] {
        let sql = format!("SELECT * FROM acct_export_diff({})", job.replace("JOB", &there));
        refused(&mut client, &sql, "22023", "job", "acct_export_jobs");
    }
}

#[test]
fn what_cannot_be_compared() {
    let db = shared().create_database_with_extension("unlike");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE TABLE t (id int PRIMARY KEY, a text, at timestamptz); INSERT INTO t VALUES (1, 'x', now());
             CREATE TABLE u (id int PRIMARY KEY, a text, at timestamptz);
             CREATE ROLE {role} LOGIN; GRANT SELECT ON t, u TO {role};
             SELECT acct_export_register('t', 't', 'id'), acct_export_register('u', 'u', 'id')"
        ))
        .unwrap();
    let mut client = shared().connect(&db, &role);
    let job = |client: &mut Client, arguments: &str| completed(client, arguments);
    let whole = job(&mut client, "'t', 'csv'");
    let other = job(&mut client, "'u', 'csv'");
    both_ways(&mut client, &whole, &other, "22023", "\"u\"", "one dataset");
    for fields in ["{id,a}", "{a,id,at}"] {
        let some = job(&mut client, &format!("'t', 'csv', fields => '{fields}'"));
        both_ways(&mut client, &whole, &some, "22023", "different fields", "same fields in the same order");
    }
    let keyless = job(&mut client, "'t', 'csv', fields => '{a}'");
    refused(
        &mut client,
        &sql(&keyless, &keyless),
        "22023",
        "does not contain the unmodified key",
        "key among the fields",
    );
    superuser.batch_execute("SELECT acct_export_set_field('t', 'id', mask => 'last4')").unwrap();
    let masked = job(&mut client, "'t', 'ndjson'");
    both_ways(&mut client, &whole, &masked, "22023", "does not contain the unmodified key", "neither masked");
    superuser.batch_execute("SELECT acct_export_set_field('t', 'id', mask => 'none')").unwrap();

    // Wall clocks of two zones; a text file tells the instants themselves.
    let [paris, tokyo] = ["Europe/Paris", "Asia/Tokyo"].map(|zone| {
        client.batch_execute(&format!("SET TimeZone = '{zone}'")).unwrap();
        job(&mut client, "'t', 'xlsx'")
    });
    both_ways(&mut client, &paris, &tokyo, "22023", "Asia/Tokyo", "same time zone");
    for workbook in [&paris, &tokyo] {
        assert!(client.query(&sql(&whole, workbook), &[]).unwrap().is_empty());
    }
    let [a, b] = ["Europe/Paris", "Asia/Tokyo"].map(|zone| {
        client.batch_execute(&format!("SET TimeZone = '{zone}'")).unwrap();
        job(&mut client, "'t', 'xlsx', fields => '{id,a}'")
    });
    assert!(client.query(&sql(&a, &b), &[]).unwrap().is_empty());
}

/// Files without the order of the key may hold rows of one key, or of none.
#[test]
fn keys_that_are_not_unique() {
    let db = shared().create_database_with_extension("twice");
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE t (id int UNIQUE, a text); INSERT INTO t VALUES (1, 'z');
             SELECT acct_export_register('t', 't', 'id');
             INSERT INTO t VALUES (NULL, 'S3CR3T'), (NULL, 'y')",
        )
        .unwrap();
    let unordered = "'t', 'csv', options => '{\"order\":\"none\"}'";
    let job = completed(&mut client, unordered);
    let error = refused(&mut client, &sql(&job, &job), "22023", "not unique", "neither null nor equal");
    assert!(!format!("{error:?}").contains("S3CR3T"));
    client.batch_execute("DELETE FROM t WHERE a = 'y'").unwrap();
    let job = completed(&mut client, unordered);
    assert_eq!(client.query(&sql(&job, &job), &[]).unwrap().len(), 0);
}

/// The most memory that the session's process has had, in kB.
fn most_memory(client: &mut Client) -> u64 {
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// 100,000 rows of 600 bytes: within work_mem and the buffers of files, not with the rows.
#[test]
fn memory_stays_level() {
    let db = shared().create_database_with_extension("large");
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY, a text, b text);
             INSERT INTO t SELECT n, repeat(md5(n::text), 9), repeat(md5((-n)::text), 9) FROM generate_series(1, 100000) AS n;
             SELECT acct_export_register('t', 't', 'id'); SET work_mem = '4MB'",
        )
        .unwrap();
    let old = ["csv", "xlsx"]
        .map(|format| completed(&mut client, &format!("'t', '{format}', fields => '{{id,a,b}}'")));
    client
        .batch_execute("DELETE FROM t WHERE id = 500; UPDATE t SET a = 'x' WHERE id IN (1, 77777); INSERT INTO t VALUES (100001, 'n', NULL)")
        .unwrap();
    let new = completed(&mut client, "'t', 'ndjson', options => '{\"compression\": \"gzip\"}'");
    let few = ["csv", "xlsx", "ndjson"].map(|format| {
        completed(&mut client, &format!("'t', '{format}', filter => '{{\"id\": {{\"lt\": 100}}}}'"))
    });
    for one in &few {
        assert!(client.query(&sql(one, &few[0]), &[]).unwrap().is_empty());
    }
    // Pages of the buffer cache that a process has looked at count as its own.
    client.query("SELECT count(md5(data)) FROM acct_export.chunk", &[]).unwrap();
    let before = most_memory(&mut client);
    for old in &old {
        let keys = column(
            &mut client,
            &format!("SELECT key || ' ' || change FROM acct_export_diff('{old}', '{new}') ORDER BY key::int"),
        );
        assert_eq!(keys, ["1 changed", "500 removed", "77777 changed", "100001 added"]);
    }
    let grown = most_memory(&mut client).saturating_sub(before);
    // The two files have 120 MB.
    assert!(grown < 48 * 1024, "{grown} kB more");
    // Rows that do not fit into memory are in temporary files, which the server bounds.
    client.batch_execute("SET temp_file_limit = '1MB'").unwrap();
    assert_eq!(refusal(&mut client, &sql(&old[0], &new)).sqlstate, "53400");
}
