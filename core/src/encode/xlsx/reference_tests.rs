use super::*;
use crate::encode::fixture;
use crate::encode::{encoder, Cell, Column, Format, Info, Kind, Options, Setup};
use calamine::{Data, Reader};
use std::io::Cursor;

fn reference(title: &str, columns: &[(usize, bool)]) -> Reference {
    Reference {
        title: title.into(),
        label: "Name".into(),
        values: vec!["Europe".into(), "It's & <new>".into()],
        columns: columns
            .iter()
            .map(|(column, several)| Choosing { column: *column, several: *several })
            .collect(),
    }
}

#[test]
fn every_sheet_has_a_name_of_its_own() {
    let of = |data: &[&str], titles: &[&str]| {
        names(data, &titles.iter().map(|title| reference(title, &[])).collect::<Vec<_>>())
    };
    assert_eq!(of(&["Users"], &["Groups", "Teams"]), ["Groups", "Teams"]);
    assert_eq!(of(&["Users"], &["users", "USERS"]), ["List of users", "List of USERS (2)"]);
    // The number of data sheets is not known when the names are given.
    assert_eq!(of(&["Users"], &["Users (12)", "Users (x)"]), ["List of Users (12)", "Users (x)"]);
    assert_eq!(of(&["Users", "Groups"], &["Groups"]), ["List of Groups"]);
    assert_eq!(of(&["Users"], &["Export info", "a/b"]), ["Export info data", "a_b"]);
    let long = "A title that is longer than any sheet's name may be";
    let names = of(&[long], &[long, long, &format!("{long}!")]);
    assert_eq!(names.len(), 3);
    for (index, name) in names.iter().enumerate() {
        assert!(name.encode_utf16().count() <= 31, "{name}");
        assert!(!names[..index].contains(name) && *name != sheet::name(long, 1), "{names:?}");
        assert!(Worksheet::new().set_name(name).is_ok());
    }
    // As a data sheet's name is cut to make room for its number.
    assert_eq!(of(&[long], &["A title that is longer than (2)"]), ["List of A title that is longer"]);
}

fn workbook(columns: &[Column], references: Vec<Reference>, rows: usize, options: &Options) -> Vec<u8> {
    let setup = Setup { references, ..fixture::setup() };
    let mut encoder = encoder(Format::Xlsx, options, columns, setup).unwrap();
    let mut out = Vec::new();
    encoder.begin(&mut out).unwrap();
    for _ in 0..rows {
        encoder.row(&vec![Cell::text("Europe"); columns.len()], &mut out).unwrap();
    }
    encoder.finish(&Info::default(), &mut out).unwrap();
    out
}

#[test]
fn sheets_and_choices_of_a_workbook() {
    let column = |name: &str| fixture::column(name, name, Kind::Text);
    let columns = [column("id"), column("group"), column("groups")];
    for (compact, info_sheet) in [(false, true), (true, false)] {
        let mut options = Options::default();
        options.xlsx.compact = compact;
        options.xlsx.info_sheet = info_sheet;
        let mut empty = reference("Nothing yet", &[(0, false)]);
        empty.values.clear();
        let references = vec![reference("Groups' list", &[(1, false), (2, true)]), empty];
        let bytes = workbook(&columns, references.clone(), 3, &options);
        assert_eq!(bytes, workbook(&columns, references, 3, &options));
        let mut book = calamine::Xlsx::new(Cursor::new(bytes.clone())).unwrap();
        let mut sheets = vec!["Users", "Groups' list", "Nothing yet"];
        if info_sheet {
            sheets.push("Export info");
        }
        assert_eq!(book.sheet_names(), sheets);
        let rows = |range: calamine::Range<Data>| -> Vec<String> {
            range.rows().map(|row| row[0].to_string()).collect()
        };
        assert_eq!(rows(book.worksheet_range("Groups' list").unwrap()), ["Name", "Europe", "It's & <new>"]);
        assert_eq!(rows(book.worksheet_range("Nothing yet").unwrap()), ["Name"]);
        assert_eq!(book.worksheet_range("Users").unwrap().height(), 4);

        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut xml = String::new();
        std::io::Read::read_to_string(&mut archive.by_name("xl/worksheets/sheet1.xml").unwrap(), &mut xml)
            .unwrap();
        let (_, choices) = xml.split_once("<dataValidations count=\"2\">").unwrap();
        assert_eq!(choices.matches("<formula1>'Groups'' list'!$A$2:$A$3</formula1>").count(), 2, "{choices}");
        assert!(
            choices.contains("sqref=\"B2:B1048576\"") && choices.contains("sqref=\"C2:C1048576\""),
            "{choices}"
        );
        // Cells of texts: no table of strings that our own decoder would have to know.
        assert!(archive.by_name("xl/sharedStrings.xml").is_err());
    }
}

#[test]
fn messages_are_as_long_as_excel_takes_them() {
    for name in ["x", "Ein ziemlich langer Titel", "123456789012345678901234567890😀"] {
        for several in [false, true] {
            assert!(validation(&reference(name, &[]), name, &Choosing { column: 0, several }).is_ok());
        }
    }
    assert_eq!(cut("ab😀c", 3), "ab");
    assert_eq!(cut("ab😀c", 4), "ab😀");
}
