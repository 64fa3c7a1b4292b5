//! Functions that the planner calls by itself, to estimate how many rows a condition selects.

use crate::foreign_code::deeds::{Stage, Way, WAYS};
use support::asking::{column, refusal};

/// Views whose condition is `n OPERATOR(own.===) 7`: plain, through an SQL function that is inlined, and above a sub-select.
const VIEWS: [(&str, &str); 3] = [
    ("plain", "SELECT id FROM own.t WHERE n OPERATOR(own.===) RIGHT"),
    ("inlined", "SELECT id FROM own.t WHERE own.wrapped(n)"),
    ("above", "SELECT id FROM own.t WHERE (SELECT count(*) FROM (SELECT n FROM own.t OFFSET 0) AS s WHERE own.wrapped(n)) >= 0"),
];

/// The table's column has `common` as its commonest value.
fn scene(stage: &mut Stage, common: &str, right: &str, function: &str) {
    let mut thief = stage.thief();
    thief
        .batch_execute(&format!(
            "CREATE TABLE own.t (id int PRIMARY KEY, n int);
             INSERT INTO own.t SELECT i, CASE WHEN i % 2 = 0 THEN {common} ELSE i END FROM generate_series(1, 200) AS i;
             ANALYZE own.t;
             CREATE OPERATOR own.=== (LEFTARG = int, RIGHTARG = {right}, FUNCTION = {function}, RESTRICT = eqsel);
             CREATE FUNCTION own.wrapped(int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 OPERATOR(own.===) 7::{right}'"
        ))
        .unwrap();
    for (name, query) in VIEWS {
        let query = query.replace("RIGHT", &format!("7::{right}"));
        thief
            .batch_execute(&format!(
                "CREATE VIEW own.{name} WITH (security_invoker) AS {query}; SELECT acct_export_register('{name}', 'own.{name}', 'id')"
            ))
            .unwrap();
    }
}

#[test]
fn an_operator_that_locks() {
    let mut stage = Stage::new();
    scene(&mut stage, "47", "int", "pg_catalog.pg_try_advisory_lock");
    // It is called where a query is only planned.
    let mut thief = stage.thief();
    thief.batch_execute("EXPLAIN SELECT * FROM own.plain").unwrap();
    assert_eq!(column(&mut thief, "SELECT pg_advisory_unlock(47, 7)::text"), ["true"]);
    thief.batch_execute("SELECT pg_advisory_unlock_all()").unwrap();
    for (name, _) in VIEWS {
        for way in WAYS {
            stage.attack(way, name, "", "=== in a plan", way == Way::Job);
        }
    }
}

#[test]
fn an_operator_that_ends_a_session() {
    let mut stage = Stage::new();
    let pid = stage.deed("VICTIM");
    scene(&mut stage, "0", "bigint", "pg_catalog.pg_terminate_backend");
    stage.thief().batch_execute(&format!("UPDATE own.t SET n = {pid} WHERE n = 0; ANALYZE own.t")).unwrap();
    for (name, _) in VIEWS {
        for way in WAYS {
            stage.attack(way, name, "", "=== in a plan", false);
        }
    }
}

/// The difference of a range type's ends is one of those that the planner calls; a function of the thief's, it runs statements that are
/// asked for one by one.
#[test]
fn a_range_type() {
    let mut stage = Stage::new();
    let mut thief = stage.thief();
    thief
        .batch_execute(
            "CREATE FUNCTION own.difference(bigint, bigint) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS
                'BEGIN PERFORM own.spy(); RETURN $1 - $2; END';
             CREATE TYPE own.span AS RANGE (SUBTYPE = bigint, SUBTYPE_DIFF = own.difference);
             CREATE TABLE own.spans (id int PRIMARY KEY, s own.span);
             INSERT INTO own.spans SELECT i, own.span(i, i + 10) FROM generate_series(1, 200) AS i; ANALYZE own.spans;
             CREATE VIEW own.v WITH (security_invoker) AS SELECT id FROM own.spans WHERE s && own.span(17, 23);
             SELECT acct_export_register('v', 'own.v', 'id')",
        )
        .unwrap();
    stage.arm("SELECT pg_advisory_lock(4711)");
    for way in WAYS {
        stage.attack(way, "v", "", "range", way == Way::Job);
    }
    // The planner does call it.
    let sql = "EXPLAIN SELECT * FROM own.v";
    stage.arm("SELECT 1 / 0");
    assert_eq!(refusal(&mut thief, sql).sqlstate, "22012");
}
