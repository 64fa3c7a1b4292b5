//! Tables with secrets in them, and the values that the secrets take.

use postgres::Client;

/// A column as the generator knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    Text,
    Int,
    Bool,
    Json,
    Texts,
}

/// A table: its name, and its columns with their types; true for a secret.
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Type, bool)],
}

use Type::{Int, Json, Text, Texts};

pub const TABLES: &[Table] = &[
    Table {
        name: "app.u",
        columns: &[
            ("name", Text, false),
            ("id", Int, false),
            ("tid", Int, false),
            ("city", Text, false),
            ("age", Int, false),
            ("tags", Texts, false),
            ("doc", Json, true),
            ("password_hash", Text, true),
            ("api_token", Text, true),
            ("factor", Int, true),
        ],
    },
    Table {
        name: "app.t",
        columns: &[
            ("title", Text, false),
            ("id", Int, false),
            ("rank", Int, false),
            ("plan", Text, false),
            ("secret", Text, true),
        ],
    },
    Table {
        name: "app.e",
        columns: &[
            ("kind", Text, false),
            ("id", Int, false),
            ("uid", Int, false),
            ("amount", Int, false),
            ("token", Text, true),
            ("guess", Text, true),
        ],
    },
    // Views.
    Table {
        name: "app.v_plain",
        columns: &[("name", Text, false), ("id", Int, false), ("city", Text, false)],
    },
    Table {
        name: "app.v_open",
        columns: &[("name", Text, false), ("id", Int, false), ("a", Text, true), ("b", Text, true)],
    },
];

/// Views whose rows a secret sorts or chooses; their columns are free of it.
pub const VIEWS_BY_SECRET: &[Table] = &[
    Table { name: "app.v_sorted", columns: &[("name", Text, false), ("id", Int, false)] },
    Table { name: "app.v_chosen", columns: &[("name", Text, false), ("id", Int, false)] },
];

const SCHEMA: &str = r"
CREATE SCHEMA app;
CREATE TABLE app.u (
    id int PRIMARY KEY, tid int, name text, city text, age int, tags text[], doc jsonb,
    password_hash text, api_token text, factor int
);
CREATE TABLE app.t (id int PRIMARY KEY, title text, plan text, rank int UNIQUE NOT NULL, secret text);
CREATE TABLE app.e (
    id int PRIMARY KEY, uid int, kind text, amount int, token text,
    guess text GENERATED ALWAYS AS (nullif(left(token, 2), 's1')) STORED
);
CREATE INDEX ON app.u (password_hash);
CREATE INDEX ON app.t (secret);
CREATE VIEW app.v_plain WITH (security_invoker) AS SELECT id, name, city FROM app.u;
CREATE VIEW app.v_open WITH (security_invoker) AS
    SELECT id, name, password_hash AS a, nullif(api_token, 's2') AS b FROM app.u;
CREATE VIEW app.v_sorted WITH (security_invoker) AS SELECT id, name FROM app.u ORDER BY password_hash;
CREATE VIEW app.v_chosen WITH (security_invoker) AS SELECT id, name FROM app.u WHERE api_token < 's2';
SELECT acct_export_secret_column('app.u', 'factor', 'a test');

-- A view and its dataset; why not, where that fails.
CREATE FUNCTION app.make(name text, query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE VIEW app.%I WITH (security_invoker) AS %s', name, query);
    PERFORM acct_export_register(name, format('app.%I', name)::regclass, 'k');
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- All that is exported of a dataset, or how that fails.
CREATE FUNCTION app.exported(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    csv text; ndjson text; shown text;
BEGIN
    SELECT string_agg(l, E'\n') INTO csv FROM acct_export_csv(name, options => jsonb_build_object('order', 'key', 'formula_guard', false)) AS l;
    IF right(name, 1) = '1' THEN
        SELECT string_agg(l, E'\n') INTO ndjson FROM acct_export_ndjson(name) AS l;
        SELECT to_jsonb(p)::text INTO shown FROM acct_export_preview(name, options => jsonb_build_object('count', true)) AS p;
    END IF;
    RETURN concat_ws(E'\n--\n', csv, ndjson, shown);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
";

/// Values of the secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Secrets {
    /// Some are equal, one is NULL.
    Base,
    /// The other way round.
    Reversed,
    /// All are equal.
    Equal,
    /// All are different.
    Distinct,
    /// NULL and empty where the others are not, and a value where they are NULL.
    Absent,
}

impl Secrets {
    pub const ALL: [Secrets; 5] =
        [Secrets::Base, Secrets::Reversed, Secrets::Equal, Secrets::Distinct, Secrets::Absent];

    /// The text of row `i`, of the secret with this `salt`, as SQL.
    fn text(self, salt: u32) -> String {
        let value = match self {
            Secrets::Base => format!("'s' || (i * 5 + {salt}) % 4"),
            Secrets::Reversed => format!("'s' || 3 - (i * 5 + {salt}) % 4"),
            Secrets::Equal => "'s2'".to_owned(),
            Secrets::Distinct => format!("chr(122 - (i * 3 + {salt}) % 20) || i"),
            Secrets::Absent => {
                return format!(
                "CASE WHEN i = 3 THEN 's1' WHEN i % 3 = 0 THEN '' WHEN (i + {salt}) % 2 = 0 THEN 's0' END"
            )
            }
        };
        format!("CASE WHEN i <> 3 THEN {value} END")
    }

    fn number(self) -> &'static str {
        match self {
            Secrets::Base => "CASE WHEN i <> 3 THEN 40 + i % 3 END",
            Secrets::Reversed => "CASE WHEN i <> 3 THEN 90 - i END",
            Secrets::Equal => "CASE WHEN i <> 3 THEN 3 END",
            Secrets::Distinct => "CASE WHEN i <> 3 THEN i END",
            Secrets::Absent => "CASE WHEN i = 3 THEN 41 END",
        }
    }

    /// Puts the same rows into all tables, in the same order, with these secrets.
    pub fn fill(self, client: &mut Client) {
        let (hash, token, secret, other) = (self.text(0), self.text(1), self.text(2), self.text(3));
        let number = self.number();
        client
            .batch_execute(&format!(
                "TRUNCATE app.u, app.t, app.e;
                 INSERT INTO app.u SELECT i, CASE WHEN i <> 6 THEN 1 + i % 4 END, 's' || i % 3, (ARRAY['Oslo', 'Lyon', 's1'])[1 + i % 3],
                     40 + i % 5, ARRAY['a' || i % 2, 's' || i],
                     jsonb_build_object('city', 's' || i % 3, 'token', coalesce({hash}, 'none'), 'a', jsonb_build_object('n', i % 2, 'token', coalesce({token}, 'none'))),
                     {hash}, {token}, {number}
                   FROM generate_series(1, 6) AS i;
                 INSERT INTO app.t SELECT i, 's' || i, (ARRAY['free', 'paid'])[1 + i % 2], 10 - i, {secret} FROM generate_series(1, 5) AS i;
                 INSERT INTO app.e (id, uid, kind, amount, token)
                     SELECT i, CASE WHEN i <> 4 THEN 1 + i % 6 END, 's' || i % 4, i * 7 % 5, {other} FROM generate_series(1, 8) AS i"
            ))
            .unwrap_or_else(|e| panic!("{self:?}: {e:?}"));
    }
}

pub fn create(client: &mut Client) {
    client.batch_execute(SCHEMA).unwrap_or_else(|e| panic!("{e:?}"));
}
