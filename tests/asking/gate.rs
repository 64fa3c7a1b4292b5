//! A read that stops until it is let go.

use postgres::Client;

use crate::common::TwoTenants;

/// While it is closed, whoever reads a row of `app.users` waits: a policy takes an advisory lock.
pub struct Gate(Client);

impl Gate {
    #[track_caller]
    pub fn close(app: &TwoTenants) -> Self {
        let mut client = app.superuser();
        client
            .batch_execute(
                "CREATE FUNCTION app.gate() RETURNS boolean LANGUAGE plpgsql AS $$
                 BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(4242); RETURN true; END $$;
                 CREATE POLICY gate ON app.users AS RESTRICTIVE USING (app.gate());
                 SELECT pg_advisory_lock(4242)",
            )
            .unwrap();
        Gate(client)
    }

    pub fn open(mut self) {
        self.0.batch_execute("SELECT pg_advisory_unlock(4242)").unwrap();
    }
}
