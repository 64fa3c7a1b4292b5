//! Values as plain text: what a csv field and a text cell of a worksheet show.

use super::memory;
use super::{time, Cell, Lists};
use crate::error::{Error, Kind, Result};

/// Appends the plain text of a cell; a NULL is the empty text, a list has its default form (see [`Lists`]).
pub fn plain(cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
    memory::reserve(out, cell.text_bytes())?;
    match *cell {
        Cell::Null => {}
        Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Int(value) => int(value, out)?,
        Cell::Float(value) => float(value, out)?,
        Cell::Numeric(text) | Cell::Text(text) | Cell::Json(text) => out.extend_from_slice(text.as_bytes()),
        Cell::Date(days) => time::date(days, out),
        Cell::Timestamp(micros) => time::timestamp(micros, b'T', out),
        Cell::Instant { utc, .. } => time::instant(utc, out),
        Cell::List(_) | Cell::Grid(_) => Lists::default().append(cell, out)?,
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
