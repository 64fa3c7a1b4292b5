//! A thief among two tenants: the login role of [`TwoTenants`] in the first tenant, with a schema of its own to write code
//! in. All that must not come to it, rows of the other tenant and secrets of both, holds one word, the canary, which is
//! looked for afterwards in everything that an export leaves behind.

use std::io::{Cursor, Read};
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::Client;

use crate::asking::{column, text};
use crate::common::{shared, unique, TwoTenants};

pub struct Scene {
    pub app: TwoTenants,
    /// The word that no one may see.
    pub canary: String,
    /// Hears every NOTIFY on the channels `acct_export` and `loot`.
    ears: Client,
    log_from: usize,
}

impl Scene {
    /// Tenants of five users; dataset `users` is registered. Schema `own` belongs to the thief; `own.loot` takes what is
    /// carried out.
    #[allow(clippy::new_without_default)] // it makes databases and roles
    pub fn new() -> Self {
        let log_from = shared().log().len();
        let app = TwoTenants::with_users(shared(), 5);
        let canary = unique("C4N4RY");
        let mut superuser = app.superuser();
        superuser
            .batch_execute(&format!(
                "ALTER TABLE app.users DISABLE ROW LEVEL SECURITY;
                 UPDATE app.users SET password_hash = '{canary}-hash-' || id, api_token = '{canary}-token-' || id,
                     custom = jsonb_build_object('city', 'Lyon', 'api_key', '{canary}-key',
                         'a', jsonb_build_object('token', '{canary}-deep'));
                 UPDATE app.users SET email = '{canary}' || id || '@b.example', name = '{canary}-name', phone = '{canary}-phone',
                     tags = ARRAY['{canary}-tag'] WHERE tenant_id = '{b}';
                 ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
                 CREATE SCHEMA own AUTHORIZATION {login};
                 SET ROLE {login}; CREATE TABLE own.loot (t text); GRANT ALL ON own.loot TO PUBLIC; GRANT USAGE ON SCHEMA own TO PUBLIC;
                 RESET ROLE; ANALYZE app.users",
                b = app.tenants[1],
                login = app.login
            ))
            .unwrap();
        let mut ears = app.superuser();
        ears.batch_execute("LISTEN acct_export; LISTEN loot").unwrap();
        Scene { app, canary, ears, log_from }
    }

    /// The thief's session.
    pub fn thief(&self) -> Client {
        self.app.session(&self.app.login, 0)
    }

    /// The server's log since the scene began.
    pub fn log(&self) -> String {
        shared().log().get(self.log_from..).unwrap_or_default().to_owned()
    }

    /// Lines `TRIED name: outcome` of the code that the thief put somewhere, by the last outcome of each.
    pub fn outcome(&self, name: &str) -> Option<String> {
        let mark = format!("TRIED {} {name}: ", self.canary.replace("C4N4RY", "try"));
        self.log()
            .lines()
            .rev()
            .find_map(|line| line.split_once(&mark).map(|(_, outcome)| outcome.to_owned()))
    }

    /// A PL/pgSQL block that tries each of these statements for itself and writes down how it ended: `done`, or its SQLSTATE.
    pub fn tries(&self, deeds: &[(&str, &str)]) -> String {
        let mark = self.canary.replace("C4N4RY", "try");
        let one = |(name, deed): &(&str, &str)| {
            format!(
                "BEGIN EXECUTE $deed${deed}$deed$; RAISE WARNING 'TRIED {mark} {name}: done';
                 EXCEPTION WHEN OTHERS THEN RAISE WARNING 'TRIED {mark} {name}: %', SQLSTATE; END;"
            )
        };
        format!("BEGIN {} RETURN true; END", deeds.iter().map(one).collect::<String>())
    }

    /// All that exports left behind in this database, the server's log and the notifications included.
    pub fn remains(&mut self) -> Vec<(String, String)> {
        let mut superuser = self.app.superuser();
        let mut all = Vec::new();
        for (what, sql) in [
            ("status", "SELECT to_jsonb(j)::text FROM acct_export.job_status AS j"),
            ("job", "SELECT to_jsonb(j)::text FROM acct_export.job AS j"),
            ("audit", "SELECT to_jsonb(a)::text FROM acct_export.audit AS a"),
            ("file", "SELECT to_jsonb(f)::text FROM acct_export.file AS f"),
            ("loot", "SELECT t FROM own.loot WHERE t IS NOT NULL"),
            ("large object", "SELECT encode(data, 'escape') FROM pg_largeobject"),
        ] {
            all.extend(column(&mut superuser, sql).into_iter().map(|text| (what.to_owned(), text)));
        }
        let chunks = superuser
            .query(
                "SELECT f.job::text, f.name, c.unpacked IS NOT NULL, c.data
                   FROM acct_export.file f JOIN acct_export.chunk c ON (c.job, c.file) = (f.job, f.file)
                  WHERE f.status = 'stored' ORDER BY f.job, f.file, c.chunk",
                &[],
            )
            .unwrap();
        let mut files: Vec<(String, String, Vec<u8>)> = Vec::new();
        for row in &chunks {
            let (job, name, is_packed): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
            let data: &[u8] = row.get(3);
            let bytes = if is_packed { zstd::decode_all(data).unwrap() } else { data.to_vec() };
            match files.last_mut().filter(|last| (&last.0, &last.1) == (&job, &name)) {
                Some(last) => last.2.extend(bytes),
                None => files.push((job, name, bytes)),
            }
        }
        for (_, name, bytes) in files {
            let text = opened(&name, &bytes);
            all.push((name, text));
        }
        let heard =
            self.ears.notifications().timeout_iter(Duration::from_millis(100)).collect::<Vec<_>>().unwrap();
        all.extend(heard.iter().map(|n| (format!("NOTIFY {}", n.channel()), n.payload().to_owned())));
        all.push(("server's log".to_owned(), self.log()));
        all
    }

    /// Neither the canary nor anything of a superuser's came out, nothing was written, and exports still work.
    #[track_caller]
    pub fn nothing_came_out(&mut self) {
        self.nothing_came_out_but(0);
    }

    /// The same where `theirs` files were made by the other tenant.
    #[track_caller]
    pub fn nothing_came_out_but(&mut self, theirs: usize) {
        let canary = self.canary.clone();
        let mut files = 0;
        for (what, text) in self.remains() {
            let found: Vec<&str> = text.lines().filter(|line| line.contains(&canary)).take(3).collect();
            if what.ends_with(".csv") && !found.is_empty() {
                files += 1;
                continue;
            }
            assert!(found.is_empty(), "{what} holds the canary: {found:#?}");
            assert!(what != "loot" && what != "large object", "{what} was written: {text}");
            assert!(!what.starts_with("NOTIFY loot"), "heard: {text}");
        }
        assert_eq!(files, theirs, "files that hold the canary");
        self.no_right_was_gained();
        let mut thief = self.thief();
        let file = crate::asking::exported(&mut thief, "'users', 'csv', fields => '{id,email}'");
        let file = String::from_utf8(file).unwrap();
        assert!(file.lines().skip(1).all(|line| line.contains("@a.example")), "{file}");
    }

    #[track_caller]
    pub fn no_right_was_gained(&self) {
        let mut superuser = self.app.superuser();
        let login = &self.app.login;
        let gained = format!(
            "SELECT (rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication)::text || (SELECT count(*) FROM pg_auth_members
                 WHERE member = r.oid) FROM pg_roles r WHERE rolname = '{login}'"
        );
        assert_eq!(text(&mut superuser, &gained).as_deref(), Some("false0"));
        let rows = text(&mut superuser, "SELECT count(*)::text FROM app.users").unwrap();
        assert_eq!(rows, (self.app.rows * 2).to_string());
    }
}

/// A file's text; that of a workbook unpacked.
fn opened(name: &str, bytes: &[u8]) -> String {
    if !name.ends_with(".xlsx") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut all = Vec::new();
    for index in 0..archive.len() {
        archive.by_index(index).unwrap().read_to_end(&mut all).unwrap();
    }
    String::from_utf8_lossy(&all).into_owned()
}
