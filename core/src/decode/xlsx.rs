//! Workbooks as our encoder writes them: the data sheets one after the other, inflated and parsed as a stream.
//!
//! Strings stand in their cells, so no table of them is in memory, and styles are not looked at: the kind of a column says
//! what its numbers are. (Readers of any workbook, calamine for one, read a whole sheet at once.)

use std::io::{BufReader, Read, Seek, SeekFrom, Take};

use flate2::read::DeflateDecoder;
use quick_xml::events::{BytesStart, Event};
use quick_xml::Reader;
use zip::result::ZipError;
use zip::ZipArchive;

use super::normal::of_serial;
use super::{unlike, unreadable, Row, Rows};
use crate::encode::xlsx::shown::EPOCH_SERIAL;
use crate::error::{Error, Result};
use crate::model::Shape;
use crate::value::{time, Kind, Lists};

pub struct Workbook<R: Read> {
    /// The packed bytes of the sheets that are not begun, the last one first: start and length.
    parts: Vec<(u64, u64)>,
    /// None while a sheet is open, which has it.
    source: Option<R>,
    sheet: Option<Reader<BufReader<DeflateDecoder<Take<R>>>>>,
    kinds: Vec<Kind>,
    lists: Lists,
    buffer: Vec<u8>,
}

impl<R: Read + Seek> Workbook<R> {
    /// The first sheets are the data of this shape.
    pub fn open(source: R, lists: &Lists, shape: &Shape) -> Result<Self> {
        let mut archive = ZipArchive::new(source).map_err(broken)?;
        let mut parts = Vec::new();
        for number in 1..=shape.sheets {
            let name = format!("xl/worksheets/sheet{number}.xml");
            let index = archive.index_for_name(&name).ok_or_else(unlike)?;
            let part = archive.by_index_raw(index).map_err(broken)?;
            parts.push((part.data_start().ok_or_else(unlike)?, part.compressed_size()));
        }
        parts.reverse();
        Ok(Workbook {
            parts,
            source: Some(archive.into_inner()),
            sheet: None,
            kinds: shape.columns.iter().map(|column| column.kind).collect(),
            lists: lists.clone(),
            buffer: Vec::new(),
        })
    }

    /// Begins the next sheet and passes its header; false: there is none.
    fn next_sheet(&mut self) -> Result<bool> {
        if let Some(sheet) = self.sheet.take() {
            self.source = Some(sheet.into_inner().into_inner().into_inner().into_inner());
        }
        let Some((start, length)) = self.parts.pop() else { return Ok(false) };
        let mut source = self.source.take().ok_or_else(unlike)?;
        source.seek(SeekFrom::Start(start)).map_err(|error| unreadable(&error))?;
        let xml = DeflateDecoder::new(source.take(length));
        self.sheet = Some(Reader::from_reader(BufReader::with_capacity(64 * 1024, xml)));
        if self.next_row(None)? {
            Ok(true)
        } else {
            Err(unlike())
        }
    }

    /// Reads to the end of the next row, whose values go into `row`; false: the sheet has no more.
    fn next_row(&mut self, mut row: Option<&mut Row>) -> Result<bool> {
        let Some(sheet) = self.sheet.as_mut() else { return Ok(false) };
        let (mut column, mut cell, mut text, mut inside) = (0, CellType::Number, String::new(), false);
        loop {
            self.buffer.clear();
            match sheet.read_event_into(&mut self.buffer).map_err(malformed)? {
                Event::Start(tag) => match tag.name().as_ref() {
                    "c" => (column, cell) = (place(&tag, column)?, cell_type(&tag)?),
                    "v" | "t" => {
                        inside = true;
                        text.clear();
                    }
                    _ => {}
                },
                Event::Empty(tag) if tag.name().as_ref() == "c" => column = place(&tag, column)? + 1,
                Event::Empty(tag) if tag.name().as_ref() == "row" => return Ok(true),
                Event::Text(part) if inside => text.push_str(&part),
                Event::GeneralRef(entity) if inside => text.push(match &*entity {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    _ => return Err(unlike()),
                }),
                Event::End(tag) => match tag.name().as_ref() {
                    "v" | "t" => {
                        inside = false;
                        if let Some(row) = row.as_deref_mut() {
                            let kind = self.kinds.get(column).ok_or_else(unlike)?;
                            let value = value(cell, *kind, &text)?;
                            row[column] = Some(match kind {
                                Kind::List => self.lists.as_default(&value),
                                _ => value,
                            });
                        }
                    }
                    "c" => column += 1,
                    "row" => return Ok(true),
                    "sheetData" => return Ok(false),
                    _ => {}
                },
                Event::Eof => return Err(unlike()),
                _ => {}
            }
        }
    }
}

impl<R: Read + Seek> Rows for Workbook<R> {
    fn next(&mut self, row: &mut Row) -> Result<bool> {
        loop {
            row.clear();
            row.resize(self.kinds.len(), None);
            if self.next_row(Some(&mut *row))? {
                return Ok(true);
            }
            if !self.next_sheet()? {
                return Ok(false);
            }
        }
    }
}

/// The `t` of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
enum CellType {
    Number,
    Bool,
    Text,
}

fn cell_type(cell: &BytesStart<'_>) -> Result<CellType> {
    let attribute = cell.try_get_attribute("t").map_err(|_| unlike())?;
    match attribute.as_ref().map(|attribute| attribute.value.as_ref()) {
        None => Ok(CellType::Number),
        Some("b") => Ok(CellType::Bool),
        Some("inlineStr") => Ok(CellType::Text),
        Some(_) => Err(unlike()),
    }
}

/// The column of a cell, from 0: its reference says it, or the number of those before it.
fn place(cell: &BytesStart<'_>, next: usize) -> Result<usize> {
    let Some(reference) = cell.try_get_attribute("r").map_err(|_| unlike())? else { return Ok(next) };
    let letters = reference.value.bytes().take_while(u8::is_ascii_uppercase);
    // Three letters at the most.
    let column = letters.take(3).fold(0, |column, letter| column * 26 + usize::from(letter - b'A') + 1);
    column.checked_sub(1).ok_or_else(unlike)
}

/// The text that a csv shows of a cell.
fn value(cell: CellType, kind: Kind, text: &str) -> Result<String> {
    if cell == CellType::Text {
        return Ok(unescaped(text));
    }
    if cell == CellType::Bool {
        return Ok(if text == "1" { "true" } else { "false" }.to_owned());
    }
    let mut out = Vec::new();
    match kind {
        Kind::Date => {
            let serial: i64 = text.parse().map_err(|_| unlike())?;
            time::date(i32::try_from(serial - EPOCH_SERIAL).map_err(|_| unlike())?, &mut out);
        }
        Kind::Timestamp | Kind::Instant => {
            time::timestamp(of_serial(text.parse().map_err(|_| unlike())?), b'T', &mut out);
        }
        _ => return Ok(text.to_owned()),
    }
    String::from_utf8(out).map_err(|_| unlike())
}

/// The two escapes that `encode::xlsx::escape` writes beside XML's own.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (character, after) = match (escape.strip_prefix("_x000D_"), escape.strip_prefix("_x005F_")) {
            (Some(after), _) => ("\r", after),
            (_, Some(after)) => ("_", after),
            _ => escape.split_at(1),
        };
        out.push_str(character);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A library's message about a file may quote some of it.
fn broken(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => unreadable(&error),
        _ => unlike(),
    }
}

fn malformed(error: quick_xml::Error) -> Error {
    match error {
        quick_xml::Error::Io(error) => unreadable(&error),
        _ => unlike(),
    }
}
