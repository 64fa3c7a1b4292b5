//! "Exporting users" (Zephr's v3/user-export): an array of users as JSON. What is proven elsewhere is named in the README's
//! table; state events are in seed_companions.rs.

use support::demo;
use support::jobs;

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{exported, text};
use support::common::{shared, wait_for_job};
use support::jobs::{Hold, Phase};

const TWO: &str = r#"filter => '{"seq_no": {"le": 18}}'"#;

fn users(client: &mut Client, arguments: &str) -> Vec<Value> {
    serde_json::from_slice(&exported(client, &format!("'stored_users', 'json'{arguments}"))).unwrap()
}

/// Keys of an object, in order.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn the_array_of_the_document() {
    let mut client = demo::acme();
    let json = String::from_utf8(exported(&mut client, &format!("'stored_users', 'json', {TWO}"))).unwrap();
    let sql = "SELECT string_agg(format('{\"user\":{\"user_id\":\"%s\",\"identifiers\":{\"email_address\":\"%s\"},\"email_verified\":%s,\"tracking_id\":\"%s\",\"registered\":\"%s\",\"registration_tenant\":\"%s\"},\"seq-no\":%s}',
                   user_id, email_address, email_verified::text, tracking_id,
                   to_char(registered AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), registration_tenant, seq_no), ',' ORDER BY user_id)
               FROM acct_demo.stored_users WHERE seq_no <= 18";
    let wanted = text(&mut client, sql).unwrap();
    assert!(
        wanted.contains("\"seq-no\":17}") && wanted.contains("\"registration_tenant\":\"acme|"),
        "{wanted}"
    );
    let squeezed: String = json.split('\n').map(|line| line.trim()).collect();
    assert_eq!(squeezed, format!("[{wanted}]"));
}

#[test]
fn parameters_add_what_they_name() {
    let mut client = demo::acme();
    let plain =
        ["email_verified", "identifiers", "registered", "registration_tenant", "tracking_id", "user_id"];
    for (include, in_user, beside) in [
        ("", &[][..], &["seq-no", "user"][..]),
        ("attributes", &["attributes"], &["seq-no", "user"]),
        ("extended_profiles", &["extended_profiles"], &["seq-no", "user"]),
        ("foreign_keys", &["foreign_keys"], &["seq-no", "user"]),
        ("grants", &[], &["grants", "seq-no", "user"]),
        (
            "attributes,extended_profiles,foreign_keys,grants",
            &["attributes", "extended_profiles", "foreign_keys"],
            &["grants", "seq-no", "user"],
        ),
    ] {
        let mut wanted = [&plain[..], in_user].concat();
        wanted.sort_unstable();
        for row in users(&mut client, &format!(", include => '{{{include}}}', {TWO}")) {
            assert_eq!((keys(&row), keys(&row["user"])), (beside.to_vec(), wanted.clone()), "{include}");
        }
    }
    let rows = users(
        &mut client,
        ", include => '{attributes,foreign_keys}', filter => '{\"email_address\": \"anita@acme.example\"}'",
    );
    assert_eq!(rows[0]["user"]["attributes"]["department"], "Engineering");
    assert_eq!(rows[0]["user"]["foreign_keys"], json!({"crm_id": "00000037", "employee_number": null}));
}

#[test]
fn grants_are_entitlements_with_their_dates() {
    let mut client = demo::acme();
    let rows = users(&mut client, ", include => '{grants}', filter => '{\"user_store\": \"partners\"}'");
    let sql = "SELECT jsonb_object_agg(user_id, grants)::text FROM (
                   SELECT s.user_id, jsonb_agg(jsonb_build_object('entitlement', product, 'seats', seats, 'start', starts_on, 'end', ends_on)
                                               ORDER BY starts_on, subscription_id) AS grants
                     FROM acct_demo.subscriptions s JOIN acct_demo.identities USING (user_id)
                    WHERE user_store = 'partners' GROUP BY s.user_id) AS g";
    let wanted: Value = serde_json::from_str(&text(&mut client, sql).unwrap()).unwrap();
    assert!(rows.len() > wanted.as_object().unwrap().len() && wanted.as_object().unwrap().len() > 100);
    for row in rows {
        let wanted = wanted.get(row["user"]["user_id"].as_str().unwrap());
        assert_eq!(&row["grants"], wanted.unwrap_or(&json!([])));
    }
}

#[test]
fn since_a_moment_and_with_attributes() {
    let mut client = demo::acme();
    let all = text(&mut client, "SELECT count(*)::text FROM acct_demo.users").unwrap();
    for share in [0.3, 0.9] {
        let sql = format!(
            "SELECT to_char(percentile_disc({share}) WITHIN GROUP (ORDER BY created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
             FROM acct_demo.users"
        );
        let since = text(&mut client, &sql).unwrap();
        let rows = users(&mut client, &format!(", since => '{since}', include => '{{attributes}}'"));
        let sql = format!("SELECT count(*)::text FROM acct_demo.users WHERE created_at >= '{since}'");
        assert_eq!(rows.len().to_string(), text(&mut client, &sql).unwrap());
        assert!(rows.len() > 1000 && rows.len().to_string() != all, "{since}: {}", rows.len());
        for row in rows {
            let user = &row["user"];
            // ISO 8601 in UTC compares as text.
            assert!(
                user["registered"].as_str().unwrap() >= since.as_str() && user["attributes"].is_object(),
                "{row}"
            );
        }
    }
}

/// The progress of the file, in megabytes with one decimal.
#[test]
fn downloading_tells_megabytes() {
    let app = jobs::app(shared(), 5_000);
    let mut superuser = app.superuser();
    let mut client = app.session(&app.login, 0);
    let hold = Hold::at(Phase::Storing, &app);
    let job = jobs::start(&mut client, "json", "");
    jobs::wait_until_held(&mut superuser, &job, Phase::Storing);
    let row = jobs::status(&mut client, &job);
    let (done, total): (i64, i64) = (row.get("bytes_done"), row.get("bytes_total"));
    assert!(total > 500_000, "{total}");
    let megabytes = |bytes: i64| format!("{:.1}MB", bytes as f64 / 1e6);
    let wanted = format!("Downloading: {} / {}", megabytes(done), megabytes(total));
    assert_eq!(row.get::<_, String>("message"), wanted);
    assert!((1..100).contains(&row.get::<_, i32>("percent")));
    hold.release();
    assert_eq!(wait_for_job(&mut client, &job).get::<_, String>("message"), "Export complete!");
}
