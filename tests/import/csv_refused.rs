//! acct_export_check_import where a CSV file is none, is too much, or comes from somebody without the rights.

use std::io::{Cursor, Read};

use serde_json::Value;
use support::admins::{check, refused, Admins, CsvTable, CHECK, NONE};
use support::asking::exported;
use support::common::{error_of, shared, unique};

/// The session stays, the error says what is wrong and quotes nothing.
#[test]
fn files_that_are_none_or_too_much() {
    let admins = Admins::create(3);
    let mut session = admins.session(1);
    let archive = exported(&mut session, "'admins', 'csv', options => '{\"archive\": \"zip\"}'");
    let mut zip = zip::ZipArchive::new(Cursor::new(&archive)).unwrap();
    let mut manifest = Vec::new();
    zip.by_name("export-info.json").unwrap().read_to_end(&mut manifest).unwrap();
    let header = "Administrator email address,name\n";
    let with = |rows: &[u8]| [header.as_bytes(), rows].concat();
    let utf_16: Vec<u8> =
        format!("\u{feff}{header}S3CR3T,x\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(&str, Vec<u8>, &str, &str, &str)> = vec![
        ("a byte order mark alone", b"\xEF\xBB\xBF".to_vec(), "22023", "the CSV file is empty", "labels"),
        ("empty lines", b"\r\n\r\n".to_vec(), "22023", "the CSV file is empty", "labels"),
        (
            "binary",
            b"\x7FELF\0\0S3CR3T".to_vec(),
            "22023",
            "neither an xlsx workbook nor a CSV file",
            "CSV in UTF-8",
        ),
        (
            "NUL in a row",
            with(b"S3CR3T,\0\n"),
            "22023",
            "neither an xlsx workbook nor a CSV file",
            "CSV in UTF-8",
        ),
        ("UTF-16", utf_16, "22023", "the CSV file is not in UTF-8", "CSV UTF-8"),
        ("Latin-1", with(b"S3CR3T,Zo\xEB\n"), "22023", "the CSV file is not in UTF-8", "Unicode (UTF-8)"),
        ("gzip", vec![0x1F, 0x8B, 8, 0, 0], "22023", "compressed with gzip", "Uncompress"),
        ("an archive", archive.clone(), "22023", "a ZIP archive of other files", "Unpack"),
        ("the manifest of an archive", manifest, "22023", "the file is JSON", "xlsx or CSV"),
        ("quotes", with(b"S3CR3T,\"cut o"), "22023", "ends within quotes", "cut off"),
        (
            "an endless value",
            with(&[b"S3CR3T,", &[b'x'; 20 << 20][..]].concat()),
            "54000",
            "a row of more than 16 MiB",
            "quote",
        ),
        (
            "columns",
            [header.trim().as_bytes(), &[b','; 3_000]].concat(),
            "54000",
            "more than 2000 columns",
            "parts",
        ),
    ];
    let pid: i32 = session.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    for (case, file, sqlstate, message, hint) in cases {
        let error = refused(&mut session, "admins", &file);
        assert_eq!(error.sqlstate, sqlstate, "{case}: {error:?}");
        assert!(error.message.contains(message), "{case}: {error:?}");
        assert!(error.hint.as_ref().unwrap().contains(hint), "{case}: {error:?}");
        assert!(!format!("{error:?}").contains("S3CR3T"), "{case}: {error:?}");
    }
    // What is built in the server need not travel: a value of hundreds of megabytes.
    let large =
        "SELECT acct_export_check_import('admins', convert_to($1 || repeat('S3CR3T', 50000000), 'UTF8'))";
    let error = error_of(session.query(large, &[&header]));
    assert_eq!(error.sqlstate, "54000", "{error:?}");
    assert!(error.message.contains("a row of more than 16 MiB") && !format!("{error:?}").contains("S3CR3T"));
    let now: i32 = session.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    assert_eq!(now, pid);
    // Cut off anywhere: an error or problems, never the end of the session.
    let whole = exported(&mut session, "'admins', 'csv'");
    for cut in (0..whole.len()).step_by(5) {
        if let Err(error) = session.query(CHECK, &[&"admins", &&whole[..cut]]) {
            assert_eq!(error_of::<()>(Err(error)).sqlstate, "22023", "{cut}");
        }
    }
    assert_eq!(check(&mut session, "admins", &whole), NONE);
}

/// The rules of exports hold, refusals and checks are told.
#[test]
fn rights_limits_and_the_audit_trail() {
    let admins = Admins::create(5);
    let mut session = admins.session(1);
    let bytes = exported(&mut session, "'admins', 'csv'");
    let events = |event: &str| -> Vec<Value> {
        let sql = "SELECT detail FROM acct_export_audit WHERE event = $1 ORDER BY id";
        admins.superuser().query(sql, &[&event]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(check(&mut session, "admins", &bytes), NONE);
    let told = events("user.bulk_export.import_checked");
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["rows"], &told[0]["bytes"]), (&5.into(), &bytes.len().into()));
    let mut nobody = shared().connect(&admins.db, &admins.role);
    assert_eq!(refused(&mut nobody, "admins", &bytes).sqlstate, "42501");
    let stranger = unique("stranger");
    admins.execute(&format!("CREATE ROLE {stranger} LOGIN"));
    let mut stranger = shared().connect(&admins.db, &stranger);
    // Before anything is said of the file.
    assert_eq!(refused(&mut stranger, "admins", b"\0").message, "unknown dataset \"admins\"");
    let denied = events("user.bulk_export.denied");
    let checks: Vec<&Value> = denied.iter().filter(|detail| detail["action"] == "check_import").collect();
    assert!(checks.len() == 2 && checks.iter().all(|detail| detail["format"] == "csv"), "{denied:?}");

    admins.execute("SELECT acct_export_set_policy('admins', max_rows => 4)");
    assert_eq!(refused(&mut session, "admins", &bytes).sqlstate, "54000");
    let mut fewer = CsvTable::read(&bytes, b',');
    fewer.rows.remove(1);
    assert_eq!(check(&mut session, "admins", &fewer.bytes()), NONE);
    admins.execute(
        "SELECT acct_export_set_policy('admins', approve_above => 4, approver_roles => '{postgres}', reset => '{max_rows}')",
    );
    assert_eq!(refused(&mut session, "admins", &bytes).sqlstate, "42501");
    admins.execute("SELECT acct_export_set_policy('admins', reset => '{approve_above}')");
    // Rows of another tenant are not there.
    let other = exported(&mut admins.session(2), "'admins', 'csv'");
    let found = check(&mut session, "admins", &other);
    let new = "is not in the dataset: the row would be new";
    assert!(found.len() == 5 && found.iter().all(|(.., problem)| problem == new), "{found:?}");
}
