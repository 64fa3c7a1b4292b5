//! Foreign servers and user mappings of the tests.

use crate::common::TwoTenants;

/// Credentials of a user mapping.
pub struct Keys<'a> {
    pub id: &'a str,
    pub secret: &'a str,
}

/// Options by which what cannot succeed ends soon.
pub const FAST: &str = ", connect_timeout '2', request_timeout '5', retry_timeout '2'";

/// Server `exports`, of the superuser, for both roles of the application. `options`: further ones, after a comma.
pub fn destination(app: &TwoTenants, bucket: &str, endpoint: &str, options: &str) {
    let (login, nologin) = (&app.login, &app.nologin);
    app.superuser()
        .batch_execute(&format!(
            "CREATE SERVER exports FOREIGN DATA WRAPPER acct_export_s3
                OPTIONS (bucket '{bucket}', endpoint '{endpoint}', region 'eu-central-1'{options});
             GRANT USAGE ON FOREIGN SERVER exports TO {login}, {nologin}"
        ))
        .unwrap();
}

/// The credentials for everybody.
pub fn mapping(app: &TwoTenants, keys: &Keys<'_>) {
    let Keys { id, secret } = keys;
    app.superuser()
        .batch_execute(&format!(
            "CREATE USER MAPPING FOR PUBLIC SERVER exports OPTIONS (access_key_id '{id}', secret_access_key '{secret}')"
        ))
        .unwrap();
}
