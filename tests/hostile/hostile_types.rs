//! Code that hangs on a type, an operator or a view of the thief's and would run as whoever exports: a superuser above all,
//! who is asked to export the thief's own dataset. The checks of domains, the functions of casts, ranges, operators and
//! aggregates, sort orders, generated columns. Each says in the server's log as whom it ran.

use support::asking;
use support::common;

use postgres::Client;
use support::asking::{completed, exported, start};
use support::common::{unique, wait_for_job};
use support::scene::Scene;

/// A function of the thief's that gives `value` and says as whom it ran.
fn trap(name: &str, arguments: &str, returns: &str, value: &str, mark: &str) -> String {
    format!(
        "CREATE FUNCTION own.{name}({arguments}) RETURNS {returns} LANGUAGE plpgsql IMMUTABLE AS $t$ BEGIN
            RAISE WARNING 'TRAPPED {mark} in {name} as %', current_user; RETURN {value}; END $t$;"
    )
}

fn types(mark: &str) -> String {
    [
        "CREATE TYPE own.mood AS ENUM ('good', 'bad'); CREATE TYPE own.pair AS (a int, b text);".to_owned(),
        trap("check_it", "v text", "boolean", "true", mark),
        "CREATE DOMAIN own.checked AS text CHECK (own.check_it(VALUE)); CREATE DOMAIN own.number AS int CHECK (own.check_it(VALUE::text));".to_owned(),
        "CREATE DOMAIN own.moment AS timestamptz CHECK (own.check_it(VALUE::text)); CREATE DOMAIN own.doc AS jsonb CHECK (own.check_it(VALUE::text));".to_owned(),
        trap("mood_text", "v own.mood", "text", "'good'", mark),
        trap("text_mood", "v text", "own.mood", "'good'", mark),
        trap("mood_json", "v own.mood", "json", "'1'", mark),
        trap("pair_text", "v own.pair", "text", "'p'", mark),
        "CREATE CAST (own.mood AS text) WITH FUNCTION own.mood_text(own.mood) AS IMPLICIT;
         CREATE CAST (text AS own.mood) WITH FUNCTION own.text_mood(text) AS IMPLICIT;
         CREATE CAST (own.mood AS json) WITH FUNCTION own.mood_json(own.mood) AS IMPLICIT;
         CREATE CAST (own.pair AS text) WITH FUNCTION own.pair_text(own.pair) AS IMPLICIT;".to_owned(),
        "CREATE TYPE own.span AS RANGE (SUBTYPE = int);".to_owned(),
        trap("same", "a own.mood, b own.mood", "boolean", "true", mark),
        trap("more", "a int, b int", "boolean", "a > b", mark),
        trap("hidden", "v int", "int", "v", mark),
        "CREATE OPERATOR own.=== (LEFTARG = own.mood, RIGHTARG = own.mood, FUNCTION = own.same);
         CREATE OPERATOR own.>>> (LEFTARG = int, RIGHTARG = int, FUNCTION = own.more);".to_owned(),
        trap("add_up", "s int, v int", "int", "coalesce(s, 0) + v", mark),
        "CREATE AGGREGATE own.total(int) (SFUNC = own.add_up, STYPE = int);".to_owned(),
        "CREATE TABLE own.things (id int PRIMARY KEY, c own.checked, n own.number, m own.mood, p own.pair, s own.span, d own.doc, at own.moment,
            cs own.checked[], ms own.mood[], g int GENERATED ALWAYS AS (own.hidden(id)) STORED);
         CREATE INDEX ON own.things (own.hidden(id)); CREATE INDEX ON own.things (id) WHERE own.hidden(id) > 0;
         CREATE STATISTICS own.stats ON (own.hidden(id)), n FROM own.things;
         INSERT INTO own.things SELECT n, 'x', 1, 'good', ROW(1, 'b')::own.pair, '[1,5)', '{\"a\":1}', now(), '{x}', '{good}'::own.mood[] FROM generate_series(1, 50) AS n;
         ANALYZE own.things; SELECT acct_export_register('things', 'own.things', 'id', created_column => 'at', status_column => 'm', disabled_values => '{bad}')".to_owned(),
    ]
    .concat()
}

/// All ways to select on such columns.
const FILTERS: &[&str] = &[
    r#"{"c":"x"}"#,
    r#"{"c":["x","y"]}"#,
    r#"{"c":{"co":"X","ci":true}}"#,
    r#"{"n":1}"#,
    r#"{"n":{"gt":0,"le":5}}"#,
    r#"{"m":"good"}"#,
    r#"{"m":{"ne":"bad"}}"#,
    r#"{"m":{"sw":"g"}}"#,
    r#"{"ms":"good"}"#,
    r#"{"cs":{"co":"x"}}"#,
    r#"{"d.a":1}"#,
    r#"{"p":{"pr":true}}"#,
    r#"{"g":{"gt":0}}"#,
    r#"{"at":{"gt":"2020-01-01T00:00:00Z"}}"#,
    r#"{"created_after":"2020-01-01"}"#,
];

/// The roles that ran a trap, the thief excepted.
fn steps_of_others(scene: &Scene, mark: &str) -> Vec<String> {
    let found = format!("TRAPPED {mark} ");
    let own = format!(" as {}", scene.app.login);
    let log = scene.log();
    let steps = log.lines().filter_map(|line| line.split_once(&found));
    let steps = steps.map(|(_, step)| step.split(" at character").next().unwrap());
    steps.filter(|step| !step.ends_with(&own)).map(str::to_owned).collect()
}

#[track_caller]
fn nobody_but(scene: &Scene, mark: &str) {
    let mut steps = steps_of_others(scene, mark);
    steps.sort_unstable();
    steps.dedup();
    assert!(steps.is_empty(), "ran as somebody else: {steps:#?}");
}

fn ask(client: &mut Client, arguments: &str) {
    // Refused or not: what matters is whose code ran.
    for function in ["acct_export_csv", "acct_export_ndjson"] {
        let _ = client.query(&format!("SELECT {function}({arguments})"), &[]);
    }
    if let Ok(row) = client.query_one(
        &format!("SELECT acct_export_start({})::text", arguments.replacen(',', ", 'json',", 1)),
        &[],
    ) {
        let job: String = row.get(0);
        wait_for_job(client, &job);
    }
}

/// Tried: a superuser exports the thief's table, with every filter.
#[test]
fn types_of_a_table_that_a_superuser_exports() {
    let scene = Scene::new();
    let mark = unique("types");
    scene.thief().batch_execute(&types(&mark)).unwrap();
    completed(&mut scene.thief(), "'things', 'csv'");
    let mut superuser = scene.app.superuser();
    for format in ["xlsx", "csv", "ndjson", "json"] {
        let _ = superuser.query(&format!("SELECT acct_export_start('things', '{format}')::text"), &[]);
    }
    ask(&mut superuser, "'things', anonymise => true");
    ask(&mut superuser, "'things', period => 'last_year', include_disabled => true");
    for filter in FILTERS {
        ask(&mut superuser, &format!("'things', filter => '{filter}'"));
    }
    superuser.batch_execute("SELECT * FROM acct_export_fields; SELECT acct_export_register('things', 'own.things', 'id', tenant_column => 'n', replace => true)").unwrap_or(());
    let _ = exported(&mut superuser, "'users', 'csv', all_tenants => true, fields => '{id}'");
    nobody_but(&scene, &mark);
    scene.no_right_was_gained();
}

/// Tried: the owner's process of ours (catalogue queries run as the extension's owner) meets the thief's types when the thief
/// asks, registers, looks.
#[test]
fn types_of_ones_own_table() {
    let scene = Scene::new();
    let mark = unique("own_types");
    let mut thief = scene.thief();
    thief.batch_execute(&types(&mark)).unwrap();
    for filter in FILTERS {
        ask(&mut thief, &format!("'things', filter => '{filter}'"));
    }
    for key in ["c", "n", "m", "p", "s", "at"] {
        let _ = thief.batch_execute(&format!("CREATE UNIQUE INDEX ON own.things (id, {key}); SELECT acct_export_register('more', 'own.things', '{key}', tenant_column => 'id')"));
        let _ = thief.batch_execute(&format!(
            "SELECT acct_export_register('more', 'own.things', 'id', tenant_column => '{key}', replace => true)"
        ));
        let _ = thief.batch_execute(&format!("CREATE VIEW own.over_{key} WITH (security_invoker) AS SELECT id, {key} AS k FROM own.things;
            SELECT acct_export_register('over_{key}', 'own.over_{key}', 'k'); SELECT * FROM acct_export_fields; SELECT acct_export_csv('over_{key}')"));
    }
    nobody_but(&scene, &mark);
}

/// Tried: views of the thief's whose code hides in an operator, a cast, a domain, an aggregate, a sort order, a default: a
/// superuser who exports one is refused, or none of it runs.
#[test]
fn views_that_a_superuser_exports() {
    let scene = Scene::new();
    let mark = unique("views");
    let mut thief = scene.thief();
    thief.batch_execute(&types(&mark)).unwrap();
    let mut superuser = scene.app.superuser();
    let bodies = [
        "SELECT id FROM own.things WHERE own.hidden(id) > 0",
        "SELECT id FROM own.things WHERE m OPERATOR(own.===) 'good'",
        "SELECT id FROM own.things WHERE id OPERATOR(own.>>>) 0",
        "SELECT id FROM own.things WHERE m::text = 'good'",
        "SELECT id FROM own.things WHERE lower(m) = 'good'",
        "SELECT id FROM own.things WHERE id::text::own.checked IS NOT NULL",
        "SELECT id FROM own.things WHERE (id + 0)::own.number > 0",
        "SELECT max(id) AS id FROM own.things HAVING own.total(id) > 0",
        "SELECT id FROM own.things WHERE id IN (SELECT own.total(id) OVER (PARTITION BY id) FROM own.things)",
        "SELECT id FROM own.things WHERE id = ANY (SELECT own.hidden(x) FROM generate_series(1, 9) AS x)",
        "SELECT id FROM own.things ORDER BY own.hidden(id)",
        "SELECT DISTINCT ON (own.hidden(id)) id FROM own.things",
        "SELECT id FROM own.things GROUP BY id, own.hidden(id)",
        "SELECT id FROM own.things LIMIT own.hidden(10)",
        "SELECT id FROM own.things OFFSET own.hidden(1)",
        "SELECT t.id FROM own.things t JOIN LATERAL (SELECT own.hidden(t.id) AS h) l ON l.h > 0",
        "SELECT h AS id FROM own.hidden(1) AS h",
        "SELECT h AS id FROM ROWS FROM (own.hidden(1), own.hidden(2)) AS r(h, i)",
        "SELECT id FROM own.things TABLESAMPLE SYSTEM (own.hidden(100))",
        "WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT own.hidden(id + 1) FROM r WHERE id < 3) SELECT id FROM r",
        "SELECT v AS id FROM (VALUES (own.hidden(1)), (own.hidden(2))) AS t(v)",
        "SELECT id FROM own.things WHERE CASE WHEN id > 0 THEN own.hidden(id) > 0 END",
        "SELECT id FROM own.things WHERE ARRAY[own.hidden(id)] <> '{}'",
        "SELECT id FROM own.things WHERE row(n, id) IN (SELECT n, own.hidden(id) FROM own.things)",
        "SELECT id FROM own.things WHERE jsonb_build_object('m', m) IS NOT NULL",
        "SELECT id FROM own.things WHERE to_json(m) IS NOT NULL",
        "SELECT id FROM own.things WHERE row_to_json(things) IS NOT NULL",
        "SELECT id FROM own.things WHERE json_populate_record(NULL::own.things, '{\"c\":\"x\"}') IS NOT NULL",
        "SELECT r.id FROM jsonb_to_record('{\"id\":1,\"c\":\"x\"}') AS r(id int, c own.checked)",
        "SELECT x.id FROM XMLTABLE('/x' PASSING xmlparse(document '<x>1</x>') COLUMNS id int PATH '.' DEFAULT own.hidden(1)) AS x",
        "SELECT id FROM own.below",
        // The server's own functions that run SQL of a text.
        "SELECT id FROM own.things WHERE query_to_xml('SELECT own.hidden(1)', true, true, '') IS NOT NULL",
        "SELECT id FROM own.things WHERE query_to_xml_and_xmlschema('SELECT own.hidden(1)', true, true, '') IS NOT NULL",
        "SELECT id FROM own.things WHERE table_to_xml('own.below', true, true, '') IS NOT NULL",
        "SELECT id FROM own.things WHERE EXISTS (SELECT FROM ts_stat('SELECT to_tsvector(own.hidden(1)::text)'))",
        "SELECT id FROM own.things WHERE ts_rewrite('a'::tsquery, 'SELECT own.hidden(1)::text::tsquery, ''b''::tsquery') IS NOT NULL",
        "SELECT id FROM own.things WHERE (SELECT count(*) FROM crosstab('SELECT own.hidden(1)::text, ''a''::text, ''b''::text') AS c(r text, a text)) > 0",
    ];
    superuser.batch_execute("CREATE EXTENSION tablefunc").unwrap();
    thief.batch_execute("CREATE VIEW own.below WITH (security_invoker) AS SELECT id FROM own.things WHERE own.hidden(id) > 0").unwrap();
    let (mut registered, mut seen, mut ran) = (0, 0, Vec::new());
    for (place, body) in bodies.iter().enumerate() {
        let name = format!("v{place}");
        thief
            .batch_execute(&format!("CREATE VIEW own.{name} WITH (security_invoker) AS {body}"))
            .unwrap_or_else(|e| panic!("{body}: {e:?}"));
        let register = format!("SELECT acct_export_register('{name}', 'own.{name}', 'id')");
        // A key from such code is barred and nothing is registered.
        if thief.batch_execute(&register).is_err() {
            continue;
        }
        registered += 1;
        ask(&mut superuser, &format!("'{name}', fields => '{{id}}'"));
        let _ = superuser.batch_execute(&register);
        let _ = superuser.batch_execute("SELECT * FROM acct_export_fields");
        let steps = steps_of_others(&scene, &mark);
        if steps.len() > seen {
            ran.push(format!("{body}: {}", steps[seen]));
            seen = steps.len();
        }
    }
    assert!(ran.is_empty(), "ran as somebody else: {ran:#?}");
    assert!(registered > bodies.len() / 2, "only {registered} were registered");
    let job = start(&mut superuser, "'users', 'csv', all_tenants => true, fields => '{id}'");
    assert_eq!(wait_for_job(&mut superuser, &job).get::<_, &str>("status"), "completed");
}

/// Tried: the server's own functions that only a superuser may call, in the WHERE of a view of the thief's.
#[test]
fn a_superusers_functions_in_a_view_that_a_superuser_exports() {
    let mut scene = Scene::new();
    let (mut thief, mut superuser) = (scene.thief(), scene.app.superuser());
    thief
        .batch_execute("CREATE TABLE own.people (id int PRIMARY KEY); INSERT INTO own.people VALUES (1)")
        .unwrap();
    let object = asking::text(&mut thief, "SELECT lo_from_bytea(0, 'STOLEN')::text").unwrap();
    let file = common::shared().data().join(unique("stolen"));
    let conf = "SELECT pg_conf_load_time()::text";
    let before = asking::text(&mut superuser, conf);
    let mut victim = scene.app.session(&scene.app.nologin, 1);
    let pid = asking::text(&mut victim, "SELECT pg_backend_pid()::text").unwrap();
    for (place, condition) in [
        format!("lo_export({object}, '{}') = 1", file.display()),
        "pg_reload_conf()".to_owned(),
        format!("pg_terminate_backend({pid})"),
        format!("CASE WHEN id > 0 THEN (SELECT pg_terminate_backend({pid})) END"),
        format!("EXISTS (SELECT FROM lo_export({object}, '{}') AS l WHERE l = 1)", file.display()),
        "pg_notify('loot', pg_read_file('PG_VERSION'))::text = ''".to_owned(),
        "pg_notify('loot', (SELECT string_agg(t, '') FROM pg_ls_dir('.') AS t))::text = ''".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("v{place}");
        thief
            .batch_execute(&format!("CREATE VIEW own.{name} WITH (security_invoker) AS SELECT id FROM own.people WHERE {condition}"))
            .unwrap();
        let register = format!("SELECT acct_export_register('{name}', 'own.{name}', 'id')");
        if thief.batch_execute(&register).is_ok() || superuser.batch_execute(&register).is_ok() {
            ask(&mut superuser, &format!("'{name}', fields => '{{id}}'"));
        }
        assert!(!file.exists(), "{condition}: a file was written");
        assert_eq!(asking::text(&mut superuser, conf), before, "{condition}");
        assert!(victim.batch_execute("SELECT 1").is_ok(), "{condition}: a session was ended");
    }
    assert!(scene.remains().iter().all(|(what, _)| what != "NOTIFY loot"), "heard");
}
