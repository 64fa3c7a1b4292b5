//! Leaks of a row on its way: leaky conditions that see rows before row security has judged them, messages and errors
//! that quote values. Neither files nor job records, neither the audit trail nor the server's log may hold another
//! tenant's value, nor an error one of the requester's own.

use support::asking;
use support::common;

use support::asking::{column, completed, exported, refusal, start, text};
use support::common::wait_for_job;
use support::scene::Scene;

/// Tried: a cheap function that writes down what it is given, before the policy, in the WHERE of a view.
#[test]
fn a_cheap_leaky_function_sees_no_hidden_row() {
    let scene = Scene::new();
    let mut thief = scene.thief();
    for (place, condition) in [
        "own.leak(email)",
        "own.leak(password_hash)",
        "own.leak(id::text || name)",
        "own.leak(email) OR own.leak(phone)",
        "id IN (SELECT id FROM app.users WHERE own.leak(tenant_id::text || email))",
        "CASE WHEN own.leak(email) THEN true ELSE own.leak(name) END",
    ]
    .iter()
    .enumerate()
    {
        thief
            .batch_execute(&format!(
                "CREATE OR REPLACE FUNCTION own.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
                    $$ BEGIN IF $1 NOT LIKE '%-hash-%' OR $1 ~ '-hash-.*[13579]$' THEN RAISE WARNING 'seen: %', $1; END IF; RETURN true; END $$;
                 CREATE VIEW own.v{place} WITH (security_invoker) AS SELECT id, email FROM app.users WHERE {condition};
                 SELECT acct_export_register('v{place}', 'own.v{place}', 'id')"
            ))
            .unwrap();
        for arguments in [
            format!("'v{place}', 'csv'"),
            format!("'v{place}', 'csv', filter => '{{\"email\":{{\"co\":\"a\"}}}}'"),
        ] {
            let file = String::from_utf8(exported(&mut thief, &arguments)).unwrap();
            assert!(!file.contains(&scene.canary), "{condition}: {file}");
        }
    }
    // The thief's own secrets it may see: SELECT on the column was granted. What others have it may not.
    let log = scene.log();
    let hidden: Vec<&str> =
        log.lines().filter(|line| line.contains("seen: ") && line.contains(&scene.canary)).collect();
    assert!(hidden.is_empty(), "{hidden:#?}");
    assert!(log.contains("@a.example"), "the function was not asked");
}

/// Tried: built-in casts and divisions that fail on hidden rows: were they asked first, the job would fail.
#[test]
fn a_failing_condition_meets_no_hidden_row() {
    let mut scene = Scene::new();
    let mut thief = scene.thief();
    for (place, condition) in [
        "phone::bigint > 0",
        "1 / CASE WHEN email LIKE '%@b.example' THEN 0 ELSE 1 END = 1",
        "(custom ->> 'n') IS NULL AND ('{\"x\":' || CASE WHEN name LIKE '%-name' THEN name ELSE '1' END || '}')::jsonb IS NOT NULL",
        "'2025-01-01'::date + CASE WHEN tags[1] LIKE '%-tag' THEN tags[1] ELSE '1' END::int > '2025-01-01'",
    ]
    .iter()
    .enumerate()
    {
        thief
            .batch_execute(&format!(
                "CREATE VIEW own.v{place} WITH (security_invoker) AS SELECT id, email FROM app.users WHERE {condition};
                 SELECT acct_export_register('v{place}', 'own.v{place}', 'id')"
            ))
            .unwrap();
        completed(&mut thief, &format!("'v{place}', 'csv'"));
        column(&mut thief, &format!("SELECT acct_export_ndjson('v{place}')"));
    }
    scene.nothing_came_out();
}

/// Tried: an error of a policy's that carries a row in each of its parts, and notices on the way.
#[test]
fn an_error_tells_no_row_whatever_part_carries_it() {
    let mut scene = Scene::new();
    let mut superuser = scene.app.superuser();
    // The canary is the reader's own here: not even that may be written down.
    superuser
        .batch_execute(&format!(
            "ALTER TABLE app.users DISABLE ROW LEVEL SECURITY; UPDATE app.users SET name = '{}-own';
            ALTER TABLE app.users ENABLE ROW LEVEL SECURITY",
            scene.canary
        ))
        .unwrap();
    for raise in [
        "RAISE EXCEPTION 'row %', n",
        "RAISE EXCEPTION 'x' USING DETAIL = n",
        "RAISE EXCEPTION 'x' USING HINT = n",
        "RAISE EXCEPTION 'x' USING TABLE = n, COLUMN = n, CONSTRAINT = n, SCHEMA = n, DATATYPE = n",
        "RAISE NOTICE 'row %', n; RAISE INFO 'row %', n; RAISE DEBUG 'row %', n; RAISE EXCEPTION 'x'",
        "EXECUTE 'SELECT ' || quote_literal(n) || '::int'",
        "EXECUTE 'SELECT ' || quote_ident(n)",
        "EXECUTE 'SELECT no_such_function(' || quote_literal(n) || ')'",
        "PERFORM n::int",
        "PERFORM n::app.short",
        "PERFORM n::app.mood",
        "PERFORM (n || n)::varchar(3)::int",
        "PERFORM ('[' || n)::jsonb",
        "PERFORM n::timestamptz",
        "PERFORM 'x' ~ ('(' || n)",
        "PERFORM set_config(n, 'x', false)",
        "PERFORM nextval(n)",
        "PERFORM ('\"' || n || '\".t')::regclass",
        "PERFORM convert_from(n::bytea, n)",
        "PERFORM xmlparse(document n)",
        "ASSERT false, n",
    ] {
        superuser
            .batch_execute(&format!(
                "DROP POLICY IF EXISTS loud ON app.users; DROP DOMAIN IF EXISTS app.short; DROP TYPE IF EXISTS app.mood;
                 CREATE DOMAIN app.short AS text CHECK (length(VALUE) < 3); CREATE TYPE app.mood AS ENUM ('good');
                 CREATE OR REPLACE FUNCTION app.loud(n text) RETURNS boolean LANGUAGE plpgsql AS $l$ BEGIN {raise}; RETURN true; END $l$;
                 CREATE POLICY loud ON app.users AS RESTRICTIVE USING (app.loud(name))"
            ))
            .unwrap();
        let mut thief = scene.thief();
        let job = start(&mut thief, "'users', 'csv', fields => '{id}'");
        let row = wait_for_job(&mut thief, &job);
        assert_eq!(row.get::<_, &str>("status"), "failed", "{raise}");
        // Streamed: the error is the caller's, and it tells no value either.
        for function in ["acct_export_csv", "acct_export_ndjson"] {
            let error = refusal(&mut thief, &format!("SELECT {function}('users', fields => '{{id}}')"));
            assert!(!format!("{error:?}").contains(&scene.canary), "{raise}: {error:?}");
        }
        let document = text(&mut thief, &format!("SELECT acct_export_job('{job}')::text")).unwrap();
        assert!(!document.contains(&scene.canary), "{raise}: {document}");
        for (what, text) in scene.remains() {
            let told: Vec<&str> = text.lines().filter(|line| line.contains(&scene.canary)).take(2).collect();
            assert!(told.is_empty(), "{raise}: {what}: {told:#?}");
        }
    }
}

/// Tried: filters as a question about what may not be seen: secret keys of JSON by path, barred fields by every operator.
#[test]
fn filters_answer_no_question_about_a_secret() {
    let scene = Scene::new();
    let mut thief = scene.thief();
    for filter in [
        r#"{"custom.api_key":{"sw":"C4"}}"#,
        r#"{"custom.a.token":{"pr":true}}"#,
        r#"{"password_hash":{"sw":"C4"}}"#,
        r#"{"not":{"api_token":null}}"#,
        r#"{"or":[{"id":1},{"api_token":{"gt":"C4"}}]}"#,
        r#"{"api_token":{"in":["a","b"]}}"#,
    ] {
        for function in ["acct_export_start", "acct_export_csv"] {
            let error =
                refusal(&mut thief, &format!("SELECT {function}('users', filter => $f${filter}$f$)::text"));
            assert!(matches!(error.sqlstate.as_str(), "42501" | "22023"), "{filter}: {error:?}");
        }
    }
}

/// Tried: the same about an object that has secret keys: either refused, or no row answers.
#[test]
fn a_filter_sees_no_secret_inside_an_object() {
    let scene = Scene::new();
    let mut thief = scene.thief();
    let mut answered = Vec::new();
    for filter in [
        r#"{"custom.a":{"co":"C4N4RY"}}"#,
        r#"{"custom.a":{"co":"c4n4ry","ci":true}}"#,
        r#"{"custom.a":{"sw":"{\"token\": \"C4"}}"#,
        r#"{"custom.a":{"ew":"deep\"}"}}"#,
        r#"{"custom.a":{"gt":"{\"token\": \"C3","lt":"{\"token\": \"C5"}}"#,
        r#"{"custom":{"co":"C4N4RY"}}"#,
        r#"{"custom":{"sw":"{\"a\": {\"token\": \"C4"}}"#,
        r#"{"custom":{"gt":"{\"a\": {\"token\": \"C3"}}"#,
        r#"{"not":{"custom.a":{"lt":"{\"token\": \"C3"}}}"#,
    ] {
        let wrong = filter
            .replace("C4", "Q9")
            .replace("c4", "q9")
            .replace("deep", "shallow")
            .replace("C3", "Z3")
            .replace("C5", "Z5");
        let mut ask = |filter: &str| {
            let sql =
                format!("SELECT acct_export_ndjson('users', fields => '{{id}}', filter => $f${filter}$f$)");
            match thief.query(&sql, &[]) {
                Ok(rows) => Some(rows.len()),
                Err(error) => {
                    let code = error.as_db_error().unwrap().code().code();
                    assert!(matches!(code, "42501" | "22023"), "{filter}: {error:?}");
                    None
                }
            }
        };
        let (right, wrong) = (ask(filter), ask(&wrong));
        if right != wrong {
            answered.push(format!("{filter}: {right:?} rows, {wrong:?} for a wrong guess"));
        }
    }
    assert!(answered.is_empty(), "{answered:#?}");
}

/// Tried: looking at the worker from another session: its query, its name, its progress.
#[test]
fn a_worker_shows_nothing_of_its_rows() {
    let mut scene = Scene::new();
    let gate = asking::Gate::close(&scene.app);
    let mut thief = scene.thief();
    let filter = format!("filter => '{{\"name\":{{\"ne\":\"{}\"}}}}'", scene.canary);
    let mut other = scene.app.session(&scene.app.nologin, 1);
    let job = start(&mut other, &format!("'users', 'csv', {filter}"));
    common::wait_until(std::time::Duration::from_secs(20), "it reads", || {
        asking::status(&mut other, &job).get::<_, Option<&str>>("stage") == Some("reading")
    });
    for sql in [
        "SELECT to_jsonb(a)::text FROM pg_stat_activity a WHERE pid <> pg_backend_pid()",
        "SELECT to_jsonb(a)::text FROM pg_stat_progress_copy a",
        "SELECT to_jsonb(a)::text FROM pg_stat_get_activity(NULL) a WHERE pid <> pg_backend_pid()",
        "SELECT to_jsonb(a)::text FROM pg_locks a",
        "SELECT to_jsonb(a)::text FROM pg_prepared_statements a",
        "SELECT to_jsonb(a)::text FROM acct_export_jobs a",
    ] {
        for seen in column(&mut thief, sql) {
            assert!(!seen.contains(&scene.canary) && !seen.contains(&scene.app.tenants[1]), "{sql}: {seen}");
        }
    }
    // Not to a superuser either, in the title of a process.
    for seen in column(
        &mut scene.app.superuser(),
        "SELECT to_jsonb(a)::text FROM pg_stat_activity a WHERE backend_type LIKE '%acctexport%'",
    ) {
        assert!(!seen.contains(&scene.canary), "{seen}");
    }
    gate.open();
    assert_eq!(wait_for_job(&mut other, &job).get::<_, &str>("status"), "completed");
    assert!(scene
        .remains()
        .iter()
        .all(|(what, text)| !what.starts_with("NOTIFY") || !text.contains(&scene.canary)));
}
