//! Nothing that a requester types becomes SQL text: every textual argument gets what would break out of a string or an
//! identifier, and either is refused as unknown or means just itself. Odd names of a DBA's are in errors_names.rs.

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::Client;
use serde_json::{json, Value};
use support::asking::{alive, hostile, text, with_canary};
use support::common::{error_of, wait_for_job};

/// Either refused as something of no meaning, or accepted; never a sign that SQL was made of it.
#[track_caller]
fn harmless(client: &mut Client, sql: &str, arguments: &[&(dyn ToSql + Sync)], typed: &str) -> bool {
    match client.query(sql, arguments) {
        Ok(_) => true,
        Err(error) => {
            let state =
                error.as_db_error().unwrap_or_else(|| panic!("{sql} with {typed:?}: {error:?}")).code();
            let refused = matches!(state.code(), "22023" | "42501" | "0A000" | "54000")
                || *state == SqlState::INVALID_TEXT_REPRESENTATION;
            assert!(refused, "{sql} with {typed:?}: {error:?}");
            false
        }
    }
}

#[test]
fn names_are_looked_up_and_never_spelled_out() {
    let app = with_canary(3);
    let mut client = app.session(&app.login, 0);
    for typed in hostile() {
        let list = vec![typed.clone()];
        for sql in [
            "SELECT acct_export_start($1)::text",
            "SELECT acct_export_start('users', $1)::text",
            "SELECT acct_export_start('users', 'csv', period => $1)::text",
            "SELECT acct_export_start('users', 'csv', start_date => '2025-01-01', period_field => $1)::text",
            "SELECT acct_export_start('users', 'csv', destination => $1)::text",
            "SELECT acct_export_start('users', 'csv', options => jsonb_build_object($1::text, true))::text",
            "SELECT acct_export_start('users', 'csv', options => jsonb_build_object('order', $1::text))::text",
            "SELECT acct_export_csv($1)",
            "SELECT acct_export_ndjson('users', period => $1)",
            "SELECT acct_export_ndjson('users', options => jsonb_build_object($1::text, 1))",
        ] {
            assert!(!harmless(&mut client, sql, &[&typed], &typed), "accepted: {sql} with {typed:?}");
        }
        for sql in [
            "SELECT acct_export_start('users', 'csv', include => $1)::text",
            "SELECT acct_export_csv('users', include => $1)",
        ] {
            assert!(!harmless(&mut client, sql, &[&list], &typed), "accepted: {sql} with {typed:?}");
        }
        // One of them is the name of a field.
        let accepted =
            harmless(&mut client, "SELECT acct_export_csv('users', fields => $1)", &[&list], &typed);
        assert_eq!(accepted, typed == "id", "fields {typed:?}");
        for filter in [
            json!({ typed.clone(): "1" }),
            json!({ "or": [{ typed.clone(): 1 }, { "id": 1 }] }),
            json!({ typed.clone(): { "gt": 1 } }),
        ] {
            let accepted =
                harmless(&mut client, "SELECT acct_export_csv('users', filter => $1)", &[&filter], &typed);
            assert_eq!(accepted, typed == "id", "{filter}");
        }
        let operator = json!({ "email": { typed.clone(): "x" } });
        assert!(!harmless(
            &mut client,
            "SELECT acct_export_csv('users', filter => $1)",
            &[&operator],
            &typed
        ));
    }
    alive(&app);
}

/// As values they are compared as they stand, whatever the operator.
#[test]
fn values_mean_themselves() {
    let app = with_canary(3);
    let mut superuser = app.superuser();
    let texts = hostile();
    for (index, typed) in texts.iter().enumerate() {
        superuser
            .execute(
                "INSERT INTO app.users (id, tenant_id, email, name, status, custom, tags, created_at, updated_at)
                 VALUES ($1, $2::text::uuid, 'e', $3, 'active', jsonb_build_object('v', $3::text), ARRAY[$3::text], now(), now())",
                &[&(1000 + index as i64), &app.tenants[0], typed],
            )
            .unwrap();
    }
    let mut client = app.session(&app.login, 0);
    let mut ids = |filter: &Value| -> Vec<i64> {
        let rows = client
            .query("SELECT acct_export_ndjson('users', fields => '{id}', filter => $1)", &[filter])
            .unwrap_or_else(|e| panic!("{filter}: {e:?}"));
        let mut ids: Vec<i64> = rows
            .iter()
            .map(|row| serde_json::from_str::<Value>(row.get(0)).unwrap()["id"].as_i64().unwrap())
            .filter(|id| *id >= 1000)
            .collect();
        ids.sort_unstable();
        ids
    };
    let those = |test: &dyn Fn(&str) -> bool| -> Vec<i64> {
        (0..texts.len()).filter(|index| test(&texts[*index])).map(|index| 1000 + index as i64).collect()
    };
    for typed in &texts {
        let same = those(&|text| text == typed);
        for filter in [
            json!({ "name": typed }),
            json!({ "name": [typed] }),
            json!({ "name": { "in": [typed, "no such name"] } }),
            json!({ "tags": { "eq": typed } }),
            json!({ "tags": { "co": typed } }),
            json!({ "custom.v": typed }),
            json!({ "not": { "name": { "ne": typed } } }),
        ] {
            assert_eq!(ids(&filter), same, "{filter}");
        }
        assert_eq!(
            ids(&json!({ "name": { "co": typed } })),
            those(&|text| text.contains(typed.as_str())),
            "co {typed:?}"
        );
        assert_eq!(
            ids(&json!({ "name": { "sw": typed } })),
            those(&|text| text.starts_with(typed.as_str())),
            "sw {typed:?}"
        );
        assert_eq!(
            ids(&json!({ "name": { "ew": typed } })),
            those(&|text| text.ends_with(typed.as_str())),
            "ew {typed:?}"
        );
        // A path is a list of keys, split at dots.
        if !typed.contains('.') {
            assert_eq!(ids(&json!({ format!("custom.{typed}"): "x" })), Vec::<i64>::new(), "path {typed:?}");
        }
    }
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM app.canary").as_deref(), Some("1"));
}

/// Texts that are kept and shown without a meaning.
#[test]
fn reasons_tenants_and_actors_are_kept_as_typed() {
    let app = with_canary(3);
    let mut client = app.session(&app.login, 0);
    for typed in hostile() {
        client.execute("SELECT set_config('app.user_id', $1, false)", &[&typed]).unwrap();
        let job: String = client
            .query_one("SELECT acct_export_start('users', 'csv', reason => $1)::text", &[&typed])
            .unwrap_or_else(|e| panic!("{typed:?}: {e:?}"))
            .get(0);
        let row = wait_for_job(&mut client, &job);
        assert_eq!(row.get::<_, String>("status"), "completed", "{typed:?}");
        assert_eq!(row.get::<_, Option<String>>("actor").as_deref(), Some(typed.as_str()));
        let document: Value =
            client.query_one("SELECT acct_export_job($1::text::uuid)", &[&job]).unwrap().get(0);
        assert_eq!(document["request"]["reason"], json!(typed));
    }
    for typed in hostile() {
        client.execute("SELECT set_config('app.tenant_id', $1, false)", &[&typed]).unwrap();
        let error = error_of(client.query("SELECT acct_export_csv('users')", &[]));
        assert!(error.sqlstate.starts_with("22"), "{typed:?}: {error:?}");
    }
    alive(&app);
}
