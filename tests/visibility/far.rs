//! Partitions on other servers (postgres_fdw): an export of one tenant reads that tenant's server and no other one, and one that does not
//! answer keeps neither a cancel nor the next export waiting.

use calamine::Data;
use postgres::Client;
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use support::asking::{column, completed, exported, file, objects, refusal, start, text, Workbook};
use support::common::{shared, unique, wait_for_job, wait_until, Cluster, ClusterOptions};
use support::jobs::{wait_until_idle, LIMIT};

/// Accounts of four tenants: of `here` on this server, of `near` and `keyed` on another one, of `lost` on one that accepts connections
/// and never answers.
struct Far {
    db: String,
    role: String,
    near: Cluster,
    lost: TcpListener,
    /// Connections to it, which stay open.
    held: Mutex<Vec<TcpStream>>,
}

const COLUMNS: &str = "id int NOT NULL, tenant text NOT NULL, email text, updated_at timestamptz";

impl Far {
    fn create() -> Far {
        let near = Cluster::start(ClusterOptions::default().set("log_statement", "all"));
        let mut there = near.connect("postgres", "postgres");
        there
            .batch_execute(&format!(
                "CREATE ROLE reader LOGIN; CREATE TABLE near ({COLUMNS}, PRIMARY KEY (tenant, id));
                 INSERT INTO near SELECT n, 'near', 'n' || n || '@near.example', now() FROM generate_series(1, 40) AS n;
                 CREATE TABLE hidden (LIKE near INCLUDING ALL); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY own ON hidden USING (tenant = current_setting('app.tenant_id', true));
                 INSERT INTO hidden SELECT n, 'hidden', 'h' || n || '@hidden.example', now() FROM generate_series(1, 7) AS n;
                 GRANT SELECT ON near, hidden TO reader"
            ))
            .unwrap();
        let lost = TcpListener::bind("127.0.0.1:0").unwrap();
        lost.set_nonblocking(true).unwrap();
        let db = shared().create_database_with_extension("far");
        let role = unique("reader");
        let (host, port) = near.address();
        shared()
            .connect(&db, "postgres")
            .batch_execute(&format!(
                "CREATE ROLE {role} LOGIN; CREATE EXTENSION postgres_fdw;
                 CREATE SERVER near FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{host}', port '{port}', dbname 'postgres');
                 CREATE SERVER lost FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{lost}', dbname 'postgres');
                 CREATE USER MAPPING FOR {role} SERVER near OPTIONS (user 'reader', password_required 'false');
                 CREATE USER MAPPING FOR {role} SERVER lost OPTIONS (user 'reader', password_required 'false');
                 CREATE TABLE accounts ({COLUMNS}) PARTITION BY LIST (tenant);
                 CREATE TABLE accounts_here PARTITION OF accounts FOR VALUES IN ('here');
                 ALTER TABLE accounts_here ADD PRIMARY KEY (tenant, id);
                 CREATE FOREIGN TABLE accounts_near PARTITION OF accounts FOR VALUES IN ('near')
                    SERVER near OPTIONS (table_name 'near');
                 CREATE FOREIGN TABLE accounts_hidden PARTITION OF accounts FOR VALUES IN ('hidden')
                    SERVER near OPTIONS (table_name 'hidden');
                 CREATE FOREIGN TABLE accounts_lost PARTITION OF accounts FOR VALUES IN ('lost') SERVER lost;
                 INSERT INTO accounts SELECT n, 'here', 'h' || n || '@here.example', now() FROM generate_series(1, 30) AS n;
                 ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON accounts USING (tenant = (SELECT current_setting('app.tenant_id', true)));
                 GRANT SELECT ON accounts TO {role}; ANALYZE accounts_here;
                 SELECT acct_export_register('accounts', 'accounts', 'id', tenant_column => 'tenant', updated_column => 'updated_at')",
                lost = lost.local_addr().unwrap().port(),
            ))
            .unwrap();
        Far { db, role, near, lost, held: Mutex::default() }
    }

    fn session(&self, tenant: &str) -> Client {
        let mut client = shared().connect(&self.db, &self.role);
        client.batch_execute(&format!("SET app.tenant_id = '{tenant}'")).unwrap();
        client
    }

    /// Cancels a job that waits; its slot is free then.
    #[track_caller]
    fn cancel(&self, client: &mut Client, job: &str) {
        let cancel = format!("SELECT acct_export_cancel('{job}')::text");
        assert_eq!(text(client, &cancel).as_deref(), Some("true"));
        assert_eq!(wait_for_job(client, job).get::<_, String>("status"), "cancelled");
        wait_until_idle(&mut shared().connect(&self.db, "postgres"));
        completed(&mut self.session("here"), "'accounts', 'csv'");
    }

    /// True if anybody has connected to the server that does not answer, since the last time that this was asked.
    fn lost_was_asked(&self) -> bool {
        let new: Vec<TcpStream> =
            std::iter::from_fn(|| self.lost.accept().ok()).map(|(stream, _)| stream).collect();
        let asked = !new.is_empty();
        self.held.lock().unwrap().extend(new);
        asked
    }
}

#[test]
fn an_export_reads_its_tenants_server_alone() {
    let far = Far::create();
    assert!(!far.lost_was_asked(), "registration reads no server");
    for (tenant, rows) in [("here", 30), ("near", 40)] {
        let mut client = far.session(tenant);
        let before = far.near.log().len();
        let preview = "SELECT rows_estimated::text FROM acct_export_preview('accounts')";
        assert_eq!(text(&mut client, preview).as_deref(), Some(rows.to_string().as_str()));
        let job = completed(&mut client, "'accounts', 'ndjson', options => '{\"digests\": true}'");
        assert_eq!(objects(&file(&mut client, &job)).len(), rows);
        assert_eq!(
            column(&mut client, "SELECT acct_export_csv('accounts')").len(),
            rows + 1,
            "{tenant}: with the header"
        );
        let since = format!("'accounts', 'csv', options => '{{\"changes_since\": \"{job}\"}}'");
        completed(&mut client, &since);
        let narrowed = "'accounts', 'ndjson', filter => '{\"id\": {\"le\": 5}}'";
        let bytes = exported(&mut client, narrowed);
        assert_eq!(objects(&bytes).len(), 5);
        let workbook = exported(&mut client, "'accounts', 'csv'");
        let problems =
            client.query("SELECT * FROM acct_export_check_import('accounts', $1)", &[&workbook]).unwrap();
        assert!(problems.is_empty(), "{tenant}");
        assert!(!far.lost_was_asked(), "{tenant}: another tenant's server was asked");
        let asked = far.near.log()[before..].to_owned();
        assert_eq!(asked.contains("FROM public.near"), tenant == "near", "{tenant}: {asked}");
        assert!(!asked.contains("FROM public.hidden"), "{tenant}: {asked}");
    }
}

/// A job that waits for the other server can be cancelled at once.
#[test]
fn a_query_that_hangs_can_be_cancelled() {
    let far = Far::create();
    let mut lock = far.near.connect("postgres", "postgres");
    lock.batch_execute("BEGIN; LOCK TABLE near").unwrap();
    let mut client = far.session("near");
    let job = start(&mut client, "'accounts', 'csv'");
    let mut watcher = far.near.connect("postgres", "postgres");
    wait_until(LIMIT, "the other server waits", || {
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%near%'";
        watcher.query_one(waits, &[]).unwrap().get::<_, i64>(0) > 0
    });
    far.cancel(&mut client, &job);
    // A preview ends with the session's own time limit.
    client.batch_execute("SET statement_timeout = '500ms'").unwrap();
    assert_eq!(refusal(&mut client, "SELECT * FROM acct_export_preview('accounts')").sqlstate, "57014");
}

/// Until PostgreSQL 15 the wait for a connection ends with `connect_timeout` only. The owner is told to set it.
#[test]
fn a_server_that_does_not_answer_can_be_cancelled() {
    let far = Far::create();
    let mut superuser = shared().connect(&far.db, "postgres");
    let advice = "SELECT hint FROM acct_export_advice('accounts') WHERE advice ~ 'without a time limit'";
    let hints = column(&mut superuser, advice);
    assert_eq!(
        hints,
        [
            "ALTER SERVER lost OPTIONS (ADD connect_timeout '10');",
            "ALTER SERVER near OPTIONS (ADD connect_timeout '10');"
        ]
    );
    for hint in hints {
        superuser.batch_execute(&hint.replace("'10'", "'2'")).unwrap();
    }
    assert_eq!(column(&mut superuser, advice), [""; 0]);
    let mut client = far.session("lost");
    let job = start(&mut client, "'accounts', 'csv'");
    wait_until(LIMIT, "the server is asked", || far.lost_was_asked());
    far.cancel(&mut client, &job);
}

#[test]
fn a_server_that_cannot_be_reached_is_told() {
    let far = Far::create();
    let mut superuser = shared().connect(&far.db, "postgres");
    let mut client = far.session("near");
    let mut told = |setting: &str| -> (String, String) {
        superuser.batch_execute(setting).unwrap();
        let job = start(&mut client, &format!("'accounts', 'csv', reason => '{}'", setting.len()));
        let row = wait_for_job(&mut client, &job);
        assert_eq!(row.get::<_, String>("status"), "failed");
        (row.get("error"), row.get("error_code"))
    };
    let (error, code) = told("ALTER SERVER near OPTIONS (SET port '1')");
    assert_eq!(code, "08001", "{error}");
    assert!(error.contains("a server that the source reads from could not be reached"), "{error}");
    let (error, code) = told(&format!("DROP USER MAPPING FOR {} SERVER near", far.role));
    assert_eq!(code, "42704", "{error}");
    assert!(error.contains("user mapping"), "{error}");
    // Nothing of the server's options is in the texts.
    assert!(!error.contains("near") && !error.contains("reader"), "{error}");
}

/// The settings of a session do not reach the other server: a policy there that reads one hides all rows. A file without rows says so.
#[test]
fn rows_that_the_other_server_hides_are_told() {
    let far = Far::create();
    let mut client = far.session("hidden");
    let job = completed(&mut client, "'accounts', 'json'");
    assert_eq!(file(&mut client, &job), b"[]\n");
    let manifest: serde_json::Value =
        client.query_one(&format!("SELECT acct_export_manifest('{job}')"), &[]).unwrap().get(0);
    let told = manifest["files"][0]["datasets"][0]["snapshot"].as_str().unwrap();
    assert!(told.contains("sees no setting of the session"), "{manifest}");
    let mut book = Workbook::open(exported(&mut client, "'accounts'"));
    let info = book.rows("Export info");
    let is_told =
        |row: &Vec<Data>| row[0] == Data::String("Snapshot".into()) && row[1] == Data::String(told.into());
    assert!(info.iter().any(is_told), "{info:?}");
}
