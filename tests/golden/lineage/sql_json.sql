-- Views over SQL/JSON; sql_json.tree has their queries as PostgreSQL 18.4 stored them, one a line.
CREATE TABLE t (id int PRIMARY KEY, email text, pw text, j jsonb, tags text[]);
CREATE VIEW made AS SELECT id,
    JSON_OBJECT('a': email, 'b': id) AS object, JSON_OBJECT('a': pw) AS object_pw, JSON_OBJECT(pw: 1) AS key_pw,
    JSON_ARRAY(email, j) AS list, JSON_ARRAY(email, pw RETURNING text) AS list_pw,
    JSON_OBJECT('a': j RETURNING bytea) AS bytes_pw, JSON_SERIALIZE(j RETURNING bytea) AS serial_pw, JSON_SERIALIZE(j) AS serial,
    JSON_SCALAR(email) AS scalar, JSON_SCALAR(pw) AS scalar_pw, JSON(email) AS parsed,
    email IS JSON AS is_json, pw IS NOT JSON OBJECT AS is_json_pw,
    (SELECT JSON_ARRAYAGG(x.email ORDER BY x.id) FROM t x) AS listed, (SELECT JSON_ARRAYAGG(x.pw) FROM t x) AS listed_pw,
    (SELECT JSON_OBJECTAGG(x.id: x.email ABSENT ON NULL WITH UNIQUE) FROM t x) AS keyed,
    (SELECT JSON_OBJECTAGG(x.id: x.pw) FROM t x) AS keys_pw, JSON_ARRAY(SELECT x.pw FROM t x) AS rows_pw
  FROM t;
CREATE VIEW asked AS SELECT id,
    JSON_EXISTS(j, '$.a') AS has, JSON_EXISTS(j, '$.token') AS has_pw, JSON_EXISTS(j, '$.a ? (@ == 1)') AS filter_pw,
    JSON_VALUE(j, '$.a[0]' RETURNING int DEFAULT 3 ON EMPTY) AS value, JSON_VALUE(j, '$.a.token') AS value_pw,
    JSON_VALUE(j, '$.a' PASSING pw AS p) AS passed_pw, JSON_QUERY(j, '$.b' WITH WRAPPER) AS part,
    JSON_QUERY(j, '$.*' WITH WRAPPER) AS parts_pw, JSON_QUERY(j, '$.b' RETURNING bytea) AS bytes_pw,
    JSON_QUERY(JSON_OBJECT('x': pw RETURNING jsonb), '$.x') AS made_pw, JSON_VALUE(j, '$.a') IS NULL AS empty
  FROM t;
CREATE VIEW tabled AS SELECT t.id, r.* FROM t, JSON_TABLE(j, '$.items[*]' PASSING 3 AS x COLUMNS (
    ord FOR ORDINALITY, name text PATH '$.name', known boolean EXISTS PATH '$.y', part jsonb PATH '$.q',
    token text PATH '$.token', has_token boolean EXISTS PATH '$.token', bytes bytea FORMAT JSON PATH '$.b',
    NESTED PATH '$.sub[*]' COLUMNS (sub text PATH '$.name', api_token text PATH '$.api_token'))) AS r;
CREATE VIEW rows_by_pw AS SELECT t.id, r.* FROM t, JSON_TABLE(j, '$.token[*]' COLUMNS (name text PATH '$.name')) AS r;
CREATE VIEW grouped AS SELECT id, nullif(pw, 'x') IS NULL AS empty_pw, pw IS NULL AS empty, count(*) AS n FROM t GROUP BY id, nullif(pw, 'x'), pw;
