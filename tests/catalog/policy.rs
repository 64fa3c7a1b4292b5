//! The rules of a dataset for its requests: their statement, required filters, limits.

use support::jobs;

use postgres::Client;
use std::sync::OnceLock;
use support::approval::{failure, Approval, WITHOUT_POLICY};
use support::asking::{column, completed, refusal, refused, start, text};
use support::common::{error_of, shared, wait_for_job, Cluster, ClusterOptions, TwoTenants};

const SHOWN: &str =
    "SELECT format('%s|%s|%s|%s|%s', approve_above, approver_roles, require_filter, max_rows, max_active)
                       FROM acct_export_policies WHERE dataset = 'users'";

/// States the whole policy.
fn set(client: &mut Client, policy: &str) {
    let sql = format!("{WITHOUT_POLICY}; SELECT acct_export_set_policy('users', {policy})");
    client.batch_execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

#[test]
fn a_policy_is_stated_as_a_whole_and_kept() {
    let scene = Approval::above(shared(), 10);
    let (mut superuser, officers) = (scene.app.superuser(), &scene.officers);
    assert_eq!(text(&mut superuser, SHOWN), Some(format!("10|{{{officers}}}|||")));
    set(&mut superuser, "require_filter => '{status,created_at}', max_rows => 9, max_active => 2");
    let stated = Some("||{status,created_at}|9|2".to_owned());
    assert_eq!(text(&mut superuser, SHOWN), stated);
    assert_eq!(text(&mut scene.requester(), SHOWN), stated);
    // A role that may not export the dataset does not see it.
    assert_eq!(column(&mut scene.approver(), SHOWN), Vec::<String>::new());
    superuser
        .batch_execute(
            "SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', replace => true)",
        )
        .unwrap();
    assert_eq!(text(&mut superuser, SHOWN), stated);
    superuser
        .batch_execute(
            "SELECT acct_export_unregister('users');
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
    assert_eq!(text(&mut superuser, SHOWN).as_deref(), Some("||||"));
    let told = "SELECT concat_ws(' ', role, dataset, detail->>'approve_above', detail->>'max_rows', detail->'policy'->>'max_rows')
                  FROM acct_export_audit WHERE event IN ('user.bulk_export.policy_set', 'user.bulk_export.unregistered') ORDER BY id";
    assert_eq!(
        column(&mut superuser, told),
        ["postgres users", "postgres users 10", "postgres users", "postgres users 9", "postgres users 9"]
    );
}

#[test]
fn what_cannot_be_stated() {
    let scene = Approval::above(shared(), 10);
    let mut superuser = scene.app.superuser();
    superuser.batch_execute("SELECT acct_export_set_field('users', 'phone', mask => 'last4')").unwrap();
    superuser.batch_execute(WITHOUT_POLICY).unwrap();
    let before = text(&mut superuser, SHOWN);
    let officers = format!("approver_roles => '{{{}}}'", scene.officers);
    for (policy, sqlstate, named, hint) in [
        ("'users', approve_above => 1".to_owned(), "22023", "approver_roles", "approver_roles =>"),
        (format!("'users', {officers}"), "22023", "approve_above", "0 requires approval"),
        (format!("'users', -1, {officers}"), "22023", "approve_above", "Leave it out"),
        ("'users', 1, '{nobody_at_all}'".to_owned(), "22023", "nobody_at_all", "CREATE ROLE"),
        ("'users', max_rows => 0".to_owned(), "22023", "max_rows", "Leave it out"),
        ("'users', max_active => -2".to_owned(), "22023", "max_active", "Leave it out"),
        ("'users', require_filter => '{stauts}'".to_owned(), "22023", "\"stauts\"", "status"),
        ("'users', require_filter => '{password_hash}'".to_owned(), "42501", "password_hash", "compare"),
        ("'users', require_filter => '{phone}'".to_owned(), "42501", "masked", "compare"),
        ("'nothing', max_rows => 1".to_owned(), "22023", "nothing", "users"),
    ] {
        refused(&mut superuser, &format!("SELECT acct_export_set_policy({policy})"), sqlstate, named, hint);
    }
    for policy in ["NULL", "'users', 1, '{NULL}'", "'users', require_filter => '{NULL}'"] {
        assert_eq!(
            refusal(&mut superuser, &format!("SELECT acct_export_set_policy({policy})")).sqlstate,
            "22023"
        );
    }
    let sql = "SELECT acct_export_set_policy('users')";
    refused(&mut scene.requester(), sql, "42501", "owner", "");
    // Nobody is an approver any more, and may know of the dataset as one.
    refused(&mut scene.approver(), sql, "22023", "unknown dataset", "");
    superuser.batch_execute("SET default_transaction_read_only = on").unwrap();
    refused(&mut superuser, sql, "25006", "", "");
    assert_eq!(text(&mut superuser, SHOWN), before);
}

/// The same selection, asked for as a job, as streams and as a preview.
fn every_way(arguments: &str) -> [String; 4] {
    [
        format!("SELECT acct_export_start('users', 'csv'{arguments})::text"),
        format!("SELECT acct_export_csv('users'{arguments})"),
        format!("SELECT acct_export_ndjson('users'{arguments})"),
        format!("SELECT columns::text FROM acct_export_preview('users'{arguments})"),
    ]
}

#[test]
fn filters_that_have_to_be() {
    let app = TwoTenants::with_users(shared(), 5);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    set(&mut superuser, "require_filter => '{status}'");
    for filter in [
        r#"{}"#,
        r#"{"name":"x"}"#,
        r#"{"not":{"status":"x"}}"#,
        r#"{"not":{"status":{"ne":"active"}}}"#,
        r#"{"or":[{"status":"active"},{"id":{"gt":0}}]}"#,
        r#"{"and":[{"or":[{"status":"active"},{"not":{"status":"active"}}]}]}"#,
        r#"{"status":{"ne":"x"}}"#,
        r#"{"status":{"pr":true}}"#,
        r#"{"status":{"sw":""}}"#,
        r#"{"status":{"ge":""}}"#,
    ] {
        for sql in every_way(&format!(", filter => '{filter}'")) {
            let error = refused(&mut client, &sql, "22023", "\"status\"", r#"filter => '{"status":"#);
            assert!(error.message.contains("must filter on"), "{error:?}");
        }
    }
    every_way("").iter().for_each(|sql| drop(refused(&mut client, sql, "22023", "\"status\"", "filter =>")));
    for filter in [
        r#"{"status":"active"}"#,
        r#"{"name":null,"status":["active","invited"]}"#,
        r#"{"and":[{"status":{"co":"i"}}]}"#,
        r#"{"or":[{"status":"active"},{"status":"invited","id":{"gt":0}}]}"#,
    ] {
        for sql in every_way(&format!(", filter => '{filter}'")) {
            client.query(&sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        }
    }
    // A period holds its field to values, and so does the tenant.
    set(&mut superuser, "require_filter => '{tenant_id,created_at}'");
    refused(
        &mut client,
        "SELECT acct_export_csv('users')",
        "22023",
        "\"created_at\"",
        r#"{"ge":"2025-01-01"}"#,
    );
    refused(
        &mut client,
        "SELECT acct_export_csv('users', period => 'last_year', period_field => 'updated_at')",
        "22023",
        "\"created_at\"",
        "",
    );
    for arguments in [
        "period => 'last_year'",
        "since => '2025-01-01'",
        "end_date => '2025-02-01'",
        r#"filter => '{"created_after":"2025-01-01"}'"#,
    ] {
        completed(&mut client, &format!("'users', 'csv', {arguments}"));
    }
    // A field that is gone.
    superuser
        .batch_execute(
            "SELECT acct_export_set_policy('users', require_filter => '{tags}');
             ALTER TABLE app.users DROP COLUMN tags;
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', replace => true)",
        )
        .unwrap();
    refused(&mut client, "SELECT acct_export_csv('users')", "22023", "\"tags\"", "acct_export_set_policy");
}

#[test]
fn the_lower_limit_of_rows_holds() {
    let app = TwoTenants::with_users(shared(), 5);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    let streams = ["SELECT acct_export_csv('users')", "SELECT acct_export_ndjson('users')"];
    for (policy, setting, named) in [("4", "9", "max_rows (4)"), ("9", "4", "acct_export.max_rows")] {
        set(&mut superuser, &format!("max_rows => {policy}"));
        let database = format!("ALTER DATABASE {} SET acct_export.max_rows = {setting}", app.db);
        jobs::wait_until_idle(&mut superuser); // who was there before has the old setting
        superuser.batch_execute(&database).unwrap();
        let mut client = app.session(&app.login, 0);
        for format in ["xlsx", "csv"] {
            let job = start(&mut client, &format!("'users', '{format}', reason => '{policy}'"));
            let (error, code) = failure(&wait_for_job(&mut client, &job));
            assert!(code == "54000" && error.contains(named) && error.contains("Narrow it"), "{error}");
        }
        streams.iter().for_each(|sql| drop(refused(&mut client, sql, "54000", named, "Narrow it")));
        assert_eq!(
            column(&mut client, r#"SELECT acct_export_csv('users', filter => '{"id":{"lt":10}}')"#).len(),
            5
        );
    }
    jobs::wait_until_idle(&mut superuser);
    superuser.batch_execute(&format!("ALTER DATABASE {} RESET acct_export.max_rows", app.db)).unwrap();
    set(&mut superuser, "max_rows => 5");
    completed(&mut client, "'users', 'csv'");
}

#[test]
fn streams_and_previews_show_no_more_than_leaves_without_approval() {
    let scene = Approval::above(shared(), 4);
    let mut client = scene.requester();
    for sql in ["SELECT acct_export_csv('users')", "SELECT acct_export_ndjson('users')"] {
        let error = refused(&mut client, sql, "42501", "4 rows", "acct_export_start");
        assert!(error.hint.unwrap().contains(&scene.officers));
    }
    let event = "SELECT detail->>'action' FROM acct_export_audit WHERE event = 'user.bulk_export.denied' ORDER BY id DESC LIMIT 1";
    assert_eq!(text(&mut scene.app.superuser(), event).as_deref(), Some("stream"));
    for (above, rows) in [(4, 4), (2, 2), (0, 0), (7, 5), (i64::MAX, 5)] {
        scene.set(&format!("{above}, '{{{}}}'", scene.officers));
        let shown = "SELECT jsonb_array_length(sample)::text FROM acct_export_preview('users')";
        assert_eq!(text(&mut client, shown), Some(rows.to_string()), "{above}");
    }
    assert_eq!(column(&mut client, "SELECT acct_export_csv('users')").len(), 6);
}

/// A server whose queue stands still.
fn paused() -> &'static Cluster {
    static PAUSED: OnceLock<Cluster> = OnceLock::new();
    PAUSED.get_or_init(|| Cluster::start(ClusterOptions::default().set("acct_export.max_workers", "0")))
}

fn ask(n: usize) -> String {
    format!("SELECT acct_export_start('users', 'csv', filter => '{{\"id\":{{\"gt\":-{n}}}}}')::text")
}

#[test]
fn a_tenant_has_so_many_jobs_of_a_dataset() {
    let app = TwoTenants::with_users(paused(), 3);
    let mut superuser = app.superuser();
    set(&mut superuser, "max_active => 3");
    // Whoever asks for the tenant, and what another session has not committed counts.
    let (mut one, mut two, mut other) =
        (app.session(&app.login, 0), app.session(&app.nologin, 0), app.session(&app.login, 1));
    one.batch_execute("BEGIN").unwrap();
    let job = text(&mut one, &ask(1)).unwrap();
    text(&mut one, &ask(2));
    text(&mut two, &ask(3));
    let error = refused(&mut two, &ask(4), "53400", "\"users\"", "acct_export_cancel");
    assert!(error.message.contains("for this tenant: the limit is 3"), "{error:?}");
    one.batch_execute("COMMIT").unwrap();
    refused(&mut one, &ask(5), "53400", "\"users\"", "");
    // Other tenants and other datasets have their own.
    (1..=3).for_each(|n| drop(text(&mut other, &ask(n)).unwrap()));
    refused(&mut other, &ask(4), "53400", "\"users\"", "");
    superuser
        .batch_execute(
            "SELECT acct_export_register('user', 'app.users', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_set_policy('user', max_active => 1)",
        )
        .unwrap();
    text(&mut one, "SELECT acct_export_start('user')::text");
    refused(&mut one, "SELECT acct_export_start('user', 'csv')::text", "53400", "\"user\"", "");
    // Places that become free: by an end, by a rollback, by a policy, and not by waiting for approval.
    one.query_one(&format!("SELECT acct_export_cancel('{job}')"), &[]).unwrap();
    one.batch_execute(&format!("BEGIN; {}; ROLLBACK", ask(6))).unwrap();
    text(&mut one, &ask(6));
    refused(&mut one, &format!("SELECT acct_export_retry('{job}')"), "53400", "\"users\"", "");
    let waits =
        "UPDATE acct_export.job SET status = 'awaiting_approval' WHERE id = (SELECT id FROM acct_export.job
                  WHERE status = 'queued' AND dataset = 'users' AND tenant = $1 LIMIT 1)";
    superuser.execute(waits, &[&app.tenants[0]]).unwrap();
    text(&mut one, &ask(7));
    refused(&mut one, &ask(8), "53400", "\"users\"", "");
    set(&mut superuser, "NULL");
    (8..20).for_each(|n| drop(text(&mut one, &ask(n)).unwrap()));
}

/// However many ask at once, as whatever role.
#[test]
fn a_flood_stays_below_the_limit() {
    const LIMIT: i64 = 10;
    let app = TwoTenants::with_users(paused(), 3);
    let mut superuser = app.superuser();
    set(&mut superuser, &format!("max_active => {LIMIT}"));
    let threads: Vec<_> = (0..6)
        .map(|session| {
            let mut client = app.session([&app.login, &app.nologin][session % 2], 0);
            std::thread::spawn(move || {
                for n in 0..8 {
                    if let Err(error) = client.query(&ask(1 + session * 100 + n), &[]) {
                        assert_eq!(error_of::<()>(Err(error)).sqlstate, "53400");
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let queued = "SELECT count(*) FROM acct_export.job WHERE status = 'queued'";
    let count: i64 = superuser.query_one(queued, &[]).unwrap().get(0);
    assert!(count <= LIMIT, "{count}");
    let mut client = app.session(&app.login, 0);
    (count..LIMIT).for_each(|n| drop(text(&mut client, &ask(5000 + n as usize)).unwrap()));
    refused(&mut client, &ask(9999), "53400", "\"users\"", "");
}
