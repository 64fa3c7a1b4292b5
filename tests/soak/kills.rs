//! SIGKILL of workers at random moments: the postmaster ends all processes and recovers, and the launcher brings the jobs back.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use postgres::Client;
use support::common::{wait_until, Cluster};
use support::jobs::LIMIT;
use support::random::Random;

use crate::campaign::{at_a_random_moment, Campaign};
use crate::server_log::{self, assert_clean, Caused};
use crate::workload::Workload;

const KILLS: usize = 200;
const ROWS: u32 = 12_000;
/// Two workers, and exports that wait for them.
const ACTIVE: i64 = 8;

/// Processes of the extension, with the stage of their job, in the order of their pids.
const PROCESSES: &str = "
SELECT a.pid, CASE WHEN a.backend_type <> 'pg_acctexport worker' THEN a.backend_type ELSE coalesce(s.stage, 'between two jobs') END
  FROM pg_stat_activity AS a
  LEFT JOIN acct_export.job AS j ON j.worker_pid = a.pid AND j.status = 'running'
  LEFT JOIN acct_export.job_status AS s ON s.job_id = j.id
 WHERE a.backend_type IN ('pg_acctexport worker', 'pg_acctexport launcher')
 ORDER BY a.backend_type DESC, a.pid";

/// Kills a worker, or in a twentieth of all cases the launcher; the stage of its job. None: no worker was there, or it has just ended.
fn kill_one(cluster: &Cluster, superuser: &mut Client, random: &mut Random) -> Option<String> {
    at_a_random_moment(random, Duration::from_millis(200));
    let rows = superuser.query(PROCESSES, &[]).unwrap();
    let launcher = random.chance(5);
    let found: Vec<(i32, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let found: Vec<_> =
        found.into_iter().filter(|(_, stage)| stage.ends_with("launcher") == launcher).collect();
    if found.is_empty() {
        return None;
    }
    let (pid, stage) = random.of(&found);
    let process = format!("/proc/{pid}/cmdline");
    // A process that has ended meanwhile must not be mistaken for another one.
    if !fs::read_to_string(&process).is_ok_and(|title| title.starts_with("postgres")) {
        return None;
    }
    let crashes = || cluster.log().matches("was terminated by signal 9").count();
    let before = crashes();
    Command::new("kill").args(["-s", "KILL", &pid.to_string()]).output().unwrap();
    // The signal may reach a process that is ending already: then there is no crash, and sessions go on.
    let mut gone: Option<Instant> = None;
    wait_until(LIMIT, "the process is gone", || {
        if gone.is_none() && !fs::exists(&process).unwrap() {
            gone = Some(Instant::now());
        }
        crashes() > before || gone.is_some_and(|gone| gone.elapsed() > Duration::from_secs(1))
    });
    (crashes() > before).then(|| stage.clone())
}

#[test]
fn workers_are_killed() {
    let mut campaign = Campaign::begin("kills");
    let mut random = campaign.random.branch();
    let cluster = campaign.start(server_log::options(true));
    let mut work = Workload::new(cluster, ROWS);
    let kills = campaign.size(KILLS);
    let mut stages: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..kills {
        let mut killed = None;
        wait_until(LIMIT * 2, "a worker is killed", || {
            work.fill_up(&mut random, ACTIVE);
            killed = kill_one(cluster, &mut work.superuser(), &mut random);
            killed.is_some()
        });
        *stages.entry(killed.unwrap()).or_default() += 1;
    }
    campaign.figure("processes killed", kills);
    for (stage, count) in stages {
        campaign.figure(&format!("… {stage}"), count);
    }
    work.assert_done(&mut campaign, &["57P02"]);
    assert_clean(cluster, Caused { kills, ..Caused::default() });
}
