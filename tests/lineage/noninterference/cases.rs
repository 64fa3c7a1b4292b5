//! Views that interfered, reduced.

pub const CASES: &[&str] = &[
    "SELECT id AS k, z IS NULL AS c1 FROM (SELECT id, nullif(left(password_hash, 2), 's1') AS z FROM app.u OFFSET 0) s",
    "SELECT id AS k, row_number() OVER () AS c1 FROM (SELECT id FROM app.u ORDER BY password_hash) s",
    "SELECT id AS k, row_number() OVER () AS c1 FROM app.v_sorted",
    "SELECT min(id) AS k, count(*) AS c1 FROM app.u GROUP BY left(password_hash, 1)",
    "SELECT id AS k, (SELECT count(DISTINCT api_token) FROM app.u) AS c1 FROM app.t",
    "SELECT id AS k, (t.title IN (SELECT password_hash FROM app.u)) IS NULL AS c1 FROM app.t",
    "SELECT id AS k, (SELECT count(*) FROM app.u WHERE password_hash = 's1') AS c1 FROM app.t",
    "SELECT id AS k, (SELECT max(name) FROM app.u WHERE password_hash = 's1') AS c1 FROM app.t",
    "SELECT id AS k, doc = '{\"city\":\"s0\",\"a\":{\"n\":1,\"token\":\"s1\"},\"token\":\"s1\"}' AS c1 FROM app.u",
    "SELECT id AS k, guess IS NULL AS c1 FROM app.e",
];
