//! acct_export_check_import where it says no: rights, limits, workbooks that are none; and what nobody learns by it.

use std::io::{Cursor, Read, Write};

use serde_json::Value;
use support::admins::{
    check, edited, in_short, problems, refused, saved_by_libreoffice, Admins, CHECK, NONE,
};
use support::asking::exported;
use support::common::{error_of, shared, unique};
use zip::write::SimpleFileOptions;

/// Nobody learns of the other tenant, of what is masked, or of what never leaves.
#[test]
fn nothing_that_the_caller_could_not_export() {
    let admins = Admins::create(3);
    let (mut one, mut two) = (admins.session(1), admins.session(2));
    let bytes = exported(&mut two, "'admins'");
    let other = edited(&bytes, "book.remove(book['Export info'])");
    let new = "is not in the dataset: the row would be new";
    let rows: Vec<String> = in_short(&mut one, &other).into_iter().map(|(_, _, problem)| problem).collect();
    assert_eq!(rows, [new, new, new]);
    assert_eq!(check(&mut two, "admins", &other), NONE);

    admins.execute(
        "SELECT acct_export_set_field('admins', 'phone', mask => 'last4');
         SELECT acct_export_secret_column('app.admins', 'note', 'for this test')",
    );
    let guessed = edited(&bytes, "for r in (2, 3, 4): sheet[f'C{r}'] = '+33612345670'");
    let wanted = problems(&[
        (0, "phone", "is never imported: its values are masked in exports"),
        (0, "note", "is never imported: it was declared a secret"),
    ]);
    let found = in_short(&mut two, &guessed);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], wanted[0]);
    assert!(found[1].1 == "note" && found[1].2.starts_with("is never imported: "), "{found:?}");

    admins.execute("SELECT acct_export_set_field('admins', 'email', mask => 'last4')");
    let error = refused(&mut two, "admins", &bytes);
    assert_eq!(
        (error.sqlstate.as_str(), error.message.contains("cannot identify rows")),
        ("22023", true),
        "{error:?}"
    );
}

/// The rules of exports hold, refusals and checks are told.
#[test]
fn rights_limits_and_the_audit_trail() {
    let admins = Admins::create(5);
    let mut session = admins.session(1);
    let bytes = exported(&mut session, "'admins'");
    let events = |event: &str| -> Vec<Value> {
        let sql = "SELECT detail FROM acct_export_audit WHERE event = $1 ORDER BY id";
        admins.superuser().query(sql, &[&event]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(check(&mut session, "admins", &bytes), NONE);
    let told = events("user.bulk_export.import_checked");
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["rows"], &told[0]["sheets"]), (&5.into(), &1.into()));
    assert_eq!(told[0]["bytes"], bytes.len());
    // In a read-only transaction an audit worker writes it.
    session.batch_execute("BEGIN READ ONLY").unwrap();
    assert_eq!(check(&mut session, "admins", &bytes), NONE);
    session.batch_execute("COMMIT").unwrap();
    assert_eq!(events("user.bulk_export.import_checked").len(), 2);

    let error = refused(&mut session, "nothing", &bytes);
    assert_eq!((error.sqlstate.as_str(), error.message.as_str()), ("22023", "unknown dataset \"nothing\""));
    let null = error_of(session.query("SELECT acct_export_check_import('admins', NULL)", &[]));
    assert_eq!((null.sqlstate.as_str(), null.message.as_str()), ("22023", "workbook must not be null"));
    let mut nobody = shared().connect(&admins.db, &admins.role);
    assert_eq!(refused(&mut nobody, "admins", &bytes).sqlstate, "42501");
    let stranger = unique("stranger");
    admins.execute(&format!("CREATE ROLE {stranger} LOGIN"));
    let mut stranger = shared().connect(&admins.db, &stranger);
    // Before anything is said of the workbook.
    assert_eq!(refused(&mut stranger, "admins", b"").message, "unknown dataset \"admins\"");
    let denied = events("user.bulk_export.denied");
    assert_eq!(denied.iter().filter(|detail| detail["action"] == "check_import").count(), 2, "{denied:?}");

    admins.execute("SELECT acct_export_set_policy('admins', max_rows => 4)");
    assert_eq!(refused(&mut session, "admins", &bytes).sqlstate, "54000");
    assert_eq!(check(&mut session, "admins", &edited(&bytes, "sheet.delete_rows(2)")), NONE);
    admins.execute(
        "SELECT acct_export_set_policy('admins', approve_above => 4, approver_roles => '{postgres}', reset => '{max_rows}')",
    );
    let error = refused(&mut session, "admins", &bytes);
    assert_eq!((error.sqlstate.as_str(), error.message.contains("approval")), ("42501", true), "{error:?}");
    admins.execute(
        "SELECT acct_export_set_policy('admins', require_filter => '{level}', reset => '{approve_above}')",
    );
    assert_eq!(refused(&mut session, "admins", &bytes).sqlstate, "22023");
    admins.execute("SELECT acct_export_set_policy('admins', reset => '{require_filter}')");
    // A row may refer to rows that the caller may not read.
    admins.execute(&format!("REVOKE SELECT ON app.teams FROM {}", admins.role));
    let found = in_short(&mut session, &bytes);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].1 == "teams" && found[0].2.starts_with("the reference cannot be checked: permission denied"),
        "{found:?}"
    );
    // Disabled rows are rows.
    admins.execute(
        "SELECT acct_export_register('admins', 'app.admins', 'email', tenant_column => 'tenant_id', status_column => 'enabled',
            disabled_values => '{f,false}', title => 'Administrators', replace => true); UPDATE app.admins SET enabled = false; UPDATE app.admins SET enabled = true
            WHERE email = 'admin1@1.example'",
    );
    let found = in_short(&mut session, &bytes);
    assert!(found.iter().all(|(_, _, problem)| !problem.contains("would be new")), "{found:?}");
}

#[test]
fn anonymised_workbooks_are_not_imported() {
    let admins = Admins::create(2);
    let mut session = admins.session(1);
    let bytes = exported(&mut session, "'admins', anonymise => true");
    let found = check(&mut session, "admins", &bytes);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].3, "the workbook is anonymised: its values cannot be imported");
}

/// The workbook with each part as `change` makes it.
fn repacked(workbook: &[u8], change: &dyn Fn(&str, String) -> String) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        zip.write_all(change(&name, text).as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The session stays, the error says what is wrong and quotes nothing.
#[test]
fn workbooks_that_are_none_or_too_much() {
    let admins = Admins::create(3);
    let mut session = admins.session(1);
    let bytes = exported(&mut session, "'admins'");
    let strings = saved_by_libreoffice(&bytes, "xlsx");
    let in_first = |from: &'static str, to: String| {
        move |name: &str, text: String| match name {
            "xl/worksheets/sheet1.xml" => text.replacen(from, &to, 1),
            _ => text,
        }
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "22023"),
        ("bytes", b"\x7FELF\0\0S3CR3T".to_vec(), "22023"),
        ("xls", saved_by_libreoffice(&bytes, "xls"), "22023"),
        ("ods", saved_by_libreoffice(&bytes, "ods"), "22023"),
        ("cut off", bytes[..bytes.len() / 2].to_vec(), "22023"),
        (
            "bomb",
            repacked(&bytes, &in_first("<sheetData>", format!("{}<sheetData>", " ".repeat(70 << 20)))),
            "54000",
        ),
        (
            "entities",
            repacked(
                &bytes,
                &in_first(
                    "<worksheet",
                    "<!DOCTYPE x [<!ENTITY a \"S3CR3T\"><!ENTITY b \"&a;&a;\">]><worksheet".to_owned(),
                ),
            ),
            "",
        ),
        ("an entity used", repacked(&bytes, &in_first("<t>", "<t>&b;".to_owned())), "22023"),
        (
            "count of strings",
            repacked(&strings, &|name, text| match name {
                "xl/sharedStrings.xml" => text.replacen("uniqueCount=\"", "uniqueCount=\"99999999999", 1),
                _ => text,
            }),
            "22023",
        ),
        (
            "no cells",
            repacked(&bytes, &|name, text| if name.contains("sheet1") { String::new() } else { text }),
            "22023",
        ),
    ];
    let pid: i32 = session.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    for (case, workbook, sqlstate) in cases {
        match session.query(CHECK, &[&"admins", &workbook]) {
            Ok(rows) => assert_eq!((rows.len(), sqlstate), (0, ""), "{case}"),
            Err(error) => {
                let error = error_of::<()>(Err(error));
                assert_eq!(error.sqlstate, sqlstate, "{case}: {error:?}");
                assert!(!format!("{error:?}").contains("S3CR3T"), "{case}: {error:?}");
            }
        }
        let now: i32 = session.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        assert_eq!(now, pid, "{case}");
    }
    // A cell at the far end is but a cell.
    let far = repacked(
        &bytes,
        &in_first(
            "</sheetData>",
            "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row></sheetData>".to_owned(),
        ),
    );
    let found = in_short(&mut session, &far);
    assert_eq!(found, problems(&[(0, "XFD", "the column has values and no header")]));
}
