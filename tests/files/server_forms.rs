//! jsonb, numeric, UUIDs, enums and types that are printed as text is are read from the server's own form: what comes out is what the
//! server's output functions write, letter for letter.

use postgres::Client;
use support::asking::column;
use support::common::{shared, unique};

/// Random documents: every kind of value, padding of all sizes before numbers and containers, more entries than the server
/// counts offsets for in one go (JB_OFFSET_STRIDE, 32).
const SETUP: &str = r#"
CREATE FUNCTION word(n int) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT left((ARRAY['', 'a', 'né', 'Straße "x"', E'tab\tand\nline', E'\x01\x1f\x7f', '営業部 Продажи', '\back\/slash', repeat('long ', 40)])
        [1 + floor(random() * 9)::int] || n, 1 + floor(random() * 60)::int) $$;
CREATE FUNCTION number() RETURNS numeric LANGUAGE sql VOLATILE AS $$
    SELECT round((random() - 0.5)::numeric * (10::numeric ^ floor(random() * 40)::int), floor(random() * 30)::int) $$;
CREATE FUNCTION document(deep int) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN CASE floor(random() * CASE WHEN deep > 0 THEN 8 ELSE 5 END)::int
        WHEN 0 THEN 'null' WHEN 1 THEN to_jsonb(random() < 0.5) WHEN 2 THEN to_jsonb(number()) WHEN 3 THEN to_jsonb(word(0))
        WHEN 4 THEN to_jsonb(floor(random() * 20000 - 10000)::int)
        WHEN 5 THEN (SELECT coalesce(jsonb_agg(document(deep - 1)), '[]') FROM generate_series(1, floor(random() * 6)::int))
        ELSE (SELECT coalesce(jsonb_object_agg(word(n), document(deep - 1)), '{}') FROM generate_series(1, floor(random() * 6)::int) n)
    END;
END $$;
CREATE TABLE forms (id int PRIMARY KEY, doc jsonb, docs jsonb[], amount numeric, amounts numeric[], coarse numeric(20, 3));
SELECT setseed(0.25);
INSERT INTO forms SELECT n, document(4), ARRAY[document(2), NULL, document(1)], number(), ARRAY[number(), NULL, number()], number() % 100000
  FROM generate_series(1, 3000) n;
INSERT INTO forms (id, doc) VALUES
    (10001, (SELECT jsonb_object_agg('k' || n, n) FROM generate_series(1, 200) n)),
    (10002, (SELECT jsonb_agg(repeat('x', n % 7)) FROM generate_series(1, 500) n)),
    (10003, (repeat('[', 150) || repeat(']', 150))::jsonb),
    (10004, (repeat('{"a":[', 120) || '1.50' || repeat(']}', 120))::jsonb),
    (10005, to_jsonb(repeat('compressible ', 100000))),
    (10006, (SELECT jsonb_agg(md5(n::text)) FROM generate_series(1, 20000) n)),
    (10007, '[1.10, 1e5, 1E-7, -0, 0.000, 123456789012345678901234567890.5]');
INSERT INTO forms (id, amount, amounts) SELECT 20000 + row_number() OVER (), n, ARRAY[n, -n]
  FROM unnest(ARRAY['NaN', 'Infinity', '-Infinity', '0', '0.00', '1', '-1', '9999', '10000', '10001', '100000000', '0.1', '0.0001', '0.00010',
                    '0.00001', '99999999.9999', '-12345.678900', '1e300', '1e-300', '5e130000', '1.5e-16000',
                    repeat('9', 1000), '0.' || repeat('3', 1000), repeat('12345', 90) || '.' || repeat('067', 90)]::numeric[]) n;
SELECT acct_export_register('forms', 'forms', 'id');
"#;

/// A row by the server, put together as a line of ndjson.
const WANTED: &str = r#"
SELECT format('{"id":%s,"doc":%s,"docs":%s,"amount":%s,"amounts":%s,"coarse":%s}', id, coalesce(doc::text, 'null'),
    coalesce((SELECT '[' || string_agg(coalesce(d::text, 'null'), ',' ORDER BY o) || ']' FROM unnest(docs) WITH ORDINALITY u(d, o)), 'null'),
    coalesce(shown(amount), 'null'),
    coalesce((SELECT '[' || string_agg(coalesce(shown(a), 'null'), ',' ORDER BY o) || ']' FROM unnest(amounts) WITH ORDINALITY u(a, o)), 'null'),
    coalesce(coarse::text, 'null'))
  FROM forms ORDER BY id"#;

fn forms() -> Client {
    let db = shared().create_database_with_extension("forms");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute(SETUP).unwrap();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT ON forms TO {role};
             CREATE FUNCTION shown(n numeric) RETURNS text LANGUAGE sql AS $$
                 SELECT CASE WHEN n::text ~ '^[-.0-9]+$' THEN n::text ELSE '\"' || n::text || '\"' END $$"
        ))
        .unwrap();
    shared().connect(&db, &role)
}

#[test]
fn as_the_server_writes_them() {
    let mut client = forms();
    let wanted = column(&mut client, WANTED);
    assert!(wanted.len() > 3_000);
    let ours = column(&mut client, r#"SELECT acct_export_ndjson('forms', options => '{"order":"key"}')"#);
    assert_eq!(ours.len(), wanted.len());
    for (ours, wanted) in ours.iter().zip(&wanted) {
        assert_eq!(ours, wanted);
    }
}

/// A fetch ends after about a quarter of a megabyte, wherever that is, and the next goes on with the next row.
#[test]
fn no_row_is_lost_between_two_fetches() {
    let db = shared().create_database_with_extension("fetches");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(
            "CREATE TABLE lines (id int PRIMARY KEY, note text);
             INSERT INTO lines SELECT n, repeat('x', CASE WHEN n % 97 = 0 THEN 300000 WHEN n > 3000 THEN 30000 ELSE 5 END)
               FROM generate_series(1, 3300) n;
             SELECT acct_export_register('lines', 'lines', 'id')",
        )
        .unwrap();
    for order in ["key", "none"] {
        let sql = format!(
            "SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || max(id) || ' ' || bool_and(l.length = length(t.note))
               FROM (SELECT (line::json->>'id')::int AS id, length(line::json->>'note') FROM (SELECT acct_export_ndjson('lines',
                     options => '{{\"order\":\"{order}\"}}') AS line) s) l JOIN lines t USING (id)"
        );
        assert_eq!(column(&mut superuser, &sql), ["3300 3300 3300 true"]);
    }
}

/// Each label and UUID more than once, and one after the other in arrays, whose elements share a buffer while they are read.
const PRINTED: &str = r#"
CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad', 'so, so', 'ça "va"', 'happy');
CREATE DOMAIN handle AS citext CHECK (VALUE <> 'nobody');
CREATE DOMAIN device AS uuid;
CREATE TABLE printed (id int PRIMARY KEY, uid uuid, device device, uids uuid[], mood mood, moods mood[], handle handle, handles citext[]);
INSERT INTO printed
SELECT n, u, u, ARRAY[u, NULL, md5(n::text)::uuid, u], m, ARRAY[m, 'happy', NULL, m], h, ARRAY[h, NULL, repeat('Lang ', n)]
  FROM generate_series(1, 2000) AS n
  CROSS JOIN LATERAL (SELECT CASE WHEN n % 7 > 0 THEN md5((n / 3)::text)::uuid END AS u,
                             (enum_range(NULL::mood))[1 + n % 5] AS m,
                             (ARRAY['Zoë', 'A, b', '"q"', repeat('x', 5000), '', E'two\nlines'])[1 + n % 7]::citext AS h) AS made;
INSERT INTO printed (id, uid) VALUES (0, '00000000-0000-0000-0000-000000000000'), (-1, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
SELECT acct_export_register('printed', 'printed', 'id');
"#;

#[test]
fn uuids_labels_and_texts_of_other_types_as_the_server_prints_them() {
    let db = shared().create_database_with_extension("printed");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute(PRINTED).unwrap();
    superuser.batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON printed TO {role}")).unwrap();
    let mut client = shared().connect(&db, &role);
    let compare = |client: &mut Client| {
        let ours = column(client, r#"SELECT acct_export_ndjson('printed', options => '{"order": "key"}')"#);
        assert_eq!(ours, column(client, "SELECT row_to_json(p)::text FROM printed AS p ORDER BY id"));
    };
    compare(&mut client);
    // No label is kept from one export to the next.
    superuser.batch_execute("ALTER TYPE mood RENAME VALUE 'happy' TO 'very happy'").unwrap();
    compare(&mut client);
}
