//! One role for many persons, told apart by a setting that a policy reads.

use postgres::Client;
use support::asking::{column, completed, every_use_of, exported, objects, refused, start, status, text};
use support::common::{error_of, shared, unique};

/// A database with one role for all persons, each of whom has notes of their own.
struct Shared {
    db: String,
    role: String,
}

impl Shared {
    fn create() -> Shared {
        let this = Shared { db: shared().create_database_with_extension("persons"), role: unique("pool") };
        let (db, role) = (&this.db, &this.role);
        this.superuser()
            .batch_execute(&format!(
                "CREATE ROLE {role} LOGIN;
                 CREATE TABLE notes (id int PRIMARY KEY, owner text NOT NULL, note text);
                 INSERT INTO notes SELECT n, (ARRAY['alice', 'bob'])[1 + n % 2], 'note ' || n FROM generate_series(1, 10) AS n;
                 ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
                 CREATE POLICY own ON notes USING (owner = current_setting('app.username', true));
                 GRANT SELECT ON notes TO {role};
                 ALTER DATABASE {db} SET acct_export.session_settings = 'app.username, app.unused';
                 SELECT acct_export_register('notes', 'notes', 'id');"
            ))
            .unwrap();
        this
    }

    fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    fn person(&self, name: &str) -> Client {
        let mut client = shared().connect(&self.db, &self.role);
        client.batch_execute(&format!("SET app.username = '{name}'")).unwrap();
        client
    }
}

/// No function finds the job, and the lists are without it.
#[track_caller]
fn unseen(client: &mut Client, job: &str) {
    for sql in every_use_of(&format!("'{job}'")) {
        refused(client, &sql, "P0002", job, "acct_export_jobs");
    }
    refused(client, &format!("SELECT acct_export_url('{job}')"), "P0002", job, "acct_export_jobs");
    assert!(!column(client, "SELECT job_id::text FROM acct_export_jobs").contains(&job.to_owned()));
    assert!(!column(client, "SELECT job_id::text FROM acct_export_messages").contains(&job.to_owned()));
}

#[track_caller]
fn seen(client: &mut Client, job: &str) {
    assert_eq!(status(client, job).get::<_, String>("status"), "completed");
    assert!(column(client, "SELECT job_id::text FROM acct_export_jobs").contains(&job.to_owned()));
}

#[test]
fn each_person_has_jobs_of_their_own() {
    let app = Shared::create();
    let (mut alice, mut bob) = (app.person("alice"), app.person("bob"));
    // The very same request at the same time: no twins.
    alice.batch_execute("BEGIN").unwrap();
    let hers = start(&mut alice, "'notes', 'ndjson'");
    let his = start(&mut bob, "'notes', 'ndjson'");
    alice.batch_execute("COMMIT").unwrap();
    for (client, job, name) in [(&mut alice, &hers, "alice"), (&mut bob, &his, "bob")] {
        support::common::wait_for_job(client, job);
        let rows = objects(&support::asking::file(client, job));
        assert!(rows.len() == 5 && rows.iter().all(|row| row["owner"] == name), "{rows:?}");
    }
    seen(&mut app.person("alice"), &hers);
    unseen(&mut bob, &hers);
    unseen(&mut alice, &his);
    unseen(&mut app.person(""), &hers);
    unseen(&mut shared().connect(&app.db, &app.role), &hers);
    // For one transaction, as a pool sets it.
    bob.batch_execute("BEGIN; SET LOCAL app.username = 'alice'").unwrap();
    seen(&mut bob, &hers);
    bob.batch_execute("COMMIT").unwrap();
    unseen(&mut bob, &hers);
    // Nothing of what was tried has touched it, and superusers see all, whatever they have set.
    seen(&mut alice, &hers);
    let mut superuser = app.superuser();
    superuser.batch_execute("SET app.username = 'carol'; SET app.tenant_id = 'x'").unwrap();
    seen(&mut superuser, &hers);
    seen(&mut superuser, &his);
}

#[test]
fn a_twin_is_named_to_the_same_person_only() {
    let app = Shared::create();
    app.superuser()
        .batch_execute(
            "SELECT acct_export_set_policy('notes', approve_above => 0, approver_roles => '{pg_monitor}')",
        )
        .unwrap();
    let mut alice = app.person("alice");
    let job = start(&mut alice, "'notes', 'csv'");
    support::asking::wait_for_status(&mut alice, &job, "awaiting_approval");
    let again = error_of(app.person("alice").query("SELECT acct_export_start('notes', 'csv')", &[]));
    assert_eq!(again.sqlstate, "55006");
    assert!(again.detail.unwrap().contains(&job));
    let his = start(&mut app.person("bob"), "'notes', 'csv'");
    assert_ne!(his, job);
}

#[test]
fn unset_and_empty_are_the_same() {
    let app = Shared::create();
    let job = completed(&mut app.person("alice"), "'notes', 'csv'");
    // app.unused was not set.
    let mut client = app.person("alice");
    client.batch_execute("SET app.unused = ''").unwrap();
    seen(&mut client, &job);
    client.batch_execute("SET app.unused = 'x'").unwrap();
    unseen(&mut client, &job);
}

/// The captured list decides: a removed setting is still compared, the value of an added one is unknown.
#[test]
fn the_list_of_settings_changes() {
    let app = Shared::create();
    let job = completed(&mut app.person("alice"), "'notes', 'csv'");
    let list = |names: &str| {
        let sql = format!("ALTER DATABASE {} SET acct_export.session_settings = '{names}'", app.db);
        app.superuser().batch_execute(&sql).unwrap();
    };
    list("");
    seen(&mut app.person("alice"), &job);
    unseen(&mut app.person("bob"), &job);
    list("APP.Username,app.unused");
    seen(&mut app.person("alice"), &job);
    list("app.username,app.unused,app.region");
    unseen(&mut app.person("alice"), &job);
    seen(&mut app.superuser(), &job);
    let newer = completed(&mut app.person("alice"), "'notes', 'csv'");
    seen(&mut app.person("alice"), &newer);
}

/// The tenant is compared also where the dataset has no tenant column.
#[test]
fn a_dataset_without_tenants_keeps_them_apart() {
    let app = Shared::create();
    let mut client = app.person("alice");
    let without = completed(&mut client, "'notes', 'csv'");
    client.batch_execute("SET app.tenant_id = 't1'").unwrap();
    let job = completed(&mut client, "'notes', 'csv'");
    assert_eq!(status(&mut client, &job).get::<_, Option<String>>("tenant").as_deref(), Some("t1"));
    unseen(&mut client, &without);
    client.batch_execute("SET app.tenant_id = 't2'").unwrap();
    unseen(&mut client, &job);
    client.batch_execute("SET app.tenant_id = ''").unwrap();
    unseen(&mut client, &job);
    seen(&mut client, &without);
}

/// Another person approves, in a session that has other settings; only within the tenant.
#[test]
fn approvers_are_other_persons() {
    let app = Shared::create();
    let (officers, officer) = (unique("officers"), unique("officer"));
    app.superuser()
        .batch_execute(&format!(
            "CREATE ROLE {officers} NOLOGIN; CREATE ROLE {officer} LOGIN IN ROLE {officers};
             SELECT acct_export_set_policy('notes', approve_above => 0, approver_roles => '{{{officers}}}')"
        ))
        .unwrap();
    let mut alice = app.person("alice");
    alice.batch_execute("SET app.tenant_id = 't1'").unwrap();
    let job = start(&mut alice, "'notes', 'csv'");
    support::asking::wait_for_status(&mut alice, &job, "awaiting_approval");
    let mut approver = shared().connect(&app.db, &officer);
    approver.batch_execute("SET app.username = 'olga'; SET app.tenant_id = 't2'").unwrap();
    let approve = format!("SELECT acct_export_approve('{job}')");
    refused(&mut approver, &approve, "P0002", &job, "tenant");
    approver.batch_execute("SET app.tenant_id = 't1'").unwrap();
    assert!(column(&mut approver, "SELECT job_id::text FROM acct_export_jobs").contains(&job));
    approver.batch_execute(&approve).unwrap();
    let row = support::common::wait_for_job(&mut alice, &job);
    assert_eq!(row.get::<_, String>("status"), "completed");
    // From then on it is the requester's alone.
    for sql in [format!("SELECT acct_export_status('{job}')"), format!("SELECT acct_export_file('{job}')")] {
        refused(&mut approver, &sql, "P0002", &job, "acct_export_jobs");
    }
}

/// Mails and events tell of jobs, so their list is as narrow.
#[test]
fn messages_are_the_persons_too() {
    let app = Shared::create();
    app.superuser()
        .batch_execute(&format!(
            "CREATE SERVER hook FOREIGN DATA WRAPPER acct_export_webhook OPTIONS (url 'https://hook.invalid/x');
             GRANT USAGE ON FOREIGN SERVER hook TO {0};
             CREATE USER MAPPING FOR {0} SERVER hook OPTIONS (secret 'whsec-0123456789abcdef0123456789abcdef')",
            app.role
        ))
        .unwrap();
    let mut alice = app.person("alice");
    let job = completed(&mut alice, "'notes', 'csv'");
    assert_eq!(
        column(&mut alice, "SELECT DISTINCT job_id::text FROM acct_export_messages"),
        std::slice::from_ref(&job)
    );
    unseen(&mut app.person("bob"), &job);
}

#[test]
fn exports_read_by_the_captured_settings() {
    let app = Shared::create();
    let rows = objects(&exported(&mut app.person("bob"), "'notes', 'ndjson'"));
    assert!(rows.len() == 5 && rows.iter().all(|row| row["owner"] == "bob"));
    let owner = text(&mut app.person("bob"), "SELECT DISTINCT owner FROM notes");
    assert_eq!(owner.as_deref(), Some("bob"));
}
