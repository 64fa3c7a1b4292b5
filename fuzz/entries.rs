//! The entry functions of the fuzz targets. `core/tests/fuzz_smoke.rs` runs the same ones over the seeds, with stable Rust.
//!
//! An entry takes any bytes. It panics where a rule is broken: that, or a crash, is a finding.

use acctexport_core::decode;
use acctexport_core::encode::{self, Info, Properties, Setup};
use acctexport_core::error::Result;
use acctexport_core::filter::{self, scim, Value as Bound};
use acctexport_core::import::compare::Rule;
use acctexport_core::import::csv::{cell, CsvFile};
use acctexport_core::import::rows;
use acctexport_core::import::workbook::{Given, Workbook};
use acctexport_core::model::{Class, Dataset, Field, Format, Options, Policy, Shape, Treatment, Type};
use acctexport_core::redact::scrub::{Care, Scrubber};
use acctexport_core::secret::Names;
use acctexport_core::value::{Cell, Column, Kind};
use std::collections::HashMap;
use std::io::Cursor;

fn field(name: &str, oid: u32, type_name: &str, class: Class) -> Field {
    Field {
        name: name.into(),
        column: name.into(),
        attnum: 1,
        label: name.into(),
        position: 0,
        is_default: true,
        in_group: None,
        on_anonymise: Treatment::Keep,
        mask: Treatment::Keep,
        json_path: None,
        barred: None,
        eligible: true,
        json_text: false,
        named_by: None,
        expansion: None,
        ty: Type::plain(oid, type_name, class),
    }
}

/// Users with a field of the classes that filters treat differently, and one that never leaves.
fn dataset() -> Dataset {
    let mut fields = vec![
        field("id", 20, "bigint", Class::Int),
        field("email", 25, "text", Class::Text),
        field("active", 16, "boolean", Class::Bool),
        field("balance", 1700, "numeric", Class::Numeric),
        field("born", 1082, "date", Class::Date),
        field("created_at", 1184, "timestamp with time zone", Class::Instant),
        field("attributes", 3802, "jsonb", Class::Jsonb),
        field("pin", 25, "text", Class::Text),
    ];
    if let Some(pin) = fields.last_mut() {
        pin.barred = Some("it holds a credential".into());
    }
    Dataset {
        name: "users".into(),
        title: "Users".into(),
        source: 16_384,
        key: vec!["id".into()],
        tenant_column: None,
        tenant_setting: None,
        tenant_collation: None,
        created_column: Some("created_at".into()),
        updated_column: None,
        status_column: None,
        disabled_values: Vec::new(),
        required_roles: Vec::new(),
        authorize: None,
        companions: Vec::new(),
        matches: Default::default(),
        policy: Policy::default(),
        fields,
    }
}

fn is_secret(key: &str) -> bool {
    matches!(key, "password" | "token")
}

/// A filter document to SQL: no value is part of it, and no column that never leaves.
pub fn filter_document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(document) = filter::read("the filter", text) else { return };
    check(&document);
}

/// A SCIM filter to a document, and that to SQL.
pub fn scim_filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(document) = scim::document(text) {
        check(&document);
    }
}

fn check(document: &serde_json::Value) {
    let Ok(clause) = filter::compile(document, &dataset(), 1, &is_secret, "shown") else { return };
    assert!(!clause.sql.contains("\"pin\""), "a field that never leaves is in the clause");
    assert!(!clause.columns.iter().any(|column| column == "pin"));
    for (index, param) in clause.params.iter().enumerate() {
        assert!(clause.sql.contains(&format!("${}", index + 1)), "a parameter without its place");
        // Longer texts than any of the SQL's own words.
        if let Bound::One(text) = &param.value {
            assert!(text.len() < 40 || !clause.sql.contains(text.as_str()), "a value is part of the SQL");
        }
    }
}

/// A JSON document or a text without its secrets: valid JSON stays valid, and a second search finds no key any more.
pub fn json_scanner(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut scrubber = Scrubber::new(Names::standard());
    let _ = scrubber.text(text, Care::default());
    let mut careful = Care::default();
    (careful.fragments, careful.personal) = (true, true);
    let _ = scrubber.text(text, careful);
    if serde_json::from_str::<serde_json::Value>(text).is_err() {
        return;
    }
    scrubber.take_removed();
    if let Ok(Some(clean)) = scrubber.json(text, Care::default()) {
        assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "no JSON any more");
        assert!(scrubber.take_removed().any(), "a change that was not counted");
    }
}

/// A workbook of anybody, read as an import and as one of our own files.
pub fn workbook(data: &[u8]) {
    if let Ok(mut workbook) = Workbook::open(data, || Ok(())) {
        for sheet in workbook.sheets() {
            let _ = rows::header(&mut workbook, &sheet);
            let _ = workbook.cells(&sheet, &mut |_| Ok(true));
        }
    }
    let shape = Shape::new(&columns(), vec![0], 1);
    if let Ok(mut rows) = decode::rows(Format::Xlsx, &Options::default(), &shape, Cursor::new(data.to_vec()))
    {
        let mut row = decode::Row::new();
        while let Ok(true) = rows.next(&mut row) {}
    }
}

/// A CSV file of anybody, read as an import: an error or rows, whatever the bytes, and each value one of its kind or a problem.
pub fn csv_file(data: &[u8]) {
    let dataset = dataset();
    let Ok(file) = CsvFile::open(data, &dataset.fields, || Ok(())) else { return };
    let width = file.width();
    let places: HashMap<u32, Option<usize>> =
        (0..width).map(|column| (column as u32, Some(column))).collect();
    let kinds = [
        Kind::Int,
        Kind::Text,
        Kind::Bool,
        Kind::Numeric,
        Kind::Date,
        Kind::Instant,
        Kind::Json,
        Kind::List,
        Kind::Float,
        Kind::Timestamp,
    ];
    let kinds: Vec<Kind> = kinds.iter().copied().cycle().take(width).collect();
    let Ok(scan) = file.scan(&places, &kinds) else { return };
    let Ok(mut batches) = file.batches(&places, width) else {
        panic!("a file that was read can be read again")
    };
    let (mut rows, clock) = (0, |utc: i64| utc.saturating_add(3_600_000_000));
    loop {
        let batch =
            batches.read().unwrap_or_else(|error| panic!("a file that was read can be read again: {error}"));
        if batch.is_empty() {
            break;
        }
        rows += batch.len() as u64;
        for row in batch {
            for (place, (cell, kind)) in row.cells.iter().zip(&kinds).enumerate() {
                let Some(Given::Text(text)) = cell else { continue };
                let ty = Type::plain(20, "a type", Class::Other);
                let rule = Rule {
                    kind: *kind,
                    identifier: false,
                    ty,
                    labels: Vec::new(),
                    separator: ", ".into(),
                    form: Default::default(),
                };
                let _ = cell::given(text, place, &rule, &scan.dialect, &clock);
            }
        }
    }
    assert_eq!(rows, scan.rows, "rows that were counted");
}

fn columns() -> Vec<Column> {
    let kinds = [Kind::Int, Kind::Text, Kind::Float, Kind::Instant, Kind::List, Kind::Json];
    let column = |(place, kind): (usize, Kind)| Column {
        name: format!("c{place}"),
        label: format!("C {place}"),
        kind,
        identifier: place == 0,
        free_text: true,
        json_path: None,
    };
    kinds.into_iter().enumerate().map(column).collect()
}

/// Rows made of the bytes, in every format: the same bytes twice, and text formats give back what went in.
pub fn encoders(data: &[u8]) {
    for format in Format::ALL {
        let first = encoded(format, data);
        assert!(first == encoded(format, data), "{format:?}: not the same bytes");
        let Ok(bytes) = first else { continue };
        let shape = Shape::new(&columns(), vec![0], 1);
        let Ok(mut rows) = decode::rows(format, &Options::default(), &shape, Cursor::new(bytes)) else {
            panic!("{format:?}: our own file cannot be read");
        };
        let (mut row, mut count) = (decode::Row::new(), 0);
        while rows.next(&mut row).unwrap_or_else(|error| panic!("{format:?}: {error}")) {
            count += 1;
        }
        assert_eq!(count, data.chunks(ROW).count(), "{format:?}");
    }
}

/// Bytes that become one row of the encoders.
const ROW: usize = 32;

pub fn encoded(format: Format, data: &[u8]) -> Result<Vec<u8>> {
    let setup = Setup { title: "Users".into(), time_zone: "UTC".into(), ..Setup::default() };
    let mut encoder = encode::encoder(format, &Options::default(), &columns(), setup)?;
    let mut out = Vec::new();
    encoder.begin(&mut out)?;
    for (number, bytes) in data.chunks(ROW).enumerate() {
        let text = String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
        let word = bytes.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        let json = serde_json::Value::from(text.as_str()).to_string();
        // Within the instants of the server, in the middle of them.
        let micros = (word % 100_000_000_000_000_000) as i64;
        let items = [Cell::text(&text), Cell::Null];
        let cells = [
            Cell::Int(number as i64),
            Cell::text(&text),
            Cell::Float(f64::from_bits(word)),
            Cell::Instant { utc: micros, local: micros },
            Cell::List(&items),
            Cell::Json(&json),
        ];
        encoder.row(&cells, &mut out)?;
    }
    let info = Info { properties: Properties::default(), entries: Vec::new() };
    encoder.finish(&info, &mut out)?;
    Ok(out)
}
