use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::workbook::{CellAt, Given, Workbook};
use crate::error::Error;

const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><workbookPr/><sheets><sheet name="Users" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const WORKBOOK_RELS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;
const RELS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;

fn packed(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook of one sheet with these rows, and further parts.
fn book(rows: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let sheet = format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">{rows}</worksheet>"
    );
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("_rels/.rels", RELS.as_bytes()),
        ("xl/_rels/workbook.xml.rels", WORKBOOK_RELS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ];
    if !more.iter().any(|(name, _)| *name == "xl/workbook.xml") {
        parts.push(("xl/workbook.xml", WORKBOOK.as_bytes()));
    }
    parts.extend_from_slice(more);
    packed(&parts)
}

fn cells(file: &[u8]) -> Result<Vec<(u32, u32, Given)>, Error> {
    let mut workbook = Workbook::open(file, || Ok(()))?;
    let mut cells = Vec::new();
    for sheet in workbook.sheets() {
        workbook.cells(&sheet, &mut |CellAt { row, column, given }| {
            cells.push((row, column, given));
            Ok(true)
        })?;
    }
    Ok(cells)
}

fn fails(file: &[u8], sqlstate: &str, named: &str) {
    let error = cells(file).unwrap_err();
    assert_eq!(error.sqlstate(), sqlstate, "{error:?}");
    assert!(error.message.contains(named), "{error:?}");
    assert!(error.hint.is_some());
}

#[test]
fn cells_of_all_kinds() {
    let strings = br#"<sst uniqueCount="2"><si><t>shared</t></si><si><r><t xml:space="preserve">rich </t></r><r><t xml:space="preserve">text _x000D_</t></r></si></sst>"#;
    let rows = r#"<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>a&amp;b&#233;</t></is></c></row>
        <row r="3"><c r="A3"><v>1.5</v></c><c r="B3" t="b"><v>1</v></c><c r="C3" t="e"><v>#N/A</v></c><c r="D3"><f>1+1</f><v>2</v></c><c r="E3"><f>1+1</f></c>
        <c r="F3" t="str"><f>A1</f><v>x</v></c><c r="G3"><f>TRUE()</f></c><c r="K3"/><c r="H3" s="7"><v>46000</v></c><c r="I3" t="inlineStr"><is><t></t></is></c></row></sheetData>"#;
    let text = |text: &str| Given::Text(text.into());
    let wanted = vec![
        (0, 0, text("shared")),
        (0, 1, text("rich text \r")),
        (0, 2, text("a&bé")),
        (2, 0, Given::Number(1.5)),
        (2, 1, Given::Bool(true)),
        (2, 2, Given::Error),
        (2, 3, Given::Number(2.0)),
        (2, 4, Given::Formula),
        (2, 5, text("x")),
        (2, 6, Given::Bool(true)),
        (2, 7, Given::Number(46_000.0)),
    ];
    assert_eq!(cells(&book(rows, &[("xl/sharedStrings.xml", strings)])), Ok(wanted));
}

#[test]
fn what_is_no_workbook() {
    fails(b"", "22023", "the workbook is empty");
    fails(b"name;email\n", "22023", "not an xlsx file");
    fails(
        &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1],
        "22023",
        "an xls workbook, or one with a password",
    );
    fails(b"PK", "22023", "not an xlsx file");
    fails(&packed(&[]), "22023", "not an xlsx file");
    fails(&packed(&[("readme.txt", b"hello")]), "22023", "not an xlsx file");
    let ods: &[u8] = b"application/vnd.oasis.opendocument.spreadsheet";
    fails(&packed(&[("mimetype", ods), ("content.xml", b"<x/>")]), "22023", "an OpenDocument file");
    fails(&packed(&[("xl/workbook.bin", b"")]), "22023", "an xlsb workbook");
    fails(&packed(&[("_rels/.rels", b"<<<"), ("xl/workbook.xml", b"\xff\xfe")]), "22023", "not an xlsx file");
    let whole = book("<sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row></sheetData>", &[]);
    assert_eq!(cells(&whole).unwrap().len(), 1);
    // Cut off anywhere, and with any byte another one: an error or cells, and never a panic.
    for cut in 0..whole.len() {
        assert_eq!(cells(&whole[..cut]).unwrap_err().sqlstate(), "22023", "{cut}");
    }
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x55;
        if let Err(error) = cells(&broken) {
            assert!(matches!(error.sqlstate(), "22023" | "54000"), "{at}: {error:?}");
        }
    }
}

#[test]
fn sheets_that_are_none() {
    for rows in [
        "",
        "<sheetData>",
        "<sheetData><row r=\"1\"><c r=\"A1\"><v>1</v>",
        "<sheetData><row r=\"1\"><c r=\"1A\"><v>1</v></c></row></sheetData>",
        "<sheetData><row r=\"1\"><c r=\"A0\"><v>1</v></c></row></sheetData>",
        "<sheetData><row r=\"1\"><c r=\"A99999999999\"><v>1</v></c></row></sheetData>",
        "<sheetData><row r=\"1\"><c r=\"ZZZZZZZZZ1\"><v>1</v></c></row></sheetData>",
        "<sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>99</v></c></row></sheetData>",
        "<sheetData><row r=\"1\"><c r=\"A1\" t=\"odd\"><v>9</v></c></row></sheetData>",
        "<sheetData><row r=\"1\"><c r=\"A1\"><odd/></c></row></sheetData>",
        "<sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>&undeclared;</t></is></c></row></sheetData>",
    ] {
        fails(&book(rows, &[]), "22023", "not an xlsx file");
    }
}

/// Nothing is as large as it says it is, and what really is has limits.
#[test]
fn sizes_are_measured_and_not_believed() {
    // The last cell of a worksheet alone.
    let far = "<dimension ref=\"A1:XFD1048576\"/><sheetData><row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row></sheetData>";
    assert_eq!(cells(&book(far, &[])), Ok(vec![(1_048_575, 16_383, Given::Number(1.0))]));
    // A kilobyte that is a gigabyte.
    let bomb = packed(&[("xl/worksheets/sheet1.xml", &vec![b' '; 65 << 20])]);
    assert!(bomb.len() < 100_000);
    fails(&bomb, "54000", "more than 64 MiB of XML");
    // The same in parts.
    let part = vec![b' '; 9 << 20];
    let names: Vec<String> = (0..8).map(|index| format!("xl/worksheets/sheet{index}.xml")).collect();
    let parts: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), part.as_slice())).collect();
    fails(&packed(&parts), "54000", "more than 64 MiB of XML");
    // A sheet that is never read may be large.
    let rows = "<sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row></sheetData>";
    let media = vec![b'<'; 65 << 20];
    assert_eq!(
        cells(&book(rows, &[("xl/media/image1.png", &media), ("xl/styles.xml", &media)])).unwrap().len(),
        1
    );
    let many: Vec<String> = (0..1_001).map(|index| format!("a{index}.txt")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    fails(&packed(&many), "54000", "more than 1000 parts");
    fails(&vec![b'P'; (64 << 20) + 1], "54000", "more than 64 MiB");
}

/// The library would make room for that many strings, and the server would end.
#[test]
fn a_count_of_strings_is_not_believed() {
    let rows = "<sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row></sheetData>";
    for count in ["99999999999", "18446744073709551615", "+0099999999999", "99999999999999999999999"] {
        for attribute in [format!("uniqueCount=\"{count}\""), format!("a=\">\" uniqueCount = '{count}'")] {
            let strings = format!("<!-- <si> --><sst {attribute}><si><t>x</t></si></sst>");
            fails(&book(rows, &[("xl/sharedStrings.xml", strings.as_bytes())]), "22023", "not an xlsx file");
        }
    }
    for attribute in [
        "",
        "uniqueCount=\"1\"",
        "uniqueCount=\"\"",
        "uniqueCount=\"x\"",
        "uniqueCount",
        "count=\"99999999999\"",
    ] {
        let strings = format!("<sst {attribute}><si><t>uniqueCount is 99999999999</t></si></sst>");
        let read = cells(&book(rows, &[("xl/sharedStrings.xml", strings.as_bytes())]));
        if attribute != "uniqueCount" {
            assert_eq!(
                read,
                Ok(vec![(0, 0, Given::Text("uniqueCount is 99999999999".into()))]),
                "{attribute}"
            );
        }
    }
}

/// One long text that all cells share is no more than so much text.
#[test]
fn a_shared_text_counts_each_time() {
    let strings = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(1 << 16));
    let cell = "<c t=\"s\"><v>0</v></c>";
    let rows = |count: usize| format!("<sheetData><row r=\"1\">{}</row></sheetData>", cell.repeat(count));
    let mut read = 0;
    let mut workbook =
        Workbook::open(&book(&rows(5_000), &[("xl/sharedStrings.xml", strings.as_bytes())]), || Ok(()))
            .unwrap();
    let outcome = workbook.cells("Users", &mut |_| {
        read += 1;
        Ok(true)
    });
    assert_eq!((outcome.unwrap_err().sqlstate(), read), ("54000", 4_096));
}

#[test]
fn a_cell_is_no_longer_than_excel_takes() {
    let rows = |text: &str| {
        format!("<sheetData><row r=\"1\"><c t=\"inlineStr\"><is><t>{text}</t></is></c></row></sheetData>")
    };
    assert_eq!(cells(&book(&rows(&"😀".repeat(32_767)), &[])).unwrap().len(), 1);
    fails(&book(&rows(&"x".repeat(4 * 32_767 + 1)), &[]), "54000", "a cell of more than 32767 characters");
}

#[test]
fn days_since_1904() {
    let rows = "<sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row></sheetData>";
    let older = WORKBOOK.replace("<workbookPr/>", "<workbookPr date1904=\"1\"/>");
    let workbook = Workbook::open(&book(rows, &[("xl/workbook.xml", older.as_bytes())]), || Ok(())).unwrap();
    assert_eq!(workbook.serial(0.0), 1462.0);
    assert_eq!(Workbook::open(&book(rows, &[]), || Ok(())).unwrap().serial(3.0), 3.0);
}

#[test]
fn a_cancel_request_is_heard() {
    let cancelled = || Err(Error::new(crate::error::Kind::QueryCanceled, "cancelled"));
    let rows = format!("<sheetData><row r=\"1\">{}</row></sheetData>", "<c><v>1</v></c>".repeat(5_000));
    let file = book(&rows, &[]);
    assert_eq!(Workbook::open(&file, cancelled).map(drop).unwrap_err().sqlstate(), "57014");
    thread_local!(static ASKED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
    let later = || {
        ASKED.set(ASKED.get() + 1);
        // Once for each part.
        if ASKED.get() > 4 {
            Err(Error::new(crate::error::Kind::QueryCanceled, "cancelled"))
        } else {
            Ok(())
        }
    };
    let mut workbook = Workbook::open(&file, later).unwrap();
    let mut read = 0;
    let outcome = workbook.cells("Users", &mut |_| {
        read += 1;
        Ok(true)
    });
    assert_eq!(outcome.unwrap_err().sqlstate(), "57014");
    assert!(read < 5_000, "{read}");
}
