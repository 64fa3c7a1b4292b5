//! A CSV file as rows of texts, to be edited and saved as programs do.

use csv::{QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};

#[derive(Clone)]
pub struct CsvTable {
    /// The header is the first.
    pub rows: Vec<Vec<String>>,
}

impl CsvTable {
    #[track_caller]
    pub fn read(bytes: &[u8], delimiter: u8) -> CsvTable {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut reader =
            ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
        let fields = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
        CsvTable { rows: reader.records().map(|record| fields(record.unwrap())).collect() }
    }

    #[track_caller]
    pub fn column(&self, label: &str) -> usize {
        self.rows[0].iter().position(|found| found == label).unwrap_or_else(|| panic!("no column {label}"))
    }

    /// Changes a cell of the row whose first value this is.
    #[track_caller]
    pub fn put(&mut self, key: &str, label: &str, value: &str) {
        let column = self.column(label);
        let row = self.rows.iter_mut().find(|row| row[0] == key).unwrap_or_else(|| panic!("no row {key}"));
        row[column] = value.to_owned();
    }

    /// Adds a row that begins with these values.
    pub fn add(&mut self, values: &[&str]) {
        let mut row: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        row.resize(self.rows[0].len(), String::new());
        self.rows.push(row);
    }

    pub fn write(&self, delimiter: u8, terminator: Terminator, quotes: QuoteStyle) -> Vec<u8> {
        let mut writer = WriterBuilder::new()
            .flexible(true)
            .delimiter(delimiter)
            .terminator(terminator)
            .quote_style(quotes)
            .from_writer(Vec::new());
        for row in &self.rows {
            writer.write_record(row).unwrap();
        }
        writer.into_inner().unwrap()
    }

    /// With commas, CR LF, and quotes where they are needed.
    pub fn bytes(&self) -> Vec<u8> {
        self.write(b',', Terminator::CRLF, QuoteStyle::Necessary)
    }
}
