//! Django itself: a virtual environment below target/ that stays from run to run, and one database that Django has
//! filled, from which each test gets a copy.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use postgres::Client;

use crate::common::{done, shared, unique};

/// Users that Django creates.
pub const USERS: i64 = 50_000;

/// What Django's hashes of passwords begin with; no file may hold it.
pub const HASH: &str = "pbkdf2_sha256$";

/// A copy of the database as Django left it, with the extension and a role that cannot log in but may read users and
/// groups, except for what Django calls `password`.
pub struct Site {
    pub db: String,
    pub role: String,
}

impl Site {
    pub fn new() -> Self {
        let (db, role) = (unique("django_site"), unique("django_reader"));
        let admin = &mut shared().connect("postgres", "postgres");
        admin.batch_execute(&format!("CREATE DATABASE {db} TEMPLATE {}", filled())).unwrap();
        let site = Self { db, role };
        site.superuser()
            .batch_execute(&format!(
                "CREATE EXTENSION pg_acctexport;
                 CREATE ROLE {role} NOLOGIN;
                 GRANT SELECT ON auth_user, auth_group, auth_user_groups TO {role}",
                role = site.role
            ))
            .unwrap();
        site
    }

    pub fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    /// A session as the role, within a tenant where one is given.
    pub fn session(&self, tenant: Option<&str>) -> Client {
        let mut client = self.superuser();
        client.batch_execute(&format!("SET ROLE {}", self.role)).unwrap();
        if let Some(tenant) = tenant {
            client.batch_execute(&format!("SET app.tenant_id = '{tenant}'")).unwrap();
        }
        client
    }
}

/// The database that Django has filled; nobody stays connected to it, so that it can be copied.
fn filled() -> &'static str {
    static FILLED: OnceLock<String> = OnceLock::new();
    FILLED.get_or_init(|| {
        let db = shared().create_database("django");
        let (host, port) = shared().address();
        let mut django = Command::new(python());
        django.arg(sources().join("create_users.py")).arg(USERS.to_string());
        django.env("ACCT_HOST", host).env("ACCT_PORT", port.to_string()).env("ACCT_DATABASE", &db);
        // Nothing is written beside the sources, and nothing of the caller's Python gets in.
        django.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH").env_remove("PGOPTIONS");
        done(&mut django);
        shared().connect(&db, "postgres").batch_execute("ANALYZE").unwrap();
        db
    })
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/django")
}

/// The interpreter of the environment, which is made where it is not there yet or has other versions.
fn python() -> PathBuf {
    let wanted = fs::read_to_string(sources().join("requirements.txt")).unwrap();
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("django");
    fs::create_dir_all(&home).unwrap();
    // Two test programs at once: the second waits, and finds it made.
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let (venv, mark) = (home.join("venv"), home.join("installed.txt"));
    let python = venv.join("bin/python");
    if python.exists() && fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return python;
    }
    let _ = fs::remove_file(&mark);
    must(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv),
        "no virtual environment could be made: this test needs python3 with its venv module (`make setup`)",
    );
    must(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(sources().join("requirements.txt")),
        "pip could not install Django: this test needs a package index that pip can reach, the first time at least",
    );
    fs::write(&mark, wanted).unwrap();
    python
}

fn must(command: &mut Command, otherwise: &str) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{otherwise}\n{e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{otherwise}\n{said}");
}
