//! Schemas of somebody else's, as they stand: every table of one is given a row and a dataset, and what leaves is compared
//! with what was read off the schema by hand.

use postgres::Client;

use crate::asking::{column, completed, file, text};
use crate::common::{shared, unique};

/// The content of every credential.
pub const CANARY: &str = "C4N4RY";

/// The verdicts of a review of a schema.
pub struct Reviewed {
    /// Tables and columns that there were: another version has to be read again.
    pub tables: usize,
    pub columns: usize,
    /// Credentials and secrets, `table.column`, that are barred without anyone saying so.
    pub secrets: &'static [&'static str],
    /// Those that no name and no type gives away: a DBA has to declare them.
    pub declared: &'static [&'static str],
    /// JSON columns that may leave, and what they hold: no canary of it leaves.
    pub documents: &'static [(&'static str, &'static str)],
    /// Columns of the tables that matter most which nobody would call a secret.
    pub ordinary: &'static [(&'static str, &'static str)],
}

/// One row in each table of schema public; foreign keys are not looked at. Then a key of its own, and a dataset.
const FILL: &str = r#"
CREATE FUNCTION pg_temp.value_of(relation text, attribute text, type_name text, longest int, canary text) RETURNS text
LANGUAGE sql AS $$
SELECT CASE
    WHEN type_name ~ '^(smallint|integer|bigint|numeric|double precision|real)$' THEN '1'
    WHEN type_name = 'boolean' THEN 'false'
    WHEN type_name ~ '^(date|timestamp)' THEN '2025-01-01'
    WHEN type_name = 'uuid' THEN 'a0000000-0000-4000-8000-000000000001'
    WHEN type_name = 'inet' THEN '192.0.2.1'
    WHEN type_name ~ '^jsonb?$' THEN coalesce((SELECT document FROM pg_temp.documents WHERE name = relation || '.' || attribute), '{"city":"Lyon"}')
    WHEN attribute = 'lock' THEN 'X'
    WHEN type_name ~ '\[\]$' THEN '{' || canary || '}'
    ELSE left(canary || '-' || attribute, longest) END
$$;
DO $$ DECLARE r record; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR r IN
        SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS names,
               string_agg(quote_literal(pg_temp.value_of(c.relname, a.attname, format_type(a.atttypid, NULL),
                   CASE WHEN a.atttypmod > 4 AND a.atttypid = 'varchar'::regtype THEN a.atttypmod - 4 ELSE 60 END,
                   CASE WHEN EXISTS (SELECT FROM pg_temp.secret WHERE name = c.relname || '.' || a.attname)
                        THEN 'C4N4RY' ELSE 'plain' END)), ', ' ORDER BY a.attnum) AS row_values
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> 'a'
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' GROUP BY c.relname
    LOOP
        EXECUTE format('DELETE FROM %I', r.relname);
        EXECUTE format('INSERT INTO %I (%s) VALUES (%s)', r.relname, r.names, r.row_values);
    END LOOP;
END $$;
DO $$ DECLARE r name; BEGIN
    FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %I ADD acct_row bigint GENERATED ALWAYS AS IDENTITY UNIQUE', r);
        PERFORM acct_export_register(r, format('%I', r)::regclass, key => 'acct_row');
    END LOOP;
END $$;
"#;

pub struct Schema {
    db: String,
    role: String,
    reviewed: &'static Reviewed,
}

impl Schema {
    /// A copy of a database that has the schema, and not the extension.
    #[track_caller]
    pub fn copy(of: &str, reviewed: &'static Reviewed) -> Self {
        let schema = Schema { db: unique("schema"), role: unique("acct_schema"), reviewed };
        let copy = format!("CREATE DATABASE {} TEMPLATE {of}", schema.db);
        shared().connect("postgres", "postgres").batch_execute(&copy).unwrap();
        let mut superuser = schema.superuser();
        let counted = "SELECT count(DISTINCT c.oid)::text || '/' || count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped";
        let wanted = format!("{}/{}", reviewed.tables, reviewed.columns);
        assert_eq!(text(&mut superuser, counted), Some(wanted), "another version: read the schema again");
        superuser.batch_execute("CREATE EXTENSION pg_acctexport; CREATE TEMP TABLE secret (name text); CREATE TEMP TABLE documents (name text, document text)").unwrap();
        for name in reviewed.secrets.iter().chain(reviewed.declared) {
            superuser.execute("INSERT INTO pg_temp.secret VALUES ($1)", &[name]).unwrap();
        }
        for (name, document) in reviewed.documents {
            superuser.execute("INSERT INTO pg_temp.documents VALUES ($1, $2)", &[name, document]).unwrap();
        }
        superuser.batch_execute(FILL).unwrap();
        superuser
            .batch_execute(&format!(
                "CREATE ROLE {0}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}",
                schema.role
            ))
            .unwrap();
        schema
    }

    pub fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    fn reader(&self) -> Client {
        let mut client = self.superuser();
        client.batch_execute(&format!("SET ROLE {}", self.role)).unwrap();
        client
    }

    fn declare(&self, client: &mut Client) {
        for name in self.reviewed.declared {
            let (table, column) = name.split_once('.').unwrap();
            client
                .execute(
                    "SELECT acct_export_secret_column($1::text::regclass, $2, 'read off the schema')",
                    &[&table, &column],
                )
                .unwrap();
        }
    }

    /// Those of these columns that are barred, or that are not.
    fn barred(&self, names: &[&str], wanted: bool) -> Vec<String> {
        let sql = "SELECT n FROM unnest($1::text[]) AS n LEFT JOIN acct_export_fields f ON f.dataset || '.' || f.field = n
                    WHERE f.field IS NULL OR (f.barred IS NOT NULL) = $2";
        let rows = self.superuser().query(sql, &[&names, &wanted]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    #[track_caller]
    pub fn secrets_are_barred(&self) {
        let missed = self.barred(self.reviewed.secrets, false);
        assert!(missed.is_empty(), "credentials that may leave: {missed:#?}");
        self.not_by_name(self.reviewed.secrets);
    }

    #[track_caller]
    pub fn what_is_declared_is_barred(&self) {
        let before = self.barred(self.reviewed.declared, true);
        assert!(before.is_empty(), "barred without being declared: {before:#?}");
        self.declare(&mut self.superuser());
        let missed = self.barred(self.reviewed.declared, false);
        assert!(missed.is_empty(), "declared, and may leave: {missed:#?}");
        self.not_by_name(self.reviewed.declared);
    }

    #[track_caller]
    fn not_by_name(&self, names: &[&str]) {
        let mut reader = self.reader();
        for name in names {
            let (table, column) = name.split_once('.').unwrap();
            for function in ["acct_export_start", "acct_export_csv"] {
                let sql = format!("SELECT {function}($1, fields => ARRAY[$2])::text");
                let error = reader.query(&sql, &[&table, &column]).expect_err(name);
                assert_eq!(error.code().unwrap().code(), "42501", "{name}: {error:?}");
            }
        }
    }

    #[track_caller]
    pub fn ordinary_columns_are_not(&self) {
        let names: Vec<String> = self
            .reviewed
            .ordinary
            .iter()
            .flat_map(|(table, columns)| columns.split(' ').map(move |column| format!("{table}.{column}")))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let barred = self.barred(&names, true);
        assert!(barred.is_empty(), "ordinary columns that are barred: {barred:#?}");
    }

    /// Every table, streamed; those with a credential or a document as files as well.
    #[track_caller]
    pub fn no_canary_leaves(&self) {
        let mut superuser = self.superuser();
        self.declare(&mut superuser);
        // Registered with it: a field that was sound before would fail its export, not be left out.
        for name in self.reviewed.declared {
            let table = name.split_once('.').unwrap().0;
            superuser
                .execute(
                    "SELECT acct_export_register($1, $1::text::regclass, key => 'acct_row', replace => true)",
                    &[&table],
                )
                .unwrap();
        }
        let mut reader = self.reader();
        let datasets = column(&mut reader, "SELECT dataset FROM acct_export_datasets");
        assert_eq!(datasets.len(), self.reviewed.tables);
        let (mut leaks, mut rows) = (Vec::new(), 0);
        for dataset in &datasets {
            for format in ["csv", "ndjson"] {
                let lines = column(&mut reader, &format!("SELECT acct_export_{format}('{dataset}')"));
                rows += lines.len();
                leaks.extend(
                    lines
                        .iter()
                        .filter(|line| line.contains(CANARY))
                        .map(|line| format!("{dataset}: {line}")),
                );
            }
            let holds = |name: &&str| name.starts_with(&format!("{dataset}."));
            let documents = self.reviewed.documents.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            if self.reviewed.secrets.iter().chain(self.reviewed.declared).chain(&documents).any(holds) {
                for format in ["csv", "json"] {
                    let job = completed(&mut reader, &format!("'{dataset}', '{format}'"));
                    let text = String::from_utf8(file(&mut reader, &job)).unwrap();
                    if text.contains(CANARY) {
                        leaks.push(format!("{dataset} as {format}: {text}"));
                    }
                }
            }
        }
        assert_eq!(rows, datasets.len() * 3, "a row each, and the header of csv");
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}
