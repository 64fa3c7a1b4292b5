//! A schema with one column for each thing that can be said of a column, and what may be seen of it from outside.

use postgres::Client;
use std::collections::BTreeMap;
use support::common::{shared, unique, Cluster};

/// Values that never leave: of the declared secret, of a column whose exemption must not pass to it.
pub const SECRET: &str = "S3CR3T";
/// The content of the exempt column.
pub const EXEMPT: &str = "PINNED";

pub struct Scene {
    pub cluster: &'static Cluster,
    pub db: String,
    pub reader: String,
}

/// The dataset as a reader sees it.
#[derive(Debug, Default)]
pub struct Seen {
    /// Output of the default export and of each field by itself, by field; errors as `SQLSTATE message`.
    pub default: String,
    pub fields: BTreeMap<String, String>,
    pub anonymised: BTreeMap<String, String>,
}

impl Seen {
    pub fn all(&self) -> String {
        let fields: Vec<&str> =
            self.fields.values().chain(self.anonymised.values()).map(String::as_str).collect();
        format!("{}\n{}", self.default, fields.join("\n"))
    }
}

/// The table, as a migration would write it; `{t}` is its name.
pub const TABLE: &str = "
    id int PRIMARY KEY, tenant text NOT NULL, status text, made timestamptz, changed timestamptz, note text, pin_code text,
    phone text, email text, nick text, doc jsonb, role text";

/// Row security and grants, which CREATE TABLE LIKE does not copy.
pub fn protect(table: &str, tenant: &str, reader: &str) -> String {
    format!(
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         CREATE POLICY own ON {table} USING ({tenant} = current_setting('app.tenant_id', true));
         GRANT SELECT ON {table} TO {reader};"
    )
}

impl Scene {
    pub fn new() -> Scene {
        let cluster = shared();
        let scene =
            Scene { cluster, db: cluster.create_database_with_extension("bound"), reader: unique("reader") };
        let Scene { reader, .. } = &scene;
        let protected = protect("app.t", "tenant", reader);
        scene
            .superuser()
            .batch_execute(&format!(
                "CREATE ROLE {reader} LOGIN; CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO {reader};
                 CREATE TABLE app.roles (name text PRIMARY KEY); INSERT INTO app.roles VALUES ('admin'), ('member');
                 CREATE TABLE app.labels (status text PRIMARY KEY, label text); INSERT INTO app.labels VALUES ('active', 'Active');
                 CREATE TABLE app.t (first text, {TABLE}, last text);
                 ALTER TABLE app.t DROP first; ALTER TABLE app.t DROP last;
                 INSERT INTO app.t
                 SELECT n, CASE WHEN n < 5 THEN 'a' ELSE 'b' END, CASE n WHEN 1 THEN 'disabled' ELSE 'active' END,
                        CASE n WHEN 2 THEN '2020-06-01Z' ELSE '2025-06-01Z' END::timestamptz, now(), '{SECRET}-' || n, '{EXEMPT}-' || n,
                        '00442070000' || n, 'user' || n || '@example.com',
                        CASE WHEN n > 4 THEN 'OTHER' ELSE (ARRAY['DISABLED', 'OLD', 'Zoe', 'Bob'])[n] END,
                        '{{\"dept\": \"D1\", \"x\": 1}}', 'admin'
                   FROM generate_series(1, 6) AS n;
                 {protected}
                 GRANT SELECT ON app.roles, app.labels TO {reader};
                 CREATE FUNCTION app.initial(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left($1, 1)';
                 CREATE VIEW app.v WITH (security_invoker) AS
                 SELECT t.id AS no, t.tenant AS org, upper(t.note) AS remark, t.pin_code AS code, app.initial(t.nick) AS initial, l.label
                   FROM app.t LEFT JOIN app.labels l ON l.status = t.status;
                 GRANT SELECT ON app.v TO {reader};
                 SELECT acct_export_secret_column('app.t', 'note', 'free text about people');
                 SELECT acct_export_exempt_column('app.t', 'pin_code', 'a public number');
                 SELECT acct_export_clean_function('app.initial(text)', 'reads nothing');
                 SELECT acct_export_shared_table('app.labels', 'the same for all');
                 SELECT acct_export_register('roles', 'app.roles', 'name');"
            ))
            .unwrap();
        scene.register("people", "app.t", "");
        scene.register("strict", "app.t", "");
        scene.run("SELECT acct_export_register('seen', 'app.v', 'no', tenant_column => 'org')");
        scene.run(
            "SELECT acct_export_set_field('people', 'phone', mask => 'last4');
             SELECT acct_export_set_field('people', 'email', on_anonymise => 'redact');
             SELECT acct_export_set_field('people', 'nick', label => 'Nickname', json_path => 'names.nick', in_group => 'extra');
             SELECT acct_export_expand('people', 'doc', keys => '{dept}', labels => '{Department}');
             SELECT acct_export_set_reference('people', 'role', 'roles');
             SELECT acct_export_set_policy('strict', require_filter => '{nick}')",
        );
        scene
    }

    /// The same schema, restored into another database from a dump.
    pub fn restored(&self) -> Scene {
        let db = self.cluster.create_database("bound_copy");
        let dump = support::common::done(self.cluster.client("pg_dump").arg(&self.db)).stdout;
        let output = self.cluster.psql(&["-q", "-d", &db], std::str::from_utf8(&dump).unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Scene { cluster: self.cluster, db, reader: self.reader.clone() }
    }

    pub fn superuser(&self) -> Client {
        self.cluster.connect(&self.db, "postgres")
    }

    #[track_caller]
    pub fn run(&self, sql: &str) {
        self.superuser().batch_execute(sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// Registers a table like `app.t`, its columns with this suffix. Returns what was said by the way.
    #[track_caller]
    pub fn register(&self, dataset: &str, table: &str, suffix: &str) -> String {
        self.told(&format!(
            "SELECT acct_export_register('{dataset}', '{table}', 'id{suffix}', tenant_column => 'tenant{suffix}',
                 created_column => 'made{suffix}', updated_column => 'changed{suffix}', status_column => 'status{suffix}',
                 disabled_values => '{{disabled}}'{})",
            self.replace(dataset)
        ))
    }

    /// The argument that lets a registration replace one of the same name.
    pub fn replace(&self, dataset: &str) -> &'static str {
        let sql = "SELECT count(*) > 0 FROM acct_export.dataset WHERE dataset = $1";
        let is_known: bool = self.superuser().query_one(sql, &[&dataset]).unwrap().get(0);
        if is_known {
            ", replace => true"
        } else {
            ""
        }
    }

    /// Warnings and notices of a statement that succeeds.
    #[track_caller]
    pub fn told(&self, sql: &str) -> String {
        let output = self.cluster.psql(&["-q", "-d", &self.db, "-c", sql], "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{sql}: {said}");
        said
    }

    pub fn advice(&self, dataset: &str) -> String {
        let sql = format!("SELECT advice || ' ' || hint FROM acct_export_advice('{dataset}')");
        support::asking::column(&mut self.superuser(), &sql).join("\n")
    }

    /// Nothing of the dataset leaves: its source is gone. Who may know nothing of it any more is told of none.
    #[track_caller]
    pub fn is_broken(&self, dataset: &str) {
        let error = support::asking::refusal(
            &mut self.superuser(),
            &format!("SELECT acct_export_csv('{dataset}', all_tenants => true)"),
        );
        assert_eq!(error.sqlstate, "42501", "{error:?}");
        let seen = self.seen(dataset);
        assert!(seen.all().lines().all(|line| line.starts_with("ERROR")), "{seen:?}");
    }

    /// The problems that `acct_export_check` finds.
    pub fn failing(&self, dataset: &str) -> String {
        let sql = format!(
            "SELECT check_name || ': ' || detail || ' ' || coalesce(hint, '') FROM acct_export_check('{dataset}') WHERE NOT ok"
        );
        support::asking::column(&mut self.superuser(), &sql).join("\n")
    }

    /// The changes that `acct_export_refresh` finds, in the order of their names.
    #[track_caller]
    pub fn refreshed(&self, dataset: &str) -> Vec<String> {
        let sql = format!("SELECT field || ' ' || change FROM acct_export_refresh('{dataset}') ORDER BY 1");
        support::asking::column(&mut self.superuser(), &sql)
    }

    pub fn states(&self) -> Vec<String> {
        let sql = "SELECT kind || ' ' || object || ' ' || state FROM acct_export_declarations ORDER BY 1";
        support::asking::column(&mut self.superuser(), sql)
    }

    /// Everything that the reader gets of a dataset, in tenant a.
    pub fn seen(&self, dataset: &str) -> Seen {
        let mut client = self.cluster.connect(&self.db, &self.reader);
        client.batch_execute("SET app.tenant_id = 'a'").unwrap();
        let sql = format!("SELECT field FROM acct_export.field WHERE dataset = '{dataset}'");
        let fields = support::asking::column(&mut self.superuser(), &sql);
        let default = [NDJSON, CSV].map(|way| lines(&mut client, way, &format!("'{dataset}'"))).join("\n");
        let mut seen = Seen { default, ..Seen::default() };
        for field in fields {
            let list = format!("'{dataset}', fields => ARRAY['{field}']");
            seen.anonymised
                .insert(field.clone(), lines(&mut client, NDJSON, &format!("{list}, anonymise => true")));
            seen.fields.insert(field, lines(&mut client, NDJSON, &list));
        }
        seen
    }

    pub fn asks(&self, dataset: &str, arguments: &str) -> String {
        let mut client = self.cluster.connect(&self.db, &self.reader);
        client.batch_execute("SET app.tenant_id = 'a'").unwrap();
        lines(&mut client, NDJSON, &format!("'{dataset}', {arguments}"))
    }

    /// One setting of a field, or `-`.
    pub fn setting(&self, dataset: &str, field: &str, what: &str) -> String {
        let sql = format!(
            "SELECT coalesce(max({what}::text), '-') FROM acct_export_fields WHERE dataset = '{dataset}' AND field = '{field}'"
        );
        support::asking::text(&mut self.superuser(), &sql).unwrap()
    }
}

const NDJSON: &str = "acct_export_ndjson";
const CSV: &str = "acct_export_csv";

/// Lines of a stream, or the error.
fn lines(client: &mut Client, way: &str, arguments: &str) -> String {
    match client.query(&format!("SELECT {way}({arguments})"), &[]) {
        Ok(rows) => rows.iter().map(|row| row.get(0)).collect::<Vec<String>>().join("\n"),
        Err(error) => {
            let error = support::common::error_of(Err::<(), _>(error));
            format!("ERROR {} {}", error.sqlstate, error.message)
        }
    }
}
