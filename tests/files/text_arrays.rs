//! Arrays of texts of every form that a tuple can have them in, compared with what the server makes of them.

use support::asking::{column, exported};
use support::common::{shared, unique};

#[test]
fn as_the_server_reads_them() {
    let db = shared().create_database_with_extension("arrays");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE EXTENSION citext;
             CREATE DOMAIN words AS text[];
             CREATE DOMAIN word AS varchar(40);
             CREATE TABLE lists (id int PRIMARY KEY, plain text[], short varchar(60)[], padded char(4)[], cased citext[], own word[],
                 domain words, nested words[], external text[], packed text[]);
             ALTER TABLE lists ALTER external SET STORAGE external, ALTER packed SET STORAGE extended;
             INSERT INTO lists
             SELECT n, list, list, ARRAY['a', NULL, 'bcd', 'é'], list::citext[], list, list,
                    CASE WHEN n % 3 > 0 THEN ARRAY[list::words, array_append(list, 'more')::words, '{{}}'::words] END,
                    (SELECT array_agg(md5(n || ' ' || m)) FROM generate_series(1, n * 40) AS m),
                    (SELECT array_agg(repeat('word ' || m, 30)) FROM generate_series(1, n * 20) AS m)
               FROM generate_series(1, 12) AS n,
                    LATERAL (SELECT CASE n WHEN 1 THEN '{{}}' WHEN 2 THEN NULL WHEN 3 THEN ARRAY[NULL, NULL]::text[]
                                           WHEN 4 THEN ARRAY['', NULL, 'x'] WHEN 5 THEN ARRAY['é', '\"', '\\', E'\\n', '東京 🦊']
                                           WHEN 6 THEN (SELECT array_agg(m::text ORDER BY m) FROM generate_series(1, 20000) AS m)
                                           WHEN 7 THEN (SELECT array_agg(CASE WHEN m % 7 > 0 THEN repeat('y', m % 40) END ORDER BY m)
                                                          FROM generate_series(1, 300) AS m)
                                           WHEN 8 THEN '[5:7]={{a,b,c}}'::text[] ELSE ARRAY['n' || n, repeat('z', n)] END AS list) AS l;
             INSERT INTO lists (id, plain, external) VALUES
                 (13, '{{{{a,NULL}},{{\"\",d}}}}', (SELECT array_agg(ARRAY[md5(m::text), NULL]) FROM generate_series(1, 200) AS m)),
                 (14, NULL, NULL);
             CREATE ROLE {role} LOGIN; GRANT SELECT ON lists TO {role};
             SELECT acct_export_register('lists', 'lists', 'id')"
        ))
        .unwrap();
    let file =
        exported(&mut shared().connect(&db, &role), "'lists', 'ndjson', options => '{\"order\": \"key\"}'");
    let lines: Vec<&str> = std::str::from_utf8(&file).unwrap().lines().collect();
    assert_eq!(lines.len(), 14);
    let other = "SELECT id::text FROM lists AS l, unnest($1::text[]) WITH ORDINALITY AS u(line, place)
                  WHERE l.id = u.place AND to_jsonb(l) IS DISTINCT FROM u.line::jsonb";
    let unlike: Vec<String> =
        superuser.query(other, &[&lines]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(unlike, [""; 0]);
    // They were in all of these forms.
    let forms = "SELECT DISTINCT (pg_column_compression(packed) IS NOT NULL)::text || (pg_column_size(external) > 2000)::text
                   FROM lists WHERE id BETWEEN 11 AND 12";
    assert_eq!(column(&mut superuser, forms), ["truetrue"]);
}
