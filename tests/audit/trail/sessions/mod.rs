//! Events of the audit trail name the session, and say alike things in like words.

use super::{broken, done, names, ROWS};
use postgres::Client;
use serde_json::Value;
use support::common::{error_of, shared, unique, wait_for_job, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{start, wait_until_idle};

/// login, client_addr and application_name of each event, in order.
fn sessions(superuser: &mut Client) -> Vec<String> {
    let all = "SELECT concat_ws(' ', event, role, login, host(client_addr), application_name) FROM acct_export_audit ORDER BY id";
    superuser.query(all, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn each_event_names_the_session() {
    let cluster =
        Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded().set("listen_addresses", "127.0.0.1"))));
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let (person, helper) = (unique("person"), unique("helper"));
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {person} LOGIN; GRANT {} TO {person}; CREATE ROLE {helper} LOGIN; GRANT {} TO {helper}",
            app.nologin, app.nologin
        ))
        .unwrap();
    let by_tcp = |user: &str, name: &str| {
        let mut config = postgres::Config::new();
        config.host("127.0.0.1").port(cluster.address().1).user(user).dbname(&app.db).application_name(name);
        let mut client = config.connect(postgres::NoTls).unwrap();
        client
            .batch_execute(&format!("SET ROLE {}; SET app.tenant_id = '{}'", app.nologin, app.tenants[0]))
            .unwrap();
        client
    };
    // A group role, in which two people are told apart by their logins; the job runs in a worker.
    let mut first = by_tcp(&person, "shop");
    let job = start(&mut first, "csv", "");
    wait_for_job(&mut first, &job);
    let mut second = by_tcp(&helper, "console");
    second.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap();
    second.query("SELECT acct_export_csv('users')", &[]).unwrap();
    // Refused, written by a worker; cancelled while it runs; failed.
    error_of(second.query("SELECT acct_export_start('users', 'csv', all_tenants => true)", &[]));
    wait_until_idle(&mut superuser); // a worker that is there has the old setting
    superuser.batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_rows = 3", app.db)).unwrap();
    let failed = start(&mut first, "ndjson", "");
    wait_for_job(&mut first, &failed);
    let role = &app.nologin;
    let told = sessions(&mut superuser);
    let expected = [
        format!("user.bulk_export.requested {role} {person} 127.0.0.1 shop"),
        format!("user.bulk_export {role} {person} 127.0.0.1 shop"),
        format!("user.bulk_export.downloaded {role} {helper} 127.0.0.1 console"),
        format!("user.bulk_export {role} {helper} 127.0.0.1 console"),
        format!("user.bulk_export.denied {role} {helper} 127.0.0.1 console"),
        format!("user.bulk_export.requested {role} {person} 127.0.0.1 shop"),
        format!("user.bulk_export.failed {role} {person} 127.0.0.1 shop"),
    ];
    let exports: Vec<&String> = told.iter().filter(|line| !line.contains("postgres")).collect();
    assert_eq!(exports, expected.iter().collect::<Vec<_>>());
    // They are part of what is sealed.
    assert!(broken(&mut superuser).is_empty());
    for column in ["login = 'x'", "client_addr = '10.0.0.1'", "application_name = 'x'"] {
        let forge = format!(
            "BEGIN; SET LOCAL session_replication_role = replica; UPDATE acct_export.audit SET {column} WHERE event LIKE '%downloaded'"
        );
        superuser.batch_execute(&forge).unwrap();
        assert_eq!(broken(&mut superuser).len(), 1, "{column}");
        superuser.batch_execute("ROLLBACK").unwrap();
    }
}

#[test]
fn failed_and_denied_say_why_in_the_same_words() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    let mut requester = app.session(&app.login, 0);
    error_of(requester.query("SELECT acct_export_start('users', 'csv', all_tenants => true)", &[]));
    superuser.batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_rows = 3", app.db)).unwrap();
    done(&app, "");
    let rows = superuser
        .query("SELECT event, detail FROM acct_export_audit WHERE event ~ 'denied|failed' ORDER BY id", &[])
        .unwrap();
    assert_eq!(names(&rows), ["user.bulk_export.denied", "user.bulk_export.failed"]);
    for (row, code) in rows.iter().zip(["42501", "54000"]) {
        let detail: Value = row.get("detail");
        assert_eq!(detail["error_code"], code);
        assert!(detail["error"].as_str().is_some_and(|text| !text.is_empty()), "{detail}");
    }
}

#[test]
fn an_export_names_its_masks() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    superuser
        .batch_execute("SELECT acct_export_set_field('users', 'phone', mask => 'last4'), acct_export_set_field('users', 'tags', on_anonymise => 'drop')")
        .unwrap();
    done(&app, ", fields => '{id,email,phone}'");
    done(&app, ", fields => '{id,email,phone}', anonymise => true");
    app.session(&app.login, 0).query("SELECT acct_export_csv('users', fields => '{phone}')", &[]).unwrap();
    let rows = superuser
        .query(
            "SELECT detail->'masks' FROM acct_export_audit WHERE event = 'user.bulk_export' ORDER BY id",
            &[],
        )
        .unwrap();
    let masks: Vec<Value> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        masks,
        [
            serde_json::json!({ "phone": "last4" }),
            serde_json::json!({ "phone": "redact", "email": "redact" }),
            serde_json::json!({ "phone": "last4" })
        ]
    );
}

#[test]
fn each_change_of_the_catalog_is_told() {
    let app = TwoTenants::create(shared(), ROWS);
    let mut superuser = app.superuser();
    app.register(&mut superuser);
    superuser
        .batch_execute(
            "SELECT acct_export_alter('users', title => 'People');
             SELECT acct_export_set_field('users', 'phone', mask => 'last4');
             SELECT acct_export_expand('users', 'custom');
             SELECT acct_export_set_policy('users', max_rows => 1000);
             CREATE TABLE app.names (name text PRIMARY KEY, owner bigint);
             SELECT acct_export_register('names', 'app.names', 'name');
             SELECT acct_export_set_reference('users', 'name', 'names');
             SELECT acct_export_set_companion('users', 'names', 'owner');
             ALTER TABLE app.users ADD COLUMN note text;
             SELECT acct_export_refresh('users');
             SELECT acct_export_unregister('names')",
        )
        .unwrap();
    let all = "SELECT concat_ws(' ', replace(event, 'user.bulk_export.', ''), dataset, role, login, application_name)
        FROM acct_export_audit ORDER BY id";
    let told: Vec<String> = superuser.query(all, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    for (event, dataset) in [
        ("registered", "users"),
        ("altered", "users"),
        ("field_set", "users"),
        ("expansion_set", "users"),
        ("policy_set", "users"),
        ("registered", "names"),
        ("reference_set", "users"),
        ("companion_set", "users"),
        ("refreshed", "users"),
        ("unregistered", "names"),
    ] {
        let line = format!("{event} {dataset} postgres postgres test");
        assert_eq!(told.iter().filter(|told| **told == line).count(), 1, "{line}: {told:#?}");
    }
    assert!(broken(&mut superuser).is_empty());
}
