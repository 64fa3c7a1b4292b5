//! The rows of a data sheet as XML (`CT_Row` and `CT_Cell`, ECMA-376 part 1, 18.3.1.73 and 18.3.1.4).
//!
//! All that is the same in each row is put together beforehand: a cell is a few copies of bytes, without any
//! formatting machinery and without allocating. Strings stand in their cells (`inlineStr`): a table of
//! strings would have to be kept in memory and is slower (measured).

use super::escape;
use super::shown::Shown;
use super::style::Styles;
use super::text::Counts;
use crate::encode::{Column, Kind};
use crate::error::Result;
use crate::value::text;

/// Writes cells of the same columns, row after row.
pub struct Markup {
    columns: Vec<ColumnMarkup>,
    /// Without references: a cell's place is told by the number of those before it, so empty cells are
    /// written, too.
    compact: bool,
    /// The row's number, in digits.
    row: Vec<u8>,
    /// Empty cells that are written as soon as another one follows.
    skipped: usize,
}

/// The parts of a cell's start tag. All but `open` begin where the reference's digits end.
struct ColumnMarkup {
    kind: Kind,
    open: Vec<u8>,
    empty: Vec<u8>,
    number: Vec<u8>,
    boolean: Vec<u8>,
    text: Vec<u8>,
    spaced_text: Vec<u8>,
}

const END_VALUE: &[u8] = b"</v></c>";
const END_TEXT: &[u8] = b"</t></is></c>";

impl Markup {
    pub fn new(columns: &[Column], styles: &mut Styles, compact: bool) -> Self {
        let columns = columns.iter().enumerate().map(|(index, column)| {
            let quote = if compact { "" } else { "\"" };
            let style = match styles.number_of(column) {
                0 => String::new(),
                number => format!(" s=\"{number}\""),
            };
            let rest = |rest: &str| format!("{quote}{style}{rest}").into_bytes();
            ColumnMarkup {
                kind: column.kind,
                open: if compact {
                    b"<c".to_vec()
                } else {
                    format!("<c r=\"{}", letters(index)).into_bytes()
                },
                empty: rest("/>"),
                number: rest("><v>"),
                boolean: rest(" t=\"b\"><v>"),
                text: rest(" t=\"inlineStr\"><is><t>"),
                spaced_text: rest(" t=\"inlineStr\"><is><t xml:space=\"preserve\">"),
            }
        });
        Markup { columns: columns.collect(), compact, row: Vec::new(), skipped: 0 }
    }

    /// Begins row `number`, the first of a sheet being 1.
    pub fn begin(&mut self, number: u32, out: &mut Vec<u8>) -> Result<()> {
        self.row.clear();
        self.skipped = 0;
        text::int(i64::from(number), &mut self.row)?;
        out.extend_from_slice(b"<row r=\"");
        out.extend_from_slice(&self.row);
        out.extend_from_slice(b"\">");
        Ok(())
    }

    pub fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</row>");
    }

    /// The next cell, in the order of the columns. Strings are strings whatever they look like: no formula,
    /// no link.
    pub fn cell(
        &mut self,
        index: usize,
        shown: &Shown<'_>,
        styles: &mut Styles,
        counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(column) = self.columns.get(index) else { return Ok(()) };
        if *shown == Shown::Blank {
            self.skipped += 1;
            return Ok(());
        }
        if self.compact {
            for empty in self.columns.get(index - self.skipped..index).unwrap_or_default() {
                out.extend_from_slice(&empty.open);
                out.extend_from_slice(&empty.empty);
            }
        }
        self.skipped = 0;
        out.extend_from_slice(&column.open);
        if !self.compact {
            out.extend_from_slice(&self.row);
        }
        match *shown {
            Shown::Blank => {}
            Shown::Bool(value) => {
                out.extend_from_slice(&column.boolean);
                out.push(if value { b'1' } else { b'0' });
                out.extend_from_slice(END_VALUE);
            }
            Shown::Number(value) => column.number(None, value, self.compact, out)?,
            Shown::Scaled(value, places) => {
                column.number(Some(styles.scaled_number(places)), value, self.compact, out)?;
            }
            // Without its format a day is a number like any other, so it brings its own where the column has
            // not got it.
            Shown::Day(serial) => {
                let style = if column.kind == Kind::Date { None } else { Some(styles.date_number()) };
                column.number(style, serial, self.compact, out)?;
            }
            Shown::Moment(serial) => {
                let style = match column.kind {
                    Kind::Timestamp | Kind::Instant => None,
                    _ => Some(styles.datetime_number()),
                };
                column.number(style, serial, self.compact, out)?;
            }
            Shown::Text(text) => {
                let spaced = escape::must_be_preserved(text);
                out.extend_from_slice(if spaced { &column.spaced_text } else { &column.text });
                escape::text(text, counts, out);
                out.extend_from_slice(END_TEXT);
            }
        }
        Ok(())
    }
}

impl ColumnMarkup {
    /// The rest of a number's cell, in the column's style or in another one.
    fn number(&self, style: Option<u32>, value: f64, compact: bool, out: &mut Vec<u8>) -> Result<()> {
        match style {
            None => out.extend_from_slice(&self.number),
            Some(style) => {
                out.extend_from_slice(if compact { b" s=\"" } else { b"\" s=\"" });
                text::int(i64::from(style), out)?;
                out.extend_from_slice(b"\"><v>");
            }
        }
        number(value, out)?;
        out.extend_from_slice(END_VALUE);
        Ok(())
    }
}

/// Appends a finite number; the digits read back as this very value.
pub fn number(value: f64, out: &mut Vec<u8>) -> Result<()> {
    // Whole numbers of 15 digits are exact in both types.
    if value.fract() == 0.0 && value.abs() < 1e15 {
        text::int(value as i64, out)
    } else {
        text::float(value, out)
    }
}

/// The letters of a column, from 0: `A` to `Z`, `AA` to `XFD`.
pub fn letters(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::encode::fixture::column;

    #[test]
    fn columns_have_letters() {
        for (index, wanted) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")] {
            assert_eq!(letters(index), wanted);
        }
    }

    #[test]
    fn cells_with_references_and_without() {
        let columns = [
            column("a", "A", Kind::Text),
            column("b", "B", Kind::Int),
            column("c", "C", Kind::Text),
            column("d", "D", Kind::Numeric),
        ];
        let row = |compact, cells: &[Shown<'_>]| {
            let mut styles = Styles::new();
            let mut markup = Markup::new(&columns, &mut styles, compact);
            let mut out = Vec::new();
            markup.begin(7, &mut out).unwrap();
            for (index, shown) in cells.iter().enumerate() {
                markup.cell(index, shown, &mut styles, &mut Counts::default(), &mut out).unwrap();
            }
            markup.end(&mut out);
            String::from_utf8(out).unwrap()
        };
        let cells = [Shown::Text(" a"), Shown::Blank, Shown::Blank, Shown::Scaled(1.5, 2)];
        assert_eq!(
            row(false, &cells),
            "<row r=\"7\"><c r=\"A7\" t=\"inlineStr\"><is><t xml:space=\"preserve\"> a</t></is></c>\
             <c r=\"D7\" s=\"3\"><v>1.5</v></c></row>"
        );
        assert_eq!(
            row(true, &cells),
            "<row r=\"7\"><c t=\"inlineStr\"><is><t xml:space=\"preserve\"> a</t></is></c>\
             <c s=\"1\"/><c/><c s=\"3\"><v>1.5</v></c></row>"
        );
        assert_eq!(row(true, &[Shown::Blank; 4]), "<row r=\"7\"></row>");
    }

    #[test]
    fn numbers_read_back() {
        for value in [0.0, -1.5, 0.1, 1e300, -2.5e-300, 46_037.458_333_333_336, 999_999_999_999_999.0, 1e15] {
            let mut out = Vec::new();
            number(value, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap().parse(), Ok(value));
        }
    }
}
