use super::*;

/// The columns of a table that are barred. A column is written as its name, or as `name type`.
fn barred(table: &str, columns: &[&str]) -> Vec<String> {
    judged(table, columns)
        .into_iter()
        .filter(|(_, verdict)| verdict.reason().is_some())
        .map(|(name, _)| name)
        .collect()
}

fn judged(table: &str, columns: &[&str]) -> Vec<(String, Verdict)> {
    let columns: Vec<Column> = columns
        .iter()
        .map(|column| {
            let (name, ty) = column.split_once(' ').unwrap_or((column, "text"));
            Column { name, ty: ColumnType::from_sql(ty) }
        })
        .collect();
    let names: Vec<String> = columns.iter().map(|column| column.name.to_owned()).collect();
    names.into_iter().zip(classify(&TableShape { name: table, columns }, &Names::standard())).collect()
}

#[test]
fn the_table_says_what_the_column_does_not() {
    for (table, column) in [
        ("authtoken_token", "key"),
        ("otp_totp_totpdevice", "key"),
        ("account_emailconfirmation", "key"),
        ("oauth2_provider_grant", "code"),
        ("oauth2_provider_devicegrant", "device_code"),
        ("knox_authtoken", "digest"),
        ("sessions", "value"),
        ("sessions", "payload jsonb"),
        ("user_second_factors", "data"),
        ("res_users_apikeys", "key"),
        ("api_key", "key"),
        ("identity_credentials", "config jsonb"),
        ("refresh_tokens", "parent"),
        ("door_passcodes", "code"),
        ("member_invitations", "code"),
        ("product_licences", "key"),
        ("token_exchanges", "return_code"),
        ("email_activation_codes", "code integer"),
        ("TLSCertificateKeys", "key"),
        ("oauth2_device_code_session", "signature"),
        ("workspace_key", "key"),
        ("security_questions", "answer"),
    ] {
        assert_eq!(barred(table, &[column]).len(), 1, "{table}.{column}");
    }
}

#[test]
fn what_is_no_credential_passes() {
    for (table, column) in [
        ("users", "key"),
        ("users", "data"),
        ("grants", "data"),
        ("settings", "value"),
        ("oauth2_provider_grant", "code_challenge_method"),
        ("sessions", "user_agent"),
        ("sessions", "id uuid"),
        ("event_search", "key"),
        ("state_events", "state_key"),
        ("otp_totp_totpdevice", "key integer"),
        ("country_codes", "code"),
        ("vouchers", "code"),
        ("oauth_clients", "redirect_uris text[]"),
        ("webauthn_credentials", "public_key"),
        ("api_keys", "prefix"),
        ("tokens", "description"),
        ("daily_token_usage", "id"),
    ] {
        assert_eq!(barred(table, &[column]), Vec::<String>::new(), "{table}.{column}");
    }
}

#[test]
fn addresses_rules_lifetimes_and_counts_are_free_again() {
    for column in "token_endpoint jwks_uri password_policy access_token_lifespan token_ttl otp_validity hotp_counter totp_digits \
        mfa_window session_timeout secret_usage cookie_domain token_prefix token_interval otp_methods hash_algo password_algorithm"
        .split_whitespace()
    {
        assert_eq!(barred("app_settings", &[column]), Vec::<String>::new(), "{column}");
    }
    for column in [
        "token_id uuid",
        "access_token_id bigint",
        "secret_version integer",
        "prompt_tokens integer",
        "password_set boolean",
        "otp_at timestamp with time zone",
        "token_kind \"TokenKind\"",
    ] {
        assert_eq!(barred("app_rows", &[column]), Vec::<String>::new(), "{column}");
    }
    assert_eq!(barred("app_rows", &["session_id uuid", "feed_token uuid", "pin integer"]).len(), 3);
}

#[test]
fn encrypted_values_are_known_by_what_stands_beside_them() {
    let columns = ["id uuid", "name", "data", "iv", "tag", "algorithm", "created_at date"];
    assert_eq!(barred("notes_store", &columns), ["data", "iv", "tag"]);
    let columns = ["id uuid", "title", "refresh", "refreshIV", "refreshTag", "refresh_at date"];
    assert_eq!(barred("linked_apps", &columns), ["refresh", "refreshIV", "refreshTag"]);
    assert_eq!(barred("articles", &["tag", "data", "title"]), Vec::<String>::new());
}

#[test]
fn wrapped_and_private_keys_are_known_by_what_stands_beside_them() {
    assert_eq!(barred("members", &["email", "key", "public_key", "private_key"]), ["key", "private_key"]);
    assert_eq!(barred("listeners", &["host", "certificate", "key"]), ["key"]);
    assert_eq!(barred("boxes", &["name", "key", "data", "password"]), ["key", "data", "password"]);
    assert_eq!(barred("feature_flags", &["name", "key", "data"]), Vec::<String>::new());
}

#[test]
fn the_id_of_a_session_is_what_a_browser_sends() {
    assert_eq!(barred("web_sessions", &["id", "user_id bigint", "last_seen date"]), ["id"]);
    assert_eq!(barred("web_sessions", &["id", "session_id", "user_id bigint"]), ["session_id"]);
    assert_eq!(barred("reset_tokens", &["id", "email"]), ["id"]);
    assert_eq!(barred("reset_tokens", &["id", "email", "token"]), ["token"]);
    assert_eq!(barred("revoked_tokens", &["id", "email"]), Vec::<String>::new());
}

#[test]
fn a_text_of_a_table_of_credentials_is_one_unless_its_name_says_otherwise() {
    let columns =
        ["id bigint", "user_id bigint", "zq", "name", "created_by", "ip_address", "zq_at date", "zn integer"];
    assert_eq!(barred("access_tokens", &columns), ["zq"]);
    assert_eq!(barred("people", &columns), Vec::<String>::new());
}

#[test]
fn settings_of_connections_are_barred_as_texts_and_searched_as_documents() {
    assert_eq!(barred("mail_transports", &["name", "config", "host"]), ["config"]);
    let verdicts = judged("mail_transports", &["name", "config jsonb"]);
    assert_eq!(verdicts[1].1, Verdict::Document);
    assert_eq!(barred("incoming_webhooks", &["url", "title"]), ["url"]);
    assert_eq!(barred("email_queue", &["subject", "recipient", "body", "status"]), ["body"]);
    assert_eq!(barred("messages", &["subject", "body"]), Vec::<String>::new());
}

#[test]
fn rows_of_names_and_values_are_judged_one_by_one() {
    let verdicts = judged("smtp_settings", &["realm_id bigint", "name", "value"]);
    assert_eq!(verdicts[2].1, Verdict::ByRow("name".into()));
    let verdicts = judged("usermeta", &["meta_key", "meta_value"]);
    assert_eq!(verdicts[1].1, Verdict::ByRow("meta_key".into()));
    // All of these are secrets, whatever they are called.
    assert_eq!(barred("app_secrets", &["key", "value"]), ["value"]);
}

#[test]
fn a_table_of_many_columns_is_judged_in_no_time() {
    let names: Vec<String> = (0..1600).map(|n| format!("column_of_{n}_words_key")).collect();
    let columns = names.iter().map(|name| Column { name, ty: ColumnType::from_sql("text") }).collect();
    assert_eq!(classify(&TableShape { name: "wide", columns }, &Names::standard()).len(), 1600);
}

#[test]
fn texts_of_settings_are_not_read() {
    for (table, column) in [
        ("realms", "config"),
        ("resource_kinds", "configuration"),
        ("instances", "raw_base_config"),
        ("callouts", "request_headers"),
        ("alert_channels", "notification_configuration"),
        ("alert_channels", "targets"),
        ("push_subscriptions", "data"),
        ("ciphers", "fields"),
        ("service_accounts", "key_json"),
        ("sso_states", "auth_response"),
    ] {
        assert_eq!(barred(table, &[column]), [column], "{table}.{column}");
    }
    for (table, column) in [
        ("dashboard_widgets", "config"),
        ("message_templates", "configuration"),
        ("oauth_clients", "email_attribute_key"),
        ("realms", "config jsonb"),
        ("alerts", "target"),
        ("messages", "headers"),
        ("forms", "fields"),
        ("users", "notification_settings"),
        ("calls", "status_code_response"),
    ] {
        assert!(barred(table, &[column]).is_empty(), "{table}.{column}");
    }
}

#[test]
fn a_nonce_outside_of_a_login_says_that_its_row_is_encrypted() {
    assert_eq!(barred("tasks", &["id", "source", "nonce"]), ["source", "nonce"]);
    assert_eq!(barred("runs", &["id", "status", "private_plan", "nonce"]), ["private_plan", "nonce"]);
    assert_eq!(barred("domain_certs", &["domain", "cert", "nonce"]), ["cert", "nonce"]);
    assert_eq!(barred("openid_checks", &["state", "nonce", "source"]), ["nonce"]);
    assert_eq!(barred("jobs", &["name", "nonce", "tags text[]"]), ["nonce"]);
}

#[test]
fn values_of_encrypted_settings_are_barred_whatever_their_names_say() {
    assert_eq!(barred("encrypted_configs", &["key", "value"]), ["value"]);
    assert_eq!(barred("properties", &["k", "v"]), ["v"]);
    assert!(barred("node_tags", &["k", "v"]).is_empty());
    assert_eq!(judged("configs", &["key", "value"])[1].1, Verdict::ByRow("key".to_owned()));
}

#[test]
fn a_reference_to_a_kept_token_is_sent_in_its_place() {
    assert_eq!(barred("OpenTokens", &["ReferenceId", "Payload", "Type"]), ["ReferenceId", "Payload"]);
    assert!(barred("tokens", &["reference_id"]).is_empty());
    assert_eq!(barred("cas_tickets", &["ticket_id"]), ["ticket_id"]);
}

#[test]
fn ids_of_things_that_are_about_credentials_pass() {
    for column in ["password_method_id", "tokenReferenceId", "credential_library_id", "session_connection_id"]
    {
        assert!(barred("accounts", &[column]).is_empty(), "{column}");
    }
    for column in ["user_session_id", "session_id", "auth_req_id", "reset_id", "session_cookie_id"] {
        assert_eq!(barred("accounts", &[column]), [column], "{column}");
    }
}
