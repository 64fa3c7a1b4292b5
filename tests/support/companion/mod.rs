//! Shared parts of the tests of companions: users with their state events, and with a dataset that breaks when it is read.

use postgres::{Client, Row};
use serde_json::Value;

use crate::asking::{column, objects, start, text};
use crate::common::{shared, wait_for_job, TwoTenants};

/// Two tenants of 20 users; three events of each user.
pub struct Companions(pub TwoTenants);

impl Companions {
    pub fn create() -> Self {
        Self::of(TwoTenants::with_users(shared(), 20))
    }

    pub fn of(app: TwoTenants) -> Self {
        let login = &app.login;
        app.superuser()
            .batch_execute(&format!(
                "CREATE TABLE app.events (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, user_id bigint NOT NULL,
                    kind text NOT NULL, detail jsonb, at timestamptz NOT NULL);
                 INSERT INTO app.events
                 SELECT u.id * 10 + n, u.tenant_id, u.id, (ARRAY['invited', 'active', 'disabled'])[n],
                        jsonb_build_object('ip', '10.0.0.' || n, 'token', 'S3CR3T'), u.created_at + n * interval '1 day'
                   FROM app.users u, generate_series(1, 3) AS n;
                 ALTER TABLE app.events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON app.events
                    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
                 CREATE VIEW app.breaking WITH (security_invoker = true) AS
                    SELECT id, tenant_id, 1 / (id - (SELECT max(e.id) FROM app.events e)) AS share FROM app.events;
                 GRANT SELECT ON app.events, app.breaking TO {login};
                 SELECT acct_export_register('events', 'app.events', 'id', tenant_column => 'tenant_id',
                    created_column => 'at', title => 'State events');
                 SELECT acct_export_register('breaking', 'app.breaking', 'id', tenant_column => 'tenant_id',
                    title => 'Odd shares');
                 SELECT acct_export_register('other', 'app.events', 'id', tenant_column => 'tenant_id', title => 'State events');
                 SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id',
                    created_column => 'created_at', updated_column => 'updated_at',
                    status_column => 'status', disabled_values => '{{disabled}}',
                    companions => '{{events,breaking,other}}', replace => true)"
            ))
            .unwrap();
        Companions(app)
    }

    pub fn requester(&self) -> Client {
        self.0.session(&self.0.login, 0)
    }
}

/// The end of a job.
#[track_caller]
pub fn ended(client: &mut Client, arguments: &str) -> (String, Row) {
    let job = start(client, arguments);
    let row = wait_for_job(client, &job);
    (job, row)
}

/// A file of a job by its number.
#[track_caller]
pub fn file(client: &mut Client, job: &str, number: i32) -> Vec<u8> {
    client
        .query_one("SELECT acct_export_file($1::text::uuid, $2)", &[&job, &number])
        .unwrap_or_else(|e| panic!("file {number} of {job}: {e:?}"))
        .get(0)
}

/// One value of each row of an ndjson file.
#[track_caller]
pub fn values(client: &mut Client, job: &str, number: i32, field: &str) -> Vec<Value> {
    objects(&file(client, job, number)).iter().map(|row| row[field].clone()).collect()
}

/// Names of the companions' events that a query finds, as JSON numbers.
#[track_caller]
pub fn ids(client: &mut Client, query: &str) -> Vec<Value> {
    column(client, &format!("SELECT id::text FROM ({query}) AS q ORDER BY q.id"))
        .iter()
        .map(|id| id.parse::<i64>().unwrap().into())
        .collect()
}

pub fn scalar(client: &mut Client, sql: &str) -> String {
    text(client, sql).unwrap()
}
