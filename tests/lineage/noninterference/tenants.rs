//! Everything that a tenant's session gets to see, while the rows of the other tenants change.

use std::fmt::Write;

use postgres::Client;

use support::common::{error_of, shared, unique};

/// Rows of the other tenants.
#[derive(Clone, Copy, Debug)]
pub enum Others {
    Some,
    /// Every value is another one, and fails where something is made of it.
    Changed,
    Gone,
    /// Many more, most of them equal to rows of the tenant that asks, and of many tenants.
    Many,
}

impl Others {
    pub const ALL: [Others; 4] = [Others::Some, Others::Changed, Others::Gone, Others::Many];

    fn fill(self, client: &mut Client) {
        let rows = |from: &str, note: &str, city: &str, score: &str, tenant: &str| {
            format!(
                "INSERT INTO app.person SELECT 10000 + i, {tenant}, 'o' || i || '@b.example', {city}, {score}, {note},
                     timestamptz '2025-03-01 00:00Z' + i * interval '1 hour', 'x' FROM {from} AS i;
                 INSERT INTO app.visit SELECT 10000 + i, {tenant}, 10000 + i, i FROM {from} AS i;
                 INSERT INTO app.part SELECT 10000 + i, {tenant}, {note} FROM {from} AS i;"
            )
        };
        let others = match self {
            Others::Some => rows("generate_series(1, 300)", "(i % 9)::text", "'Oslo'", "i", "'b'"),
            Others::Changed => rows("generate_series(1, 300)", "'none ' || i", "NULL", "-2147483648", "'b'"),
            Others::Gone => String::new(),
            Others::Many => rows(
                "generate_series(1, 6000)",
                "(i % 9)::text",
                "'Lyon'",
                "i % 50",
                "(ARRAY['b', 'c', 'd'])[1 + i % 3]",
            ),
        };
        client
            .batch_execute(&format!(
                "DELETE FROM app.person WHERE tenant_id <> 'a'; DELETE FROM app.visit WHERE tenant_id <> 'a'; DELETE FROM app.part WHERE tenant_id <> 'a'; {others}"
            ))
            .unwrap_or_else(|e| panic!("{self:?}: {e:?}"));
    }
}

/// Three tables with row security, views over them, and a role in tenant `a`.
pub struct Base {
    superuser: Client,
    reader: Client,
}

const DATASETS: &[&str] = &["person", "numbers", "visits", "ranked", "part"];

impl Base {
    pub fn new(indexes: bool) -> Base {
        let db = shared().create_database_with_extension("others");
        let role = unique("acct_tenant");
        let mut superuser = shared().connect(&db, "postgres");
        superuser
            .batch_execute(&format!(
                "CREATE ROLE {role} LOGIN; CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO {role};
                 CREATE TABLE app.person (id int PRIMARY KEY, tenant_id text NOT NULL, email text, city text, score int, note text, created_at timestamptz, status text);
                 CREATE TABLE app.visit (id int PRIMARY KEY, tenant_id text NOT NULL, person_id int, minutes int);
                 CREATE TABLE app.part (id int, tenant_id text NOT NULL, note text, PRIMARY KEY (id, tenant_id)) PARTITION BY LIST (tenant_id);
                 CREATE TABLE app.part_a PARTITION OF app.part FOR VALUES IN ('a');
                 CREATE TABLE app.part_b PARTITION OF app.part DEFAULT;
                 INSERT INTO app.person SELECT i, 'a', 'p' || i || '@a.example', (ARRAY['Lyon', 'Oslo', NULL])[1 + i % 3], 97 * i % 41, (i % 9)::text,
                     timestamptz '2025-01-01 00:00Z' + (97 * i % 400) * interval '1 hour', (ARRAY['active', 'disabled'])[1 + (i % 8 = 0)::int] FROM generate_series(1, 200) AS i;
                 INSERT INTO app.visit SELECT i, 'a', 1 + i % 150, i % 60 FROM generate_series(1, 400) AS i;
                 INSERT INTO app.part SELECT i, 'a', (i % 9)::text FROM generate_series(1, 50) AS i;
                 ALTER TABLE app.person ENABLE ROW LEVEL SECURITY; ALTER TABLE app.visit ENABLE ROW LEVEL SECURITY; ALTER TABLE app.part ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON app.person USING (tenant_id = current_setting('app.tenant_id', true));
                 CREATE POLICY tenant ON app.visit USING (tenant_id = current_setting('app.tenant_id', true));
                 CREATE POLICY tenant ON app.part USING (tenant_id = current_setting('app.tenant_id', true));
                 CREATE VIEW app.numbers WITH (security_invoker) AS SELECT id, tenant_id, note::int AS n, 1000 / nullif(score, 0) AS share, created_at FROM app.person WHERE note::int < 8;
                 CREATE VIEW app.visits WITH (security_invoker) AS
                     SELECT p.id, p.tenant_id, p.city, count(v.id) AS visits, sum(v.minutes) AS minutes, array_agg(v.minutes ORDER BY v.id) AS list
                       FROM app.person p LEFT JOIN app.visit v ON v.person_id = p.id GROUP BY p.id;
                 CREATE VIEW app.ranked WITH (security_invoker) AS
                     SELECT id, tenant_id, rank() OVER (ORDER BY score) AS place, count(*) OVER (PARTITION BY city) AS together,
                            (SELECT count(*) FROM app.visit) AS all_visits, row_number() OVER (ORDER BY id) AS n FROM app.person;
                 GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role};
                 SELECT acct_export_register('person', 'app.person', 'id', tenant_column => 'tenant_id', created_column => 'created_at', status_column => 'status', disabled_values => '{{disabled}}');
                 SELECT acct_export_register(d, ('app.' || d)::regclass, 'id', tenant_column => 'tenant_id') FROM unnest('{{numbers,visits,ranked,part}}'::text[]) d;"
            ))
            .unwrap_or_else(|e| panic!("{e:?}"));
        if indexes {
            superuser
                .batch_execute(
                    "CREATE INDEX ON app.person (tenant_id, created_at DESC); CREATE INDEX ON app.person (city, score);
                     CREATE INDEX ON app.person (lower(email)); CREATE INDEX ON app.visit (person_id); CREATE STATISTICS app.s ON tenant_id, city FROM app.person",
                )
                .unwrap();
        }
        superuser
            .batch_execute(&format!(
                "LOAD 'pg_acctexport'; ALTER ROLE {role} IN DATABASE \"{db}\" SET acct_export.async = off"
            ))
            .unwrap();
        let mut reader = shared().connect(&db, &role);
        reader.batch_execute("SET app.tenant_id = 'a'; SET TimeZone = 'UTC'").unwrap();
        Base { superuser, reader }
    }

    pub fn fill(&mut self, others: Others, analyze: bool) {
        others.fill(&mut self.superuser);
        if analyze {
            self.superuser.batch_execute("VACUUM ANALYZE app.person, app.visit, app.part").unwrap();
        }
    }

    /// All that the reader gets to see, in one text: files, streams, previews, what is said of jobs, errors.
    pub fn seen(&mut self) -> String {
        let mut seen = String::new();
        for dataset in DATASETS {
            for arguments in selections(dataset) {
                for format in ["csv", "ndjson", "json", "xlsx"] {
                    self.job(&mut seen, &arguments, format);
                }
                self.query(&mut seen, &format!("SELECT coalesce(string_agg(l, E'\\n'), '') FROM acct_export_csv({arguments}, options => '{{\"order\":\"key\"}}') l"));
                self.query(
                    &mut seen,
                    &format!("SELECT to_jsonb(p)::text FROM acct_export_preview({arguments}) p"),
                );
                self.query(&mut seen, &format!("SELECT to_jsonb(p)::text FROM acct_export_preview({arguments}, options => '{{\"count\":true}}') p"));
            }
        }
        for sql in [
            "SELECT acct_export_csv('person', filter => '{\"score\":\"many\"}')",
            "SELECT acct_export_csv('person', filter => '{\"score\":{\"gt\":99999999999}}')",
            "SELECT acct_export_csv('person', filter => '{\"town\":\"Oslo\"}')",
            "SELECT acct_export_csv('person', fields => '{id,town}')",
            "SELECT acct_export_start('person', all_tenants => true)::text",
            "SELECT acct_export_csv('nobody')",
            "SELECT acct_export_csv('person', filter => '{\"created_at\":{\"ge\":\"today-ish\"}}')",
            "SELECT to_jsonb(p)::text FROM acct_export_preview('person', filter => '{\"score\":\"many\"}') p",
            "SELECT string_agg(a::text, ',' ORDER BY a::text) FROM acct_export_advice() a",
            "SELECT string_agg(to_jsonb(d)::text, ',' ORDER BY dataset) FROM acct_export_datasets d",
        ] {
            self.query(&mut seen, sql);
        }
        seen
    }

    fn query(&mut self, seen: &mut String, sql: &str) {
        let _ = match self.reader.query(sql, &[]) {
            Ok(rows) => {
                let texts =
                    rows.iter().map(|row| row.try_get::<_, Option<String>>(0).unwrap().unwrap_or_default());
                writeln!(seen, "{sql}\n{}", texts.collect::<Vec<_>>().join("\n"))
            }
            Err(error) => writeln!(seen, "{sql}\n{:?}", error_of::<()>(Err(error))),
        };
    }

    /// A job made in the session: its file, and what is said of it beside names and times.
    fn job(&mut self, seen: &mut String, arguments: &str, format: &str) {
        let made = format!(
            "WITH j AS MATERIALIZED (SELECT acct_export_start({arguments}, format => '{format}', options => '{{\"reproducible\":true}}') AS id) SELECT id::text FROM j"
        );
        self.reader.batch_execute("BEGIN").unwrap();
        match self.reader.query_one(&made, &[]) {
            Ok(row) => {
                let id: String = row.get(0);
                let told = "SELECT (to_jsonb(s) - '{job_id,created_at,started_at,finished_at,expires_at,as_of,files}'::text[])::text
                                || (SELECT jsonb_agg(f - 'name')::text FROM jsonb_array_elements(s.files) f)
                              FROM acct_export_status($1::text::uuid) s";
                let told: Option<String> = self.reader.query_one(told, &[&id]).unwrap().get(0);
                let file: Vec<u8> =
                    self.reader.query_one("SELECT acct_export_file($1::text::uuid)", &[&id]).unwrap().get(0);
                let _ = writeln!(seen, "{arguments} {format}\n{told:?}\n{}", file.escape_ascii());
            }
            Err(error) => {
                let _ = writeln!(seen, "{arguments} {format}\n{:?}", error_of::<()>(Err(error)));
            }
        }
        self.reader.batch_execute("ROLLBACK").unwrap();
    }
}

fn selections(dataset: &str) -> Vec<String> {
    let mut selections = vec![format!("'{dataset}'")];
    match dataset {
        "person" => selections.extend(
            [
                "filter => '{\"city\":\"Lyon\"}'",
                "filter => '{\"city\":\"Lyon\",\"score\":{\"gt\":20}}', include_disabled => true",
                "filter => '{\"email\":{\"sw\":\"o1\"}}'",
                "filter => '{\"email\":{\"co\":\"B.EXAMPLE\",\"ci\":true}}'",
                "filter => '{\"not\":{\"city\":null}}', start_date => '2025-01-05', end_date => '2025-01-09'",
                "filter => '{\"id\":{\"gt\":10000}}'",
                "anonymise => true",
            ]
            .map(|more| format!("'person', {more}")),
        ),
        "numbers" => selections.push("'numbers', filter => '{\"n\":{\"lt\":5}}'".to_owned()),
        "visits" => selections.push("'visits', filter => '{\"visits\":{\"gt\":2}}'".to_owned()),
        _ => {}
    }
    selections
}
