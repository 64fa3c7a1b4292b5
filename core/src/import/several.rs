//! The names that a cell refers to: one, or several that a comma separates.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{Error, Kind, Result};
use crate::value::list;

/// Pieces between commas that a single name has at most: `Sales, EMEA` is one name or two.
const PIECES: usize = 4;

/// Different names that the cells of a file can refer to, each way of reading them counted.
const MOST: usize = 200_000;

/// Names that cells refer to, and whether they were found.
#[derive(Default)]
pub struct Names(HashMap<String, bool>);

impl Names {
    /// Takes what a cell could mean. 54000 for too many names.
    pub fn mention(&mut self, cell: &str, several: bool) -> Result<()> {
        if !several {
            return self.take(cell.to_owned());
        }
        let pieces = pieces(cell);
        for start in 0..pieces.len() {
            for end in start + 1..=pieces.len().min(start + PIECES) {
                self.take(pieces[start..end].join(", "))?;
            }
        }
        Ok(())
    }

    fn take(&mut self, name: String) -> Result<()> {
        self.0.entry(name).or_default();
        if self.0.len() > MOST {
            let what = "the file has too many different names in columns that reference other datasets";
            return Err(Error::new(Kind::ProgramLimitExceeded, what)
                .hint("Check it in parts: fewer rows in each file."));
        }
        Ok(())
    }

    /// Tells of a name that is there.
    pub fn found(&mut self, name: &str) {
        if let Some(found) = self.0.get_mut(name) {
            *found = true;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names of a cell that are not there.
    pub fn missing(&self, cell: &str, several: bool) -> Vec<String> {
        let is_there = |name: &str| self.0.get(name).copied().unwrap_or_default();
        if !several {
            return if is_there(cell) { Vec::new() } else { vec![cell.to_owned()] };
        }
        let pieces = pieces(cell);
        let (mut missing, mut at) = (Vec::new(), 0);
        while at < pieces.len() {
            // The longest name that is there: who has a comma in it was mentioned as a whole, too.
            let longest = (1..=PIECES.min(pieces.len() - at))
                .rev()
                .find(|count| is_there(&pieces[at..at + count].join(", ")));
            if longest.is_none() {
                missing.push(pieces[at].to_string());
            }
            at += longest.unwrap_or(1);
        }
        missing
    }
}

/// The elements of a cell that are not empty; one in quotes may hold commas.
fn pieces(cell: &str) -> Vec<Cow<'_, str>> {
    elements(cell, ",")
}

fn elements<'c>(cell: &'c str, separator: &str) -> Vec<Cow<'c, str>> {
    let mut elements = Vec::new();
    let mut rest = cell.trim();
    while !rest.is_empty() {
        let in_quotes = list::unquoted(rest).and_then(|(element, after)| {
            let after = after.trim_start();
            let next = if after.is_empty() { Some(after) } else { after.strip_prefix(separator) };
            Some((element, next?))
        });
        match in_quotes {
            Some((element, after)) => {
                elements.push(Cow::Owned(element));
                rest = after.trim_start();
            }
            None => {
                let (element, after) = rest.split_once(separator).unwrap_or((rest, ""));
                elements.push(Cow::Borrowed(element.trim_end()));
                rest = after.trim_start();
            }
        }
    }
    elements.retain(|element| !element.is_empty());
    elements
}

/// A list in one form: joined by `separator`, or a JSON array. Blanks around elements and empty elements are left out.
pub fn as_list(cell: &str, separator: &str) -> String {
    let separator = match separator.trim() {
        "" => separator,
        trimmed => trimmed,
    };
    let listed = if cell.trim_start().starts_with('[') { list::from_json(cell) } else { None };
    let mut all = listed.unwrap_or_else(|| {
        if separator.is_empty() {
            vec![cell.into()]
        } else {
            elements(cell, separator)
        }
    });
    for element in &mut all {
        if element.trim().len() < element.len() {
            *element = Cow::Owned(element.trim().to_owned());
        }
    }
    all.retain(|element| !element.is_empty());
    list::joined(&all)
}
