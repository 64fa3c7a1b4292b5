//! CSV files that LibreOffice has saved again: what it changes is no difference, what it loses is told.

use support::admins::{check, csv_saved_by_libreoffice, saved_by_libreoffice, Admins, NONE};
use support::asking::exported;
use support::kinds::Kinds;

/// Separator, quote, character set (76: UTF-8), first line; then columns, language, quoted fields as text, special numbers.
const COMMA: &str = "44,34,76,1";

#[test]
fn a_file_that_libreoffice_saved_again() {
    let admins = Admins::create(12);
    // LibreOffice takes +33612345671 and 007 for numbers.
    admins.execute(
        "UPDATE app.admins SET phone = '+33 6 ' || right(phone, 6); UPDATE app.admins SET note = 'no number' WHERE note = '007'",
    );
    let mut session = admins.session(1);
    session.batch_execute("SET TimeZone = 'Europe/Berlin'").unwrap();
    for (options, reading) in [
        ("{}", COMMA),
        (r#"{"delimiter": ";", "bom": true}"#, "59,34,76,1"),
        (r#"{"lists": "json"}"#, COMMA),
        (r#"{"multi_value_separator": "; "}"#, COMMA),
        ("{}", "44,34,76,1,,1031,false,true"),
    ] {
        let bytes = exported(&mut session, &format!("'admins', 'csv', options => '{options}'"));
        for writing in [COMMA, "59,34,76,1", "9,34,76,1,,0,true"] {
            let saved = csv_saved_by_libreoffice(&bytes, reading, writing);
            let text = String::from_utf8_lossy(&saved);
            assert_eq!(check(&mut session, "admins", &saved), NONE, "{options} {reading} {writing}\n{text}");
        }
    }
    // What it loses is told.
    admins.execute(
        "UPDATE app.admins SET phone = '+33612345671', note = '007' WHERE email = 'admin1@1.example'",
    );
    let bytes = exported(&mut session, "'admins', 'csv'");
    let found = check(&mut session, "admins", &csv_saved_by_libreoffice(&bytes, COMMA, COMMA));
    let lost: Vec<(i32, &str)> =
        found.iter().map(|(_, row, column, _)| (row.unwrap(), column.as_deref().unwrap())).collect();
    assert_eq!(lost, [(5, "phone"), (5, "note")], "{found:?}");
}

/// A workbook that was saved as CSV has the times of its zone, in whole seconds.
#[test]
fn a_workbook_that_libreoffice_saved_as_csv() {
    let admins = Admins::create(12);
    let mut session = admins.session(1);
    session.batch_execute("SET TimeZone = 'Europe/Berlin'").unwrap();
    let book = exported(&mut session, "'admins'");
    let saved = saved_by_libreoffice(&book, "csv:Text - txt - csv (StarCalc):59,34,76,1");
    let text = String::from_utf8_lossy(&saved);
    assert_eq!(check(&mut session, "admins", &saved), NONE, "{text}");
}

/// Values of every type: numbers of more than 15 digits and texts that look like numbers are lost, and nothing else.
#[test]
fn values_of_every_type() {
    let kinds = Kinds::create();
    let mut session = kinds.requester();
    let bytes = exported(&mut session, "'kinds', 'csv'");
    let saved = csv_saved_by_libreoffice(&bytes, COMMA, COMMA);
    let found = check(&mut session, "kinds", &saved);
    let lost: Vec<(i32, &str)> =
        found.iter().map(|(_, row, column, _)| (row.unwrap(), column.as_deref().unwrap())).collect();
    let wanted = [
        (2, "code"),
        (2, "plz"),
        (4, "big"),
        (4, "exact"),
        (5, "big"),
        (5, "plz"),
        // A microsecond.
        (5, "clock"),
        (7, "padded"),
        (8, "code"),
        (8, "padded"),
        (8, "plz"),
    ];
    assert_eq!(lost, wanted, "{found:?}\n{}", String::from_utf8_lossy(&saved));
}
