//! Puts values into the empty cells of the template's XML: the header of a data sheet, the info sheet.
//!
//! The library made these rows with their formats and heights; here they get their texts, in their cells like
//! all others (the library would put them into a table of strings).

use super::escape;
use super::markup;
use super::text::Counts;
use crate::error::{Error, Kind, Result};

/// A value for a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Number(f64),
}

/// The cells as the library writes those that have nothing but a format: `<c r="A1" s="2"/>`.
const CELL: &str = "<c ";
const EMPTY: &str = "/>";

/// Appends `rows` with one value in each cell, in their order.
pub fn fill<'a>(rows: &str, values: impl IntoIterator<Item = &'a Value>, out: &mut Vec<u8>) -> Result<()> {
    // Whatever had to be done to these texts was done and counted before.
    let mut counts = Counts::default();
    let mut rest = rows;
    for value in values {
        let (before, tag) = rest.split_once(CELL).ok_or_else(unlike)?;
        let (attributes, after) = tag.split_once(EMPTY).ok_or_else(unlike)?;
        for part in [before, CELL, attributes] {
            out.extend_from_slice(part.as_bytes());
        }
        match value {
            Value::Text(text) => {
                let space = if escape::must_be_preserved(text) { " xml:space=\"preserve\"" } else { "" };
                for part in [" t=\"inlineStr\"><is><t", space, ">"] {
                    out.extend_from_slice(part.as_bytes());
                }
                escape::text(text, &mut counts, out);
                out.extend_from_slice(b"</t></is></c>");
            }
            Value::Number(number) => {
                out.extend_from_slice(b"><v>");
                markup::number(*number, out)?;
                out.extend_from_slice(b"</v></c>");
            }
        }
        rest = after;
    }
    if rest.contains(CELL) {
        return Err(unlike());
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(())
}

/// The library writes something else than this module knows.
pub fn unlike() -> Error {
    Error::new(Kind::Internal, "the workbook library wrote a sheet of another form")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn each_empty_cell_gets_its_value() {
        let rows = "<row r=\"1\" ht=\"20\"><c r=\"A1\" s=\"2\"/><c r=\"B1\" s=\"2\"/></row><row r=\"2\"/>";
        let values = [Value::Text("a&b ".into()), Value::Number(4.0)];
        let mut out = Vec::new();
        fill(rows, &values, &mut out).unwrap();
        let wanted = "<row r=\"1\" ht=\"20\"><c r=\"A1\" s=\"2\" t=\"inlineStr\"><is><t xml:space=\"preserve\">a&amp;b \
                      </t></is></c><c r=\"B1\" s=\"2\"><v>4</v></c></row><row r=\"2\"/>";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        assert_eq!(fill(rows, &values[..1], &mut Vec::new()), Err(unlike()));
        assert_eq!(fill("<row r=\"2\"/>", &values, &mut Vec::new()), Err(unlike()));
    }
}
