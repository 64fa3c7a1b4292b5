//! The list of jobs at many records: it is read by an index, from the newest on, and each caller's own without those of others.

use postgres::Client;
use serde_json::Value;
use support::common::{shared, wait_for_job, TwoTenants};
use support::jobs::{start, wait_until_idle};

const OTHERS: i32 = 20_000;

/// Copies of a job, older than it by a second each; `session` and `role` are SQL.
fn copies(app: &TwoTenants, of: &str, number: i32, session: &str, role: &str) {
    app.superuser()
        .batch_execute(&format!(
            "INSERT INTO acct_export.job
             SELECT (jsonb_populate_record(j, jsonb_build_object('id', gen_random_uuid(), 'session', {session}, 'requested_by', {role},
                        'created_at', j.created_at - n * interval '1 second'))).*
               FROM acct_export.job j, generate_series(1, {number}) AS n WHERE j.id = '{of}'"
        ))
        .unwrap();
}

/// 20,000 jobs of the same role in 5,000 other tenants, as many of other roles in the same tenant, 300 of the first tenant.
fn many() -> TwoTenants {
    let app = TwoTenants::with_users(shared(), 5);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    wait_for_job(&mut app.superuser(), &job);
    wait_until_idle(&mut app.superuser());
    let other = "jsonb_set(jsonb_set(j.session, '{tenants,0,set}', to_jsonb('t' || n % 5000)),
                           '{tenants,0,value}', jsonb_build_object('text', 't' || n % 5000, 'key', 't' || n % 5000))";
    copies(&app, &job, OTHERS, other, "j.requested_by");
    copies(&app, &job, OTHERS, "j.session", "(100000 + n % 50)");
    copies(&app, &job, 299, "j.session", "j.requested_by");
    app.superuser().batch_execute("ANALYZE acct_export.job").unwrap();
    app
}

/// Blocks that a query touches, with those of the functions that it calls; after it has run once in this session.
fn blocks(client: &mut Client, query: &str) -> (i64, String) {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {query}");
    client.batch_execute(query).unwrap();
    let plan: Value = client.query_one(&explain, &[]).unwrap().get(0);
    let of = |counter: &str| plan[0]["Plan"][counter].as_i64().unwrap();
    (of("Shared Hit Blocks") + of("Shared Read Blocks"), plan[0]["Plan"].to_string())
}

const LIST: &str = "SELECT * FROM acct_export_jobs LIMIT 20";
const PAGE: &str = "SELECT job_id, status, files FROM acct_export_jobs ORDER BY created_at DESC LIMIT 20";
const COUNT: &str = "SELECT count(*) FROM acct_export_jobs";

#[test]
fn a_list_reads_what_it_shows() {
    let app = many();
    let mut requester = app.session(&app.login, 0);
    let own: i64 = requester.query_one(COUNT, &[]).unwrap().get(0);
    assert_eq!(own, 300);
    assert_eq!(requester.query(LIST, &[]).unwrap().len(), 20);
    for (query, most) in [(LIST, 400), (PAGE, 400), (COUNT, 450)] {
        let (blocks, plan) = blocks(&mut requester, query);
        assert!(plan.contains("\"Index Name\":\"job_session\""), "{query}: {plan}");
        assert!(blocks <= most, "{query}: {blocks} blocks: {plan}");
    }
    // No job is read twice, and no other's.
    let (_, plan) = blocks(&mut requester, COUNT);
    let removed = plan.replace("\"Rows Removed by Filter\":0,", "");
    assert!(!removed.contains("Rows Removed by Filter"), "{plan}");
    // The planner estimates the caller's jobs, not those of all: the server compiles queries that it thinks large.
    let explain = "EXPLAIN (FORMAT JSON) SELECT * FROM acct_export_jobs";
    let plan: Value = requester.query_one(explain, &[]).unwrap().get(0);
    let estimated = plan[0]["Plan"]["Plan Rows"].as_i64().unwrap();
    assert!(estimated < 10 * own, "{plan}");
    // One job by its id.
    let id: String =
        requester.query_one("SELECT max(job_id::text) FROM acct_export_jobs", &[]).unwrap().get(0);
    let (touched, plan) =
        blocks(&mut requester, &format!("SELECT * FROM acct_export_jobs WHERE job_id = '{id}'"));
    assert!(plan.contains("\"Index Name\":\"job_pkey\""), "{plan}");
    assert!(touched <= 200, "{touched} blocks: {plan}");
    // All, from the newest on.
    let mut superuser = app.superuser();
    for query in [LIST, PAGE] {
        let (touched, plan) = blocks(&mut superuser, query);
        assert!(plan.contains("\"Index Name\":\"job_newest\""), "{query}: {plan}");
        assert!(touched <= 400, "{query}: {touched} blocks: {plan}");
    }
    let all: i64 = superuser.query_one(COUNT, &[]).unwrap().get(0);
    assert_eq!(all, i64::from(2 * OTHERS) + 300);
}

/// The newest come first, whichever part of the list they are from.
#[test]
fn the_newest_come_first() {
    let app = many();
    let member = support::common::unique("member");
    app.superuser().batch_execute(&format!("CREATE ROLE {member} LOGIN IN ROLE {}", app.login)).unwrap();
    let mut requester = app.session(&member, 0);
    let job = start(&mut requester, "csv", "");
    wait_for_job(&mut requester, &job);
    let listed: Vec<String> = requester
        .query("SELECT job_id::text FROM acct_export_jobs", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(listed.len(), 301);
    assert_eq!(listed[0], job);
    let in_order: bool = requester
        .query_one("SELECT bool_and(later) FROM (SELECT created_at <= lag(created_at, 1, 'infinity') OVER () AS later FROM acct_export_jobs) AS o", &[])
        .unwrap()
        .get(0);
    assert!(in_order);
}
