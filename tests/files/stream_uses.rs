//! Lines of a stream in all kinds of queries: a line stays as it was for as long as the query around it may look at it.

use postgres::Client;
use support::asking::column;
use support::common::{shared, unique};

/// Rows: lines for several batches, none of which is like another.
const ROWS: usize = 9_000;

/// A reader of dataset `people`, and of a table with two rows.
fn reader() -> Client {
    let db = shared().create_database_with_extension("uses");
    let role = unique("reader");
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            "CREATE TABLE people (id int PRIMARY KEY, name text, tags text[]);
             INSERT INTO people SELECT n, repeat(md5(n::text), n % 7), ARRAY['t' || n, NULL, ''] FROM generate_series(1, {ROWS}) AS n;
             CREATE TABLE two AS SELECT n FROM generate_series(1, 2) AS n;
             CREATE FUNCTION in_sql() RETURNS SETOF text LANGUAGE sql AS
                 $$ SELECT acct_export_ndjson('people', options => '{{\"order\": \"key\"}}') $$;
             CREATE FUNCTION in_plpgsql() RETURNS SETOF text LANGUAGE plpgsql AS
                 $$ BEGIN RETURN QUERY SELECT acct_export_ndjson('people', options => '{{\"order\": \"key\"}}'); END $$;
             CREATE FUNCTION in_loop() RETURNS SETOF text LANGUAGE plpgsql AS
                 $$ DECLARE line text; before text;
                    BEGIN
                        FOR line IN SELECT acct_export_ndjson('people', options => '{{\"order\": \"key\"}}') LOOP
                            IF before IS NOT NULL THEN RETURN NEXT before; END IF;
                            before := line;
                        END LOOP;
                        RETURN NEXT before;
                    END $$;
             CREATE ROLE {role} LOGIN; GRANT SELECT ON people, two TO {role};
             SELECT acct_export_register('people', 'people', 'id')"
        ))
        .unwrap();
    shared().connect(&db, &role)
}

const LINES: &str = "acct_export_ndjson('people', options => '{\"order\": \"key\"}')";

#[test]
fn a_line_stays_while_a_query_looks_at_it() {
    let mut client = reader();
    let wanted = column(
        &mut client,
        "SELECT '{\"id\":' || id || ',\"name\":' || to_json(name) || ',\"tags\":[\"t' || id || '\",null,\"\"]}' FROM people ORDER BY id",
    );
    assert_eq!(wanted.len(), ROWS);
    for sql in [
        format!("SELECT {LINES}"),
        format!("SELECT * FROM {LINES}"),
        format!("SELECT l FROM ROWS FROM ({LINES}, generate_series(1, 3)) AS f(l, n)"),
        format!("SELECT l FROM (SELECT {LINES} AS l, generate_series(1, 20000) AS n) AS q WHERE l IS NOT NULL"),
        format!("SELECT one FROM (SELECT {LINES} AS one, {LINES} AS other) AS q WHERE one = other"),
        format!("SELECT unnest(array_agg(l)) FROM (SELECT {LINES} AS l) AS q"),
        format!("SELECT unnest(ARRAY(SELECT {LINES}))"),
        format!("SELECT unnest(string_to_array(string_agg(l, '|'), '|')) FROM (SELECT {LINES} AS l) AS q"),
        format!(
            "SELECT before FROM (SELECT lag(l, 1) OVER (ORDER BY n) AS before, n
                                   FROM (SELECT l, row_number() OVER () AS n FROM (SELECT {LINES} AS l) AS q) AS r
                                 UNION ALL SELECT NULL, 0) AS s WHERE before IS NOT NULL
             UNION ALL SELECT * FROM (SELECT {LINES} AS l OFFSET {}) AS last",
            ROWS - 1
        ),
        format!("WITH lines AS MATERIALIZED (SELECT {LINES} AS l) SELECT l FROM lines"),
        format!("SELECT l FROM (SELECT DISTINCT l FROM (SELECT {LINES} AS l) AS q) AS r ORDER BY (l::json ->> 'id')::int"),
        format!("SELECT max(l) FROM (SELECT {LINES} AS l) AS q GROUP BY (l::json ->> 'id')::int ORDER BY (max(l)::json ->> 'id')::int"),
        format!("SELECT l FROM (SELECT {LINES} AS l) AS q, (SELECT n FROM two WHERE n = 1) AS one"),
        format!("SELECT l FROM (SELECT {LINES} AS l OFFSET 0) AS q LEFT JOIN LATERAL (SELECT q.l || n AS m FROM two OFFSET 1) AS r ON true"),
        format!("SELECT l FROM (SELECT {LINES} AS l LIMIT {ROWS}) AS q"),
        "SELECT in_sql()".to_owned(),
        "SELECT * FROM in_sql()".to_owned(),
        "SELECT in_plpgsql()".to_owned(),
        "SELECT in_loop()".to_owned(),
    ] {
        let lines = column(&mut client, &sql);
        assert_eq!(lines.len(), ROWS, "{sql}");
        let place = lines.iter().zip(&wanted).position(|(line, wanted)| line != wanted);
        assert_eq!(place, None, "{sql}");
    }
    // Two streams at a time, each of another batch, and one that is left in the midst.
    for (sql, wanted) in [
        (format!("SELECT count(*)::text FROM (SELECT {LINES} AS l UNION ALL SELECT {LINES}) AS q WHERE l::json IS NOT NULL"), 2 * ROWS),
        (format!("SELECT count(DISTINCT l)::text FROM (SELECT {LINES} AS l UNION ALL SELECT {LINES}) AS q"), ROWS),
        (format!("SELECT count(*)::text FROM two, LATERAL (SELECT {LINES} AS l, n) AS q WHERE l::json ->> 'id' IS NOT NULL"), 2 * ROWS),
        (format!("SELECT count(*)::text FROM (SELECT {LINES} AS l LIMIT 5000) AS q WHERE l::json IS NOT NULL"), 5_000),
    ] {
        assert_eq!(column(&mut client, &sql), [wanted.to_string()], "{sql}");
    }
}

#[test]
fn a_cursor_goes_on_where_it_stood() {
    let mut client = reader();
    let wanted = column(&mut client, &format!("SELECT {LINES}"));
    for hold in ["", "WITH HOLD"] {
        client
            .batch_execute(&format!("BEGIN; DECLARE c NO SCROLL CURSOR {hold} FOR SELECT {LINES}"))
            .unwrap();
        if !hold.is_empty() {
            client.batch_execute("COMMIT").unwrap();
        }
        let mut lines = Vec::new();
        loop {
            let some = column(&mut client, "FETCH 700 FROM c");
            if some.is_empty() {
                break;
            }
            lines.extend(some);
        }
        client.batch_execute("CLOSE c; ROLLBACK").unwrap();
        assert!(lines == wanted, "{hold}");
    }
}
