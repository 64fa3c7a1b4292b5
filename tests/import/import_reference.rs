//! Reference data in workbooks: a sheet for each field that columns refer to, and the choices in their cells.

use calamine::Data;
use serde_json::{json, Value};
use support::admins::{saved_by_libreoffice, told, Admins};
use support::asking::{completed, exported, file, Workbook};
use support::common::{error_of, unique};

fn first_column(book: &mut Workbook, sheet: &str) -> Vec<String> {
    book.rows(sheet).into_iter().map(|row| row[0].to_string()).collect()
}

/// The value of a name on the sheet `Export info`.
fn info(book: &mut Workbook, name: &str) -> Vec<String> {
    let rows = book.rows("Export info");
    rows.iter().filter(|row| row[0] == Data::String(name.into())).map(|row| row[1].to_string()).collect()
}

#[test]
fn lists_and_choices_of_the_tenant() {
    let admins = Admins::create(25);
    let bytes = exported(&mut admins.session(1), "'admins'");
    let mut book = Workbook::open(bytes.clone());
    assert_eq!(
        book.sheets(),
        ["Administrators", "Administrator Profiles", "Administrator Groups", "Teams", "Export info"]
    );
    // Without regard to case, and none of the other tenant.
    let profiles = ["name", "O'Neill & <Sons>", "Only of one", "Super Administrator", "Viewer"];
    assert_eq!(first_column(&mut book, "Administrator Profiles"), profiles);
    let groups = ["name", "apac", "Europe", "France", "Sales, EMEA", "Spain"];
    assert_eq!(first_column(&mut book, "Administrator Groups"), groups);
    assert_eq!(book.rows("Administrators").len(), 26);
    assert_eq!(info(&mut book, "No list of values"), Vec::<String>::new());

    let script = r#"
import json
header = [cell.value for cell in sheet[1]]
print(json.dumps([[header[ord(str(v.sqref)[0]) - ord('A')], str(v.sqref), v.formula1, v.type, bool(v.showErrorMessage), v.errorStyle, v.prompt]
                  for v in sheet.data_validations.dataValidation]))
lists = book["Administrator Groups"]
print(json.dumps([lists["A1"].font.b, lists.freeze_panes, lists["A2"].data_type, lists["A2"].number_format]))
"#;
    let told = told(&bytes, script);
    let (choices, sheet) = told.trim().split_once('\n').unwrap();
    let prompt = "Several values are separated by a comma and a space.";
    let wanted = json!([
        ["profile", "D2:D1048576", "'Administrator Profiles'!$A$2:$A$5", "list", true, "stop", null],
        ["Main group", "E2:E1048576", "'Administrator Groups'!$A$2:$A$6", "list", true, "stop", null],
        [
            "Secondary groups",
            "F2:F1048576",
            "'Administrator Groups'!$A$2:$A$6",
            "list",
            false,
            "stop",
            prompt
        ],
        ["teams", "G2:G1048576", "'Teams'!$A$2:$A$3", "list", false, "stop", prompt],
    ]);
    let mut choices: Value = serde_json::from_str(choices).unwrap();
    for choice in choices.as_array_mut().unwrap() {
        // openpyxl reads an attribute that is not there as None.
        if choice[5].is_null() {
            choice[5] = json!("stop");
        }
    }
    assert_eq!(choices, wanted);
    assert_eq!(serde_json::from_str::<Value>(sheet).unwrap(), json!([true, "A2", "s", "@"]));
}

#[test]
fn libreoffice_opens_and_keeps_it() {
    let admins = Admins::create(3);
    let bytes = exported(&mut admins.session(1), "'admins'");
    let saved = saved_by_libreoffice(&bytes, "xlsx");
    let mut book = Workbook::open(saved.clone());
    assert_eq!(book.sheets().len(), 5);
    assert_eq!(first_column(&mut book, "Teams"), ["name", "EMEA", "Support"]);
    let choices = told(
        &saved,
        "print(sorted(v.formula1 for v in sheet.data_validations.dataValidation if v.type == 'list'))",
    );
    for wanted in ["Administrator Profiles", "Administrator Groups", "Teams"] {
        assert!(choices.contains(wanted), "{choices}");
    }
}

#[test]
fn only_where_columns_refer_and_on_request() {
    let admins = Admins::create(3);
    let mut session = admins.session(1);
    let mut sheets = |arguments: &str| Workbook::open(exported(&mut session, arguments)).sheets();
    assert_eq!(sheets("'admins', fields => '{email,teams}'"), ["Administrators", "Teams", "Export info"]);
    assert_eq!(sheets("'admins', fields => '{email,name}'"), ["Administrators", "Export info"]);
    assert_eq!(
        sheets(r#"'admins', options => '{"reference_sheets": false}'"#),
        ["Administrators", "Export info"]
    );
    assert_eq!(
        sheets(r#"'admins', fields => '{email,teams}', options => '{"info_sheet": false, "compact": true}'"#),
        ["Administrators", "Teams"]
    );
    admins.execute("SELECT acct_export_set_reference('admins', 'teams', NULL)");
    assert_eq!(sheets("'admins', fields => '{email,teams}'"), ["Administrators", "Export info"]);
}

/// A file leaves out the dataset that its requester may not have, with the reason.
#[test]
fn what_may_not_leave_is_left_out() {
    let admins = Admins::create(3);
    let role = unique("profile_readers");
    let cases: [(&str, &str, &str); 6] = [
        (
            "SELECT acct_export_register('profiles', 'app.profiles', 'name', tenant_column => 'tenant_id', title => 'Administrator Profiles', required_roles => '{ROLE}', replace => true)",
            "SELECT acct_export_register('profiles', 'app.profiles', 'name', tenant_column => 'tenant_id', title => 'Administrator Profiles', replace => true)",
            "may not export dataset \"profiles\"",
        ),
        ("REVOKE SELECT ON app.profiles FROM READER", "GRANT SELECT ON app.profiles TO READER", "permission denied for app.profiles"),
        (
            "SELECT acct_export_set_field('profiles', 'name', mask => 'last4')",
            "SELECT acct_export_set_field('profiles', 'name', mask => 'none')",
            "its values are masked",
        ),
        (
            "SELECT acct_export_secret_column('app.profiles', 'name', 'test')",
            "SELECT acct_export_secret_column('app.profiles', 'name', NULL)",
            "field \"name\" of dataset \"profiles\"",
        ),
        (
            "SELECT acct_export_set_policy('profiles', require_filter => '{hidden}')",
            "SELECT acct_export_set_policy('profiles', reset => '{require_filter}')",
            "must filter on field \"hidden\"",
        ),
        (
            "SELECT acct_export_set_policy('profiles', max_rows => 3)",
            "SELECT acct_export_set_policy('profiles', reset => '{max_rows}')",
            "more rows than max_rows (3)",
        ),
    ];
    admins.execute(&format!("CREATE ROLE {role}"));
    for (change, undo, why) in cases {
        let named = |sql: &str| sql.replace("{ROLE}", &format!("{{{role}}}")).replace("READER", &admins.role);
        let change = named(change);
        admins.execute(&change);
        let mut book = Workbook::open(exported(&mut admins.session(1), "'admins'"));
        assert_eq!(
            book.sheets(),
            ["Administrators", "Administrator Groups", "Teams", "Export info"],
            "{change}"
        );
        let told = info(&mut book, "No list of values");
        assert!(
            told.len() == 1 && told[0].starts_with("profile: ") && told[0].contains(why),
            "{change}: {told:?}"
        );
        admins.execute(&named(undo));
    }
    // Values that would be anonymised there are not listed here; an anonymised column has no choices.
    admins.execute(
        "SELECT acct_export_set_field('groups', 'name', on_anonymise => 'redact');
         SELECT acct_export_set_field('admins', 'teams', on_anonymise => 'redact')",
    );
    let mut book = Workbook::open(exported(&mut admins.session(1), "'admins', anonymise => true"));
    assert_eq!(book.sheets(), ["Administrators", "Administrator Profiles", "Export info"]);
    let told = info(&mut book, "No list of values");
    assert_eq!(told, ["main_group, secondary_groups: field \"name\" of dataset \"groups\" is anonymised"]);
}

/// A refusal within a job in the caller's session takes nothing else along.
#[test]
fn in_the_session_that_asks() {
    let admins = Admins::create(2);
    admins.execute(&format!(
        "ALTER DATABASE {} SET acct_export.async = off; REVOKE SELECT ON app.teams FROM {}",
        admins.db, admins.role
    ));
    let mut book =
        Workbook::open(exported(&mut admins.session(2), "'admins', fields => '{email,teams,profile}'"));
    assert_eq!(book.sheets(), ["Administrators", "Administrator Profiles", "Export info"]);
    assert!(first_column(&mut book, "Administrator Profiles").contains(&"Only of two".to_owned()));
    assert!(info(&mut book, "No list of values")[0].starts_with("teams: permission denied"));
}

#[test]
fn too_many_values_are_no_choice() {
    let admins = Admins::create(1);
    admins.execute("INSERT INTO app.teams SELECT 1, 'Team ' || n FROM generate_series(1, 9998) AS n");
    let mut book = Workbook::open(exported(&mut admins.session(1), "'admins', fields => '{email,teams}'"));
    assert_eq!(book.rows("Teams").len(), 10_001);
    admins.execute("INSERT INTO app.teams VALUES (1, 'one more')");
    let mut book = Workbook::open(exported(&mut admins.session(1), "'admins', fields => '{email,teams}'"));
    assert_eq!(book.sheets(), ["Administrators", "Export info"]);
    assert_eq!(
        info(&mut book, "No list of values"),
        ["teams: there are more than 10000 values to choose from"]
    );
    // Nor are values as long as books.
    admins.execute(
        "ALTER TABLE app.teams DROP CONSTRAINT teams_pkey; DELETE FROM app.teams;
         INSERT INTO app.teams SELECT 1, string_agg(md5(n::text), '') || m FROM generate_series(1, 200) AS n, generate_series(1, 1400) AS m GROUP BY m",
    );
    let mut book = Workbook::open(exported(&mut admins.session(1), "'admins', fields => '{email,teams}'"));
    assert_eq!(info(&mut book, "No list of values"), ["teams: the values to choose from are too long"]);
}

/// A workbook with lists is still one that two of can be compared, and it is the same each time.
#[test]
fn workbooks_with_lists_are_compared_and_reproduced() {
    let admins = Admins::create(7);
    let mut session = admins.session(1);
    let request = r#"'admins', options => '{"reproducible": true}'"#;
    let first = completed(&mut session, request);
    let again = completed(&mut session, request);
    assert_eq!(file(&mut session, &first), file(&mut session, &again));
    admins.execute("UPDATE app.admins SET name = 'Another' WHERE email = 'admin2@1.example'; INSERT INTO app.teams VALUES (1, 'New')");
    let third = completed(&mut session, r#"'admins', options => '{"reproducible": true}', reason => 'x'"#);
    let rows = session
        .query("SELECT key, change FROM acct_export_diff($1::text::uuid, $2::text::uuid)", &[&first, &third])
        .unwrap();
    let found: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(found, [("admin2@1.example".to_owned(), "changed".to_owned())]);
}

/// The right to the listed values is asked for again when the file is read, and the audit trail tells of them.
#[test]
fn rights_at_the_download() {
    let admins = Admins::create(2);
    let mut session = admins.session(1);
    let job = completed(&mut session, "'admins', fields => '{email,teams}'");
    let listed: Option<Value> = admins
        .superuser()
        .query_one(
            "SELECT detail -> 'references' FROM acct_export_audit WHERE event = 'user.bulk_export'",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(listed, Some(json!([{"dataset": "teams", "field": "name"}])));
    admins.execute(&format!("REVOKE SELECT ON app.teams FROM {}", admins.role));
    let error = error_of(session.query("SELECT acct_export_file($1::text::uuid)", &[&job]));
    assert_eq!(error.sqlstate, "42501");
    assert!(error.message.contains("dataset \"teams\""), "{error:?}");
}
