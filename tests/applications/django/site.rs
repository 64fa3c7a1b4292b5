//! Django itself: one database that Django has filled, from which each test gets a copy.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use postgres::Client;

use support::common::python::with_packages;
use support::common::{done, shared, unique};

/// Users that Django creates.
pub const USERS: i64 = 50_000;

/// The prefix of Django's hashes of passwords; no file may hold it.
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
        let mut django = Command::new(with_packages());
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
    support::project().join("tests/applications/django")
}
