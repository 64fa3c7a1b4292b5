//! Django with the applications that sites log in with: sessions, django-allauth (social accounts, second factors, sessions),
//! django-oauth-toolkit, django-otp, Django REST framework's tokens and Knox, their tables made by their own migrations.
//! The credentials were read off the models, table by table.

use std::process::Command;
use std::sync::OnceLock;

use support::common::python::with_packages;
use support::common::{done, shared};
use support::schemas::{Reviewed, Schema};

const REVIEWED: Reviewed = Reviewed {
    tables: 31,
    columns: 217,
    secrets: &[
        "account_emailconfirmation.key",
        "auth_user.password",
        "authtoken_token.key",
        "django_session.session_data",
        "django_session.session_key",
        "knox_authtoken.digest",
        "knox_authtoken.token_key",
        "oauth2_provider_accesstoken.token",
        "oauth2_provider_accesstoken.token_checksum",
        "oauth2_provider_application.client_secret",
        "oauth2_provider_devicegrant.device_code",
        "oauth2_provider_devicegrant.user_code",
        "oauth2_provider_grant.code",
        "oauth2_provider_grant.nonce",
        "oauth2_provider_refreshtoken.token",
        "oauth2_provider_refreshtoken.token_checksum",
        "otp_email_emaildevice.token",
        "otp_hotp_hotpdevice.key",
        "otp_static_statictoken.token",
        "otp_totp_totpdevice.key",
        // Of an OAuth 1 client, beside its secret.
        "socialaccount_socialapp.key",
        "socialaccount_socialapp.secret",
        "socialaccount_socialtoken.token",
        "socialaccount_socialtoken.token_secret",
        "usersessions_usersession.session_key",
    ],
    // The name of one ID token: no key to anything, and nobody's business with some auditors.
    declared: &["oauth2_provider_idtoken.jti"],
    documents: &[
        // Of TOTP, of recovery codes as they are and as they were taken over from other packages, of WebAuthn.
        (
            "mfa_authenticator.data",
            r#"{"secret":"C4N4RY","seed":"C4N4RY","used_mask":0,"migrated_codes":["C4N4RY"],"name":"Key","credential":{"id":"C4N4RY"}}"#,
        ),
        // Sign in with Apple keeps its private key here, SAML that of the service provider.
        (
            "socialaccount_socialapp.settings",
            r#"{"certificate_key":"C4N4RY","advanced":{"private_key":"C4N4RY"},"tenant":"common"}"#,
        ),
        ("socialaccount_socialaccount.extra_data", r#"{"id_token":"C4N4RY","access_token":"C4N4RY","login":"ann"}"#),
        ("usersessions_usersession.data", r#"{"session_key":"C4N4RY","city":"Lyon"}"#),
    ],
    ordinary: &[
        ("account_emailaddress", "id email verified primary user_id"),
        ("account_emailconfirmation", "id created sent email_address_id"),
        ("auth_group", "id name"),
        ("auth_permission", "id name content_type_id codename"),
        ("auth_user", "id last_login is_superuser username first_name last_name email is_staff is_active date_joined"),
        ("authtoken_token", "created user_id"),
        ("django_content_type", "id app_label model"),
        ("django_migrations", "id app name applied"),
        ("django_session", "expire_date"),
        ("django_site", "id domain name"),
        ("knox_authtoken", "created expiry user_id"),
        ("mfa_authenticator", "id type user_id created_at last_used_at"),
        ("oauth2_provider_accesstoken", "id expires scope application_id user_id created updated source_refresh_token_id id_token_id"),
        (
            "oauth2_provider_application",
            "id client_id redirect_uris client_type authorization_grant_type name user_id skip_authorization created algorithm hash_client_secret allowed_origins",
        ),
        ("oauth2_provider_devicegrant", "id scope interval expires status client_id last_checked user_id"),
        ("oauth2_provider_grant", "id expires redirect_uri scope application_id user_id created code_challenge_method"),
        ("oauth2_provider_idtoken", "id expires scope created application_id user_id"),
        ("oauth2_provider_refreshtoken", "id access_token_id application_id user_id created updated revoked"),
        ("otp_email_emaildevice", "id name confirmed user_id valid_until email last_generated_timestamp throttling_failure_count"),
        ("otp_hotp_hotpdevice", "id name confirmed digits tolerance counter user_id throttling_failure_count created_at"),
        ("otp_static_staticdevice", "id name confirmed user_id throttling_failure_count last_used_at"),
        ("otp_totp_totpdevice", "id name confirmed step t0 digits tolerance drift last_t user_id throttling_failure_timestamp"),
        ("socialaccount_socialaccount", "id provider uid last_login date_joined user_id"),
        ("socialaccount_socialapp", "id provider name client_id provider_id"),
        ("socialaccount_socialtoken", "id expires_at account_id app_id"),
        ("usersessions_usersession", "id created_at ip last_seen_at user_agent user_id"),
    ],
};

fn django() -> Schema {
    static MADE: OnceLock<String> = OnceLock::new();
    Schema::copy(MADE.get_or_init(make), &REVIEWED)
}

/// A database that Django has migrated.
fn make() -> String {
    let db = shared().create_database("django_apps");
    let (host, port) = shared().address();
    let mut migrate = Command::new(with_packages());
    migrate.args(["-m", "django", "migrate", "--verbosity", "0", "--settings", "settings", "--pythonpath"]);
    migrate.arg(support::project().join("tests/applications/django_apps"));
    migrate.env("ACCT_HOST", host).env("ACCT_PORT", port.to_string()).env("ACCT_DATABASE", &db);
    migrate.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH").env_remove("PGOPTIONS");
    done(&mut migrate);
    db
}

#[test]
fn every_credential_is_barred() {
    django().secrets_are_barred();
}

#[test]
fn a_secret_that_no_name_tells_can_be_declared() {
    django().what_is_declared_is_barred();
}

#[test]
fn ordinary_columns_are_not_barred() {
    django().ordinary_columns_are_not();
}

#[test]
fn no_credential_is_in_any_file() {
    django().no_canary_leaves();
}
