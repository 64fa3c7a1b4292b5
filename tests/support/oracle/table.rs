//! The table that is filtered.

/// A table with a column of every family of types, awkward values and NULLs in each.
pub const TABLE: &str = r#"
CREATE TYPE mood AS ENUM ('calm', 'angry');
CREATE DOMAIN plz AS text;
CREATE TABLE every (
    id int PRIMARY KEY, note text, code varchar(20), padded char(5), login name, whole int, big bigint, exact numeric,
    ratio float8, flag boolean, day date, moment timestamp, instant timestamptz, clock time, took interval, uid uuid,
    mood mood, plz plz, address inet, tags text[], numbers int[], doc jsonb, raw json);
INSERT INTO every
SELECT n, t.note, t.note, left(t.note, 5), t.note, w.whole, w.whole * 1000000000000::bigint, w.whole / 10.0, w.whole / 4.0, f.flag,
    '2025-01-01'::date + w.whole, '2025-01-01 12:00'::timestamp + w.whole * interval '1 hour',
    '2025-01-01 12:00Z'::timestamptz + w.whole * interval '1 hour', '12:00'::time + w.whole * interval '1 minute',
    w.whole * interval '1 hour', ('00000000-0000-4000-8000-00000000000' || abs(w.whole) % 10)::uuid,
    CASE WHEN f.flag THEN 'calm'::mood WHEN NOT f.flag THEN 'angry' END, t.note,
    ('10.0.0.' || abs(w.whole))::inet, g.tags, g.numbers, d.doc::jsonb, d.doc::json
FROM generate_series(0, 419) AS n
JOIN (SELECT row_number() OVER () - 1 AS i, * FROM unnest(ARRAY[
    'alpha', 'Alpha', 'ALPHA beta', 'beta', '', NULL, '50%_\', 'Zoë', 'zoË', '{"note":"alpha"}', 'a''b"c', ' alpha '])) AS t (i, note)
    ON t.i = n % 12
JOIN (SELECT row_number() OVER () - 1 AS i, * FROM unnest(ARRAY[0, 1, 2, -3, 9, 10, NULL])) AS w (i, whole) ON w.i = n % 7
JOIN (SELECT row_number() OVER () - 1 AS i, * FROM unnest(ARRAY[true, false, NULL])) AS f (i, flag) ON f.i = n % 3
JOIN (VALUES (0, '{alpha,beta}'::text[], '{1,2}'::int[]), (1, '{Alpha,NULL}', '{NULL,9}'), (2, '{}', '{}'), (3, NULL, NULL),
    (4, '{{beta,x},{y,""}}', '{{1,3},{4,10}}')) AS g (i, tags, numbers) ON g.i = n % 5
JOIN (SELECT row_number() OVER () - 1 AS i, * FROM unnest(ARRAY[
    '{"k": "alpha", "list": [{"type": "work", "value": "Alpha"}, {"type": "home", "value": "beta"}]}',
    '{"k": "Alpha", "list": [{"type": "work", "value": "beta"}, {"type": "home", "value": "alpha"}]}',
    '{"k": 9, "list": ["alpha", "Beta", 9, null, {"type": "work"}]}',
    '{"k": 10.0, "list": {"type": "work", "value": "alpha"}}',
    '{"k": true, "list": []}',
    '{"k": null, "list": null}',
    '{"k": ["alpha", 1, {"value": "beta"}, ["Alpha"], null], "list": [[{"type": "work", "value": "alpha"}]]}',
    '{"k": {"value": "alpha"}, "list": "alpha"}',
    '{"k": "", "list": [{"type": ["work", "home"], "value": {"value": "alpha"}}]}',
    '{"k": "{\"note\": \"alpha\"}", "list": [{"value": "{\"note\": \"alpha\"}"}]}',
    '{"k": [], "list": [{"type": "work", "value": 10}]}',
    '{}', '[]', '[{"k": "alpha"}, {"k": "beta"}]', '"alpha"', 'null', NULL])) AS d (i, doc) ON d.i = n % 17;
ANALYZE every;
SELECT acct_export_register('every', 'every', 'id', created_column => 'instant', updated_column => 'moment');
"#;
