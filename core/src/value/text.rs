//! Values as plain text: what a csv field and a text cell of a worksheet show.

use super::memory;
use super::{time, Cell, Lists, TextForm};
use crate::error::{Error, Kind, Result};

/// Appends the plain text of a cell; a NULL is the empty text, a list has its default form (see [`Lists`]).
pub fn plain(cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
    memory::reserve(out, cell.text_bytes())?;
    match *cell {
        Cell::Null => {}
        Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Int(value) => int(value, out)?,
        Cell::Float(value) => float(value, out)?,
        Cell::Text(text) => out.extend_from_slice(text.as_bytes()),
        Cell::Numeric(text) | Cell::Json(text) => out.extend_from_slice(text.as_bytes()),
        Cell::Date(days) => time::date(days, out),
        Cell::Timestamp(micros) => time::timestamp(micros, b'T', out),
        Cell::Instant { utc, .. } => time::instant(utc, out),
        Cell::List(_) | Cell::Grid(_) => Lists::default().append(cell, out)?,
    }
    Ok(())
}

/// The same in the form that the export asks for.
pub fn plain_as(cell: &Cell<'_>, form: TextForm, out: &mut Vec<u8>) -> Result<()> {
    match *cell {
        Cell::Timestamp(micros) | Cell::Instant { local: micros, .. } if form.local_times => {
            time::timestamp(micros, b' ', out);
            Ok(())
        }
        Cell::Float(_) | Cell::Numeric(_) if form.decimal_comma => {
            let start = out.len();
            plain(cell, out)?;
            out[start..].iter_mut().filter(|byte| **byte == b'.').for_each(|point| *point = b',');
            Ok(())
        }
        _ => plain(cell, out),
    }
}

/// A number with a decimal comma as the server writes it; None: it is not one.
pub fn with_point(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once(',')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (fraction, exponent) = fraction.split_once('e').unwrap_or((fraction, "0"));
    let is_number = digits(whole.strip_prefix('-').unwrap_or(whole))
        && digits(fraction)
        && digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    is_number.then(|| text.replacen(',', ".", 1))
}

/// Two hexadecimal digits of each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

/// A cell as the plain text that a csv shows, for what works on texts (masks, pseudonyms).
pub fn plain_text(cell: &Cell<'_>) -> Result<String> {
    let mut out = Vec::new();
    plain(cell, &mut out)?;
    String::from_utf8(out).map_err(|_| Error::new(Kind::Internal, "a value is not UTF-8"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn shown(cell: Cell<'_>) -> String {
        let mut out = Vec::new();
        plain(&cell, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bytes_in_hex() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
    }

    #[test]
    fn the_form_of_numbers_and_moments() {
        let shown = |cell: Cell<'_>, form: TextForm| {
            let mut out = Vec::new();
            plain_as(&cell, form, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let comma = TextForm { decimal_comma: true, ..TextForm::default() };
        for (cell, wanted) in [
            (Cell::Numeric("-12.50"), "-12,50"),
            (Cell::Numeric("NaN"), "NaN"),
            (Cell::Float(1.5e-9), "1,5e-9"),
            (Cell::Float(3.0), "3"),
            (Cell::text("1.5"), "1.5"),
        ] {
            assert_eq!(shown(cell, comma), wanted);
        }
        for (text, wanted) in [
            ("-12,50", Some("-12.50")),
            ("1,5e-9", Some("1.5e-9")),
            ("1,2,3", None),
            ("a,5", None),
            ("1,", None),
        ] {
            assert_eq!(with_point(text).as_deref(), wanted);
        }
        let local = TextForm { local_times: true, ..TextForm::default() };
        let hour = 3_600_000_000;
        assert_eq!(shown(Cell::Instant { utc: 0, local: hour }, local), "2000-01-01 01:00:00");
        assert_eq!(shown(Cell::Timestamp(1), local), "2000-01-01 00:00:00.000001");
        assert_eq!(shown(Cell::Instant { utc: i64::MAX, local: i64::MAX }, local), "infinity");
        assert_eq!(shown(Cell::Date(0), local), "2000-01-01");
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
}
