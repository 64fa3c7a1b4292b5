//! Problems of a workbook or a CSV file, with their places.

use std::collections::BTreeMap;

/// A row of the answer. Sheet and column are names, the sheet of a CSV file is None; the row is the number that a spreadsheet shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub sheet: Option<String>,
    pub row: Option<i32>,
    pub column: Option<String>,
    pub problem: String,
}

/// Problems that are listed; a file with more is of another kind.
const MOST: usize = 100_000;

/// Sheet (None before all), row (None before all), column (None before all), and the order of finding.
type Place = (Option<usize>, Option<u32>, Option<usize>, usize);

/// Problems on their way to the answer, in its order.
#[derive(Default)]
pub struct Problems {
    found: BTreeMap<Place, (Option<String>, String)>,
    /// The number of problems beyond those that are kept.
    more: usize,
}

impl Problems {
    /// `row` from 0; `column` is its place, from 0, and its name.
    pub fn add(
        &mut self,
        sheet: Option<usize>,
        row: Option<u32>,
        column: Option<(usize, &str)>,
        problem: impl Into<String>,
    ) {
        if self.found.len() >= MOST {
            self.more += 1;
            return;
        }
        let place = (sheet, row, column.map(|(place, _)| place), self.found.len());
        self.found.insert(place, (column.map(|(_, name)| name.to_owned()), problem.into()));
    }

    /// In the order of sheets, rows and columns.
    pub fn listed(self, sheets: &[String]) -> Vec<Problem> {
        let mut listed: Vec<Problem> = self
            .found
            .into_iter()
            .map(|((sheet, row, ..), (column, problem))| Problem {
                sheet: sheet.and_then(|sheet| sheets.get(sheet).cloned()),
                // At most 1,048,576.
                row: row.map(|row| row as i32 + 1),
                column,
                problem,
            })
            .collect();
        if self.more > 0 {
            let problem = format!("{} more problems are not listed", self.more);
            listed.push(Problem { sheet: None, row: None, column: None, problem });
        }
        listed
    }
}

/// The problem of a row of a CSV file.
pub fn uneven(fields: usize, header: usize) -> String {
    let plural = |count| if count == 1 { "" } else { "s" };
    format!("the row has {fields} field{}, the header has {header}", plural(fields))
}

/// Characters of a value of the workbook that a problem repeats.
const SHOWN: usize = 40;

/// A value of the workbook in quotes, cut to a readable length, control characters replaced.
pub fn quoted(value: &str) -> String {
    format!("\"{}\"", shortened(value))
}

/// The same without the quotes.
pub fn shortened(value: &str) -> String {
    let mut characters = value.chars();
    let mut text: String = characters
        .by_ref()
        .take(SHOWN)
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}
