//! "Export user details" (Zephr): users with their purchases as CSV. What is proven elsewhere is named in the README's table;
//! state events are in seed_companions.rs.

use support::demo;
use support::jobs;

use std::collections::BTreeSet;

use serde_json::Value;
use support::asking::{column, exported, refused, text};
use support::common::{shared, wait_for_job, wait_until};
use support::jobs::{Hold, Phase};

const DEFAULT: [&str; 13] = [
    "subscription_id",
    "user_id",
    "email_address",
    "display_name",
    "status",
    "registered",
    "user_store",
    "product",
    "seats",
    "price",
    "currency",
    "auto_renew",
    "purchased_at",
];

#[test]
fn one_row_per_subscription_with_its_user() {
    let mut client = demo::acme();
    let arguments = "'purchases', 'csv', filter => '{\"user_store\": \"partners\"}', include => '{grants}'";
    let (header, rows) = demo::csv(&exported(&mut client, arguments));
    assert_eq!(header, [&DEFAULT[..], &["starts_on", "ends_on"]].concat());
    let sql = "SELECT jsonb_object_agg(s.subscription_id, jsonb_build_array(u.user_id, coalesce(u.email, ''), u.display_name, u.status,
                   s.product, s.seats::text, s.price::text, s.currency, s.auto_renew::text, s.starts_on, coalesce(s.ends_on::text, '')))::text
               FROM acct_demo.subscriptions s JOIN acct_demo.users u USING (user_id) JOIN acct_demo.identities i USING (user_id)
               WHERE i.user_store = 'partners'";
    let wanted: Value = serde_json::from_str(&text(&mut client, sql).unwrap()).unwrap();
    let users: BTreeSet<&str> = rows.iter().map(|row| row["user_id"].as_str()).collect();
    assert_eq!(rows.len(), wanted.as_object().unwrap().len());
    assert!(users.len() < rows.len(), "who bought twice is there twice");
    for row in &rows {
        let fields = [
            "user_id",
            "email_address",
            "display_name",
            "status",
            "product",
            "seats",
            "price",
            "currency",
            "auto_renew",
            "starts_on",
            "ends_on",
        ];
        for (place, field) in fields.iter().enumerate() {
            // The guard puts a quote before what a spreadsheet would run.
            let said = row[*field].trim_start_matches('\'');
            assert_eq!(said, wanted[&row["subscription_id"]][place].as_str().unwrap(), "{field} of {row:?}");
        }
    }
}

#[test]
fn groups_of_fields_are_chosen() {
    let mut client = demo::acme();
    for (group, fields) in [
        ("attributes", &["department", "locale", "attributes"][..]),
        ("extended_profiles", &["extended_profiles"]),
        ("foreign_keys", &["crm_id", "employee_number"]),
        ("grants", &["starts_on", "ends_on"]),
    ] {
        let arguments = format!(
            "'purchases', 'csv', filter => '{{\"user_store\": \"employees\"}}', include => '{{{group}}}'"
        );
        let (header, rows) = demo::csv(&exported(&mut client, &arguments));
        assert_eq!(header, [&DEFAULT[..], fields].concat(), "{group}");
        for field in fields {
            assert!(rows.iter().any(|row| !row[*field].is_empty()), "{field}");
        }
    }
    refused(
        &mut client,
        "SELECT acct_export_start('purchases', include => '{entitlements}', filter => '{\"user_store\":\"employees\"}')::text",
        "22023",
        "entitlements",
        "extended_profiles",
    );
}

#[test]
fn records_are_filtered_by_attributes_and_account_details() {
    let mut client = demo::acme();
    let filter = r#"{"user_store": {"is": "customers"}, "attributes.department": {"contains": "ales"},
                     "attributes.cost_center.shared": {"checked": true}, "status": {"is_not": "disabled"},
                     "email_address": {"has_any_value": true}, "registered": {"from": "2021-01-01", "to": "2100-01-01"}}"#;
    let (_, rows) = demo::csv(&exported(&mut client, &format!("'purchases', 'csv', filter => '{filter}'")));
    let found: BTreeSet<String> = rows.iter().map(|row| row["subscription_id"].clone()).collect();
    let sql = "SELECT s.subscription_id::text
               FROM acct_demo.subscriptions s JOIN acct_demo.users u USING (user_id) JOIN acct_demo.identities i USING (user_id)
               WHERE i.user_store = 'customers' AND u.attributes ->> 'department' LIKE '%ales%' AND u.email <> ''
                 AND u.attributes #> '{cost_center,shared}' = 'true' AND u.status <> 'disabled' AND u.created_at >= '2021-01-01'";
    let wanted: BTreeSet<String> = column(&mut client, sql).into_iter().collect();
    assert!(wanted.len() > 10, "{}", wanted.len());
    assert_eq!(found, wanted);
}

#[test]
fn a_user_store_has_to_be_selected() {
    let mut client = demo::acme();
    for filter in ["NULL", r#"'{"status": "active"}'"#, r#"'{"user_store": {"ne": "partners"}}'"#] {
        for sql in [
            format!("SELECT acct_export_start('purchases', 'csv', filter => {filter})::text"),
            format!("SELECT acct_export_csv('purchases', filter => {filter})"),
        ] {
            refused(&mut client, &sql, "22023", "\"user_store\"", "user_store");
        }
    }
    let arguments = "'purchases', 'csv', filter => '{\"user_store\": [\"customers\", \"employees\"]}'";
    let (_, rows) = demo::csv(&exported(&mut client, arguments));
    let stores: BTreeSet<&str> = rows.iter().map(|row| row["user_store"].as_str()).collect();
    assert_eq!(stores, ["customers", "employees"].into());
}

/// Whoever asked may leave while it runs: the export goes on, and is there for who comes back.
#[test]
fn an_export_goes_on_when_its_session_has_gone() {
    let app = jobs::app(shared(), 50);
    let mut superuser = app.superuser();
    let hold = Hold::at(Phase::Reading, &app);
    let mut asker = app.session(&app.login, 0);
    let pid = text(&mut asker, "SELECT pg_backend_pid()::text").unwrap();
    let job = jobs::start(&mut asker, "csv", "");
    jobs::wait_until_held(&mut superuser, &job, Phase::Reading);
    drop(asker);
    wait_until(jobs::LIMIT, "the session has gone", || {
        column(&mut superuser, &format!("SELECT pid::text FROM pg_stat_activity WHERE pid = {pid}"))
            .is_empty()
    });
    hold.release();
    wait_for_job(&mut app.session(&app.login, 0), &job);
    jobs::assert_whole(&mut superuser, &job, jobs::exported(50));
}
