//! The demo application (sql/demo.sql), as tests of what the documents describe use it: a database `demo` of the shared
//! server, loaded once, dates counted back from today so that rolling periods find rows. Nobody changes its rows.

use std::collections::BTreeMap;

use postgres::Client;

use crate::common::{shared, unique};
use crate::PerSuite;

const ACME: &str = "aaaaaaaa-0000-4000-8000-000000000001";

/// Loads the demo, if no other test of the program has.
pub fn load() {
    static LOADED: PerSuite<()> = PerSuite::new();
    LOADED.get_or_init(|| {
        shared().connect("postgres", "postgres").batch_execute("CREATE DATABASE demo").unwrap();
        let file = crate::project().join("sql/demo.sql");
        let sql = std::fs::read_to_string(file).unwrap();
        let mut superuser = shared().connect("demo", "postgres");
        let today: String = superuser.query_one("SELECT current_date::text", &[]).unwrap().get(0);
        let sql = format!("CREATE EXTENSION pg_acctexport;\n{sql}");
        let output = shared().psql(&["-q", "-d", "demo", "-v", &format!("today={today}")], &sql);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.is_empty(), "{told}");
    });
}

pub fn superuser() -> Client {
    load();
    shared().connect("demo", "postgres")
}

/// A session as one of the demo's roles, which cannot log in, within Acme. Each is somebody else's, so that two tests may ask
/// for the same.
pub fn session(role: &str) -> Client {
    let mut client = superuser();
    let actor = unique("jane");
    client
        .batch_execute(&format!("SET ROLE {role}; SET app.tenant_id = '{ACME}'; SET app.user_id = '{actor}'"))
        .unwrap();
    client
}

/// An administrator of Acme with all permissions.
pub fn acme() -> Client {
    session("acct_demo_acme_admin")
}

/// A csv file: its header, and its rows by label.
#[track_caller]
pub fn csv(bytes: &[u8]) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let mut reader = csv::Reader::from_reader(bytes);
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader
        .records()
        .map(|record| header.iter().cloned().zip(record.unwrap().iter().map(str::to_owned)).collect())
        .collect();
    (header, rows)
}
