//! The parts around the rows: heads and tails of the data sheets, and the sheets behind them.

use super::fill::{fill, unlike, Value};
use super::info;
use super::markup;
use super::template::{Frame, Outline, OutlineSheet, Template};
use super::Xlsx;
use crate::encode::Properties;
use crate::error::Result;

impl Xlsx {
    /// `whole`: with the sheets behind the data.
    pub(super) fn template(
        &self,
        whole: bool,
        info: Option<&[info::Line]>,
        properties: &Properties,
    ) -> Result<Template> {
        let sheets = self.sheets.iter().map(|sheet| OutlineSheet {
            name: &sheet.name,
            table: self.done.get(sheet.table).unwrap_or(&self.table),
            is_first_table: sheet.table == 0,
            rows: sheet.rows,
        });
        let outline = Outline {
            sheets: sheets.collect(),
            styles: &self.styles,
            references: &self.setup.references,
            reference_names: &self.reference_names,
            whole,
            info,
            properties,
        };
        outline.draw()
    }

    /// Writes what stands before the rows of the current sheet.
    pub(super) fn write_head(
        &mut self,
        template: &Template,
        rows: Option<u32>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let frame = template.frames.last().ok_or_else(unlike)?;
        self.package.open(&frame.name, out);
        let range = match (rows, self.table.columns.len().checked_sub(1)) {
            (Some(rows), Some(last)) => Some(format!("A1:{}{}", markup::letters(last), rows + 1)),
            _ => None,
        };
        let mut head = frame.head_with(range.as_deref())?.into_bytes();
        fill(&frame.rows, &self.table.labels, &mut head)?;
        self.handed += head.len() as u64;
        self.headed = true;
        self.package.write(&mut head, out)
    }

    /// Completes the current sheet.
    pub(super) fn end_sheet(&mut self, template: &Template, out: &mut Vec<u8>) -> Result<()> {
        if !self.headed {
            self.write_head(template, self.sheets.last().map(|sheet| sheet.rows), out)?;
        }
        let frame = template.frames.last().ok_or_else(unlike)?;
        self.buffer.extend_from_slice(frame.tail.as_bytes());
        self.package.close(&mut self.buffer, out)
    }

    /// Writes a sheet of few rows.
    pub(super) fn write_small<'a>(
        &mut self,
        frame: &Frame,
        values: impl IntoIterator<Item = &'a Value>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut xml = frame.head.clone().into_bytes();
        fill(&frame.rows, values, &mut xml)?;
        xml.extend_from_slice(frame.tail.as_bytes());
        self.package.open(&frame.name, out);
        self.package.close(&mut xml, out)
    }
}
