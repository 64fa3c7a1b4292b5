//! Workbooks: every value as a cell of its kind, nothing that Excel would change or run; opened by calamine and by
//! LibreOffice.

use support::common;

use std::process::Command;

use calamine::{Data, DataType};
use support::asking::{exported, Workbook};
use support::common::done;
use support::kinds::{Kinds, TEXTS};

const NUMBERS: [&str; 7] = ["small", "whole", "big", "exact", "amount", "ratio", "single"];

/// Digits from the first that counts to the last that counts: Excel keeps 15.
fn digits(number: &str) -> usize {
    let (whole, fraction) =
        number.trim_start_matches('-').split_once('.').unwrap_or((number.trim_start_matches('-'), ""));
    format!("{whole}{}", fraction.trim_end_matches('0')).trim_start_matches('0').len()
}

fn fields() -> String {
    let names: Vec<&str> = TEXTS.iter().map(|(field, _)| *field).collect();
    format!("'{{{}}}'", names.join(","))
}

/// The requester's local time, in whole seconds, as Excel counts it: days since 1899-12-30. None: no such day.
fn serials(kinds: &Kinds, sql: &str) -> Vec<Option<f64>> {
    let sql = format!(
        "SELECT CASE WHEN isfinite(v) AND v >= '1900-03-01' THEN (extract(epoch FROM v - timestamp '1899-12-30') / 86400)::float8 END
         FROM (SELECT id, date_trunc('second', ({sql})::timestamp) AS v FROM kinds) AS k ORDER BY id"
    );
    kinds.superuser().query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn every_value_is_a_cell_of_its_kind() {
    let kinds = Kinds::create();
    let mut book =
        Workbook::open(exported(&mut kinds.requester(), &format!("'kinds', 'xlsx', fields => {}", fields())));
    assert_eq!(book.sheets(), ["Many kinds_ a_b", "Export info"]);
    assert_eq!(book.formulas("Many kinds_ a_b"), Vec::<String>::new());
    let wanted = kinds.texts();
    for (index, (field, _)) in TEXTS.iter().enumerate() {
        let label = if *field == "note" { "Free \"text\", of any kind" } else { field };
        let cells = book.column(label);
        assert_eq!(cells.len(), wanted.len(), "{field}");
        for (cell, wanted) in cells.iter().zip(wanted.iter().map(|row| &row[index])) {
            let Some(wanted) = wanted.as_deref().filter(|text| !text.is_empty()) else {
                assert_eq!(*cell, Data::Empty, "{field}");
                continue;
            };
            match *field {
                "flag" => assert_eq!(*cell, Data::Bool(wanted == "true")),
                // Checked as serial days below.
                "day" | "moment" | "instant" => {}
                _ if NUMBERS.contains(field)
                    && wanted.parse::<f64>().is_ok_and(f64::is_finite)
                    && digits(wanted) <= 15 =>
                {
                    assert_eq!(
                        cell.get_float(),
                        wanted.parse().ok(),
                        "{field}: {cell:?}, not the number {wanted}"
                    );
                }
                _ => assert_eq!(*cell, Data::String(wanted.to_owned()), "{field}"),
            }
        }
    }
}

#[test]
fn dates_and_times_are_real_ones_on_the_requesters_clock() {
    let kinds = Kinds::create();
    let mut book =
        Workbook::open(exported(&mut kinds.requester(), "'kinds', 'xlsx', fields => '{day,moment,instant}'"));
    for (field, sql) in
        [("day", "day"), ("moment", "moment"), ("instant", "instant AT TIME ZONE 'Europe/Paris'")]
    {
        let cells = book.column(field);
        let wanted = serials(&kinds, sql);
        assert_eq!(cells.len(), wanted.len());
        for (row, (cell, wanted)) in cells.iter().zip(wanted).enumerate() {
            match (cell, wanted) {
                (Data::DateTime(moment), Some(wanted)) => {
                    let difference = (moment.as_f64() - wanted).abs();
                    assert!(
                        difference < 1e-8,
                        "{field} of row {}: {} and not {wanted}",
                        row + 1,
                        moment.as_f64()
                    );
                }
                // A date that Excel does not have is text.
                (Data::Empty, None) => assert_eq!(row, 1),
                (Data::String(text), None) => {
                    assert!(text.ends_with("infinity") || text == "-0043-03-15", "{field}: {text}");
                }
                other => panic!("{field} of row {}: {other:?}", row + 1),
            }
        }
    }
}

/// Digits that are no quantity stay what they were, whatever their type.
#[test]
fn identifiers_and_phone_numbers_are_text() {
    let db = common::shared().create_database_with_extension("identifiers");
    let mut client = common::shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE t (id bigint PRIMARY KEY, customer_id int, phone bigint, home_phone text, zip text, amount int);
             INSERT INTO t VALUES (9007199254740993, 42, 4917012345678, '+49 170', '01067', 7);
             SELECT acct_export_register('t', 't', 'id')",
        )
        .unwrap();
    let mut book = Workbook::open(exported(&mut client, "'t', 'xlsx'"));
    let text = |text: &str| Data::String(text.to_owned());
    let wanted = [
        text("9007199254740993"),
        text("42"),
        text("4917012345678"),
        text("+49 170"),
        text("01067"),
        Data::Float(7.0),
    ];
    assert_eq!(book.rows("T")[1], wanted);
}

/// Characters that XML forbids and texts that are too long: replaced, cut, counted.
#[test]
fn what_a_cell_cannot_hold_is_counted() {
    let db = common::shared().create_database_with_extension("cells");
    let mut client = common::shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE t (k text PRIMARY KEY, v text);
             INSERT INTO t VALUES ('a', E'bell \\x07 and \\x1b'), ('b', repeat('x', 40000)), ('c', repeat('😀', 20000)), ('d', 'fine');
             SELECT acct_export_register('t', 't', 'k')",
        )
        .unwrap();
    let mut book = Workbook::open(exported(&mut client, "'t', 'xlsx'"));
    let values = book.column("v");
    assert_eq!(values[0], Data::String("bell \u{fffd} and \u{fffd}".to_owned()));
    for (place, letter) in [(1, 'x'), (2, '😀')] {
        let text = values[place].get_string().unwrap();
        let kept = text.strip_suffix('…').unwrap();
        assert!(
            kept.chars().all(|c| c == letter) && (32_700..=32_767).contains(&text.encode_utf16().count())
        );
    }
    assert_eq!(values[3], Data::String("fine".to_owned()));
    let info = book.rows("Export info");
    let count =
        |name: &str| info.iter().find(|row| row[0] == Data::String(name.to_owned())).unwrap()[1].clone();
    assert_eq!(
        (count("Truncated cells"), count("Replaced characters")),
        (Data::Float(2.0), Data::Float(2.0))
    );
}

#[test]
fn libreoffice_opens_it() {
    opened_by_libreoffice("{}");
}

#[test]
fn libreoffice_opens_it_without_references() {
    opened_by_libreoffice("{\"compact\": true}");
}

#[track_caller]
fn opened_by_libreoffice(options: &str) {
    let kinds = Kinds::create();
    let names = ["id", "code", "plz", "uid", "mood", "flag", "amount", "day", "tags"];
    let arguments = format!("'kinds', 'xlsx', fields => '{{{}}}', options => '{options}'", names.join(","));
    let bytes = exported(&mut kinds.requester(), &arguments);
    let place = tempfile::tempdir().unwrap();
    let workbook = place.path().join("workbook.xlsx");
    std::fs::write(&workbook, bytes).unwrap();
    // Comma, quotes, UTF-8, cells as they are shown.
    let filter = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true";
    let output = done(
        Command::new("soffice")
            .arg(format!("-env:UserInstallation=file://{}/profile", place.path().display()))
            .args(["--headless", "--norestore", "--convert-to", filter, "--outdir"])
            .arg(place.path())
            .arg(&workbook),
    );
    let csv = std::fs::read(place.path().join("workbook.csv"))
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), names);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let wanted = kinds.texts();
    assert_eq!(rows.len(), wanted.len());
    for (row, wanted) in rows.iter().zip(&wanted) {
        for (place, name) in names.iter().enumerate() {
            let index = TEXTS.iter().position(|(field, _)| field == name).unwrap();
            let mut wanted = wanted[index].clone().unwrap_or_default();
            if *name == "flag" {
                wanted = wanted.to_uppercase();
            }
            assert_eq!(row[place], wanted, "{name} of row {}", &row[0]);
        }
    }
}
