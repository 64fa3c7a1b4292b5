//! "User Accounts Export": accounts of people as an Excel workbook. What is proven elsewhere is named in the README's table.

use support::common;
use support::demo;

use calamine::{Data, DataType};
use support::asking::{
    asked_before, column, completed, exported, file, objects, pausable, refused, text, Workbook,
};
use support::common::{wait_for_job, TwoTenants};

/// In the document's order and words.
const COLUMNS: [&str; 13] = [
    "Identifier",
    "Display Name",
    "First Name",
    "Last Name",
    "Email address",
    "Phone Number",
    "Profile",
    "Sponsor",
    "Validity Period",
    "Creation Date",
    "Last Login",
    "Location",
    "Account Status",
];

fn header(rows: &[Vec<Data>]) -> Vec<String> {
    rows[0].iter().map(ToString::to_string).collect()
}

#[test]
fn the_columns_of_users() {
    let mut client = demo::acme();
    let mut book = Workbook::open(exported(&mut client, "'users', 'xlsx'"));
    assert_eq!(book.sheets(), ["Users", "Export info"]);
    let rows = book.rows("Users");
    assert_eq!(header(&rows), COLUMNS);
    let wanted = text(&mut client, "SELECT count(*)::text FROM acct_demo.user_accounts").unwrap();
    assert_eq!((rows.len() - 1).to_string(), wanted);
    // The first account is the documentation's; all of hers is where its label says.
    let anita = rows.iter().find(|row| row[0] == Data::String("anita@acme.example".into())).unwrap();
    let said: Vec<String> = anita.iter().map(ToString::to_string).collect();
    assert_eq!(said[1..5], ["Anita Singh", "Anita", "Singh", "anita@acme.example"]);
    assert_eq!(said[12], "active");
    for place in [9, 10] {
        assert!(anita[place].is_datetime(), "{}: {:?}", COLUMNS[place], anita[place]);
    }
    // Each column says something of somebody, and each account has what every account has.
    for place in 0..COLUMNS.len() {
        assert!(rows[1..].iter().any(|row| row[place] != Data::Empty), "{}", COLUMNS[place]);
    }
    for place in [0, 1, 6, 9, 12] {
        assert!(rows[1..].iter().all(|row| row[place] != Data::Empty), "{}", COLUMNS[place]);
    }
}

#[test]
fn columns_that_are_not_displayed_too() {
    let mut client = demo::acme();
    let known = "SELECT label FROM acct_export_fields WHERE dataset = 'users' AND barred IS NULL AND field <> 'tenant_id' ORDER BY position";
    let known = column(&mut client, known);
    let arguments = "'users', 'xlsx', filter => '{\"identifier\": \"anita@acme.example\"}'";
    let mut all = Workbook::open(exported(
        &mut client,
        &format!("{arguments}, include => '{{attributes,groups,foreign_keys}}'"),
    ));
    let all = header(&all.rows("Users"));
    assert_eq!(all, known);
    assert!(all.starts_with(&COLUMNS.map(str::to_owned)) && all.len() > 25, "{all:?}");
    // Those of the tenant's own making, out of JSON, are columns like others.
    let mut some = Workbook::open(exported(
        &mut client,
        &format!("{arguments}, fields => '{{cost_center,department,identifier}}'"),
    ));
    let some = some.rows("Users");
    assert_eq!(header(&some), ["Cost Center", "Department", "Identifier"]);
    assert_eq!(some[1][0], Data::String("0053".into()));
}

#[test]
fn filter_and_period_hold_together() {
    let mut client = demo::acme();
    for (period, start) in [
        ("period => 'last_month'", "now() - interval '1 month'"),
        ("start_date => (current_date - 200)", "(current_date - 200)"),
    ] {
        let arguments = format!("'users', 'ndjson', {period}, filter => '{{\"status\": \"active\"}}'");
        let found = objects(&exported(&mut client, &arguments)).len();
        let sql =
            format!("SELECT count(*)::text FROM acct_demo.user_accounts WHERE status = 'active' AND created_at >= {start}");
        assert_eq!(found.to_string(), text(&mut client, &sql).unwrap(), "{period}");
        assert!(found > 10, "{period}: {found}");
    }
}

#[test]
fn the_file_has_the_state_at_the_time_it_is_made() {
    let cluster = pausable();
    let app = TwoTenants::with_users(cluster, 5);
    let mut client = app.session(&app.login, 0);
    let job = asked_before(cluster, &mut client, || {
        let mut superuser = app.superuser();
        superuser
            .batch_execute("UPDATE app.users SET name = 'changed since', updated_at = now() WHERE id = 2")
            .unwrap();
        superuser.batch_execute("DELETE FROM app.users WHERE id = 4").unwrap();
    });
    assert_eq!(wait_for_job(&mut client, &job).get::<_, String>("status"), "completed");
    let (_, rows) = demo::csv(&file(&mut client, &job));
    assert_eq!((rows.len(), rows[0]["name"].as_str()), (4, "changed since"));
    let sql = format!("SELECT (as_of > created_at)::text FROM acct_export_status('{job}')");
    assert_eq!(text(&mut client, &sql).as_deref(), Some("true"));
}

#[test]
fn both_permissions_are_asked_for() {
    let mut superuser = demo::superuser();
    let sql = "SELECT acct_export_start('users', 'csv')::text";
    refused(&mut demo::session("acct_demo_helpdesk"), sql, "42501", "users", "");
    superuser
        .batch_execute(
            "CREATE ROLE half_one IN ROLE acct_demo_reader, data_protection;
             CREATE ROLE half_two IN ROLE acct_demo_reader, identities_management;
             CREATE ROLE whole IN ROLE acct_demo_reader, data_protection, identities_management",
        )
        .unwrap();
    for role in ["half_one", "half_two"] {
        let error = refused(&mut demo::session(role), sql, "42501", "users", "");
        let missing = if role == "half_one" { "identities_management" } else { "data_protection" };
        assert!(format!("{error:?}").contains(missing), "{error:?}");
    }
    completed(&mut demo::session("whole"), "'users', 'csv', filter => '{\"status\": \"invited\"}'");
}

/// A column that comes with a release is there once the relation is registered again, with what was said of the others.
#[test]
fn columns_that_come_with_a_release() {
    let app = TwoTenants::with_users(common::shared(), 5);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    let labels = |client: &mut postgres::Client| demo::csv(&exported(client, "'users', 'csv'")).0;
    superuser.batch_execute("SELECT acct_export_set_field('users', 'email', label => 'E-mail')").unwrap();
    let before = labels(&mut client);
    superuser
        .batch_execute("ALTER TABLE app.users ADD COLUMN sponsor text, ADD COLUMN totp_secret text")
        .unwrap();
    assert_eq!(labels(&mut client), before);
    app.register(&mut superuser);
    let after = labels(&mut client);
    assert_eq!(after, [before.as_slice(), &["sponsor".to_owned()]].concat());
    assert!(after.contains(&"E-mail".to_owned()), "{after:?}");
}
