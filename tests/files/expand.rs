//! acct_export_expand: the keys of JSON objects as columns of csv and xlsx, found in the rows or declared.

use calamine::Data;
use serde_json::json;
use support::asking::{column, completed, exported, file, objects, text, Workbook};
use support::common::{done, shared, TwoTenants};
use support::people::{columns, csv, sheet, People};

const ROWS: &str = r#"
    (1, 'a@x.example', '{"department": "Sales", "level": 3, "active": true, "teams": ["a", "b, c", null, 2]}', NULL, NULL),
    (2, 'b@x.example', '{"level": 1.50, "cost_center": {"code": "007", "n": [1, {"x": 2}]}, "employee_id": 42}', NULL, NULL),
    (3, 'c@x.example', NULL, NULL, NULL),
    (4, 'd@x.example', '{"department": "", "level": null, "active": false, "teams": []}', NULL, NULL)"#;

#[test]
fn each_key_of_the_rows_is_a_column() {
    let people = People::expanded(ROWS, "");
    let mut client = people.reader();
    let arguments = "fields => '{id,more,email}'";
    let rows = csv(&mut client, arguments);
    let header = ["id", "active", "cost_center", "department", "employee_id", "level", "teams", "email"];
    assert_eq!(rows[0], header);
    assert_eq!(rows[1], ["1", "true", "", "Sales", "", "3", "a, \"b, c\", , 2", "a@x.example"]);
    assert_eq!(
        rows[2],
        ["2", "", r#"{"n": [1, {"x": 2}], "code": "007"}"#, "", "42", "1.50", "", "b@x.example"]
    );
    assert_eq!(rows[3], ["3", "", "", "", "", "", "", "c@x.example"]);
    assert_eq!(rows[4], ["4", "false", "", "", "", "", "", "d@x.example"]);
    // NULL and the empty text are told apart, as ever.
    let raw = String::from_utf8(exported(&mut client, &format!("'people', 'csv', {arguments}"))).unwrap();
    assert!(raw.contains("\r\n4,false,,\"\",,,\"\",d@x.example\r\n"), "{raw}");
    let separated =
        csv(&mut client, &format!("{arguments}, options => '{{\"multi_value_separator\": \"|\"}}'"));
    assert_eq!(separated[1][6], "a|b, c||2");

    let cells = sheet(&mut client, arguments);
    let string = |text: &str| Data::String(text.to_owned());
    assert_eq!(cells[0], header.map(string));
    assert_eq!(cells[1][1], Data::Bool(true));
    assert_eq!(cells[1][5], Data::Float(3.0));
    assert_eq!(cells[1][6], string("a, \"b, c\", , 2"));
    assert_eq!(cells[2][5], Data::Float(1.5));
    // An id is no quantity.
    assert_eq!(cells[2][4], string("42"));
    assert_eq!(cells[4][3], Data::Empty);

    assert_eq!(
        columns(&mut client, arguments),
        [
            "id",
            "more.active",
            "more.cost_center",
            "more.department",
            "more.employee_id",
            "more.level",
            "more.teams",
            "email"
        ]
    );
    let only = r#"fields => '{id,more}', filter => '{"id": 2}'"#;
    assert_eq!(columns(&mut client, only), ["id", "more.cost_center", "more.employee_id", "more.level"]);
    assert_eq!(csv(&mut client, only)[0], ["id", "cost_center", "employee_id", "level"]);
    // Without a row there is no key, and the field is there still.
    assert_eq!(csv(&mut client, r#"fields => '{id,more}', filter => '{"id": 9}'"#), [["id", "More"]]);
}

#[test]
fn json_stays_what_it_is() {
    let people = People::new(ROWS);
    let mut client = people.reader();
    let ways = |client: &mut _| {
        let ndjson = exported(client, "'people', 'ndjson'");
        let stream = column(client, "SELECT acct_export_ndjson('people')");
        let sample = text(client, "SELECT sample::text FROM acct_export_preview('people')").unwrap();
        (ndjson, exported(client, "'people', 'json'"), stream, sample)
    };
    let before = ways(&mut client);
    people.superuser().batch_execute("SELECT acct_export_expand('people', 'more')").unwrap();
    assert_eq!(ways(&mut client), before);
    assert_eq!(objects(&before.0)[0]["more"]["level"], 3);
    people.superuser().batch_execute("SELECT acct_export_expand('people', 'more', expand => false)").unwrap();
    assert_eq!(csv(&mut client, "fields => '{id,more}'")[0], ["id", "More"]);
}

#[test]
fn each_tenant_has_columns_of_its_own() {
    let app = TwoTenants::with_users(shared(), 20);
    app.superuser()
        .batch_execute(&format!(
            r#"UPDATE app.users SET custom = custom || '{{"only_b": 1}}' WHERE tenant_id = '{b}';
               UPDATE app.users SET custom = '{{"only_a": "x"}}' WHERE tenant_id = '{a}';
               SELECT acct_export_expand('users', 'custom')"#,
            a = app.tenants[0],
            b = app.tenants[1]
        ))
        .unwrap();
    for (tenant, wanted) in [(0, "id,only_a"), (1, "id,department,n,only_b")] {
        for role in [&app.login, &app.nologin] {
            let mut client = app.session(role, tenant);
            let bytes = exported(&mut client, "'users', 'csv', fields => '{id,custom}'");
            assert_eq!(String::from_utf8(bytes).unwrap().lines().next(), Some(wanted));
            let stream = "SELECT acct_export_csv('users', fields => '{id,custom}') LIMIT 1";
            assert_eq!(column(&mut client, stream), [wanted]);
        }
    }
}

#[test]
fn declared_keys_are_the_columns() {
    let people = People::expanded(
        ROWS,
        ", keys => '{cost_center.code,level,nobody.has}', labels => '{Cost center,NULL,Nobody}'",
    );
    let mut client = people.reader();
    let rows = csv(&mut client, "fields => '{id,more}'");
    assert_eq!(rows[0], ["id", "Cost center", "level", "Nobody"]);
    assert_eq!(
        rows[1..],
        [["1", "", "3", ""], ["2", "007", "1.50", ""], ["3", "", "", ""], ["4", "", "", ""]]
    );
    let cells = sheet(&mut client, "fields => '{id,more}'");
    assert_eq!(cells[2][1..3], [Data::String("007".into()), Data::Float(1.5)]);
    let named = ["id", "email", "more.cost_center.code", "more.level", "more.nobody.has", "odd", "tags"];
    assert_eq!(columns(&mut client, "anonymise => false"), named);

    // Said in the view, kept by a registration anew and by a dump.
    let said = "SELECT concat_ws(' ', expand, keys, labels) FROM acct_export_fields WHERE field = 'more'";
    let wanted = r#"t {cost_center.code,level,nobody.has} {"Cost center",NULL,Nobody}"#;
    assert_eq!(text(&mut client, said).as_deref(), Some(wanted));
    people
        .superuser()
        .batch_execute("SELECT acct_export_register('people', 'people', 'id', replace => true)")
        .unwrap();
    assert_eq!(text(&mut client, said).as_deref(), Some(wanted));
    let dump = done(shared().client("pg_dump").args(["-a", "-t", "acct_export.field", &people.db])).stdout;
    let dump = String::from_utf8(dump).unwrap();
    assert!(dump.contains("t\t{cost_center.code,level,nobody.has}\t{\"Cost center\",NULL,Nobody}"), "{dump}");
}

#[test]
fn a_requester_names_keys() {
    let people = People::expanded(ROWS, ", keys => '{level,department}', labels => '{Level,NULL}'");
    let mut client = people.reader();
    people
        .superuser()
        .batch_execute("SELECT acct_export_set_field('people', 'more', json_path => 'user.more')")
        .unwrap();
    let arguments = "fields => '{id,more.teams,email,more.cost_center.code,more.level}'";
    let rows = csv(&mut client, arguments);
    assert_eq!(rows[0], ["id", "teams", "email", "cost_center.code", "Level"]);
    assert_eq!(rows[1], ["1", "a, \"b, c\", , 2", "a@x.example", "", "3"]);
    assert_eq!(rows[2], ["2", "", "b@x.example", "007", "1.50"]);
    assert_eq!(sheet(&mut client, arguments)[2][4], Data::Float(1.5));
    let written = objects(&exported(&mut client, &format!("'people', 'ndjson', {arguments}")));
    let wanted = r#"{"id":2,"user":{"more":{"teams":null,"cost_center":{"code":"007"},"level":1.50}},"email":"b@x.example"}"#;
    assert_eq!(written[1].to_string(), wanted);
    assert_eq!(written[0]["user"]["more"]["teams"], json!(["a", "b, c", null, 2]));
    let previewed = format!("SELECT sample::text FROM acct_export_preview('people', {arguments})");
    let sample = text(&mut client, &previewed).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&sample).unwrap(), json!(written));
    assert_eq!(
        columns(&mut client, arguments),
        ["id", "more.teams", "email", "more.cost_center.code", "more.level"]
    );
}

#[test]
fn json_and_hstore_too() {
    let people = People::new(
        r#"(1, NULL, NULL, E'{"a" : 1e2, "b":\n[1,\n{"c": 2}], "a": "\\u0000\\ud83d\\ude00 \\ud800"}', '"x"=>"1", "y z"=>NULL'),
           (2, NULL, NULL, '  {"big": 123456789012345678901234567890, "exp": -1e2}', 'x=>"=1+1"')"#,
    );
    people
        .superuser()
        .batch_execute(
            "SELECT acct_export_expand('people', 'odd'); SELECT acct_export_expand('people', 'tags')",
        )
        .unwrap();
    let mut client = people.reader();
    let rows = csv(&mut client, "fields => '{id,odd,tags}'");
    assert_eq!(rows[0], ["id", "a", "b", "big", "exp", "x", "y z"]);
    assert_eq!(rows[1], ["1", "\u{fffd}😀 \u{fffd}", "[1,{\"c\":2}]", "", "", "1", ""]);
    assert_eq!(rows[2], ["2", "", "", "123456789012345678901234567890", "-1e2", "'=1+1", ""]);
    let cells = sheet(&mut client, "fields => '{id,odd,tags}'");
    assert_eq!(cells[2][3], Data::String("123456789012345678901234567890".into()));
    // With a key and without: the same document.
    let parts = "fields => '{odd.exp,odd.b,odd.a,tags.x}'";
    let written = objects(&exported(&mut client, &format!("'people', 'ndjson', {parts}")));
    let wanted = r#"{"odd":{"exp":-1e+2,"b":null,"a":null},"tags":{"x":"=1+1"}}"#;
    assert_eq!(written[1].to_string(), wanted);
    assert_eq!(written[0]["odd"]["b"], json!([1, { "c": 2 }]));
}

/// The same request on unchanged data gives the same bytes, wherever the rows lie.
#[test]
fn reproducible() {
    let people = People::expanded(ROWS, "");
    let mut client = people.reader();
    for format in ["csv", "xlsx"] {
        let arguments = format!("'people', '{format}', options => '{{\"reproducible\": true}}'");
        let first = exported(&mut client, &arguments);
        people.superuser().batch_execute("UPDATE people SET email = email WHERE id < 3").unwrap();
        assert_eq!(exported(&mut client, &arguments), first, "{format}");
    }
    let job = completed(&mut client, "'people'");
    assert!(Workbook::open(file(&mut client, &job)).sheets().contains(&"Export info".to_owned()));
    let told = "SELECT DISTINCT detail->>'fields' FROM acct_export_audit WHERE event = 'user.bulk_export'";
    assert_eq!(column(&mut people.superuser(), told), [r#"["id", "email", "more", "odd", "tags"]"#]);
}
