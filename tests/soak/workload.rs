//! Exports of two tenants in all formats, asked for while servers crash around them, and what became of each.

use std::collections::BTreeMap;
use std::time::Duration;

use postgres::Client;
use support::common::{wait_until, Cluster, TwoTenants};
use support::jobs::LIMIT;
use support::random::Random;

use crate::at_rest::assert_at_rest;
use crate::campaign::Campaign;
use crate::contents::{expected, rows_of};

const FORMATS: [&str; 4] = ["csv", "ndjson", "json", "xlsx"];

/// An export that was asked for and committed.
struct Asked {
    job: String,
    format: &'static str,
    tenant: usize,
    more_than: i64,
}

pub struct Workload {
    pub cluster: &'static Cluster,
    pub app: TwoTenants,
    asked: Vec<Asked>,
}

impl Workload {
    /// Dataset `users` with so many rows for each tenant.
    pub fn new(cluster: &'static Cluster, rows: u32) -> Self {
        Self { cluster, app: TwoTenants::with_users(cluster, rows), asked: Vec::new() }
    }

    /// A session of the superuser, as soon as the server takes one.
    pub fn superuser(&self) -> Client {
        self.connect(|| self.cluster.try_connect(&self.app.db, "postgres").ok())
    }

    fn connect(&self, mut connect: impl FnMut() -> Option<Client>) -> Client {
        let mut session = None;
        wait_until(LIMIT * 2, "the server takes sessions", || {
            session = connect();
            session.is_some()
        });
        session.unwrap()
    }

    /// A session of the requester for each tenant.
    fn requesters(&self) -> [Client; 2] {
        [0, 1].map(|tenant| {
            let mut session = self.connect(|| self.cluster.try_connect(&self.app.db, &self.app.login).ok());
            let tenant = &self.app.tenants[tenant];
            session.batch_execute(&format!("SET app.tenant_id = '{tenant}'")).unwrap();
            session
        })
    }

    /// Asks for one more export; the SQLSTATE of the error where the server refuses.
    fn ask(&mut self, sessions: &mut [Client; 2], random: &mut Random) -> Result<(), String> {
        let (tenant, format) = (random.below(2), *random.of(&FORMATS));
        // A few selections, so that the rows of each are read once for the comparison.
        let more_than = i64::from(self.app.rows) / 4 * random.below(4) as i64;
        let sql = format!(
            "SELECT acct_export_start('users', '{format}', fields => '{{id,email,phone}}',
                filter => '{{\"id\":{{\"gt\":{more_than}}}}}', reason => 'request {}')::text",
            self.asked.len()
        );
        let row = sessions[tenant]
            .query_one(&sql, &[])
            .map_err(|error| error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()))?;
        self.asked.push(Asked { job: row.get(0), format, tenant, more_than });
        Ok(())
    }

    /// Asks for so many exports where the disk may be full; the number of those that were refused for this reason.
    #[track_caller]
    pub fn ask_on_full_disk(&mut self, random: &mut Random, count: usize) -> usize {
        let mut sessions = self.requesters();
        let refused = (0..count).filter_map(|_| self.ask(&mut sessions, random).err());
        refused.inspect(|sqlstate| assert_eq!(sqlstate, "53100")).count()
    }

    /// Asks for exports until so many are queued or running.
    #[track_caller]
    pub fn fill_up(&mut self, random: &mut Random, active: i64) {
        let sql = "SELECT count(*) FROM acct_export.job WHERE status IN ('queued', 'running')";
        let now: i64 = self.superuser().query_one(sql, &[]).unwrap().get(0);
        let mut sessions = self.requesters();
        for _ in now..active {
            self.ask(&mut sessions, random).unwrap();
        }
    }

    /// Asserts what holds at rest, that no request was lost, and that each file has the rows of the requester's own SELECT. Then asks
    /// once more for those that failed, which have to complete now.
    #[track_caller]
    pub fn assert_done(&self, campaign: &mut Campaign, failures: &[&str]) {
        let mut superuser = self.superuser();
        let outcomes = assert_at_rest(&mut superuser, self.cluster, failures);
        campaign.figure("exports requested", self.asked.len());
        for (outcome, count) in outcomes {
            campaign.figure(&format!("… {outcome}"), count);
        }
        let again = "SELECT count(*) FROM acct_export.job WHERE attempts > 1";
        let again: i64 = superuser.query_one(again, &[]).unwrap().get(0);
        campaign.figure("… begun more than once", again);
        let (rows, bytes) = self.assert_files(&mut superuser, &self.asked);
        campaign.figure("rows compared with SELECT", rows);
        campaign.figure("bytes of files", bytes);
        let again = self.retry_failed(&mut superuser);
        assert_at_rest(&mut superuser, self.cluster, failures);
        self.assert_files(&mut superuser, &again);
        campaign.figure("failed ones requested again, completed", again.len());
    }

    /// Rows and bytes of the files of completed jobs among these.
    #[track_caller]
    fn assert_files(&self, superuser: &mut Client, asked: &[Asked]) -> (usize, usize) {
        let mut wanted = BTreeMap::new();
        let (mut rows, mut bytes) = (0, 0);
        for Asked { job, format, tenant, more_than } in asked {
            let found = superuser
                .query_opt("SELECT status FROM acct_export.job WHERE id = $1::text::uuid", &[job])
                .unwrap()
                .unwrap_or_else(|| panic!("job {job} is lost"));
            if found.get::<_, &str>(0) != "completed" {
                continue;
            }
            let file = support::asking::file(superuser, job);
            bytes += file.len();
            let wanted = wanted
                .entry((tenant, more_than))
                .or_insert_with(|| expected(superuser, &self.app.tenants[*tenant], *more_than));
            let found = rows_of(format, file);
            assert!(found == *wanted, "job {job}, {format}: {} rows, {} wanted", found.len(), wanted.len());
            rows += found.len();
        }
        (rows, bytes)
    }

    /// Requests the failed exports again and waits until they have completed.
    #[track_caller]
    fn retry_failed(&self, superuser: &mut Client) -> Vec<Asked> {
        let sql = "SELECT status = 'failed' FROM acct_export.job WHERE id = $1::text::uuid";
        let mut again = Vec::new();
        for Asked { job, format, tenant, more_than } in &self.asked {
            if superuser.query_one(sql, &[job]).unwrap().get(0) {
                let mut requester = self.app.session(&self.app.login, *tenant);
                let retry = "SELECT acct_export_retry($1::text::uuid)::text";
                let job = requester.query_one(retry, &[job]).unwrap().get(0);
                again.push(Asked { job, format, tenant: *tenant, more_than: *more_than });
            }
        }
        for Asked { job, .. } in &again {
            wait_until(Duration::from_secs(120), "an export that is requested again completes", || {
                let row = superuser
                    .query_one("SELECT status, error FROM acct_export.job WHERE id = $1::text::uuid", &[job])
                    .unwrap();
                let (status, error): (&str, Option<&str>) = (row.get(0), row.get(1));
                assert!(status != "failed", "job {job}: {error:?}");
                status == "completed"
            });
        }
        again
    }
}
