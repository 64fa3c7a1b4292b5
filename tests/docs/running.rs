//! Runs recipes: fenced blocks of a document, as a reader would run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use support::common;
use support::common::{shared, unique};

use crate::document::Document;

/// One recipe at a time: they share roles, a tenant and a database, and one of them deletes the newest job.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory for the files that a recipe writes.
pub fn directory() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("acct_export_docs_{}_{}", std::process::id(), unique("d")));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// A shell or python program that finds the server and its psql by the environment, as a user's would.
pub fn program(name: &str, dir: &Path, db: &str) -> Command {
    let psql = shared().client("psql");
    let bin = Path::new(psql.get_program()).parent().unwrap().to_owned();
    let (host, port) = shared().address();
    let mut command = Command::new(name);
    command.current_dir(dir).env("PGHOST", host).env("PGPORT", port.to_string()).env("PGUSER", "postgres");
    command.env("PGDATABASE", db);
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    command
}

pub fn succeeded(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &errors
}

/// Runs a script in psql; `name` is what psql calls it in its errors.
fn psql_as(name: &str, sql: &str, dir: &Path, db: &str) -> String {
    let file = dir.join(name);
    fs::write(&file, sql).unwrap();
    let mut command = program("psql", dir, db);
    succeeded(command.args(["-X", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&file).output().unwrap())
}

pub fn psql(sql: &str, dir: &Path) -> String {
    psql_as("recipe.sql", sql, dir, "demo")
}

pub fn shell(script: &str, dir: &Path) -> String {
    succeeded(program("bash", dir, "demo").args(["-euo", "pipefail", "-c", script]).output().unwrap())
}

pub fn python(script: &str, dir: &Path) -> String {
    let file = dir.join("recipe.py");
    fs::write(&file, script).unwrap();
    let interpreter = common::python::with_packages();
    succeeded(program(interpreter.to_str().unwrap(), dir, "demo").arg(&file).output().unwrap())
}

/// Data rows of the first sheet of a workbook.
pub fn workbook_rows(file: &Path) -> usize {
    use calamine::{open_workbook, Reader, Xlsx};
    let mut workbook: Xlsx<_> = open_workbook(file).unwrap();
    workbook.worksheet_range_at(0).unwrap().unwrap().height() - 1
}

/// Runs all blocks `sql`, `sh` and `python` of a document in their order. Consecutive blocks of SQL are one session, in which each
/// statement has the line that it has in the document. Blocks with another info string (`sql no-run`) are passed over. An ellipsis
/// stands for what a reader fills in.
pub fn run(document: &Document, db: &str) {
    let dir = directory();
    let name = document.path.replace('/', "_");
    let mut script = String::new();
    let mut ran = 0;
    for block in document.blocks() {
        let text = block.text.replace('…', "0123456789abcdef0123456789abcdef");
        match block.info {
            "sql" => {
                let lines = script.lines().count();
                script.push_str(&"\n".repeat((block.line - 1).saturating_sub(lines)));
                script.push_str(&text);
                ran += 1;
                continue;
            }
            "sh" | "python" => {
                if !script.is_empty() {
                    psql_as(&name, &std::mem::take(&mut script), &dir, db);
                }
            }
            _ => continue,
        }
        ran += 1;
        let program = if block.info == "sh" { shell } else { python };
        program(&text, &dir);
    }
    if !script.is_empty() {
        psql_as(&name, &script, &dir, db);
    }
    assert!(ran > 0, "{} has no recipes", document.path);
    fs::remove_dir_all(dir).unwrap();
}
