//! The README's recipes, run as they are written there, in the demo database.
//!
//! A fenced block is found by the heading that it stands under and by its language, so a recipe that changes in the
//! README changes in this test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod demo;

use common::{shared, unique};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

const README: &str = include_str!("../README.md");

/// The blocks of a language under a heading, in order.
fn blocks(heading: &str, language: &str) -> Vec<String> {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).expect("the heading is in the README");
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    section.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// One recipe at a time: they share a role and a tenant, and one of them deletes the newest job.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory for the files that a recipe writes.
fn directory() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("acct_export_readme_{}_{}", std::process::id(), unique("d")));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// A shell or python program that finds the server and its psql by the environment, as a user's would.
fn program(name: &str, dir: &Path) -> Command {
    let psql = shared().client("psql");
    let bin = Path::new(psql.get_program()).parent().unwrap().to_owned();
    let (host, port) = shared().address();
    let mut command = Command::new(name);
    command.current_dir(dir).env("PGHOST", host).env("PGPORT", port.to_string()).env("PGUSER", "postgres");
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    command
}

fn succeeded(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &errors
}

fn psql(sql: &str, dir: &Path) -> String {
    let file = dir.join("recipe.sql");
    fs::write(&file, sql).unwrap();
    let mut command = program("psql", dir);
    succeeded(command.args(["-X", "-v", "ON_ERROR_STOP=1", "-d", "demo", "-f"]).arg(&file).output().unwrap())
}

fn shell(script: &str, dir: &Path) -> String {
    succeeded(program("bash", dir).args(["-euo", "pipefail", "-c", script]).output().unwrap())
}

/// Data rows of the first sheet of a workbook.
fn workbook_rows(file: &Path) -> usize {
    use calamine::{open_workbook, Reader, Xlsx};
    let mut workbook: Xlsx<_> = open_workbook(file).unwrap();
    workbook.worksheet_range_at(0).unwrap().unwrap().height() - 1
}

#[test]
fn a_dba_registers_a_dataset() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [register, expand, never, audit] =
        blocks("For the DBA: register what may be exported", "sql").try_into().unwrap();
    let fields = psql(&register, &dir);
    assert!(fields.contains("E-mail address"), "{fields}");
    assert!(fields.contains("last4"), "{fields}");
    psql(&expand, &dir);
    let header = "SET app.tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001'; SET ROLE acct_demo_acme_admin;
                  SELECT acct_export_csv('profiles', fields => '{user_id,attributes}') LIMIT 1";
    let header = psql(header, &dir);
    assert!(header.contains("user_id,Department,Cost center"), "{header}");
    let barred = psql(&never, &dir);
    assert!(
        barred.contains("remark | it comes from acct_demo.users.password_hash") && barred.contains("(1 row)"),
        "{barred}"
    );
    let trail = psql(&audit, &dir);
    assert!(trail.contains("(0 rows)"), "the chain is whole: {trail}");
    fs::remove_dir_all(dir).unwrap();
}

/// As far as it goes without a bucket and a mail server: the statements, and what the catalogue makes of them.
#[test]
fn a_dba_lets_files_leave() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [bucket, _, mail, _] =
        blocks("For the DBA: files that leave the database", "sql").try_into().unwrap();
    for made in [bucket, mail] {
        psql(&made.replace('…', "0123456789abcdef0123456789abcdef"), &dir);
    }
    let used = "SELECT bool_and(has_server_privilege('acct_demo_acme_admin', oid, 'USAGE')), count(*) FROM pg_foreign_server";
    let used = psql(used, &dir);
    assert!(used.contains(" t        |     3"), "{used}");
    psql("DROP SERVER exports, mails, hook CASCADE", &dir);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn psql_saves_a_workbook_and_deletes_it_early() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [save, preview, delete] = blocks("For people in psql: save a file", "sql").try_into().unwrap();
    let shown = psql(&save, &dir);
    assert!(shown.contains("100%  Export complete!"), "{shown}");
    assert!(workbook_rows(&dir.join("users.xlsx")) > 1000);
    let previewed = psql(&preview, &dir);
    assert!(previewed.contains("[redacted]") && previewed.contains("row_security"), "{previewed}");
    let deleted = psql(&delete, &dir);
    assert!(deleted.contains(" t\n"), "{deleted}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_shell_saves_a_bytea_and_a_stream() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [bytea, stream] = blocks("For people in psql: save a file", "sh").try_into().unwrap();
    assert!(shell(&bytea, &dir).contains("completed|Export complete!"));
    assert_eq!(workbook_rows(&dir.join("administrators.xlsx")), 115);
    shell(&stream, &dir);
    let lines = fs::read_to_string(dir.join("users.ndjson")).unwrap();
    assert_eq!(lines.lines().count(), 12_000);
    lines.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap()));
    let csv = fs::read(dir.join("users.csv")).unwrap();
    let rows = csv::Reader::from_reader(csv.as_slice()).into_records().map(Result::unwrap).count();
    assert!((1000..12_000).contains(&rows), "{rows}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn an_application_asks_polls_and_fetches() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [python] = blocks("For an application: ask, poll, fetch", "python").try_into().unwrap();
    let script = dir.join("recipe.py");
    fs::write(&script, python).unwrap();
    let interpreter = common::python::with_packages();
    let mut command = program(interpreter.to_str().unwrap(), &dir);
    let shown = succeeded(command.arg(&script).output().unwrap());
    assert!(shown.contains("100 Export complete!"), "{shown}");
    assert!(workbook_rows(&dir.join("active-users.xlsx")) > 1000);
    fs::remove_dir_all(dir).unwrap();
}
