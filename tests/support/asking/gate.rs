//! A read that stops until it is let go.

use postgres::Client;

use crate::common::TwoTenants;

/// While it is closed, whoever reads a row of a table waits: a policy takes an advisory lock.
pub struct Gate(Client);

impl Gate {
    #[track_caller]
    pub fn close(app: &TwoTenants) -> Self {
        Self::before(app, "app.users")
    }

    #[track_caller]
    pub fn before(app: &TwoTenants, table: &str) -> Self {
        let mut client = app.superuser();
        client
            .batch_execute(&format!(
                "CREATE FUNCTION app.gate() RETURNS boolean LANGUAGE plpgsql AS $$
                 BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(4242); RETURN true; END $$;
                 CREATE POLICY gate ON {table} AS RESTRICTIVE USING (app.gate());
                 SELECT pg_advisory_lock(4242)"
            ))
            .unwrap();
        Gate(client)
    }

    pub fn open(mut self) {
        self.0.batch_execute("SELECT pg_advisory_unlock(4242)").unwrap();
    }
}
