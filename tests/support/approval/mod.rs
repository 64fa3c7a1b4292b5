//! Shared parts of the tests of policies: a dataset whose exports need approval, and people who give it.

use postgres::{Client, Row};

use crate::asking::{start, status, wait_for_status};
use crate::common::{unique, Cluster, TwoTenants};

/// Takes all rules of dataset `users` away.
pub const WITHOUT_POLICY: &str =
    "SELECT acct_export_set_policy('users', reset => '{approve_above,require_filter,max_rows,max_active}')";

/// An application of five users a tenant, whose exports need approval above a number of rows.
pub struct Approval {
    pub app: TwoTenants,
    /// Approvers are its members.
    pub officers: String,
    /// One of them, with a login.
    pub officer: String,
}

impl Approval {
    pub fn above(cluster: &'static Cluster, rows: i64) -> Self {
        let app = TwoTenants::with_users(cluster, 5);
        let (officers, officer) = (unique("officers"), unique("officer"));
        app.superuser()
            .batch_execute(&format!("CREATE ROLE {officers}; CREATE ROLE {officer} LOGIN IN ROLE {officers}"))
            .unwrap();
        let this = Self { app, officers, officer };
        this.set(&format!("approve_above => {rows}, approver_roles => '{{{}}}'", this.officers));
        this
    }

    /// States the whole policy.
    #[track_caller]
    pub fn set(&self, policy: &str) {
        let sql = format!("{WITHOUT_POLICY}; SELECT acct_export_set_policy('users', {policy})");
        self.app.superuser().batch_execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    pub fn requester(&self) -> Client {
        self.app.session(&self.app.login, 0)
    }

    pub fn approver(&self) -> Client {
        self.app.session(&self.officer, 0)
    }

    /// A job of the first tenant that awaits approval.
    #[track_caller]
    pub fn waiting(&self) -> String {
        let mut requester = self.requester();
        let job = start(&mut requester, "'users', 'csv'");
        wait_for_status(&mut requester, &job, "awaiting_approval");
        job
    }
}

pub fn approve(job: &str) -> String {
    format!("SELECT acct_export_approve('{job}')")
}

#[track_caller]
pub fn state(client: &mut Client, job: &str) -> String {
    status(client, job).get("status")
}

/// Error message and SQLSTATE of a job that has failed.
#[track_caller]
pub fn failure(row: &Row) -> (String, String) {
    assert_eq!(row.get::<_, String>("status"), "failed");
    (row.get("error"), row.get("error_code"))
}
