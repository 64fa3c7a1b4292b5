//! A dataset of whatever size a test wants.

use crate::common::TwoTenants;

pub const MIB: u64 = 1 << 20;

/// Bytes of a row's text.
const ROW: u64 = 16 << 10;

/// Dataset `noise`: rows of 16 KiB each, a little more than so many MiB as CSV.
pub fn noise(app: &TwoTenants, mebibytes: u64) {
    let (login, nologin) = (&app.login, &app.nologin);
    let (rows, repeated) = (mebibytes * MIB / ROW, ROW / 32);
    app.superuser()
        .batch_execute(&format!(
            "CREATE TABLE app.numbers (id int PRIMARY KEY);
             INSERT INTO app.numbers SELECT generate_series(1, {rows});
             ANALYZE app.numbers;
             CREATE VIEW app.noise WITH (security_invoker) AS SELECT id, repeat(md5(id::text), {repeated}) AS note FROM app.numbers;
             GRANT SELECT ON app.numbers, app.noise TO {login}, {nologin};
             SELECT acct_export_register('noise', 'app.noise', 'id')"
        ))
        .unwrap();
}
