//! Sixteen sessions that call random functions of the extension with random arguments for three minutes, while statements, sessions and
//! workers are stopped at random. No call may end with an SQLSTATE that is not documented, and nothing may be left behind.

mod arguments;
mod functions;
mod isolation;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use support::common::{unique, wait_until, Cluster, TwoTenants};
use support::random::Random;

use crate::at_rest::assert_at_rest;
use crate::campaign::{at_a_random_moment, Campaign};
use crate::documented::{sqlstates, Outcomes};
use crate::server_log::{self, assert_clean, Caused};
use arguments::Pool;
use functions::{functions, Function};

const SESSIONS: usize = 16;
const SECONDS: usize = 180;
const ROWS: u32 = 300;

/// Sessions by the role that they act as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Login,
    NoLogin,
    /// Without a right on anything.
    Stranger,
    /// Of the tables that are exported.
    Owner,
    Superuser,
}

const CALLERS: [Caller; SESSIONS] = {
    use Caller::*;
    [
        Login, Login, Login, Login, Login, Login, NoLogin, NoLogin, NoLogin, NoLogin, Stranger, Stranger,
        Owner, Owner, Superuser, Superuser,
    ]
};

struct Scene {
    cluster: &'static Cluster,
    app: TwoTenants,
    owner: String,
    stranger: String,
    functions: Vec<Function>,
    pool: Pool,
    outcomes: Outcomes,
    is_over: AtomicBool,
    stops: AtomicUsize,
}

impl Scene {
    fn new(campaign: &mut Campaign) -> Self {
        let cluster = campaign.start(server_log::options(true));
        let app = TwoTenants::with_users(cluster, ROWS);
        let (owner, stranger) = (unique("owner"), unique("stranger"));
        let mut superuser = app.superuser();
        superuser
            .batch_execute(&format!(
                "CREATE ROLE {owner} LOGIN; CREATE ROLE {stranger} LOGIN;
                 GRANT USAGE ON SCHEMA app TO {owner};
                 ALTER TABLE app.users OWNER TO {owner}; ALTER TABLE app.tenants OWNER TO {owner};
                 GRANT SELECT ON app.tenants TO {login}, {nologin};
                 CREATE FUNCTION app.authorized(request jsonb) RETURNS boolean LANGUAGE sql RETURN true;
                 SELECT acct_export_register('tenants', 'app.tenants', 'id')",
                login = app.login,
                nologin = app.nologin
            ))
            .unwrap();
        let mut requester = app.session(&app.login, 0);
        let files = ["'users', 'xlsx'", "'users', 'csv'"];
        let files = files.map(|arguments| support::asking::exported(&mut requester, arguments)).to_vec();
        let roles =
            vec![app.login.clone(), app.nologin.clone(), owner.clone(), stranger.clone(), "nobody".into()];
        Scene {
            cluster,
            functions: functions(&mut superuser),
            pool: Pool::new(roles, files),
            outcomes: Outcomes::new(sqlstates()),
            is_over: AtomicBool::new(false),
            stops: AtomicUsize::new(0),
            app,
            owner,
            stranger,
        }
    }

    fn session(&self, caller: Caller) -> Client {
        match caller {
            Caller::Login => self.app.session(&self.app.login, 0),
            Caller::NoLogin => self.app.session(&self.app.nologin, 1),
            Caller::Stranger => self.app.session(&self.stranger, 0),
            Caller::Owner => self.app.session(&self.owner, 1),
            Caller::Superuser => self.app.session("postgres", 0),
        }
    }

    /// One statement, or one transaction of several.
    fn statement(&self, random: &mut Random) -> String {
        let function = random.of(&self.functions);
        let call = function.call(&self.pool, random);
        match random.below(100) {
            _ if function.is_procedure => format!("CALL {call}"),
            // A stream that is closed early.
            0..=29 if function.is_set => {
                let end = random.text(&["CLOSE c; COMMIT", "COMMIT", "ROLLBACK"]);
                format!("BEGIN; DECLARE c CURSOR FOR SELECT {call}; FETCH {} FROM c; {end}", random.below(20))
            }
            0..=4 => {
                let other = random.of(&self.functions).call(&self.pool, random);
                let end = random.text(&["COMMIT", "ROLLBACK"]);
                format!("BEGIN; SELECT {call}; SAVEPOINT s; SELECT {other}; ROLLBACK TO s; {end}")
            }
            5..=7 => {
                let tenant = random.text(&[self.app.tenants[0].as_str(), &self.app.tenants[1], "", "none"]);
                format!("SET app.tenant_id = '{tenant}'; SELECT {call}")
            }
            8..=49 if function.is_set => format!("SELECT * FROM {call} LIMIT {}", random.below(50)),
            _ => format!("SELECT {call}"),
        }
    }

    /// An export as applications request it, so that there are always jobs to be called for.
    fn request(&self, client: &mut Client, random: &mut Random) {
        let format = random.text(&["csv", "ndjson", "json", "xlsx"]);
        let sql = format!(
            "SELECT acct_export_start('users', '{format}', reason => 'request {}', options => '{{\"digests\":{}}}')::text",
            random.number(),
            random.chance(30)
        );
        let started = client.query_one(&sql, &[]);
        self.outcomes.record(&started, || sql);
        if let Ok(row) = started {
            self.pool.remember(row.get(0));
        }
    }

    /// The life of one session, which begins anew where it was ended.
    fn call_until_over(&self, caller: Caller, mut random: Random) -> usize {
        let (mut client, mut calls) = (self.session(caller), 0);
        while !self.is_over.load(Ordering::Relaxed) {
            if client.is_closed() {
                client = self.session(caller);
            }
            let timeout = random.text(&["3ms", "20ms", "200ms", "2s", "2s"]);
            let set = client.batch_execute(&format!("ROLLBACK; SET statement_timeout = '{timeout}'"));
            self.outcomes.record(&set, || "SET statement_timeout".to_owned());
            if random.chance(15) {
                self.request(&mut client, &mut random);
            } else if caller == Caller::Superuser && random.chance(30) {
                // Undoes changes of other calls, so that most requests are possible.
                let restored = client.batch_execute(&restore(&self.app));
                self.outcomes.record(&restored, || "restore".to_owned());
            } else {
                let sql = self.statement(&mut random);
                let done = client.batch_execute(&sql);
                self.outcomes.record(&done, || sql);
            }
            calls += 1;
        }
        calls
    }

    /// Cancels and ends statements, sessions and workers.
    fn stop_until_over(&self, mut random: Random) {
        let mut superuser = self.app.superuser();
        let own: i32 = superuser.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        while !self.is_over.load(Ordering::Relaxed) {
            at_a_random_moment(&mut random, Duration::from_millis(300));
            let kind = random.text(&["client backend", "pg_acctexport worker"]);
            let function = if random.chance(70) { "pg_cancel_backend" } else { "pg_terminate_backend" };
            let sql = format!(
                "SELECT {function}(pid) FROM pg_stat_activity
                  WHERE backend_type = $1 AND pid <> $2 AND datname = current_database() ORDER BY random() LIMIT 1"
            );
            let stopped = superuser.query(&sql, &[&kind, &own]).unwrap().len();
            self.stops.fetch_add(stopped, Ordering::Relaxed);
        }
    }
}

/// The dataset as it was at first.
fn restore(app: &TwoTenants) -> String {
    let reset = "{approve_above,approver_roles,require_filter,max_rows,max_active}";
    format!(
        "DELETE FROM acct_export.declaration;
         SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', created_column => 'created_at',
             updated_column => 'updated_at', status_column => 'status', disabled_values => '{{disabled}}', replace => true);
         SELECT acct_export_set_policy('users', reset => '{reset}');
         SET app.tenant_id = '{}'",
        app.tenants[0]
    )
}

/// Ends what would go on: schedules, and exports that wait for a second person; removes large objects, which belong to their callers.
fn wind_down(superuser: &mut Client) {
    superuser
        .batch_execute(
            "SET statement_timeout = 0;
             DELETE FROM acct_export.saved;
             SELECT acct_export_cancel(job_id) FROM acct_export_jobs WHERE status = 'awaiting_approval'",
        )
        .unwrap();
    wait_until(Duration::from_secs(180), "no export is active", || {
        let active =
            "SELECT acct_export_cancel(job_id) FROM acct_export_jobs WHERE status = 'awaiting_approval'";
        superuser.batch_execute(active).unwrap();
        let active =
            "SELECT count(*) FROM acct_export.job WHERE status IN ('queued', 'running', 'awaiting_approval')";
        superuser.query_one(active, &[]).unwrap().get::<_, i64>(0) == 0
    });
    superuser.batch_execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata").unwrap();
}

#[test]
fn sixteen_sessions() {
    let mut campaign = Campaign::begin("random_calls");
    let scene: &'static Scene = Box::leak(Box::new(Scene::new(&mut campaign)));
    assert!(scene.functions.len() > 40, "{} functions", scene.functions.len());
    let limit = Duration::from_secs(campaign.size(SECONDS) as u64);
    let begun = Instant::now();
    let callers: Vec<_> = CALLERS
        .into_iter()
        .map(|caller| (caller, campaign.random.branch()))
        .map(|(caller, random)| thread::spawn(move || scene.call_until_over(caller, random)))
        .collect();
    let random = campaign.random.branch();
    let stopper = thread::spawn(move || scene.stop_until_over(random));
    wait_until(limit * 2, "the time is over", || begun.elapsed() >= limit);
    scene.is_over.store(true, Ordering::Relaxed);
    let calls: usize = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
    stopper.join().unwrap();
    campaign.figure("functions and procedures", scene.functions.len());
    campaign.figure("sessions", SESSIONS);
    campaign.figure("calls", calls);
    campaign.figure("statements, sessions and workers stopped", scene.stops.load(Ordering::Relaxed));

    let mut superuser = scene.app.superuser();
    wind_down(&mut superuser);
    let allowed = sqlstates();
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    let jobs: BTreeMap<String, i64> = assert_at_rest(&mut superuser, scene.cluster, &allowed);
    jobs.iter().for_each(|(outcome, count)| campaign.figure(&format!("jobs {outcome}"), count));
    campaign.figure("files of requesters searched", isolation::assert_own_rows_only(&scene.app));
    superuser.batch_execute(&restore(&scene.app)).unwrap();
    support::asking::completed(&mut scene.app.session(&scene.app.login, 0), "'users', 'csv'");
    assert_clean(scene.cluster, Caused::default());
    for (sqlstate, count) in scene.outcomes.assert_documented() {
        campaign.figure(&format!("calls that ended with {sqlstate}"), count);
    }
}
