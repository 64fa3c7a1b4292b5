//! Workbooks as calamine reads them.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

pub struct Workbook(Xlsx<Cursor<Vec<u8>>>);

impl Workbook {
    #[track_caller]
    pub fn open(bytes: Vec<u8>) -> Self {
        Workbook(Xlsx::new(Cursor::new(bytes)).unwrap())
    }

    pub fn sheets(&self) -> Vec<String> {
        self.0.sheet_names()
    }

    /// All rows of a sheet.
    #[track_caller]
    pub fn rows(&mut self, sheet: &str) -> Vec<Vec<Data>> {
        let range = self.0.worksheet_range(sheet).unwrap_or_else(|e| panic!("sheet {sheet}: {e}"));
        range.rows().map(<[Data]>::to_vec).collect()
    }

    /// Formulas that a sheet holds.
    #[track_caller]
    pub fn formulas(&mut self, sheet: &str) -> Vec<String> {
        let range = self.0.worksheet_formula(sheet).unwrap();
        range
            .used_cells()
            .map(|(_, _, formula)| formula.clone())
            .filter(|formula| !formula.is_empty())
            .collect()
    }

    /// The column of this label in the first sheet, without the label.
    #[track_caller]
    pub fn column(&mut self, label: &str) -> Vec<Data> {
        let sheet = self.sheets().remove(0);
        let rows = self.rows(&sheet);
        let place = rows[0].iter().position(|cell| *cell == Data::String(label.to_owned()));
        let place = place.unwrap_or_else(|| panic!("no column {label}: {:?}", rows[0]));
        rows[1..].iter().map(|row| row[place].clone()).collect()
    }
}
