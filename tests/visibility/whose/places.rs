//! With two places and more, no tenant and no role keeps others out, and nobody is held back while places are free.

use std::time::Duration;

use postgres::Client;
use support::common::{unique, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{record, start, wait_for_status, workers, LIMIT};

const ROWS: u32 = 5;

fn with_places(places: u32) -> &'static Cluster {
    let options = ClusterOptions::default().set("acct_export.max_workers", &places.to_string());
    Box::leak(Box::new(Cluster::start(options)))
}

/// Exports for which `held` is true wait for an advisory lock, which the result holds.
fn hold(app: &TwoTenants, held: &str) -> Client {
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE OR REPLACE FUNCTION app.pass() RETURNS boolean LANGUAGE plpgsql AS $$
             BEGIN
                 IF {held} THEN PERFORM pg_advisory_xact_lock_shared(4711); END IF;
                 RETURN true;
             END $$;
             ALTER POLICY tenant ON app.users
                 USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid AND app.pass())"
        ))
        .unwrap();
    superuser.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(4711)").unwrap();
    superuser
}

/// Different requests, so that none is another one's twin.
fn start_many(client: &mut Client, count: u32) -> Vec<String> {
    let filter = |n: u32| format!(", filter => '{{\"id\":{{\"gt\":-{n}}}}}'");
    (1..=count).map(|n| start(client, "csv", &filter(n))).collect()
}

fn count(superuser: &mut Client, status: &str) -> i64 {
    let sql = "SELECT count(*) FROM acct_export.job WHERE status = $1 AND (SELECT acct_export.wake())";
    superuser.query_one(sql, &[&status]).unwrap().get(0)
}

fn wait_for_running(superuser: &mut Client, jobs: i64) {
    wait_until(LIMIT, &format!("{jobs} run"), || count(superuser, "running") == jobs);
}

#[test]
fn a_tenant_that_comes_late_gets_a_place() {
    for places in [2, 3] {
        let cluster = with_places(places);
        let app = TwoTenants::with_users(cluster, ROWS);
        let third = "c0000000-0000-4000-8000-000000000003";
        app.superuser().batch_execute(&format!("INSERT INTO app.tenants VALUES ('{third}', 'C')")).unwrap();
        let held = hold(&app, &format!("current_setting('app.tenant_id') = '{}'", app.tenants[0]));
        let mut superuser = app.superuser();
        // Nobody else waits: they have all places.
        let mut one = app.session(&app.login, 0);
        let sleeping = start_many(&mut one, places + 2);
        wait_for_running(&mut superuser, places.into());
        assert_eq!(count(&mut superuser, "queued"), 2);
        wait_until(LIMIT, "there is no worker without a place", || {
            workers(&mut superuser).len() == places as usize
        });
        // Another tenant of the same role, and a third one.
        for round in 0..2 {
            let mut other = app.session(&app.login, 1);
            let job =
                start(&mut other, "csv", &format!(", filter => '{{\"id\":{{\"gt\":-{}}}}}'", 10 + round));
            let mut last = app.session(&app.login, 1);
            last.batch_execute(&format!("SET app.tenant_id = '{third}'")).unwrap();
            let empty =
                start(&mut last, "json", &format!(", filter => '{{\"id\":{{\"gt\":-{}}}}}'", 20 + round));
            for job in [&job, &empty] {
                wait_for_status(&mut superuser, job, "completed");
            }
            assert_eq!(count(&mut superuser, "running"), i64::from(places));
        }
        // The extra place is not for those who have the others.
        assert_eq!(count(&mut superuser, "queued"), 2);
        drop(held);
        for job in &sleeping {
            wait_for_status(&mut superuser, job, "completed");
            assert_eq!(record(&mut superuser, job, "attempts").as_deref(), Some("1"));
        }
    }
}

#[test]
fn a_role_that_comes_late_gets_a_place() {
    for places in [2, 3] {
        let cluster = with_places(places);
        let app = TwoTenants::with_users(cluster, ROWS);
        let held = hold(&app, &format!("current_user = '{}'", app.login));
        let mut superuser = app.superuser();
        let sleeping = start_many(&mut app.session(&app.login, 0), places);
        wait_for_running(&mut superuser, places.into());
        let job = start(&mut app.session(&app.nologin, 0), "csv", "");
        wait_for_status(&mut superuser, &job, "completed");
        drop(held);
        sleeping.iter().for_each(|job| wait_for_status(&mut superuser, job, "completed"));
    }
}

/// Jobs that wait together are chosen so that no tenant and no role gets all places.
#[test]
fn the_last_place_goes_to_another() {
    for places in [2, 3] {
        let cluster = with_places(0);
        let app = TwoTenants::with_users(cluster, ROWS);
        let mut superuser = app.superuser();
        let held = hold(&app, "true");
        // One tenant, two roles: the second comes last.
        let first = start_many(&mut app.session(&app.login, 0), places + 1);
        let other = start(&mut app.session(&app.nologin, 0), "csv", "");
        cluster.set("acct_export.max_workers", &places.to_string());
        wait_for_running(&mut superuser, places.into());
        assert_eq!(record(&mut superuser, &other, "status").as_deref(), Some("running"));
        let running =
            first.iter().filter(|job| record(&mut superuser, job, "status").as_deref() == Some("running"));
        assert_eq!(running.count(), places as usize - 1);
        // All are of one tenant: another one has the extra place.
        let late = start(&mut app.session(&app.login, 1), "csv", "");
        wait_for_running(&mut superuser, i64::from(places) + 1);
        assert_eq!(record(&mut superuser, &late, "status").as_deref(), Some("running"));
        drop(held);
        for job in first.iter().chain([&other, &late]) {
            wait_for_status(&mut superuser, job, "completed");
        }
    }
}

/// Two tenants in all places: who comes then waits, as there is no sharing fairer than that.
#[test]
fn a_place_that_is_shared_is_waited_for() {
    let cluster = with_places(2);
    let app = TwoTenants::with_users(cluster, ROWS);
    let role = unique("third");
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON app.users TO {role}"
        ))
        .unwrap();
    let held = hold(&app, "true");
    let one = start(&mut app.session(&app.login, 0), "csv", "");
    wait_for_running(&mut superuser, 1);
    let two = start(&mut app.session(&app.nologin, 1), "csv", "");
    wait_for_running(&mut superuser, 2);
    let mut client = app.session(&role, 0);
    let third = start(&mut client, "csv", "");
    let sql = "SELECT status FROM acct_export_wait($1::text::uuid, '500 ms')";
    assert_eq!(client.query_one(sql, &[&third]).unwrap().get::<_, String>(0), "queued");
    drop(held);
    for job in [&one, &two, &third] {
        wait_for_status(&mut superuser, job, "completed");
    }
    wait_until(Duration::from_secs(20), "all workers have gone", || workers(&mut superuser).is_empty());
}

/// A tenant of which an export runs gets no second place while another one has none: also where many short exports of that one are taken
/// one after the other.
#[test]
fn a_tenant_with_a_place_waits_for_those_without() {
    const SHORT: u32 = 12;
    let cluster = with_places(2);
    let app = TwoTenants::with_users(cluster, ROWS);
    let held = hold(&app, &format!("current_setting('app.tenant_id') = '{}'", app.tenants[0]));
    let mut superuser = app.superuser();
    let mut one = app.session(&app.login, 0);
    let first = start(&mut one, "csv", "");
    wait_for_running(&mut superuser, 1);
    cluster.set("acct_export.max_workers", "0");
    let waiting = start_many(&mut one, 2);
    let short = start_many(&mut app.session(&app.login, 1), SHORT);
    cluster.set("acct_export.max_workers", "2");
    wait_until(LIMIT, "the short ones are done", || count(&mut superuser, "completed") == short.len() as i64);
    // None of the first tenant began before the last of the other one.
    let sql = "SELECT count(*) FROM acct_export.job
                WHERE started_at < (SELECT max(started_at) FROM acct_export.job WHERE tenant = $1) AND tenant = $2 AND id <> $3::text::uuid";
    let early: i64 = superuser.query_one(sql, &[&app.tenants[1], &app.tenants[0], &first]).unwrap().get(0);
    drop(held);
    let all = (short.len() + waiting.len() + 1) as i64;
    wait_until(LIMIT, "all are done", || count(&mut superuser, "completed") == all);
    assert_eq!(early, 0);
}

/// While exports of one tenant have all places and nothing waits, whoever follows one of them goes on.
#[test]
fn a_run_goes_on_while_its_tenant_has_all_places() {
    let cluster = with_places(2);
    let app = TwoTenants::with_users(cluster, ROWS);
    let held = hold(&app, "true");
    let mut superuser = app.superuser();
    let first = start(&mut app.session(&app.login, 0), "csv", "");
    let mut caller = app.session(&app.login, 0);
    let call = std::thread::spawn(move || caller.batch_execute("CALL acct_export_run('users', 'ndjson')"));
    wait_for_running(&mut superuser, 2);
    // Longer than one look of the procedure.
    let looks = "SELECT xact_start > clock_timestamp() - interval '0.5 seconds' AND backend_start < clock_timestamp() - interval '2 seconds'
                   FROM pg_stat_activity WHERE query LIKE 'CALL acct_export_run%' AND state = 'active'";
    wait_until(LIMIT, "the procedure has looked more than once", || {
        let row = superuser.query_opt(looks, &[]).unwrap();
        row.is_none_or(|row| row.get::<_, Option<bool>>(0) == Some(true))
    });
    drop(held);
    call.join().unwrap().unwrap();
    wait_for_status(&mut superuser, &first, "completed");
}
