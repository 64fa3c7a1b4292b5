//! Effects of one requester on the others' exports: floods, locks, signals and notifications.

use support::asking;

use std::time::Duration;

use support::asking::{column, completed, refusal, start, text, Gate};
use support::common::{shared, unique, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::scene::Scene;

/// Tried: more jobs than a role may have queued or running for a tenant, however that is written. Others are not held up, other
/// tenants of the same role neither, and a job that ended makes room.
#[test]
fn a_flood_of_jobs() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(
        ClusterOptions::preloaded()
            .set("acct_export.max_workers", "0")
            .set("acct_export.max_active_per_role", "5"),
    )));
    let app = TwoTenants::with_users(cluster, 3);
    let mut thief = app.session(&app.login, 0);
    let jobs: Vec<String> = (0..5)
        .map(|n| start(&mut thief, &format!("'users', 'csv', reason => 'flood', filter => '{{\"id\":{n}}}'")))
        .collect();
    let tenant = &app.tenants[0];
    for tenant in [tenant.clone(), tenant.to_uppercase(), format!("{{{tenant}}}"), tenant.replace('-', "")] {
        thief.batch_execute(&format!("SET app.tenant_id = '{tenant}'")).unwrap();
        let error = refusal(&mut thief, "SELECT acct_export_start('users', 'json')::text");
        assert_eq!(error.sqlstate, "53400", "{error:?}");
        assert!(error.hint.is_some(), "{error:?}");
    }
    assert_eq!(refusal(&mut thief, "SET acct_export.max_active_per_role = 1000").sqlstate, "42501");
    let mut other = app.session(&app.nologin, 1);
    let theirs = start(&mut other, "'users', 'csv'");
    let shared = start(&mut app.session(&app.login, 1), "'users', 'csv'");
    thief.batch_execute(&format!("SET app.tenant_id = '{}'", app.tenants[0])).unwrap();
    thief.batch_execute(&format!("SELECT acct_export_cancel('{}')", jobs[0])).unwrap();
    start(&mut thief, "'users', 'json'");
    cluster.set("acct_export.max_workers", "1");
    assert_eq!(wait_for_job(&mut other, &theirs).get::<_, &str>("status"), "completed");
    assert_eq!(wait_for_job(&mut app.superuser(), &shared).get::<_, &str>("status"), "completed");
}

/// Tried: NOTIFY on our channel with payloads of all kinds; nobody acts on one, and ours name a job and its status only.
#[test]
fn forged_notifications() {
    let mut scene = Scene::new();
    let mut thief = scene.thief();
    for payload in [
        "",
        "{",
        "{\"job\":null}",
        "{\"job\":\"00000000-0000-4000-8000-000000000000\",\"status\":\"cancelled\"}",
        "'; DROP TABLE app.users; --",
    ] {
        thief.execute("SELECT pg_notify('acct_export', $1)", &[&payload]).unwrap();
    }
    let job = completed(&mut thief, "'users', 'csv'");
    let heard: Vec<String> = scene
        .remains()
        .into_iter()
        .filter(|(what, _)| what == "NOTIFY acct_export")
        .map(|(_, text)| text)
        .collect();
    let ours: Vec<serde_json::Value> = heard
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .filter(|n: &serde_json::Value| n["job"] == job.as_str())
        .collect();
    assert!(ours.len() >= 2, "{heard:?}");
    for payload in ours {
        let keys: Vec<&String> = payload.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["job", "status"]);
    }
    scene.nothing_came_out();
}

/// Tried: ending, cancelling and locking out the worker from a session of the thief's.
#[test]
fn signals_and_locks_against_a_worker() {
    let mut scene = Scene::new();
    let gate = Gate::close(&scene.app);
    let mut other = scene.app.session(&scene.app.nologin, 1);
    let job = start(&mut other, "'users', 'csv', fields => '{id}'");
    wait_until(Duration::from_secs(20), "it reads", || {
        asking::status(&mut other, &job).get::<_, Option<&str>>("stage") == Some("reading")
    });
    let pid = text(
        &mut scene.app.superuser(),
        &format!("SELECT worker_pid::text FROM acct_export.job WHERE id = '{job}'"),
    )
    .unwrap();
    let mut thief = scene.thief();
    for signal in ["pg_terminate_backend", "pg_cancel_backend", "pg_log_backend_memory_contexts"] {
        assert_eq!(
            refusal(&mut thief, &format!("SELECT {signal}({pid})::text")).sqlstate,
            "42501",
            "{signal}"
        );
    }
    // Every advisory lock that is held, taken again under the same numbers: none of ours can be named.
    let ours = "SELECT format('%s %s %s', classid, objid, objsubid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND objid <> 4242";
    for lock in column(&mut thief, ours) {
        let numbers: Vec<i64> = lock.split(' ').map(|number| number.parse().unwrap()).collect();
        let signed = |n: i64| n as u32 as i32;
        let taken = format!(
            "SELECT (pg_try_advisory_lock({}, {}) AND pg_try_advisory_lock({}))::text",
            signed(numbers[0]),
            signed(numbers[1]),
            (numbers[0] << 32) | numbers[1]
        );
        assert_eq!(text(&mut thief, &taken).as_deref(), Some("true"), "{lock}");
        let _ = thief.batch_execute(&format!(
            "SELECT pg_advisory_unlock({}, {})",
            signed(numbers[0]),
            signed(numbers[1])
        ));
    }
    thief.batch_execute("SELECT pg_advisory_unlock_all()").unwrap();
    gate.open();
    let row = wait_for_job(&mut other, &job);
    assert_eq!((row.get("status"), row.get("attempts")), ("completed", 1));
    assert!(scene.remains().iter().all(|(what, _)| what != "loot"));
}

/// Tried: an open transaction that has asked, cancelled, retried and deleted, left idle: others go on.
#[test]
fn an_idle_transaction_holds_up_nobody() {
    let scene = Scene::new();
    let mut thief = scene.thief();
    let done = completed(&mut thief, "'users', 'csv', fields => '{id}'");
    thief.batch_execute("BEGIN").unwrap();
    let asked = start(&mut thief, "'users', 'json'");
    thief
        .batch_execute(&format!(
            "SELECT acct_export_cancel('{asked}'), acct_export_delete('{done}'), count(*) FROM acct_export_ndjson('users');
             SELECT count(*) FROM acct_export_chunks('{done}') WHERE false"
        ))
        .unwrap();
    let mut other = scene.app.session(&scene.app.nologin, 1);
    other.batch_execute("SET statement_timeout = '20s'").unwrap();
    for format in ["csv", "ndjson"] {
        completed(&mut other, &format!("'users', '{format}'"));
    }
    other.batch_execute("SELECT acct_export_csv('users'); SELECT * FROM acct_export_jobs").unwrap();
    scene.app.superuser().batch_execute("SET statement_timeout = '20s'; SELECT acct_export_purge(); SELECT * FROM acct_export_audit_verify()").unwrap();
    thief.batch_execute("ROLLBACK").unwrap();
}

/// Refused requests are in the trail although they were rolled back, and tell who, what and why, and no value.
#[test]
fn refusals_outlive_their_rollback() {
    let scene = Scene::new();
    let mut thief = scene.thief();
    let stranger = unique("acct_stranger");
    shared().connect("postgres", "postgres").batch_execute(&format!("CREATE ROLE {stranger} LOGIN")).unwrap();
    let mut nobody = scene.app.session(&stranger, 0);
    for sql in [
        "SELECT acct_export_start('users', 'csv', fields => '{password_hash}')::text",
        "SELECT acct_export_start('users', 'csv', all_tenants => true)::text",
        "SELECT acct_export_ndjson('users', fields => '{api_token}')",
    ] {
        assert_eq!(refusal(&mut thief, sql).sqlstate, "42501", "{sql}");
    }
    for sql in ["SELECT acct_export_start('users', 'csv')::text", "SELECT acct_export_csv('users')"] {
        assert_eq!(refusal(&mut nobody, sql).sqlstate, "22023", "{sql}");
    }
    thief.batch_execute("BEGIN").unwrap();
    refusal(&mut thief, "SELECT acct_export_start('users', 'json', fields => '{password_hash}')::text");
    thief.batch_execute("ROLLBACK").unwrap();
    let mut superuser = scene.app.superuser();
    let sql = "SELECT role || ' ' || coalesce(dataset, '') || ' ' || detail::text FROM acct_export_audit WHERE event = 'user.bulk_export.denied'";
    wait_until(Duration::from_secs(20), "six refusals are told", || column(&mut superuser, sql).len() == 6);
    let told = column(&mut superuser, sql);
    assert!(
        told.iter().all(|event| event.contains("users")
            && event.contains("42501")
            && !event.contains(&scene.canary)),
        "{told:#?}"
    );
    assert_eq!(told.iter().filter(|event| event.contains(&stranger)).count(), 2, "{told:#?}");
    assert!(superuser.query("SELECT * FROM acct_export_audit_verify()", &[]).unwrap().is_empty());
}
