//! "Administrators Export": accounts of administrators as an Excel workbook. What is proven elsewhere is named in the README's
//! table.

use support::demo;

use std::io::{Cursor, Read};

use calamine::Data;
use postgres::Client;
use support::asking::{column, completed, exported, refused, text, Workbook};

/// In the document's order and words.
const COLUMNS: [&str; 10] = [
    "Name",
    "Administrator email address",
    "Phone",
    "Profile",
    "Main group",
    "Secondary groups",
    "Teams",
    "Creation date",
    "Last update",
    "Status",
];

/// The rows of the sheet, header first.
fn administrators(client: &mut Client, more: &str) -> Vec<Vec<Data>> {
    Workbook::open(exported(client, &format!("'administrators', 'xlsx'{more}"))).rows("Administrators")
}

fn strings(row: &[Data]) -> Vec<String> {
    row.iter().map(ToString::to_string).collect()
}

#[test]
fn the_columns_of_administrators_in_order() {
    let mut client = demo::acme();
    let rows = administrators(&mut client, "");
    assert_eq!(strings(&rows[0]), COLUMNS);
    let john = rows.iter().find(|row| row[1] == Data::String("john.smith@acme.example".into())).unwrap();
    let wanted = [
        "John Smith",
        "john.smith@acme.example",
        "+33 6 12 34 56 78",
        "Super Administrator",
        "Europe",
        "France, Spain",
        "EMEA, Support",
    ];
    assert_eq!(strings(&john[..7]), wanted);
    for (place, day) in [(7, "2025-10-24"), (8, "2026-05-22")] {
        let Data::DateTime(moment) = &john[place] else { panic!("no date: {:?}", john[place]) };
        let serial = text(&mut client, &format!("SELECT (date '{day}' - date '1899-12-30')::text")).unwrap();
        assert_eq!(moment.as_f64(), serial.parse::<f64>().unwrap(), "a day without a time");
    }
    assert_eq!(john[9], Data::String("Enabled".into()));
    // As texts of the document.
    let arguments = "'administrators', 'csv', filter => '{\"email\": \"john.smith@acme.example\"}'";
    let (header, rows) = demo::csv(&exported(&mut client, arguments));
    assert_eq!(header, COLUMNS);
    let said = |label: &str| rows[0][label].as_str();
    assert_eq!((said("Creation date"), said("Last update")), ("2025-10-24", "2026-05-22"));
}

#[test]
fn all_eligible_attributes() {
    let mut client = demo::acme();
    let known = "SELECT field FROM acct_export_fields WHERE dataset = 'administrators' AND barred IS NULL ORDER BY position";
    let known = column(&mut client, known);
    let rows = administrators(&mut client, &format!(", fields => '{{{}}}'", known.join(",")));
    assert_eq!(rows[0][..10], administrators(&mut client, "")[0][..]);
    assert_eq!(rows[0].len(), known.len());
}

#[test]
fn disabled_ones_on_request() {
    let mut client = demo::acme();
    let count = |client: &mut Client, condition: &str| {
        let sql = format!("SELECT count(*)::text FROM acct_demo.administrators{condition}");
        text(client, &sql).unwrap().parse::<usize>().unwrap()
    };
    let statuses = |rows: Vec<Vec<Data>>| {
        let mut statuses: Vec<String> = rows[1..].iter().map(|row| row[9].to_string()).collect();
        let all = statuses.len();
        statuses.sort();
        statuses.dedup();
        (all, statuses.join(" "))
    };
    let enabled = count(&mut client, " WHERE enabled");
    let both = count(&mut client, "");
    assert!(enabled < both);
    for (arguments, wanted) in [
        ("", (enabled, "Enabled")),
        (", include_disabled => false", (enabled, "Enabled")),
        (", include_disabled => true", (both, "Disabled Enabled")),
    ] {
        let found = statuses(administrators(&mut client, arguments));
        assert_eq!((found.0, found.1.as_str()), wanted, "{arguments}");
    }
}

#[test]
fn who_may_not_view_administrators_exports_none() {
    let mut superuser = demo::superuser();
    superuser
        .batch_execute(
            "CREATE ROLE users_only IN ROLE acct_demo_reader, data_protection, identities_management;
             CREATE ROLE viewer IN ROLE acct_demo_reader, view_administrators",
        )
        .unwrap();
    let sql = "SELECT acct_export_start('administrators')::text";
    let error = refused(&mut demo::session("users_only"), sql, "42501", "administrators", "");
    assert!(format!("{error:?}").contains("view_administrators"), "{error:?}");
    completed(&mut demo::session("viewer"), "'administrators'");
}

/// The names of Profile, Main group, Secondary groups and Teams exist in the tenant.
#[test]
fn references_name_what_the_tenant_has() {
    let mut client = demo::acme();
    let rows = administrators(&mut client, ", include_disabled => true");
    let names = |client: &mut Client, sql: &str| column(client, &format!("SELECT name FROM acct_demo.{sql}"));
    let groups = names(&mut client, "groups WHERE kind = 'administrator'");
    for (label, known) in [
        ("Profile", names(&mut client, "profiles WHERE kind = 'administrator'")),
        ("Main group", groups.clone()),
        ("Secondary groups", groups),
        ("Teams", names(&mut client, "teams")),
    ] {
        let place = COLUMNS.iter().position(|column| *column == label).unwrap();
        let mut found = 0;
        for cell in rows[1..].iter().map(|row| row[place].to_string()).filter(|cell| !cell.is_empty()) {
            // A list is its names in their order, joined; a name that holds the separator is quoted.
            let mut rest = cell.as_str();
            while !rest.is_empty() {
                let after = known.iter().find_map(|name| {
                    let quoted = label != "Profile" && label != "Main group" && name.contains(',');
                    let name = if quoted { format!("\"{name}\"") } else { name.clone() };
                    let more = rest.strip_prefix(name.as_str())?;
                    (more.is_empty() || more.starts_with(", ")).then_some(more)
                });
                let after = after.unwrap_or_else(|| panic!("{label}: {cell} names what the tenant has not"));
                rest = after.trim_start_matches(", ");
                found += 1;
            }
        }
        assert!(found > 100, "{label}: {found}");
    }
}

/// The demo's secrets all hold one word.
#[test]
fn no_credential_is_in_the_workbook() {
    let mut client = demo::acme();
    let secrets = "SELECT bool_and(password_hash LIKE '%demo-secret%' AND totp_secret LIKE '%demo-secret%')::text FROM acct_demo.administrators";
    assert_eq!(text(&mut demo::superuser(), secrets).as_deref(), Some("true"));
    let fields =
        "fields => '{name,email,phone,profile,main_group,secondary_groups,teams,administrator_id,tenant_id}'";
    let bytes =
        exported(&mut client, &format!("'administrators', 'xlsx', {fields}, include_disabled => true"));
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut all = Vec::new();
    for index in 0..archive.len() {
        archive.by_index(index).unwrap().read_to_end(&mut all).unwrap();
    }
    let all = String::from_utf8(all).unwrap();
    assert!(all.contains("john.smith@acme.example") && !all.contains("demo-secret"));
}

/// Sheets of what there is to choose from, and the choices in the columns.
#[test]
fn the_workbook_lists_what_the_tenant_has() {
    let mut client = demo::acme();
    let bytes = exported(&mut client, "'administrators', 'xlsx'");
    let mut book = Workbook::open(bytes.clone());
    let lists = ["Administrator Profiles", "Administrator Groups", "Teams"];
    assert_eq!(book.sheets(), [&["Administrators"], &lists[..], &["Export info"]].concat());
    for (sheet, source) in lists.iter().zip([
        "profiles WHERE kind = 'administrator'",
        "groups WHERE kind = 'administrator'",
        "teams",
    ]) {
        let rows = book.rows(sheet);
        let mut listed: Vec<String> = rows[1..].iter().map(|row| row[0].to_string()).collect();
        let mut wanted = column(&mut client, &format!("SELECT DISTINCT name FROM acct_demo.{source}"));
        wanted.sort();
        listed.sort();
        assert_eq!((rows[0][0].to_string(), listed), ("Name".to_owned(), wanted), "{sheet}");
    }
    let mut xml = String::new();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    archive.by_name("xl/worksheets/sheet1.xml").unwrap().read_to_string(&mut xml).unwrap();
    // Profile, Main group, Secondary groups and Teams: columns D to G.
    for letter in ['D', 'E', 'F', 'G'] {
        assert!(xml.contains(&format!("sqref=\"{letter}2:{letter}1048576\"")), "{letter}");
    }
    assert_eq!(xml.matches("<dataValidation type=\"list\"").count(), 4);
}

/// An export is imported again as it is; what somebody else's tenant has is found out.
#[test]
fn an_edited_workbook_is_checked() {
    let mut client = demo::acme();
    let bytes = exported(&mut client, "'administrators', 'xlsx', include_disabled => true");
    let sql = "SELECT column_name || ': ' || problem FROM acct_export_check_import('administrators', $1)";
    let check = |client: &mut Client, bytes: &Vec<u8>| -> Vec<String> {
        client.query(sql, &[bytes]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(check(&mut client, &bytes), Vec::<String>::new());
    // John Smith's secondary groups stand in his row once.
    let mut edited = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    for index in 0..archive.len() {
        let (mut part, mut entry) = (Vec::new(), archive.by_index(index).unwrap());
        entry.read_to_end(&mut part).unwrap();
        let name = entry.name().unwrap().into_owned();
        if name == "xl/worksheets/sheet1.xml" {
            let xml = String::from_utf8(part).unwrap();
            let at = xml.find("john.smith@acme.example").unwrap();
            let (before, row) = xml.split_at(at);
            part = format!("{before}{}", row.replacen("France, Spain", "France, Atlantis", 1)).into_bytes();
        }
        edited.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut edited, &part).unwrap();
    }
    let edited = edited.finish().unwrap().into_inner();
    let problems = check(&mut client, &edited);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.starts_with("Secondary groups: ")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("Atlantis")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("differs from the database")), "{problems:?}");
}
