//! Tables that Citus distributes. Citus itself cannot be had here; its table of distributed tables can: what is checked follows from it.

use postgres::Client;
use serde_json::Value;
use support::asking::{asked_before, completed, exported, file, objects, pausable, refusal, refused, text};
use support::common::{shared, unique, Cluster};

struct Distributed {
    cluster: &'static Cluster,
    db: String,
    login: String,
    /// Cannot log in; the login has it.
    group: String,
}

impl Distributed {
    /// Accounts of two tenants, whose policy reads a setting, and rooms without a policy.
    fn create() -> Distributed {
        Distributed::on(shared())
    }

    fn on(cluster: &'static Cluster) -> Distributed {
        let db = cluster.create_database_with_extension("citus");
        let (login, group) = (unique("login"), unique("group"));
        cluster
            .connect(&db, "postgres")
            .batch_execute(&format!(
                "CREATE ROLE {group} NOLOGIN; CREATE ROLE {login} LOGIN IN ROLE {group};
                 CREATE TABLE accounts (id int PRIMARY KEY, tenant text NOT NULL, email text);
                 INSERT INTO accounts SELECT n, 'acme', 'a' || n || '@example.com' FROM generate_series(1, 9) AS n;
                 INSERT INTO accounts VALUES (10, 'other', 'o@example.com');
                 ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY own ON accounts USING (tenant = current_setting('app.tenant_id', true));
                 CREATE TABLE rooms (id int PRIMARY KEY, name text);
                 INSERT INTO rooms VALUES (1, 'attic');
                 CREATE VIEW own_rooms WITH (security_invoker) AS
                    SELECT id, name FROM rooms WHERE name <> current_setting('app.hidden_room', true);
                 GRANT SELECT ON accounts, rooms, own_rooms TO {group};
                 SELECT acct_export_register('users', 'accounts', key => 'id', tenant_column => 'tenant');
                 SELECT acct_export_register('rooms', 'rooms', key => 'id');
                 SELECT acct_export_register('own_rooms', 'own_rooms', key => 'id')"
            ))
            .unwrap();
        Distributed { cluster, db, login, group }
    }

    /// As Citus would have it after `create_distributed_table`.
    fn distribute(&self) {
        let mut superuser = self.cluster.connect(&self.db, "postgres");
        superuser
            .batch_execute(
                "SET allow_system_table_mods = on;
                 CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod \"char\");
                 INSERT INTO pg_catalog.pg_dist_partition VALUES ('public.accounts', 'h'), ('public.rooms', 'n')",
            )
            .unwrap();
    }

    fn session(&self) -> Client {
        let mut client = self.cluster.connect(&self.db, &self.login);
        client.batch_execute("SET app.tenant_id = 'acme'; SET app.hidden_room = 'cellar'").unwrap();
        client
    }
}

/// The servers of Citus would see no setting of a background export, and a complete file would have no rows.
#[test]
fn what_the_other_servers_cannot_see_is_refused() {
    let app = Distributed::create();
    let mut client = app.session();
    assert_eq!(objects(&exported(&mut client, "'users', 'ndjson'")).len(), 9);
    app.distribute();
    let hint = "citus.propagate_set_commands";
    for (dataset, reader, setting) in [
        ("users", "policy \"own\" on table public.accounts", "app.tenant_id"),
        ("own_rooms", "view public.own_rooms", "app.hidden_room"),
    ] {
        let error = refused(
            &mut client,
            &format!("SELECT acct_export_start('{dataset}', 'csv')"),
            "0A000",
            reader,
            hint,
        );
        assert!(error.message.contains(setting), "{}", error.message);
        // In the caller's own transaction they can.
        let rows = text(&mut client, &format!("SELECT count(*)::text FROM acct_export_ndjson('{dataset}')"));
        assert_eq!(rows.as_deref(), Some(if dataset == "users" { "9" } else { "1" }));
    }
    // Nothing is sent for rows that depend on no setting. The servers have snapshots of their own.
    let job = completed(&mut client, "'rooms', 'ndjson'");
    assert_eq!(objects(&file(&mut client, &job)).len(), 1);
    let manifest: Value =
        client.query_one(&format!("SELECT acct_export_manifest('{job}')"), &[]).unwrap().get(0);
    assert!(manifest["files"][0]["datasets"][0]["snapshot"].is_string(), "{manifest}");
}

/// A table that is distributed between the request and the run.
#[test]
fn the_worker_looks_again() {
    let app = Distributed::on(pausable());
    let mut client = app.session();
    let job = asked_before(app.cluster, &mut client, || app.distribute());
    let ended =
        client.query_one(&format!("SELECT status, error_code FROM acct_export_wait('{job}')"), &[]).unwrap();
    assert_eq!((ended.get::<_, &str>(0), ended.get::<_, &str>(1)), ("failed", "0A000"));
}

#[test]
fn a_role_that_cannot_log_in_is_told_at_the_start() {
    let app = Distributed::create();
    let mut client = app.session();
    client.batch_execute(&format!("SET ROLE {}", app.group)).unwrap();
    let start = "SELECT acct_export_start('rooms', 'csv')";
    completed(&mut client, "'rooms', 'csv'");
    app.distribute();
    for sql in [start, "SELECT count(*) FROM acct_export_csv('rooms')"] {
        let error = refusal(&mut client, sql);
        assert_eq!(
            (error.sqlstate.as_str(), error.message.contains(&app.group)),
            ("42501", true),
            "{sql}: {}",
            error.message
        );
        assert!(error.hint.as_deref().unwrap_or_default().contains("LOGIN"), "{sql}");
    }
    client.batch_execute("RESET ROLE").unwrap();
    completed(&mut client, "'rooms', 'csv'");
}

/// Citus refuses policies with sub-selects.
#[test]
fn no_advice_that_cannot_be_followed() {
    let app = Distributed::create();
    let mut superuser = shared().connect(&app.db, "postgres");
    let advice = "SELECT string_agg(advice, '; ') FROM acct_export_advice('users')";
    let before = text(&mut superuser, advice).unwrap_or_default();
    assert!(before.contains("current_setting once per row"), "{before}");
    app.distribute();
    let after = text(&mut superuser, advice).unwrap_or_default();
    assert!(!after.contains("current_setting"), "{after}");
}
