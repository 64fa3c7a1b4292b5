//! Shapes of views, as in shapes.rs, in the SQL of newer servers: the first version that takes it, and the shape.

/// `x` comes from a secret.
pub const BARRED: &[(i32, &str)] = &[
    // SQL/JSON constructors and predicates.
    (16, "JSON_OBJECT('note' : password_hash) | app.acct"),
    (16, "JSON_OBJECT('note' : name, 'more' : api_token ABSENT ON NULL) | app.acct"),
    (16, "JSON_OBJECT(password_hash : name) | app.acct"),
    (16, "JSON_ARRAY(name, password_hash) | app.acct"),
    (16, "JSON_ARRAY(nullif(password_hash, 'x') ABSENT ON NULL)::text = '[]' | app.acct"),
    (16, "JSON_ARRAY(SELECT secret FROM app.vault) | app.place"),
    (16, "JSON_OBJECTAGG(id : password_hash) | app.acct"),
    (16, "JSON_ARRAYAGG(api_token) | app.acct"),
    (16, "JSON_ARRAYAGG(name ORDER BY password_hash) | app.acct"),
    (16, "JSON_ARRAYAGG(name) FILTER (WHERE password_hash LIKE 'C%') | app.acct"),
    (16, "JSON_ARRAYAGG(api_token) OVER () | app.acct"),
    (16, "password_hash IS JSON | app.acct"),
    (16, "api_token IS NOT JSON OBJECT | app.acct"),
    (16, "(doc ->> 'token') IS JSON SCALAR | app.acct"),
    (16, "any_value(password_hash) | app.acct"),
    (17, "JSON('\"' || password_hash || '\"') | app.acct"),
    (17, "JSON_SCALAR(password_hash) | app.acct"),
    (17, "JSON_VALUE(doc, '$.token') | app.acct"),
    (17, "JSON_VALUE(doc, '$.a.api_key' RETURNING bytea) | app.acct"),
    (17, "JSON_VALUE(doc, '$.tokens[0]') | app.acct"),
    (17, "JSON_VALUE(doc, '$.*' NULL ON ERROR) | app.acct"),
    (17, "JSON_QUERY(doc, '$.**.token' WITH WRAPPER) | app.acct"),
    (17, "JSON_QUERY(doc, '$.a.token') | app.acct"),
    (17, "JSON_QUERY(doc, '$.keyvalue()' WITH WRAPPER) | app.acct"),
    (17, "JSON_EXISTS(doc, '$.a.token ? (@ starts with \"C4\")') | app.acct"),
    (17, "JSON_EXISTS(doc, '$.city ? (@ == $p)' PASSING password_hash AS p) | app.acct"),
    (17, "JSON_EXISTS(doc, format('$.%s', name)::jsonpath) | app.acct"),
    (17, "t.v | app.acct, JSON_TABLE(doc, '$' COLUMNS (v text PATH '$.token')) t"),
    (17, "t.token | app.acct, JSON_TABLE(doc, '$.a' COLUMNS (token text)) t"),
    (17, "t.v | app.acct, JSON_TABLE(doc, '$.tokens[*]' COLUMNS (v text PATH '$')) t"),
    (17, "t.v | app.acct, JSON_TABLE(doc, '$' COLUMNS (NESTED PATH '$.a' COLUMNS (v text PATH '$.api_key'))) t"),
    (17, "t.n | app.acct, JSON_TABLE(doc, '$.tokens[*]' COLUMNS (n FOR ORDINALITY)) t"),
    (17, "t.v | app.acct, JSON_TABLE(doc, '$' COLUMNS (v bool EXISTS PATH '$.token ? (@ starts with \"C\")')) t"),
    // PostgreSQL 18: expressions of GROUP BY are columns of a range table entry of their own, columns are computed when read.
    (16, "x IS NULL | (SELECT nullif(password_hash, 'x') AS x FROM app.acct GROUP BY 1) s"),
    (16, "z IS NULL | (SELECT nullif(password_hash, 'x') AS z, count(*) FROM app.acct GROUP BY ROLLUP (1)) s"),
    (16, "GROUPING(nullif(password_hash, 'x')) + count(nullif(password_hash, 'x')) | app.acct GROUP BY CUBE (nullif(password_hash, 'x'))"),
    (16, "max(n) | (SELECT length(password_hash) AS n FROM app.acct GROUP BY length(password_hash) HAVING count(*) > 0) s"),
    (16, "(SELECT max(p.id) FROM app.place p WHERE p.id = length(a.password_hash)) | app.acct a GROUP BY a.password_hash"),
    (18, "casefold(password_hash) | app.acct"),
    (18, "crc32(blob) | app.acct"),
    (18, "reverse(convert_to(api_token, 'UTF8')) | app.acct"),
    (18, "array_reverse(tokens) | app.acct"),
    (18, "seen | app.shown"),
    (18, "seen IS NULL | app.shown"),
    (18, "count(seen) | app.shown GROUP BY city"),
    (18, "count(*) | app.shown GROUP BY seen"),
    (18, "(s).seen | (SELECT s FROM app.shown s) q"),
    (18, "city | app.shown WHERE seen IS NOT NULL"),
];

/// `x` comes from no secret.
pub const CLEAN: &[(i32, &str)] = &[
    (16, "JSON_OBJECT('name' : name, 'city' : city ABSENT ON NULL WITH UNIQUE KEYS) | app.acct"),
    (16, "JSON_ARRAY(name, city) | app.acct"),
    (16, "JSON_OBJECTAGG(id : name) | app.acct"),
    (16, "JSON_ARRAYAGG(city ORDER BY id) | app.acct"),
    (16, "name IS JSON | app.acct"),
    (16, "any_value(city) | app.acct"),
    (17, "JSON_SCALAR(name) | app.acct"),
    (17, "JSON_VALUE(doc, '$.city') | app.acct"),
    (17, "JSON_VALUE(doc, '$.a.city' DEFAULT '-' ON EMPTY) | app.acct"),
    (17, "JSON_EXISTS(doc, '$.city') | app.acct"),
    (17, "t.v | app.acct, JSON_TABLE(doc, '$' COLUMNS (v text PATH '$.city')) t"),
    (17, "t.n | app.acct, JSON_TABLE(doc, '$.a' COLUMNS (n FOR ORDINALITY, city text)) t"),
    (16, "lower(city) | app.acct GROUP BY lower(city)"),
    (18, "casefold(name) | app.acct"),
    (18, "array_reverse(tags) | app.acct"),
    (18, "loud | app.shown"),
    (18, "lower(loud) | app.shown GROUP BY lower(loud)"),
];

/// `x` is a document as text: barred or cleaned of its secret keys, no canary leaves.
pub const TEXTS: &[(i32, &str)] = &[
    (16, "JSON_OBJECT(name : doc RETURNING jsonb) ->> 'Ann' | app.acct"),
    (16, "JSON_OBJECT(name : doc) | app.acct"),
    (16, "JSON_ARRAY(name, doc RETURNING text) | app.acct"),
    (16, "JSON_ARRAYAGG(flat RETURNING text) OVER () | app.acct"),
    (17, "JSON_SERIALIZE(flat -> 'a') | app.acct"),
    // PostgreSQL 17.12 and 18.4 take the bytes of a jsonb for its text.
    (17, "JSON_SERIALIZE(doc -> 'a') | app.acct"),
    (17, "JSON_QUERY(doc, '$' RETURNING text) | app.acct"),
    (17, "JSON_QUERY(doc, '$.a' RETURNING jsonb) | app.acct"),
    (17, "t.v | app.acct, JSON_TABLE(doc, '$' COLUMNS (v text FORMAT JSON PATH '$.a')) t"),
];

/// Makes the tables that the shapes of a version read beside those of mod.rs.
pub fn tables(version: i32) -> &'static str {
    if version < 18 {
        return "";
    }
    "CREATE TABLE app.shown (id int PRIMARY KEY, city text, password_hash text,
        seen text GENERATED ALWAYS AS (nullif(password_hash, 'x')) VIRTUAL,
        loud text GENERATED ALWAYS AS (upper(city)) VIRTUAL);
     INSERT INTO app.shown VALUES (1, 'Lyon', 'C4N4RY-shown'), (2, 'Oslo', 'C4N4RY-shown')"
}
