//! A table with many types and awkward values, and what SQL itself says of them.

use postgres::Client;
use serde_json::Value;

use crate::common::{shared, unique, Cluster};

/// Field and the SQL of its text in a csv; `%` stands for the column.
pub const TEXTS: &[(&str, &str)] = &[
    ("id", "format('%s', %)"),
    ("small", "format('%s', %)"),
    ("whole", "format('%s', %)"),
    ("big", "format('%s', %)"),
    ("exact", "format('%s', %)"),
    ("amount", "format('%s', %)"),
    ("ratio", "format('%s', %)"),
    ("single", "format('%s', %)"),
    ("flag", "%::text"),
    // ISO 8601 counts years from 1 BC, which is 0000.
    ("day", "CASE WHEN % = '0044-03-15 BC' THEN '-0043-03-15' ELSE %::text END"),
    ("moment", "replace(%::text, ' ', 'T')"),
    (
        "instant",
        "CASE WHEN isfinite(%) THEN replace((% AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' ELSE %::text END",
    ),
    ("note", "format('%s', %)"),
    ("code", "format('%s', %)"),
    ("padded", "format('%s', %)"),
    // An element that holds a comma, or begins with a quote, stands in quotes.
    (
        "tags",
        "coalesce((SELECT string_agg(CASE WHEN strpos(t, ',') > 0 OR left(t, 1) = '\"' THEN '\"' || replace(t, '\"', '\"\"') || '\"'
                                        ELSE coalesce(t, '') END, ', ' ORDER BY o) FROM unnest(%) WITH ORDINALITY AS u(t, o)), '')",
    ),
    ("numbers", "array_to_string(%, ', ', '')"),
    ("uid", "format('%s', %)"),
    ("mood", "format('%s', %)"),
    ("plz", "format('%s', %)"),
    ("took", "format('%s', %)"),
    ("clock", "format('%s', %)"),
    ("address", "format('%s', %)"),
];

pub struct Kinds {
    pub cluster: &'static Cluster,
    pub db: String,
    pub role: String,
}

impl Kinds {
    /// Dataset `kinds`, of no tenant, in a database of its own.
    pub fn create() -> Self {
        let this = Kinds {
            cluster: shared(),
            db: shared().create_database_with_extension("kinds"),
            role: unique("reader"),
        };
        this.superuser().batch_execute(SCHEMA).unwrap();
        this.superuser()
            .batch_execute(&format!("CREATE ROLE {0} LOGIN; GRANT SELECT ON kinds TO {0}", this.role))
            .unwrap();
        this
    }

    /// Durations are ISO 8601 as all else is.
    pub fn superuser(&self) -> Client {
        let mut client = self.cluster.connect(&self.db, "postgres");
        client.batch_execute("SET IntervalStyle = 'iso_8601'").unwrap();
        client
    }

    /// A requester whose clock is not UTC.
    pub fn requester(&self) -> Client {
        let mut client = self.cluster.connect(&self.db, &self.role);
        client.batch_execute("SET TimeZone = 'Europe/Paris'").unwrap();
        client
    }

    /// Each row's texts in the order of [`TEXTS`], None for NULL.
    pub fn texts(&self) -> Vec<Vec<Option<String>>> {
        let list: Vec<String> = TEXTS
            .iter()
            .map(|(field, sql)| format!("CASE WHEN {field} IS NOT NULL THEN {} END", placed(sql, field)))
            .collect();
        let sql = format!("SELECT ARRAY[{}] FROM kinds ORDER BY id", list.join(", "));
        self.superuser().query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Each row as `to_jsonb` gives it in UTC, with the zone as `Z` and without secret keys.
    pub fn objects(&self) -> Vec<Value> {
        let sql = "SELECT to_jsonb(k) || jsonb_build_object(
                       'instant', replace(to_jsonb(instant) #>> '{}', '+00:00', 'Z'),
                       'day', CASE WHEN day = '0044-03-15 BC' THEN '-0043-03-15' ELSE to_jsonb(day) #>> '{}' END,
                       'doc', CASE jsonb_typeof(doc) WHEN 'object'
                           THEN doc #- '{password}' #- '{deep,0,apiToken}' #- '{deep,0,more,client_secret}' ELSE doc END)
                   FROM kinds AS k ORDER BY id";
        self.superuser().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }
}

/// `%s` is format's own.
fn placed(sql: &str, field: &str) -> String {
    sql.replace("%s", "\u{0}").replace('%', field).replace('\u{0}', "%s")
}

const SCHEMA: &str = r#"
CREATE TYPE mood AS ENUM ('happy', 'so-so, "ok"');
CREATE DOMAIN plz AS text CHECK (VALUE ~ '^\d{5}$');
CREATE TABLE kinds (
    id int PRIMARY KEY, small smallint, whole int, big bigint, exact numeric, amount numeric(12,2), ratio float8, single real,
    flag boolean, day date, moment timestamp, instant timestamptz, note text, code varchar(20), padded char(5), doc jsonb,
    tags text[], numbers int[], uid uuid, mood mood, plz plz, took interval, clock time, address inet);
INSERT INTO kinds VALUES
    (1, 7, -42, 1234567890, 0.10, 1234.50, 0.5, 0.1, true, '2025-03-30', '2025-03-30 01:30:00', '2025-03-30 00:30:00Z',
     'plain', '00042', 'ab', '{"a": 1, "b": [true, null], "password": "S3CR3T"}', '{x,y}', '{1,NULL,3}',
     'a0000000-0000-4000-8000-00000000000f', 'happy', '01067', '1 day 02:03:04.5', '23:59:59', '192.168.0.1/24'),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL),
    (3, -32768, 2147483647, 9223372036854775807, 12345678901234567890.123456789, -0.01, 'NaN', 'NaN', false, '1999-12-31',
     '1999-12-31 23:59:59.999999', '1999-12-31 23:59:59.123456Z', '', '', '', '{}', '{}', '{}',
     '00000000-0000-0000-0000-000000000000', 'so-so, "ok"', '99999', '-3 mons', '00:00', '::1'),
    (4, 0, 0, -9223372036854775808, 'NaN', 0, '-Infinity', 'Infinity', true, 'infinity', '-infinity', 'infinity',
     '=1+1', '+49 170 1234567', 'x', '{"deep": [{"apiToken": "S3CR3T", "keep": {"n": 1.50}, "more": {"client_secret": "S3CR3T", "z": ""}}]}',
     '{"=1+1","a,b","\"q\"","",NULL}', '{{1,2},{3,4}}', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'happy', '00000', '0', '12:00:00.000001', '10.0.0.0/8'),
    (5, 1, 1, 999999999999999, 123456789012345, 9999999999.99, 123456.789, 3.25, false, '2024-02-29', '2024-02-29 12:00',
     '2025-07-01 12:00:00+02', E'line one\nline "two"\r\nthree, 😀 Zoë\ttab', '-5', 'q"', '"text"', ARRAY[E'a\nb'], '{5}',
     'a0000000-0000-4000-8000-00000000000a', 'happy', '12345', '1 year', '01:02:03', '1.2.3.4'),
    (6, 1, 1, 1000000000000000, 1234567890123456, 1, 100, -1.5, true, '0044-03-15 BC', '2025-10-26 02:30', '2025-10-26 01:30Z',
     '@SUM(A1)', '-1+1', '1', '[1, "two", {"token": 3}]', '{one}', NULL, 'a0000000-0000-4000-8000-00000000000b', 'happy',
     '54321', '00:00:01', '23:00', '255.255.255.255'),
    (7, 1, 1, 1, 1, 1, 1, 1, true, '2025-01-01', '2025-01-01', '2025-01-01', ' <a href="x">&amp;_x0041_</a> ', '1e5', '00',
     'null', '{http://example.com}', '{0}', 'a0000000-0000-4000-8000-00000000000c', 'happy', '00001', '01:00', '00:00:00.5', '127.0.0.1');
COMMENT ON COLUMN kinds.note IS 'Free "text", of any kind';
SELECT acct_export_register('kinds', 'kinds', 'id', title => 'Many kinds: a/b');
"#;
