//! The workbook without its rows, made by rust_xlsxwriter in memory.
//!
//! It has the very sheets of the file: names, formats, widths, frozen header, filter over the true range,
//! print settings. Of a data sheet what stands before and after its rows is taken, all other parts are taken
//! as they are; so nothing of the library's markup is repeated here. It is made again whenever more is known;
//! the same outline gives the same bytes.

use std::io::{Cursor, Read};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, Worksheet};
use zip::ZipArchive;

use super::caught::{caught, library_error};
use super::fill::{unlike, Value};
use super::info;
use super::package::Part;
use super::reference;
use super::sheet;
use super::style::Styles;
use super::table::Table;
use super::text::{clean, Counts};
use super::zip::Sizes;
use crate::encode::{Column, Properties, Reference};
use crate::error::{Error, Kind, Result};

/// The row, from 0, in which each format stands once; it is no part of the file.
const STYLES_ROW: u32 = 1_000;

/// All that the template depends on.
pub struct Outline<'a> {
    /// The data sheets.
    pub sheets: Vec<OutlineSheet<'a>>,
    pub styles: &'a Styles,
    /// The values that columns of the first table choose from, and the names of these sheets.
    pub references: &'a [Reference],
    pub reference_names: &'a [String],
    /// With the sheets behind the data; they are large to draw and needed but once.
    pub whole: bool,
    /// The lines of the info sheet; None: there is none.
    pub info: Option<&'a [info::Line]>,
    pub properties: &'a Properties,
}

/// A data sheet without its rows.
pub struct OutlineSheet<'a> {
    pub name: &'a str,
    pub table: &'a Table,
    pub is_first_table: bool,
    pub rows: u32,
}

/// The output of the library.
pub struct Template {
    /// The data sheets.
    pub frames: Vec<Frame>,
    /// The sheets of references, of a whole workbook.
    pub references: Vec<Frame>,
    /// The info sheet.
    pub info: Option<Frame>,
    /// All other parts.
    pub parts: Vec<Part>,
}

/// A sheet around its rows.
pub struct Frame {
    /// The part's name.
    pub name: String,
    /// To the tag that opens the rows.
    pub head: String,
    /// The rows that the library made, with empty cells: the header, or all of the info sheet.
    pub rows: String,
    /// From the tag that closes the rows.
    pub tail: String,
}

impl Outline<'_> {
    /// Makes the template.
    ///
    /// Errors, all internal: the library refuses something, or its output has another form than known.
    pub fn draw(&self) -> Result<Template> {
        let bytes = caught(|| self.workbook())?;
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| unlike())?;
        let mut template =
            Template { frames: Vec::new(), references: Vec::new(), info: None, parts: Vec::new() };
        for index in 0..self.sheets.len() {
            template.frames.push(self.frame(&mut archive, index)?);
        }
        let mut next = self.sheets.len();
        for _ in self.sheets_of_references() {
            template.references.push(Frame::read(&mut archive, next)?);
            next += 1;
        }
        if self.info.is_some() {
            template.info = Some(Frame::read(&mut archive, next)?);
        }
        for index in 0..archive.len() {
            let mut file = archive.by_index_raw(index).map_err(|_| unlike())?;
            let name = std::str::from_utf8(file.name_raw()).map_err(|_| unlike())?.to_owned();
            if name.starts_with("xl/worksheets/") {
                continue;
            }
            if file.compression() != zip::CompressionMethod::Deflated {
                return Err(unlike());
            }
            let sizes = Sizes { crc: file.crc32(), packed: file.compressed_size(), unpacked: file.size() };
            let mut packed = Vec::new();
            file.read_to_end(&mut packed).map_err(|_| unlike())?;
            template.parts.push(Part { name, sizes, packed });
        }
        Ok(template)
    }

    fn sheets_of_references(&self) -> impl Iterator<Item = (&Reference, &String)> {
        self.references.iter().zip(self.reference_names).filter(|_| self.whole)
    }

    /// The package that the library writes.
    fn workbook(&self) -> Result<Vec<u8>> {
        let mut workbook = Workbook::new();
        for outline in &self.sheets {
            let mut sheet = Worksheet::new();
            // The styles are numbered in the order in which they are met.
            for (column, format) in (0_u16..).zip(self.styles.numbered()) {
                sheet.write_blank(STYLES_ROW, column, format).map_err(library_error)?;
            }
            sheet::draw(&mut sheet, outline, self.styles)?;
            if outline.is_first_table {
                reference::bind(&mut sheet, self.references, self.reference_names)?;
            }
            workbook.push_worksheet(sheet);
        }
        for (reference, name) in self.sheets_of_references() {
            let mut sheet = Worksheet::new();
            reference::draw(&mut sheet, name, reference, self.styles)?;
            workbook.push_worksheet(sheet);
        }
        if let Some(lines) = self.info {
            let mut sheet = Worksheet::new();
            info::draw(&mut sheet, lines, self.styles)?;
            workbook.push_worksheet(sheet);
        }
        workbook.set_properties(&properties(self.properties)?);
        workbook.save_to_buffer().map_err(library_error)
    }

    /// A data sheet: its header, and its styles, which must have the numbers that the rows use.
    fn frame(&self, archive: &mut ZipArchive<Cursor<Vec<u8>>>, index: usize) -> Result<Frame> {
        let mut frame = Frame::read(archive, index)?;
        let styles_row = format!("<row r=\"{}\"", STYLES_ROW + 1);
        // A sheet whose columns have no style has no such row.
        let (header, styles) = frame.rows.split_once(&styles_row).unwrap_or((&frame.rows, ""));
        let numbers = styles.split(" s=\"").skip(1).map(|rest| rest.split('"').next());
        let wanted: Vec<String> =
            (1..=self.styles.numbered().len()).map(|number| number.to_string()).collect();
        if !numbers.eq(wanted.iter().map(|number| Some(number.as_str()))) {
            return Err(Error::new(Kind::Internal, "the workbook library numbered the styles otherwise"));
        }
        frame.rows = header.to_owned();
        Ok(frame)
    }
}

impl Frame {
    /// Reads the sheet of this number, from 0.
    fn read(archive: &mut ZipArchive<Cursor<Vec<u8>>>, index: usize) -> Result<Frame> {
        let name = format!("xl/worksheets/sheet{}.xml", index + 1);
        let mut xml = String::new();
        let mut file = archive.by_name(&name).map_err(|_| unlike())?;
        file.read_to_string(&mut xml).map_err(|_| unlike())?;
        let (head, rest) = xml.split_once("<sheetData>").ok_or_else(unlike)?;
        let (rows, tail) = rest.split_once("</sheetData>").ok_or_else(unlike)?;
        Ok(Frame {
            name,
            head: format!("{head}<sheetData>"),
            rows: rows.to_owned(),
            tail: format!("</sheetData>{tail}"),
        })
    }

    /// The head with this range as the sheet's `dimension`. Where the number of rows is not known yet there is
    /// none: the element is optional, and a wrong one makes some readers stop too early.
    pub fn head_with(&self, range: Option<&str>) -> Result<String> {
        let (before, rest) = self.head.split_once("<dimension ").ok_or_else(unlike)?;
        let (_, after) = rest.split_once("/>").ok_or_else(unlike)?;
        let dimension = range.map(|range| format!("<dimension ref=\"{range}\"/>")).unwrap_or_default();
        Ok(format!("{before}{dimension}{after}"))
    }
}

/// A label as the header shows it.
pub fn label(column: &Column, counts: &mut Counts) -> Value {
    Value::Text(clean(&column.label, counts).into_owned())
}

/// The document properties; a moment that the library has no date for is brought to the nearest that it has.
fn properties(given: &Properties) -> Result<DocProperties> {
    // Seconds between 1970-01-01 and 2000-01-01, and the library's range: 1900 to 9999.
    let seconds = given.created.div_euclid(1_000_000).saturating_add(946_684_800);
    let seconds = seconds.clamp(-2_208_988_800, 253_402_300_799);
    let created = ExcelDateTime::from_timestamp(seconds).map_err(library_error)?;
    let mut dropped = Counts::default();
    Ok(DocProperties::new()
        .set_author("pg_acctexport")
        .set_title(clean(&given.title, &mut dropped))
        .set_subject(clean(&given.subject, &mut dropped))
        .set_creation_datetime(&created))
}
