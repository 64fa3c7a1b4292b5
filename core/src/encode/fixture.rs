//! For tests: a small table that holds every kind of value, and the comparison with golden files.
//!
//! Golden files are in `tests/golden`. `UPDATE_GOLDEN=1 cargo test` writes them anew; look at the difference
//! before committing it.

use std::path::{Path, PathBuf};

use super::{encoder, Cell, Column, Encoder, Format, Info, Kind, Options, Properties, Setup, Tally};
use crate::error::Result;

pub fn column(name: &str, label: &str, kind: Kind) -> Column {
    Column {
        name: name.into(),
        label: label.into(),
        kind,
        identifier: false,
        free_text: true,
        json_path: None,
    }
}

pub fn setup() -> Setup {
    Setup { title: "Users".into(), time_zone: "Europe/Paris".into(), ..Setup::default() }
}

/// 2026-01-15 10:00 UTC.
pub const MOMENT: i64 = 821_786_400_000_000;
const HOUR: i64 = 3_600_000_000;

pub fn columns() -> Vec<Column> {
    let mut columns = vec![
        column("user_id", "User ID", Kind::Int),
        column("email", "Email address", Kind::Text),
        column("phone", "Phone", Kind::Text),
        column("active", "Active", Kind::Bool),
        column("logins", "Logins", Kind::Int),
        column("score", "Score", Kind::Float),
        column("balance", "Balance", Kind::Numeric),
        column("born", "Born", Kind::Date),
        column("last_login", "Last login", Kind::Instant),
        column("reminder", "Reminder", Kind::Timestamp),
        column("attributes", "Attributes", Kind::Json),
        column("locations", "Locations", Kind::List),
    ];
    columns[0].identifier = true;
    columns[2].identifier = true;
    columns[1].json_path = Some("user.identifiers.email_address".into());
    columns[2].json_path = Some("user.attributes.phone".into());
    columns[11].json_path = Some("user.locations".into());
    columns
}

/// Runs `use_row` with each row of the table.
pub fn each_row(mut use_row: impl FnMut(&[Cell<'_>])) {
    let places = [Cell::text("France"), Cell::text("Spain")];
    use_row(&[
        Cell::Int(7_301),
        Cell::text("ada@example.com"),
        Cell::text("+33 1 23 45 67 89"),
        Cell::Bool(true),
        Cell::Int(42),
        Cell::Float(0.1),
        Cell::Numeric("1250.50"),
        Cell::Date(-7_305),
        Cell::Instant { utc: MOMENT, local: MOMENT + HOUR },
        Cell::Timestamp(MOMENT + 120_000),
        Cell::Json("{\"department\": \"R&D\", \"level\": 3}"),
        Cell::List(&places),
    ]);
    let odd = [Cell::Null, Cell::List(&[Cell::text("a,b"), Cell::Int(1)])];
    use_row(&[
        Cell::Int(i64::MAX),
        Cell::text("=HYPERLINK(\"x\")\r\n\u{1}_x0041_ 😀"),
        Cell::text("0033123"),
        Cell::Bool(false),
        Cell::Int(-1_234_567_890_123_456),
        Cell::Float(f64::NAN),
        Cell::Numeric("123456789012345678.90"),
        Cell::Date(-746_117),
        Cell::Instant { utc: i64::MAX, local: i64::MAX },
        Cell::Timestamp(i64::MIN),
        Cell::Json("[\n  1.10,\n  \"a b\\\" \"\n]"),
        Cell::List(&odd),
    ]);
    use_row(&[
        Cell::Int(0),
        Cell::text(""),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Float(f64::NEG_INFINITY),
        Cell::Numeric("NaN"),
        Cell::Date(i32::MAX),
        Cell::Null,
        Cell::Null,
        Cell::Json("null"),
        Cell::List(&[]),
    ]);
    use_row(&[Cell::Null; 12]);
}

pub fn info() -> Info {
    let entry = |name: &str, value: &str| (name.to_string(), value.to_string().into());
    Info {
        properties: Properties { title: "Users".into(), subject: "6f1c0d1e".into(), created: MOMENT },
        entries: vec![entry("Job", "6f1c0d1e"), entry("Dataset", "users"), entry("Rows", "4")],
    }
}

/// The whole file that an encoder makes of the table.
pub fn encoded(format: Format, options: &Options) -> Result<(Vec<u8>, Tally)> {
    let mut encoder = encoder(format, options, &columns(), setup())?;
    let mut out = Vec::new();
    encoder.begin(&mut out)?;
    let mut result = Ok(());
    each_row(|cells| result = result.clone().and_then(|()| encoder.row(cells, &mut out)));
    result?;
    let tally = encoder.finish(&info(), &mut out)?;
    Ok((out, tally))
}

/// All bytes of an encoder for some rows.
pub fn rows(mut encoder: Box<dyn Encoder>, rows: &[&[Cell<'_>]]) -> (Vec<u8>, Tally) {
    let mut out = Vec::new();
    encoder.begin(&mut out).unwrap();
    for row in rows {
        encoder.row(row, &mut out).unwrap();
    }
    let tally = encoder.finish(&info(), &mut out).unwrap();
    (out, tally)
}

/// Compares with the file of that name in `tests/golden`.
pub fn golden(name: &str, bytes: &[u8]) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    let wanted = std::fs::read(&path).unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(bytes), String::from_utf8_lossy(&wanted), "{name}");
    assert!(bytes == wanted.as_slice(), "{name}");
}
