//! The places from which code of others runs, beside a view's WHERE.

use crate::foreign_code::deeds::{Effect, Stage, DEEDS, WAYS};

/// Objects that the thief makes, and the dataset and fields that run `own.spy()` by them.
const PLACES: &[(&str, &str)] = &[
    (
        "operator",
        "CREATE FUNCTION own.same(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN own.spy(); END';
         CREATE OPERATOR own.=== (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = own.same, RESTRICT = eqsel);
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE id OPERATOR(own.===) 1::bigint",
    ),
    (
        "inlined",
        "CREATE FUNCTION own.inlined() RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT own.spy()';
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE own.inlined()",
    ),
    (
        "cast",
        "CREATE TYPE own.boxed AS (x bigint);
         CREATE FUNCTION own.box(bigint) RETURNS own.boxed LANGUAGE plpgsql AS 'BEGIN PERFORM own.spy(); RETURN ROW($1)::own.boxed; END';
         CREATE CAST (bigint AS own.boxed) WITH FUNCTION own.box(bigint);
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE CAST(id AS own.boxed) IS NOT NULL",
    ),
    (
        "aggregate",
        "CREATE FUNCTION own.step(boolean, bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN own.spy(); END';
         CREATE AGGREGATE own.agg(bigint) (SFUNC = own.step, STYPE = boolean);
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users
            WHERE (SELECT own.agg(x) FROM generate_series(1::bigint, 2) AS x)",
    ),
    (
        "window",
        "CREATE FUNCTION own.step(boolean, bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN own.spy(); END';
         CREATE AGGREGATE own.agg(bigint) (SFUNC = own.step, STYPE = boolean);
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users
            WHERE (SELECT bool_and(y) FROM (SELECT own.agg(x) OVER (ORDER BY x) FROM generate_series(1::bigint, 2) AS x) AS s (y))",
    ),
    (
        "domain",
        "CREATE DOMAIN own.checked AS bigint CHECK (own.spy());
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE CAST(id AS own.checked) > 0",
    ),
    (
        "json",
        "CREATE TYPE own.color AS ENUM ('a');
         CREATE FUNCTION own.told(own.color) RETURNS json LANGUAGE plpgsql AS 'BEGIN PERFORM own.spy(); RETURN 1; END';
         CREATE CAST (own.color AS json) WITH FUNCTION own.told(own.color);
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users
            WHERE to_json(CASE WHEN id > 0 THEN 'a'::own.color END) IS NOT NULL",
    ),
    (
        "rows",
        "CREATE FUNCTION own.all() RETURNS SETOF boolean LANGUAGE plpgsql AS 'BEGIN RETURN NEXT own.spy(); END';
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE EXISTS (SELECT FROM own.all())",
    ),
    (
        "do",
        "CREATE FUNCTION own.outer() RETURNS boolean LANGUAGE plpgsql AS
            'DECLARE x boolean; BEGIN FOR x IN EXECUTE ''SELECT own.spy()'' LOOP END LOOP; RETURN x; END';
         CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE own.outer()",
    ),
];

/// One deed of each effect.
fn deeds() -> impl Iterator<Item = &'static (&'static str, bool, Effect)> {
    let wanted = [
        "SELECT 1",
        "SELECT lo_create(0)",
        "NOTIFY loot, 'x'",
        "SELECT pg_advisory_lock(4711)::text",
        "SELECT pg_cancel_backend(VICTIM)",
    ];
    DEEDS.iter().filter(move |(deed, ..)| wanted.contains(deed))
}

fn try_all(stage: &mut Stage, name: &str, fields: &str, place: &str) {
    for (deed, _, effect) in deeds() {
        stage.arm(deed);
        for way in WAYS {
            stage.attack(way, name, fields, &format!("{place}: {deed}"), way.allows(*effect));
        }
    }
}

#[test]
fn from_every_place() {
    let mut stage = Stage::new();
    for (place, made) in PLACES {
        let mut thief = stage.thief();
        thief.batch_execute(made).unwrap_or_else(|e| panic!("{place}: {e:?}"));
        thief
            .batch_execute("SELECT acct_export_register('v', 'own.v', 'id', tenant_column => 'tenant_id')")
            .unwrap_or_else(|e| panic!("{place}: {e:?}"));
        try_all(&mut stage, "v", "", place);
        let gone =
            "SELECT acct_export_unregister('v'); DROP VIEW own.v; DROP AGGREGATE IF EXISTS own.agg(bigint);
                    DROP FUNCTION IF EXISTS own.step(boolean, bigint)";
        thief.batch_execute(gone).unwrap();
    }
}

#[test]
fn from_a_policy() {
    let mut stage = Stage::new();
    stage.superuser.batch_execute("CREATE POLICY spy ON app.users AS RESTRICTIVE USING (own.spy())").unwrap();
    try_all(&mut stage, "users", ", fields => '{id,email}'", "policy");
}

#[test]
fn from_a_field() {
    let mut stage = Stage::new();
    stage
        .thief()
        .batch_execute("CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id, own.spy() AS odd FROM app.users")
        .unwrap();
    for (deed, _, effect) in deeds() {
        stage.arm(deed);
        // A declaration holds for the function as it is.
        stage.superuser.batch_execute("SELECT acct_export_clean_function('own.spy()', 'a test')").unwrap();
        let register = "SELECT acct_export_register('v', 'own.v', 'id', tenant_column => 'tenant_id')";
        stage.thief().batch_execute(register).unwrap();
        for way in WAYS {
            stage.attack(way, "v", ", fields => '{id,odd}'", &format!("field: {deed}"), way.allows(*effect));
        }
        stage.thief().batch_execute("SELECT acct_export_unregister('v')").unwrap();
    }
}
