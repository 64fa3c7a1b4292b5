//! acct_export_check_import: an edited workbook beside the database.

use support::admins::{check, edited, in_short, problems, saved_by_libreoffice, Admins, Problem, NONE};
use support::asking::exported;
use support::kinds::Kinds;

#[test]
fn an_export_that_nobody_edited_has_no_problem() {
    let admins = Admins::create(40);
    for zone in ["UTC", "Europe/Paris", "America/St_Johns"] {
        let mut session = admins.session(1);
        session.batch_execute(&format!("SET TimeZone = '{zone}'")).unwrap();
        for options in ["{}", r#"{"compact": true}"#, r#"{"reference_sheets": false, "reproducible": true}"#]
        {
            let bytes = exported(&mut session, &format!("'admins', options => '{options}'"));
            // The workbook says on whose clock its times are.
            let mut other = admins.session(1);
            other.batch_execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL, DMY'").unwrap();
            assert_eq!(check(&mut other, "admins", &bytes), NONE, "{zone} {options}");
        }
        let bytes = exported(&mut session, r#"'admins', options => '{"info_sheet": false}'"#);
        assert_eq!(check(&mut session, "admins", &bytes), NONE, "{zone}");
    }
    let mut session = admins.session(1);
    let part = exported(&mut session, "'admins', fields => '{name,email}'");
    assert_eq!(check(&mut session, "admins", &part), NONE);
}

/// Values of every type, and as odd as they come.
#[test]
fn nor_do_odd_values_differ() {
    let kinds = Kinds::create();
    let mut session = kinds.requester();
    let bytes = exported(&mut session, "'kinds'");
    assert_eq!(check(&mut session, "kinds", &bytes), NONE);
    assert_eq!(check(&mut kinds.cluster.connect(&kinds.db, &kinds.role), "kinds", &bytes), NONE);
    assert_eq!(check(&mut session, "kinds", &saved_by_libreoffice(&bytes, "xlsx")), NONE);
    // A cut text is the text that was cut.
    kinds
        .superuser()
        .batch_execute("UPDATE kinds SET note = repeat('é', 40000), doc = to_jsonb(repeat('x', 40000))")
        .unwrap();
    let bytes = exported(&mut session, "'kinds'");
    assert_eq!(check(&mut session, "kinds", &bytes), NONE);
    // Each of them differs when it is another one.
    let another = "UPDATE kinds SET small = 12, whole = 12, big = 12, exact = 12.5, amount = 12.5, ratio = 12.5, single = 12.5, flag = NOT flag,
            day = '2030-01-01', moment = '2030-01-01', instant = '2030-01-01', note = 'x', code = 'x', padded = 'x', doc = '1',
            tags = '{z}', numbers = '{9}', uid = gen_random_uuid(), mood = 'so-so, \"ok\"', plz = '77777', took = '9 days',
            clock = '09:09:09', address = '9.9.9.9' WHERE id = 1";
    kinds.superuser().batch_execute(another).unwrap();
    let found = check(&mut session, "kinds", &bytes);
    assert_eq!(found.len(), 23, "{found:#?}");
    assert!(
        found.iter().all(|(_, row, _, problem)| *row == Some(2) && problem == "differs from the database"),
        "{found:#?}"
    );
}

#[test]
fn nor_one_that_other_programs_have_saved() {
    let admins = Admins::create(40);
    let mut session = admins.session(1);
    session.batch_execute("SET TimeZone = 'Europe/Paris'").unwrap();
    let bytes = exported(&mut session, "'admins'");
    assert_eq!(check(&mut session, "admins", &saved_by_libreoffice(&bytes, "xlsx")), NONE);
    assert_eq!(check(&mut session, "admins", &edited(&bytes, "")), NONE);
    // To openpyxl a text that is assigned is a formula if it looks like one.
    admins.execute("UPDATE app.admins SET note = 'no formula' WHERE note = '=1+1'");
    let bytes = exported(&mut session, "'admins'");
    let twice = edited(&saved_by_libreoffice(&bytes, "xlsx"), "");
    assert_eq!(check(&mut session, "admins", &twice), NONE);
    // Columns in another order, by their fields' names, and rows in another order.
    let shuffled = edited(
        &bytes,
        "rows = [[cell.value for cell in row] for row in sheet.iter_rows()]\nrows[0] = [{'Main group': 'main_group', 'name': 'NAME'}.get(h, h) for h in rows[0]]\n\
         rows[1:] = reversed(rows[1:])\nsheet.delete_rows(1, 100)\nfor row in rows: sheet.append(row[::-1])",
    );
    assert_eq!(check(&mut session, "admins", &shuffled), NONE);
    // Under another name, among the sheets of references.
    let renamed = edited(&bytes, "sheet.title = 'Sheet1'\nbook.move_sheet('Export info', -4)");
    assert_eq!(check(&mut session, "admins", &renamed), NONE);
}

#[test]
fn what_was_edited() {
    let admins = Admins::create(12);
    let mut session = admins.session(1);
    let bytes = exported(&mut session, "'admins'");
    let edits = r#"
at = {cell.value: cell.column_letter for cell in sheet[1]}
row = {sheet[f"A{r}"].value: r for r in range(2, 14)}
def put(email, column, value): sheet[f"{at[column]}{row[email + '@1.example']}"] = value
put('admin1', 'profile', 'Only of two')
put('admin1', 'Secondary groups', 'France, Narnia, Sales, EMEA')
put('admin2', 'name', 'Another name')
put('admin2', 'phone', None)
put('admin3', 'created_on', '24/10/2025')
put('admin3', 'logins', 'many')
put('admin3', 'score', 1.5)
put('admin3', 'level', 'middle')
put('admin3', 'enabled', 'perhaps')
put('admin4', 'created_on', datetime.date(2025, 10, 28))
put('admin4', 'logins', '=1+1')
put('admin5', 'score', '#N/A')
sheet.append(['new@1.example', 'New', None, 'Viewer'])
sheet.append(['admin6@1.example'])
sheet.append([None, 'No key'])
sheet.append(['new@1.example', 'New again'])
"#;
    let bytes = edited(&bytes, edits);
    let rows: Vec<String> = session
        .query("SELECT email FROM app.admins ORDER BY email COLLATE \"C\"", &[])
        .unwrap()
        .iter()
        .map(|row| row.get::<_, String>(0))
        .collect();
    let row =
        |n: u32| 2 + rows.iter().position(|email| *email == format!("admin{n}@1.example")).unwrap() as i32;
    let differs = "differs from the database";
    let mut wanted = problems(&[
        (row(1), "profile", "\"Only of two\" does not exist in Administrator Profiles"),
        (row(1), "profile", differs),
        (row(1), "Secondary groups", "\"Narnia\" does not exist in Administrator Groups"),
        (row(1), "Secondary groups", differs),
        (row(2), "name", differs),
        (row(3), "created_on", "\"24/10/2025\" is not a date"),
        (row(3), "logins", "\"many\" is not an integer"),
        (row(3), "score", differs),
        (row(3), "level", "\"middle\" is not a value of type app.level"),
        (row(3), "enabled", "\"perhaps\" is neither TRUE nor FALSE"),
        (row(4), "logins", "is a formula without a value"),
        (row(5), "score", "contains an error"),
        (14, "Administrator email address", "is not in the dataset: the row would be new"),
        (15, "Administrator email address", &format!("\"admin6@1.example\" is already in row {}", row(6))),
        (16, "Administrator email address", "is empty; the row cannot be identified"),
        (17, "Administrator email address", "\"new@1.example\" is already in row 14"),
    ]);
    wanted.sort_by_key(|(row, ..)| *row);
    assert_eq!(in_short(&mut session, &bytes), wanted);
}

#[test]
fn what_changed_since() {
    let admins = Admins::create(3);
    let mut session = admins.session(1);
    let bytes = exported(&mut session, "'admins'");
    admins.execute(
        "UPDATE app.admins SET name = 'Changed', updated_at = updated_at + interval '1 day' WHERE email = 'admin2@1.example';
         DELETE FROM app.admins WHERE email = 'admin3@1.example';
         DELETE FROM app.teams WHERE tenant_id = 1 AND name = 'EMEA'",
    );
    let gone = "\"EMEA\" does not exist in Teams";
    let wanted = problems(&[
        (2, "teams", gone),
        (3, "name", "differs from the database"),
        (3, "teams", gone),
        (3, "updated_at", "the row was changed after the export"),
        (4, "Administrator email address", "is not in the dataset: the row would be new"),
        (4, "teams", gone),
    ]);
    assert_eq!(in_short(&mut session, &bytes), wanted);
}

#[test]
fn columns_and_sheets() {
    let admins = Admins::create(2);
    let mut session = admins.session(1);
    let bytes = exported(&mut session, "'admins'");
    let mut of = |script: &str| check(&mut session, "admins", &edited(&bytes, script));
    let problem = |row: Option<i32>, column: &str, text: &str| -> Problem {
        (Some("Administrators".into()), row, Some(column.into()), text.into())
    };
    assert_eq!(
        of("sheet.delete_cols(2)\nsheet.cell(1, 20, 'Shoe size')\nsheet.cell(2, 20, 43)\nsheet.cell(3, 22, 'x')\nsheet.cell(1, 21, 'profile')"),
        [
            problem(None, "Shoe size", "is not a column of dataset \"admins\""),
            problem(None, "profile", "occurs more than once; only the first one is read"),
            problem(None, "V", "the column has values and no header"),
            problem(None, "name", "the column is missing"),
        ]
    );
    let missing =
        problem(None, "Administrator email address", "the column is missing, which identifies the rows");
    assert!(of("sheet.delete_cols(1)").contains(&missing));
    let no_sheet = [(None, None, None, "no sheet has the columns of dataset \"admins\"".to_owned())];
    assert_eq!(of("book.remove(sheet)"), no_sheet);
    assert_eq!(of("sheet.title = 'x'\nsheet.delete_cols(1)"), no_sheet);
    // A header alone.
    assert_eq!(of("sheet.delete_rows(2, 10)"), NONE);
    // Further sheets of rows, as an export of more rows has them.
    let further = "more = book.copy_worksheet(sheet)\nmore.title = 'Administrators (2)'\nmore.delete_rows(3)\nmore['A2'] = 'later@1.example'\nmore['A9'] = 'admin1@1.example'";
    let second = |row, text: &str| -> Problem {
        let column = Some("Administrator email address".to_owned());
        (Some("Administrators (2)".into()), Some(row), column, text.into())
    };
    assert_eq!(
        of(further),
        [
            second(2, "is not in the dataset: the row would be new"),
            second(9, "\"admin1@1.example\" is already in row 2 of sheet \"Administrators\""),
        ]
    );
    let lies = "info = book['Export info']\nfor row in info.iter_rows():\n    row[1].value = {'Dataset': 'other', 'Tenant': '2', 'Time zone': 'Middle/Earth'}.get(row[0].value, row[1].value)";
    let told: Vec<(Option<String>, String)> =
        of(lies).into_iter().map(|(_, _, column, problem)| (column, problem)).collect();
    assert_eq!(
        told,
        [
            (Some("Dataset".into()), "the workbook is an export of dataset \"other\"".into()),
            (Some("Tenant".into()), "the workbook was exported for another tenant".to_owned()),
        ]
    );
    let zone = of("info = book['Export info']\nfor row in info.iter_rows():\n    if row[0].value == 'Time zone': row[1].value = '../../etc/passwd'");
    assert_eq!(
        zone[0].3,
        "\"../../etc/passwd\" is not a time zone; times are compared in the time zone of the session"
    );
}
