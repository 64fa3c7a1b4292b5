//! The database of a Matrix homeserver, 138 tables that no one here wrote: Synapse's own schema, from its package. Its
//! credentials were read off table by table, from the schema and from the code that fills it.

use std::fs;
use std::sync::OnceLock;

use support::common::python::unpacked;
use support::common::{shared, unique};
use support::schemas::{Reviewed, Schema};

const PACKAGE: &str = "matrix-synapse==1.120.2";

const REVIEWED: Reviewed = Reviewed {
    tables: 138,
    columns: 638,
    secrets: &[
        "access_tokens.token",
        "account_validity.renewal_token",
        "deleted_pushers.pushkey",
        "device_auth_providers.auth_provider_session_id",
        "e2e_room_keys.session_data",
        "open_id_tokens.token",
        "pushers.pushkey",
        "refresh_tokens.token",
        "registration_tokens.token",
        "sessions.session_id",
        "sessions.value",
        "threepid_guest_access_tokens.guest_access_token",
        "threepid_validation_session.client_secret",
        "threepid_validation_session.session_id",
        "threepid_validation_token.session_id",
        "threepid_validation_token.token",
        // JSON as text, beside a session id: the password's hash while somebody registers; the client's requests.
        "ui_auth_sessions.clientdict",
        "ui_auth_sessions.serverdict",
        "ui_auth_sessions.session_id",
        "ui_auth_sessions_credentials.session_id",
        "ui_auth_sessions_ips.session_id",
        "user_ips.access_token",
        "users.password_hash",
        "worker_locks.token",
    ],
    declared: &[
        // The key of a cached look-up by access token is the token.
        "cache_invalidation_stream_by_instance.keys",
        // Private keys of a device, pickled.
        "dehydrated_devices.device_data",
    ],
    documents: &[],
    // Barred in doubt, and in no list: public keys in tables of keys (e2e_cross_signing_keys.keydata,
    // e2e_one_time_keys_json.key_json) and events.unrecognized_keys.
    ordinary: &[
        ("access_tokens", "id user_id device_id valid_until_ms puppets_user_id last_validated used refresh_token_id"),
        ("account_data", "user_id account_data_type stream_id content instance_name"),
        ("account_validity", "user_id expiration_ts_ms email_sent token_used_ts_ms"),
        ("device_auth_providers", "user_id device_id auth_provider_id"),
        ("devices", "user_id device_id display_name last_seen ip user_agent hidden"),
        ("e2e_cross_signing_keys", "user_id keytype stream_id"),
        ("e2e_device_keys_json", "user_id device_id ts_added_ms key_json"),
        ("e2e_one_time_keys_json", "user_id device_id algorithm key_id ts_added_ms"),
        ("e2e_room_keys", "user_id room_id version first_message_index forwarded_count is_verified"),
        ("erased_users", "user_id"),
        ("event_json", "event_id room_id internal_metadata json format_version"),
        ("event_reports", "id received_ts room_id event_id user_id reason content"),
        ("event_search", "event_id room_id sender key origin_server_ts stream_ordering"),
        ("event_txn_id", "event_id room_id user_id token_id txn_id inserted_ts"),
        ("events", "event_id type room_id content sender depth origin_server_ts received_ts state_key rejection_reason"),
        ("local_media_repository", "media_id media_type media_length created_ts upload_name user_id quarantined_by url_cache"),
        ("monthly_active_users", "user_id timestamp"),
        ("presence_stream", "user_id state status_msg last_active_ts currently_active"),
        ("profiles", "user_id displayname avatar_url"),
        ("push_rules", "id user_name rule_id priority_class priority conditions actions"),
        ("pushers", "id user_name profile_tag kind app_id app_display_name device_display_name ts lang data last_success failing_since"),
        ("receipts_linearized", "room_id receipt_type user_id event_id data thread_id"),
        ("refresh_tokens", "id user_id device_id next_token_id expiry_ts ultimate_session_expiry_ts"),
        ("registration_tokens", "uses_allowed pending completed expiry_time"),
        ("room_aliases", "room_alias room_id creator"),
        ("room_memberships", "event_id user_id sender room_id membership forgotten display_name avatar_url"),
        ("room_stats_state", "room_id name canonical_alias join_rules history_visibility encryption avatar guest_access topic room_type"),
        ("rooms", "room_id is_public creator room_version"),
        ("sessions", "session_type expiry_time_ms"),
        ("threepid_validation_session", "medium address last_send_attempt validated_at"),
        ("user_daily_visits", "user_id device_id timestamp user_agent"),
        ("user_directory", "user_id room_id display_name avatar_url"),
        ("user_external_ids", "auth_provider external_id user_id"),
        ("user_ips", "user_id device_id ip user_agent last_seen"),
        ("user_threepids", "user_id medium address validated_at added_at"),
        ("users", "name creation_ts admin upgrade_ts is_guest appservice_id consent_version consent_server_notice_sent user_type deactivated shadow_banned consent_ts"),
        ("worker_locks", "lock_name lock_key instance_name last_renewed_ts"),
    ],
};

fn synapse() -> Schema {
    static MADE: OnceLock<String> = OnceLock::new();
    Schema::copy(MADE.get_or_init(make), &REVIEWED)
}

/// A database with Synapse's tables.
fn make() -> String {
    let db = unique("synapse");
    // Its schema wants the C locale, as its manual says.
    shared()
        .connect("postgres", "postgres")
        .batch_execute(&format!(
            "CREATE DATABASE {db} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        ))
        .unwrap();
    let full = |store: &str| format!("synapse/storage/schema/{store}/full_schemas/72/full.sql.postgres");
    let files = unpacked(PACKAGE, &["common", "state", "main"].map(full));
    for file in files {
        let sql = fs::read_to_string(&file).unwrap();
        let output = shared().psql(&["-q", "-d", &db], &sql);
        assert!(output.status.success(), "{file:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    db
}

#[test]
fn every_credential_is_barred() {
    synapse().secrets_are_barred();
}

#[test]
fn a_secret_that_no_name_tells_can_be_declared() {
    synapse().what_is_declared_is_barred();
}

#[test]
fn ordinary_columns_are_not_barred() {
    synapse().ordinary_columns_are_not();
}

#[test]
fn no_credential_is_in_any_file() {
    synapse().no_canary_leaves();
}
