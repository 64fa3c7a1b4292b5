//! SCIM strings that end too early, filters at the limits of depth and size, groups and companions that are none.

use serde_json::Value;
use support::asking::{column, refused};
use support::common::{error_of, shared, TwoTenants};

/// An error with the position, or a document that can be asked with; whatever the cut leaves.
#[test]
fn scim_strings_cut_at_every_character() {
    let db = shared().create_database_with_extension("cut");
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE people (id int PRIMARY KEY, \"userName\" text, title text, active boolean, emails jsonb, meta jsonb);
             SELECT acct_export_register('people', 'people', 'id')",
        )
        .unwrap();
    let (mut whole, mut cuts) = (0, 0);
    for filter in [
        r#"userName eq "bjensen" and title pr or not (active eq false)"#,
        r#"emails[type eq "work" and value co "@ex\u00e4mple.com"] or meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J\"\\" and id ge -1.5e3"#,
        r#"(title pr and (emails[not (type eq "x" or value eq null)].value ew "ß€😀"))"#,
    ] {
        for end in 0..=filter.chars().count() {
            let cut: String = filter.chars().take(end).collect();
            match client.query_one("SELECT acct_export_scim($1)", &[&cut]) {
                Ok(row) => {
                    whole += 1;
                    let document: Value = row.get(0);
                    let sql = "SELECT acct_export_ndjson('people', filter => $1)";
                    if let failed @ Err(_) = client.query(sql, &[&document]) {
                        // Half a name is no field, half an operand no value of its type.
                        assert!(error_of(failed).sqlstate.starts_with("22"), "{cut}");
                    }
                }
                failed => {
                    cuts += 1;
                    let error = error_of(failed);
                    assert_eq!(error.sqlstate, "22023", "{cut}: {error:?}");
                    let place =
                        error.message.split("at character ").nth(1).and_then(|rest| rest.split(':').next());
                    let place: usize = place
                        .and_then(|place| place.parse().ok())
                        .unwrap_or_else(|| panic!("{cut}: {error:?}"));
                    assert!((1..=end + 1).contains(&place), "{cut}: {error:?}");
                    assert!(error.hint.is_some(), "{cut}: {error:?}");
                }
            }
        }
    }
    assert!(whole >= 4 && cuts > 150, "{whole} and {cuts}");
}

#[test]
fn ten_thousand_nots() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let document = "(repeat('{\"not\":', 10000) || '{\"id\":1}' || repeat('}', 10000))::jsonb";
    let scim = "acct_export_scim(repeat('not (', 10000) || 'id eq 1' || repeat(')', 10000))";
    for filter in [document, scim] {
        for call in [
            "acct_export_start('users', 'csv', filter => FILTER)::text",
            "acct_export_ndjson('users', filter => FILTER)",
        ] {
            let sql = format!("SELECT {}", call.replace("FILTER", filter));
            refused(&mut client, &sql, "54000", "nested deeper than 64 levels", "Flatten");
        }
    }
    // As deep as it may be, twice not is as if it were not there.
    let deepest = "(repeat('{\"not\":', 62) || '{\"id\":2}' || repeat('}', 62))::jsonb";
    let rows = column(
        &mut client,
        &format!("SELECT acct_export_ndjson('users', fields => '{{id}}', filter => {deepest})"),
    );
    assert_eq!(rows, ["{\"id\":2}"]);
}

/// Up to a megabyte it is a filter like others, above it is none.
#[test]
fn a_filter_of_a_megabyte() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let list = |many: u32| {
        format!("jsonb_build_object('id', (SELECT array_agg(n) FROM generate_series(2, {many}) AS n))")
    };
    for filter in [
        "jsonb_build_object('email', jsonb_build_array(repeat('x', 1040000), 'user1@a.example'))".to_owned(),
        list(100_000),
    ] {
        let sql = format!("SELECT acct_export_ndjson('users', fields => '{{id}}', filter => {filter})");
        assert!(column(&mut client, &sql).contains(&"{\"id\":2}".to_owned()), "{filter}");
    }
    for filter in ["jsonb_build_object('email', repeat('x', 1048577))".to_owned(), list(1_000_000)] {
        let sql = format!("SELECT acct_export_ndjson('users', filter => {filter})");
        refused(&mut client, &sql, "54000", "the filter is larger than 1 MB", "Shorten");
    }
}

/// A name that is neither a group nor a companion of this dataset is reported as such, whatever else it is.
#[test]
fn groups_and_companions_of_others() {
    let app = TwoTenants::with_users(shared(), 5);
    app.superuser()
        .batch_execute(
            "SELECT acct_export_register('others', 'app.users', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_set_field('others', 'tags', in_group => 'lists');
             SELECT acct_export_set_field('users', 'custom', in_group => 'attributes')",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for include in ["nope", "lists", "others", "users", "custom", "ATTRIBUTES"] {
        let named = format!("\"{include}\"");
        for call in
            ["acct_export_start('users', 'csv', ARGUMENTS)::text", "acct_export_csv('users', ARGUMENTS)"]
        {
            let sql = call.replace("ARGUMENTS", &format!("include => '{{attributes,{include}}}'"));
            refused(&mut client, &format!("SELECT {sql}"), "22023", &named, "attributes");
        }
    }
}
