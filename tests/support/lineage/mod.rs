//! A database of secrets and plain columns, and views over it that are registered and exported.

pub mod newer_shapes;
pub mod shapes;

use postgres::Client;

use crate::asking::text;
use crate::common::{shared, unique};

/// In every secret value of the base tables, and in no other.
pub const CANARY: &str = "C4N4RY";

const BASE: &str = r#"
CREATE SCHEMA app;
CREATE TYPE app.pair AS (a text, password_hash text);
CREATE TABLE app.acct (
    id int PRIMARY KEY, name text, city text, born date, tags text[],
    password_hash text, api_token text, blob bytea, tokens text[], pairing app.pair, doc jsonb, flat json,
    reference text GENERATED ALWAYS AS (password_hash) STORED,
    guess text GENERATED ALWAYS AS (nullif(password_hash, 'x')) STORED
);
INSERT INTO app.acct (id, name, city, born, tags, password_hash, api_token, blob, tokens, pairing, doc, flat)
SELECT n, 'Ann', 'Lyon', '2000-01-01', '{t1,t2}', 'C4N4RY-hash', 'C4N4RY-api', 'C4N4RY-blob', '{C4N4RY-list}', ROW('p', 'C4N4RY-pair')::app.pair, d, d
  FROM generate_series(1, 2) AS n,
       (SELECT '{"city":"Paris","token":"C4N4RY-doc","tokens":["C4N4RY-item"],"a":{"city":"Oslo","token":"C4N4RY-deep","api_key":"C4N4RY-key"}}'::jsonb) AS j(d);
CREATE TABLE app.place (id int PRIMARY KEY, acct_id int, title text);
INSERT INTO app.place VALUES (1, 1, 'Rue'), (2, 2, 'Quai');
CREATE TABLE app.vault (id int PRIMARY KEY, acct_id int, title text, secret text);
INSERT INTO app.vault VALUES (1, 1, 'V1', 'C4N4RY-vault'), (2, 2, 'V2', 'C4N4RY-vault');
CREATE TABLE app.node (id int PRIMARY KEY, parent int, name text, password text);
INSERT INTO app.node VALUES (1, NULL, 'root', 'C4N4RY-root'), (2, 1, 'leaf', 'C4N4RY-leaf');
CREATE TABLE app.parts (id int PRIMARY KEY, name text, api_token text) PARTITION BY RANGE (id);
CREATE TABLE app.parts_1 PARTITION OF app.parts FOR VALUES FROM (0) TO (100);
INSERT INTO app.parts VALUES (1, 'part', 'C4N4RY-part');
CREATE FUNCTION app.shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
CREATE FUNCTION app.peek(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT password_hash FROM app.acct WHERE id = $1';
CREATE FUNCTION app.rows() RETURNS SETOF app.acct LANGUAGE sql STABLE AS 'SELECT * FROM app.acct';
CREATE OPERATOR app.!!! (RIGHTARG = int, FUNCTION = app.peek);
CREATE AGGREGATE app.gather(text) (SFUNC = textcat, STYPE = text);
CREATE VIEW app.plain WITH (security_invoker) AS SELECT id, name, city FROM app.acct;
CREATE VIEW app.open WITH (security_invoker) AS SELECT id, name, password_hash AS a FROM app.acct;
CREATE VIEW app.open2 (k, n, b) WITH (security_invoker) AS SELECT id, name, a FROM app.open;
CREATE VIEW app.guesses WITH (security_invoker) AS SELECT id, nullif(password_hash, 'x') AS a FROM app.acct;
CREATE VIEW app.sorted WITH (security_invoker) AS SELECT id, name FROM app.acct ORDER BY password_hash;
CREATE VIEW app.chosen WITH (security_invoker) AS SELECT id, name FROM app.acct WHERE password_hash LIKE 'C4%';
CREATE VIEW app.open3 WITH (security_invoker) AS SELECT o.k AS id, lower(o.b) AS c, o.n FROM app.open2 o;
"#;

pub struct Base {
    pub db: String,
    pub role: String,
}

impl Base {
    #[allow(clippy::new_without_default)] // it makes databases and roles
    pub fn new() -> Self {
        let base =
            Base { db: shared().create_database_with_extension("lineage"), role: unique("acct_reader") };
        let role = &base.role;
        let mut superuser = base.superuser();
        superuser.batch_execute(BASE).unwrap();
        superuser
            .batch_execute(&format!(
                "CREATE ROLE {role}; GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role};
                 ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO {role}"
            ))
            .unwrap();
        base
    }

    pub fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    pub fn reader(&self) -> Client {
        let mut client = self.superuser();
        client.batch_execute(&format!("SET ROLE {}", self.role)).unwrap();
        client
    }

    /// Makes a view of this query, with fields `id` and `x` at least, and registers it. What went wrong, if anything.
    pub fn register(&self, client: &mut Client, name: &str, query: &str) -> Result<(), String> {
        let make = format!("CREATE OR REPLACE VIEW app.{name} WITH (security_invoker) AS {query}");
        let why = |e: postgres::Error| e.as_db_error().map_or_else(|| format!("{e:?}"), ToString::to_string);
        client.batch_execute(&make).map_err(|e| format!("not a view: {}", why(e)))?;
        let register = format!("SELECT acct_export_register('{name}', 'app.{name}', 'id')");
        client.batch_execute(&register).map_err(why)
    }
}

/// The reason why a field is barred.
pub fn barred(client: &mut Client, dataset: &str, field: &str) -> Option<String> {
    text(
        client,
        &format!("SELECT barred FROM acct_export_fields WHERE dataset = '{dataset}' AND field = '{field}'"),
    )
}
