use super::*;

/// Columns of Django, allauth, OAuth Toolkit, Devise, Keycloak, GoTrue, Synapse, Laravel, NextAuth and their like.
#[test]
fn names_of_secrets_are_found() {
    let names = Names::standard();
    for name in "password password_hash passwordHash PASSWORD user_pwd api_token apiKey API_KEY totp_secret otp2 refreshToken \
        JWTToken recovery_codes webauthn_credentials session_key salt client-secret hashed Password1 userpassword rolpassword \
        pass authkey encrypted_password reset_password_token remember_token confirmation_token otp_backup_codes unlock_token \
        authentication_token token macaroon macaroons macaroon_secret_key hashed_rid pushkey client_secret migrated_codes \
        secret_data credential_data session_data sessionToken session_state id_token idToken IDToken idtoken \
        code_verifier authorization_code auth_code authCode nonce sid connect.sid sess mfa_codes mfaCode two_factor_code \
        two_factor_recovery_codes 2fa_code two_fa_settings code_response auth_response stored_key u2f_keys activation_key user_activation_key email_change_token_new \
        reauthentication_token refresh_token_hmac_key provider_access_token remember_digest activation_digest SecurityStamp \
        otpauth_url key_handle devicetoken appSecret pwhash nthash unicodePwd userPassword sambaNTPassword krbPrincipalKey \
        X-Api-Key Set-Cookie Authorization jsessionid PHPSESSID saml_response connectionString security_answers magic_link \
        mot_de_passe contraseña recovery_key csrfmiddlewaretoken"
        .split_whitespace()
        .chain(["private key"])
    {
        assert!(names.is_secret(name), "{name}");
    }
}

#[test]
fn ordinary_names_pass() {
    let names = Names::standard();
    for name in "email name key user_key compass passport_number hashtag shopping tokenised_at_x code postal_code secretary \
        pinned api_version private description salted_caramel recovery_sent_at aal factor_type friendly_name device_id \
        user_agent country_code authorization_status account_sid status_code data_key certificate public_key digest_frequency \
        encrypted provider identity_data raw_user_meta_data last_login date_joined is_staff phone_change email_change scopes \
        scope code_challenge code_challenge_method client_id redirect_uris grant_type response_type geohash author authority broken sidebar assess http_response status_code_response two_far_away"
        .split_whitespace()
    {
        assert!(!names.is_secret(name), "{name}");
    }
}

fn ty(family: Family) -> ColumnType {
    ColumnType::plain(family)
}

#[test]
fn dates_booleans_and_counts_tell_no_secret() {
    let names = Names::standard();
    assert_eq!(names.column("password_changed_at", &ty(Family::Moment)), None);
    assert_eq!(names.column("mfa_secret_set", &ty(Family::Bool)), None);
    assert_eq!(names.column("session_count", &ty(Family::Integer)), None);
    assert!(names.column("session_count", &ty(Family::Text)).is_some());
    assert!(names.column("pin", &ty(Family::Integer)).is_some());
    assert!(names.column("password", &ty(Family::Text)).is_some());
    let bytes = ColumnType { opaque: Some("type bytea may hold a secret".into()), ..ty(Family::Bytes) };
    assert!(names.column("avatar", &bytes).is_some());
}

#[test]
fn references_times_and_kinds_tell_no_secret() {
    let names = Names::standard();
    for name in ["access_token_id", "token_used_ts_ms", "session_expiry_ts", "refresh_token_expires"] {
        assert_eq!(names.column(name, &ty(Family::Integer)), None, "{name}");
        assert!(names.column(name, &ty(Family::Text)).is_some(), "{name}");
    }
    for name in ["session_type", "hash_algorithm", "token_type", "credential_status"] {
        assert_eq!(names.column(name, &ty(Family::Text)), None, "{name}");
    }
    assert!(names.column("session_id", &ty(Family::Text)).is_some());
    assert!(names.column("token", &ty(Family::Integer)).is_some());
}

#[test]
fn the_dba_adds_names() {
    let names = Names::with(&["employee_badge".into(), "Losnummer".into(), "42".into(), String::new()]);
    for name in [
        "employee_badge",
        "old_employee-badge_no",
        "employeeBadge",
        "EMPLOYEE BADGE",
        "employeebadge",
        "losnummer",
        "password",
    ] {
        assert!(names.is_secret(name), "{name}");
    }
    for name in ["employee", "badge", "badge_employee", "employee_old_badge", "losnummern", "42", ""] {
        assert!(!names.is_secret(name), "{name}");
    }
    assert!(names.column("employee_badge", &ty(Family::Integer)).is_some());
    assert_eq!(names.column("employee_badge_version", &ty(Family::Integer)), None);
    assert_eq!(names.column("employee_badge_issued", &ty(Family::Moment)), None);
    assert!(!Names::standard().is_secret("employee_badge"));
}
