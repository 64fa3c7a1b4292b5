//! An application with two tenants in one table: schema `app`, row security enabled and forced, keyed by the setting
//! `app.tenant_id`. Its users table has what exports stumble over: secrets, NULLs, leading zeros, text that a
//! spreadsheet would run, arrays and JSON with secrets inside.

use std::time::Duration;

use postgres::{Client, Row};

use super::cluster::Cluster;
use super::{unique, wait_until};

/// Values of secret columns and JSON keys all contain this word: no export may.
pub const SECRET: &str = "S3CR3T";

pub struct TwoTenants {
    cluster: &'static Cluster,
    pub db: String,
    /// Ids of the tenants, as text.
    pub tenants: [String; 2],
    /// A role that can log in, and one that cannot. Both may read every column of the table.
    pub login: String,
    pub nologin: String,
    /// Users per tenant; of each ten, one is `disabled`.
    pub rows: u32,
}

impl TwoTenants {
    /// A new database with the extension, the schema, and `rows` users per tenant; nothing is registered yet.
    pub fn create(cluster: &'static Cluster, rows: u32) -> Self {
        let this = Self {
            cluster,
            db: cluster.create_database_with_extension("tenants"),
            tenants: ["a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002"]
                .map(str::to_owned),
            login: unique("acct_login"),
            nologin: unique("acct_nologin"),
            rows,
        };
        this.superuser().batch_execute(&this.schema()).unwrap();
        this
    }

    /// The same, with dataset `users` registered as its owner would.
    pub fn with_users(cluster: &'static Cluster, rows: u32) -> Self {
        let this = Self::create(cluster, rows);
        this.register(&mut this.superuser());
        this
    }

    pub fn register(&self, client: &mut Client) {
        client
            .batch_execute(
                "SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id',
                    created_column => 'created_at', updated_column => 'updated_at',
                    status_column => 'status', disabled_values => '{disabled}', replace => true)",
            )
            .unwrap();
    }

    /// A copy of the database, with the same roles. Sessions of the original are ended.
    pub fn copy(&self) -> Self {
        let db = unique("copy");
        let mut admin = self.cluster.connect("postgres", "postgres");
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
        wait_until(Duration::from_secs(60), "nobody is connected to the original", || {
            admin.query_one(end, &[&self.db]).unwrap();
            admin.batch_execute(&format!("CREATE DATABASE {db} TEMPLATE {}", self.db)).is_ok()
        });
        Self {
            cluster: self.cluster,
            db,
            tenants: self.tenants.clone(),
            login: self.login.clone(),
            nologin: self.nologin.clone(),
            rows: self.rows,
        }
    }

    pub fn superuser(&self) -> Client {
        self.cluster.connect(&self.db, "postgres")
    }

    /// A session as `role` within tenant 0 or 1. For a role that cannot log in, the superuser sets it.
    pub fn session(&self, role: &str, tenant: usize) -> Client {
        let mut client = if role == self.nologin {
            let mut client = self.superuser();
            client.batch_execute(&format!("SET ROLE {role}")).unwrap();
            client
        } else {
            self.cluster.connect(&self.db, role)
        };
        client.batch_execute(&format!("SET app.tenant_id = '{}'", self.tenants[tenant])).unwrap();
        client
    }

    fn schema(&self) -> String {
        let Self { login, nologin, rows, tenants: [a, b], .. } = self;
        format!(
            r#"
            CREATE ROLE {login} LOGIN;
            CREATE ROLE {nologin} NOLOGIN;
            CREATE SCHEMA app;
            CREATE TABLE app.tenants (id uuid PRIMARY KEY, name text NOT NULL);
            CREATE TABLE app.users (
                id bigint PRIMARY KEY,
                tenant_id uuid NOT NULL REFERENCES app.tenants,
                email text NOT NULL,
                name text,
                phone text,
                status text NOT NULL,
                custom jsonb,
                tags text[],
                created_at timestamptz NOT NULL,
                updated_at timestamptz NOT NULL,
                last_login timestamptz,
                password_hash text,
                api_token text
            );
            INSERT INTO app.tenants VALUES ('{a}', 'Tenant A'), ('{b}', 'Tenant B');
            INSERT INTO app.users
            SELECT n * 2 + t.i, t.id, format('user%s@%s.example', n, t.mark),
                CASE n % 7 WHEN 3 THEN NULL WHEN 5 THEN '=1+1' ELSE format('Zoë "%s" %s, Jr.', t.mark, n) END,
                '00' || 4420700000 + n,
                (ARRAY['disabled', 'active', 'active', 'invited', 'active'])[CASE WHEN n % 10 = 0 THEN 1 ELSE 2 + n % 4 END],
                jsonb_build_object('department', 'D' || n % 5, 'api_key', '{SECRET}' || n, 'n', n),
                CASE WHEN n % 4 = 0 THEN NULL ELSE ARRAY['x', 'tag ' || n % 3] END,
                timestamptz '2025-01-01 00:00Z' + n * interval '1 hour',
                timestamptz '2025-06-01 00:00Z' + n * interval '1 hour',
                CASE WHEN n % 3 > 0 THEN timestamptz '2025-07-01 12:00Z' + n * interval '1 minute' END,
                '{SECRET}-hash-' || n, '{SECRET}-token-' || n
            FROM (VALUES (0, uuid '{a}', 'a'), (1, uuid '{b}', 'b')) AS t (i, id, mark), generate_series(1, {rows}) AS n;
            ALTER TABLE app.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
            CREATE POLICY tenant ON app.users
                USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
            GRANT USAGE ON SCHEMA app TO {login}, {nologin};
            GRANT SELECT ON app.users TO {login}, {nologin};
            ANALYZE app.users;
            "#
        )
    }
}

/// Waits for the end of a job, a minute at the most, and returns its row of `acct_export_wait`; ids as text.
pub fn wait_for_job(client: &mut Client, job: &str) -> Row {
    client
        .query_one("SELECT * FROM acct_export_wait($1::text::uuid, timeout => '1 minute')", &[&job])
        .unwrap_or_else(|e| panic!("job {job}: {e:?}"))
}
