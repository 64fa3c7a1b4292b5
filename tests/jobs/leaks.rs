//! Hundreds of jobs and of streams leave nothing: no memory, no file handle, no segment, no portal.

use support::asking;
use support::common;

use std::fs;

use postgres::Client;
use support::asking::text;
use support::common::{shared, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{assert_tidy, wait_until_idle, LIMIT};

/// Anonymous memory of a process, in kB.
fn memory(pid: i32) -> i64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The open files of a process, without those of tables, which the server keeps to use again.
fn handles(pid: i32) -> Vec<String> {
    let targets = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let targets = targets.map(|target| target.to_string_lossy().into_owned());
    let table = |target: &str| {
        !target.ends_with(" (deleted)")
            && ["/data/base/", "/data/global/", "/data/pg_wal/", "/data/pg_xact/"]
                .iter()
                .any(|part| target.contains(part))
    };
    targets.filter(|target| !table(target)).collect()
}

/// Jobs of all formats, in gzip and not, some that fail and some that are cancelled; waits for the end of each.
fn mixed(client: &mut Client, numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut ended = Vec::new();
    for number in numbers {
        let (dataset, format, options) = match number % 8 {
            0 => ("users", "csv", "{}"),
            1 => ("users", "ndjson", "{}"),
            2 => ("users", "xlsx", "{}"),
            3 => ("users", "json", r#"{"compression":"gzip"}"#),
            4 => ("broken", "csv", "{}"),
            5 => ("broken", "xlsx", "{}"),
            6 => ("users", "xlsx", r#"{"compact":true}"#),
            _ => ("users", "csv", r#"{"compression":"gzip"}"#),
        };
        // No two are the same request.
        let filter = format!("{{\"id\":{{\"gt\":-{}}}}}", number + 1);
        let job = asking::start(
            client,
            &format!("'{dataset}', '{format}', options => '{options}', filter => '{filter}'"),
        );
        if number % 7 == 0 {
            client.query_one("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap();
        }
        ended.push(job);
    }
    ended.iter().map(|job| common::wait_for_job(client, job).get::<_, String>("status")).collect()
}

#[test]
fn jobs_leave_nothing() {
    // Segments of dynamic shared memory are files of the data directory here, and so can be counted.
    let options = ClusterOptions::preloaded().set("dynamic_shared_memory_type", "mmap");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = TwoTenants::with_users(cluster, 300);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE VIEW app.broken WITH (security_invoker) AS
                 SELECT id, tenant_id, 1 / (id - 300) AS amount FROM app.users;
             GRANT SELECT ON app.broken TO {};
             SELECT acct_export_register('broken', 'app.broken', 'id', tenant_column => 'tenant_id')",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let launcher: i32 = superuser
        .query_one("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_acctexport launcher'", &[])
        .unwrap()
        .get(0);
    let postmaster: i32 = fs::read_to_string(cluster.data().join("postmaster.pid"))
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let segments = || fs::read_dir(cluster.data().join("pg_dynshmem")).unwrap().count();
    let session: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);

    // Until plans and caches are as they stay, and the heap that they lie in.
    mixed(&mut client, 0..100);
    mixed(&mut client, 100..300);
    wait_until_idle(&mut superuser);
    let processes = [("launcher", launcher), ("postmaster", postmaster), ("session", session)];
    let before = processes.map(|(_, pid)| (handles(pid), memory(pid)));
    let segments_before = segments();
    let ended = mixed(&mut client, 300..500);
    wait_until_idle(&mut superuser);

    // All ways to end were among them.
    for status in ["completed", "failed", "cancelled"] {
        let count = ended.iter().filter(|ended| *ended == status).count();
        assert!(count >= 20, "{count} jobs {status}");
    }
    for ((name, pid), (handles_before, memory_before)) in processes.into_iter().zip(before) {
        wait_until(LIMIT, &format!("the {name} has open but {handles_before:?}: {:?}", handles(pid)), || {
            handles(pid).len() <= handles_before.len()
        });
        let grown = memory(pid) - memory_before;
        assert!(grown < 400, "the {name} has grown by {grown} kB from {memory_before}");
    }
    wait_until(LIMIT, "no shared memory is left", || segments() <= segments_before);
    let large_objects = "SELECT count(*)::text FROM pg_largeobject_metadata";
    assert_eq!(text(&mut superuser, large_objects).as_deref(), Some("0"));
    let locks =
        "SELECT count(*)::text FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype <> 'virtualxid'";
    wait_until(LIMIT, "no locks are left", || text(&mut superuser, locks).as_deref() == Some("0"));
    assert_tidy(&mut superuser, cluster);
    let temporary =
        fs::read_dir(cluster.data().join("base")).unwrap().map(|entry| entry.unwrap().file_name());
    let temporary: Vec<_> =
        temporary.filter(|name| name.to_string_lossy().starts_with("pgsql_tmp")).collect();
    assert!(temporary.len() <= 1, "{temporary:?}");
}

/// Memory that a session's contexts have, its portals, and what the process has beside.
fn taken(client: &mut Client, pid: i32) -> (i64, i64, i64) {
    let row = client
        .query_one(
            "SELECT sum(total_bytes)::bigint, count(*) FILTER (WHERE name = 'PortalContext')
             FROM pg_backend_memory_contexts",
            &[],
        )
        .unwrap();
    (row.get(0), row.get(1), memory(pid))
}

/// Runs rounds until one takes nothing that stays: a leak takes in each. Other sessions of the server may add to the caches of this
/// one in some round.
#[track_caller]
fn nothing_stays(client: &mut Client, pid: i32, mut round: impl FnMut(&mut Client)) {
    let mut grown = String::new();
    for _ in 0..3 {
        let (before, open) = (taken(client, pid), handles(pid));
        round(client);
        let (after, opened) = (taken(client, pid), handles(pid));
        assert_eq!(after.1, before.1, "portals");
        assert!(opened.len() <= open.len(), "{opened:?}, {open:?} before");
        if after.0 <= before.0 + before.0 / 33 && after.2 <= before.2 + before.2 / 20 + 300 {
            return;
        }
        grown = format!(
            "contexts: {} bytes, {} before; memory: {} kB, {} before",
            after.0, before.0, after.2, before.2
        );
    }
    panic!("each round takes more, the last one: {grown}");
}

#[test]
fn streams_leave_nothing_in_their_session() {
    let app = TwoTenants::with_users(shared(), 300);
    app.superuser().batch_execute(&format!("GRANT pg_read_all_stats TO {}", app.login)).unwrap();
    let mut client = app.session(&app.login, 0);
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let stream = |client: &mut Client, number: usize| {
        let way = ["acct_export_csv('users')", "acct_export_ndjson('users', anonymise => true)"][number % 2];
        let counted = format!("SELECT count(*)::text FROM (SELECT {way}) AS s");
        assert_eq!(text(client, &counted).unwrap(), ["271", "270"][number % 2]);
    };
    // To the end, in one transaction: not its end gives back what they took.
    client.batch_execute("BEGIN").unwrap();
    (0..20).for_each(|number| stream(&mut client, number));
    nothing_stays(&mut client, pid, |client| (0..200).for_each(|number| stream(client, number)));
    client.batch_execute("COMMIT").unwrap();
    // Left after a few rows, and with errors in the middle.
    let left = |client: &mut Client, number: usize| {
        let way = ["acct_export_csv('users')", "acct_export_ndjson('users')"][number % 2];
        assert_eq!(client.query(&format!("SELECT {way} LIMIT 3"), &[]).unwrap().len(), 3);
        let fails = format!(
            "SELECT 1 / (position('user7@' IN l) - 1) FROM (SELECT {way} AS l) AS s WHERE l LIKE '%user7@%'"
        );
        let _ = client.query(&fails, &[]);
        assert_eq!(
            asking::refusal(client, "SELECT acct_export_csv('users', fields => '{nope}')").sqlstate,
            "22023"
        );
    };
    (0..20).for_each(|number| left(&mut client, number));
    nothing_stays(&mut client, pid, |client| (0..100).for_each(|number| left(client, number)));
}

/// Rows that become large in the middle of a stream are fetched one by one.
#[test]
fn a_stream_gathers_no_more_than_it_has_to() {
    let db = shared().create_database_with_extension("gathers");
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY);
             INSERT INTO t SELECT generate_series(1, 300);
             CREATE VIEW v WITH (security_invoker) AS SELECT id, repeat('x', CASE WHEN id > 50 THEN 2000000 ELSE 10 END) AS note FROM t;
             SELECT acct_export_register('v', 'v', 'id')",
        )
        .unwrap();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    for way in ["acct_export_ndjson('v')", "acct_export_csv('v', options => '{\"order\":\"key\"}')"] {
        let counted = format!("SELECT count(*) || ' ' || sum(length(l)) FROM (SELECT {way} AS l) AS s");
        let found = text(&mut client, &counted).unwrap();
        assert!(found.starts_with("300 50") || found.starts_with("301 50"), "{found}");
    }
    // 500 MB went through; most of it at no time at once.
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150_000, "{peak} kB");
}
