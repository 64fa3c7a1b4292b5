//! Values as plain text: what a csv field and a text cell of a worksheet show.
//!
//! Also the formula guard, which knows the texts that a spreadsheet runs when it opens a csv.

use super::{time, Cell};
use crate::error::{Error, Kind, Result};
use crate::room;

/// Appends the plain text of a cell; a NULL is the empty text.
///
/// `separator` stands between the elements of a list. Nested lists are flattened, and a NULL element leaves
/// its place empty (`a, , c`), so that positions stay what they were.
pub fn plain(cell: &Cell<'_>, separator: &str, out: &mut Vec<u8>) -> Result<()> {
    room::more(out, cell.text_bytes())?;
    match *cell {
        Cell::Null => {}
        Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Int(value) => int(value, out)?,
        Cell::Float(value) => float(value, out)?,
        Cell::Numeric(text) | Cell::Text(text) | Cell::Json(text) => out.extend_from_slice(text.as_bytes()),
        Cell::Date(days) => time::date(days, out),
        Cell::Timestamp(micros) => time::timestamp(micros, b'T', out),
        Cell::Instant { utc, .. } => time::instant(utc, out),
        Cell::List(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    room::more(out, separator.len())?;
                    out.extend_from_slice(separator.as_bytes());
                }
                plain(item, separator, out)?;
            }
        }
    }
    Ok(())
}

/// Appends decimal digits.
pub fn int(value: i64, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, &value).map_err(unwritable)
}

/// Appends the shortest digits that read back as `value`, without the `.0` that the server does not write
/// either, and the server's words for what is not a number.
pub fn float(value: f64, out: &mut Vec<u8>) -> Result<()> {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else {
        serde_json::to_writer(&mut *out, &value).map_err(unwritable)?;
        if out.ends_with(b".0") {
            out.truncate(out.len() - 2);
        }
    }
    Ok(())
}

/// Writing to memory does not fail; were it to, this is what it would be.
pub fn unwritable(error: serde_json::Error) -> Error {
    Error::new(Kind::Internal, format!("could not encode a value: {error}"))
}

/// Would a spreadsheet that opens this text in a csv run it?
///
/// The starts of formulas are those that OWASP lists under "CSV Injection": `=`, `+`, `-`, `@`, tab and
/// carriage return. The full-width forms of the first four count too, as OWASP says: a spreadsheet under an
/// East Asian locale reads them as the plain ones, and no name or address begins with them. Plain numbers and
/// phone numbers are no danger and stay what they are.
pub fn is_formula(text: &[u8]) -> bool {
    match text {
        [b'=' | b'@' | b'\t' | b'\r', ..] => true,
        [b'+' | b'-', ..] => !is_number(text) && !is_phone(text),
        // U+FF0B, U+FF0D, U+FF1D, U+FF20.
        [0xEF, 0xBC, 0x8B | 0x8D | 0x9D | 0xA0, ..] => true,
        _ => false,
    }
}

/// `-42`, `+1.5e3`, `-1,234.50`, `-.5`: a sign or none, digits with or without groups of thousands, a
/// fraction, an exponent.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return false;
        }
    }
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    fraction.iter().all(u8::is_ascii_digit) && is_whole(whole) && !(whole.is_empty() && fraction.is_empty())
}

/// Digits only (or nothing), or groups of three behind the first.
fn is_whole(text: &[u8]) -> bool {
    if text.iter().all(u8::is_ascii_digit) {
        return true;
    }
    let mut groups = text.split(|byte| *byte == b',');
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && first.iter().all(u8::is_ascii_digit)
        && groups.all(|group| group.len() == 3 && group.iter().all(u8::is_ascii_digit))
}

/// `+33 (0)1 23-45.67`: `+`, then digits and what people put between them.
fn is_phone(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"+") else { return false };
    rest.iter().any(u8::is_ascii_digit)
        && rest.iter().all(|byte| byte.is_ascii_digit() || b" -/().".contains(byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn shown(cell: Cell<'_>) -> String {
        let mut out = Vec::new();
        plain(&cell, ", ", &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_as_the_server_writes_them() {
        for (value, wanted) in
            [(1.0, "1"), (-0.5, "-0.5"), (0.1, "0.1"), (f64::NAN, "NaN"), (f64::NEG_INFINITY, "-Infinity")]
        {
            assert_eq!(shown(Cell::Float(value)), wanted);
        }
        assert_eq!(shown(Cell::Float(f64::INFINITY)), "Infinity");
        assert_eq!(shown(Cell::Float(f64::MAX)).parse(), Ok(f64::MAX));
        assert!(shown(Cell::Float(f64::MAX)).len() < 30);
        assert_eq!(shown(Cell::Int(i64::MIN)), "-9223372036854775808");
    }

    #[test]
    fn lists_join() {
        let inner = [Cell::Int(1), Cell::Null, Cell::Text("x")];
        let outer = [Cell::List(&inner), Cell::Bool(true)];
        assert_eq!(shown(Cell::List(&outer)), "1, , x, true");
        assert_eq!(shown(Cell::List(&[])), "");
        assert_eq!(shown(Cell::List(&[Cell::Null])), "");
    }

    #[test]
    fn formulas_are_known_and_numbers_spared() {
        for text in [
            "=1+1",
            "=",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "+A1",
            "-A1",
            "-",
            "+",
            "--1",
            "-1+1",
            "-1+cmd|' /C calc'!A0",
            "+33 1 23 =x",
            "-(1)",
            "-1,23",
            "-1,2345",
            "-1e",
            "-e5",
            "-.",
            "+()",
            "＝1+1",
            "＋1",
            "－1",
            "＠x",
        ] {
            assert!(is_formula(text.as_bytes()), "{text:?}");
        }
        for text in [
            "",
            "a=1",
            "1+1",
            " =1",
            "'=1",
            "-42",
            "+42",
            "-0.5",
            "-.5",
            "-5.",
            "+1.5e3",
            "-1E-7",
            "-1,234.50",
            "-12,345,678",
            "+33 (0)1 23-45.67/8",
            "+1-800-555",
            "user@example.com",
            "ＡＢ",
            "\n=1",
            "’",
        ] {
            assert!(!is_formula(text.as_bytes()), "{text:?}");
        }
    }
}
