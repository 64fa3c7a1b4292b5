//! What is done to values between reading and encoding, in one place for all formats: masks, anonymisation, and the
//! removal of secrets from JSON values.
//!
//! What holds: NULL stays NULL; a list stays a list, its elements are treated one by one. A row that has nothing to hide is
//! handed on as it came, without a copy.

use super::disguise::Disguise;
use super::scrub::{may_be_document, Care, Scrubber};
use super::REDACTED;
use crate::catalog::model::Treatment;
use crate::catalog::secrets::Names;
use crate::encode::{plain_text, Cell, Column, Kind};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::room;
use std::borrow::Cow;

/// What is said of one column's values.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    pub treatment: Treatment,
    /// Inside documents, what personal keys hold is redacted.
    pub personal_keys: bool,
    /// Its texts may hold pieces of documents.
    pub json_text: bool,
}

/// The rules of all columns.
pub struct Shield {
    /// How many columns there are.
    width: usize,
    /// Those that may have something to hide, and their places.
    watched: Vec<(usize, Guard)>,
    pseudonyms: Option<Disguise>,
    scrubber: Scrubber,
    /// What changes in the current row.
    changes: Vec<(usize, Change)>,
}

/// What becomes of a cell.
#[derive(Debug)]
enum Change {
    Same,
    Redacted,
    Text(String),
    Json(String),
    /// Of a list: of each element.
    Each(Vec<Change>),
}

impl Shield {
    /// `key`: the tenant's secret for pseudonyms.
    pub fn new(guards: &[Guard], columns: &[Column], names: Names, key: Option<[u8; 32]>) -> Shield {
        let open = |guard: &Guard, column: &Column| {
            guard.treatment == Treatment::Keep && !matches!(column.kind, Kind::Text | Kind::Json | Kind::List)
        };
        let watched = guards.iter().zip(columns).enumerate();
        Shield {
            width: guards.len(),
            watched: watched
                .filter(|(_, (guard, column))| !open(guard, column))
                .map(|(place, (guard, _))| (place, *guard))
                .collect(),
            pseudonyms: key.and_then(|key| Disguise::pseudonyms(&key).ok()),
            scrubber: Scrubber::new(names),
            changes: Vec::new(),
        }
    }

    /// Hands the row on as it may leave.
    pub fn apply(
        &mut self,
        cells: &[Cell<'_>],
        next: &mut dyn FnMut(&[Cell<'_>]) -> Result<()>,
    ) -> Result<()> {
        if cells.len() != self.width {
            return Err(Error::new(
                ErrorKind::Internal,
                "a row has not as many cells as the export has columns",
            ));
        }
        self.changes.clear();
        for (place, guard) in &self.watched {
            let cell = &cells[*place];
            if is_open(cell, guard) {
                continue;
            }
            match change(cell, *guard, self.pseudonyms.as_ref(), &mut self.scrubber)? {
                Change::Same => {}
                change => self.changes.push((*place, change)),
            }
        }
        if self.changes.is_empty() {
            return next(cells);
        }
        let lists: Vec<Option<Vec<Cell<'_>>>> =
            self.changes.iter().map(|(place, change)| change.items(&cells[*place])).collect();
        let mut shielded = cells.to_vec();
        for ((place, change), items) in self.changes.iter().zip(&lists) {
            shielded[*place] = match items {
                Some(items) => Cell::List(items),
                None => change.cell(&cells[*place]),
            };
        }
        next(&shielded)
    }
}

/// Whether one look tells that a value may leave as it is; most can.
#[inline]
fn is_open(cell: &Cell<'_>, guard: &Guard) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Json(_) => false,
        Cell::Text(text) => guard.treatment == Treatment::Keep && !guard.json_text && !may_be_document(text),
        Cell::List(items) => items.iter().all(|item| is_open(item, guard)),
        _ => guard.treatment == Treatment::Keep,
    }
}

impl Change {
    /// The elements of a list of which some change.
    fn items<'c>(&'c self, cell: &Cell<'c>) -> Option<Vec<Cell<'c>>> {
        let (Change::Each(changes), Cell::List(items)) = (self, cell) else { return None };
        Some(changes.iter().zip(*items).map(|(change, item)| change.cell(item)).collect())
    }

    fn cell<'c>(&'c self, cell: &Cell<'c>) -> Cell<'c> {
        match self {
            Change::Same => *cell,
            Change::Text(text) => Cell::Text(text),
            Change::Json(json) => Cell::Json(json),
            // Of a list within a list (arrays of a domain over arrays) nothing is left.
            Change::Redacted | Change::Each(_) => Cell::Text(REDACTED),
        }
    }
}

fn change(
    cell: &Cell<'_>,
    guard: Guard,
    pseudonyms: Option<&Disguise>,
    scrubber: &mut Scrubber,
) -> Result<Change> {
    let mut care = Care { personal: guard.personal_keys, fragments: guard.json_text, ..Care::default() };
    let disguise = match (cell, guard.treatment) {
        (Cell::Null, _) => return Ok(Change::Same),
        (Cell::List(items), _) => return each(items, guard, pseudonyms, scrubber),
        // A dropped field is not in the plan; if it were, nothing of it would show.
        (_, Treatment::Redact | Treatment::Drop) => return Ok(Change::Redacted),
        (_, Treatment::Keep) => None,
        (_, Treatment::Last4) => Some(&Disguise::Last4),
        (_, Treatment::Pseudonymise) => {
            Some(pseudonyms.ok_or_else(|| Error::new(ErrorKind::Internal, "no key for pseudonyms"))?)
        }
    };
    Ok(match (cell, disguise) {
        (Cell::Json(json), _) => {
            care.disguise = disguise;
            scrubber.json(json, care)?.map_or(Change::Same, Change::Json)
        }
        (Cell::Text(text), None) => scrubber.text(text, care)?.map_or(Change::Same, Change::Text),
        (_, None) => Change::Same,
        (Cell::Text(text), Some(disguise @ Disguise::Last4)) => {
            // The end of a document may be the end of a secret.
            let clean = scrubber.text(text, care)?.map_or(Cow::Borrowed(*text), Cow::Owned);
            Change::Text(disguise.of(&clean))
        }
        (Cell::Text(text) | Cell::Numeric(text), Some(disguise)) => Change::Text(disguise.of(text)),
        (other, Some(disguise)) => Change::Text(disguise.of(&plain_text(other)?)),
    })
}

fn each(
    items: &[Cell<'_>],
    guard: Guard,
    pseudonyms: Option<&Disguise>,
    scrubber: &mut Scrubber,
) -> Result<Change> {
    room::probe(items.len().saturating_mul(size_of::<Change>() + size_of::<Cell<'_>>()))?;
    let mut changes: Vec<Change> = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let change = change(item, guard, pseudonyms, scrubber)?;
        if changes.is_empty() && !matches!(change, Change::Same) {
            changes.reserve(items.len());
            changes.extend((0..place).map(|_| Change::Same));
        }
        if !changes.is_empty() || !matches!(change, Change::Same) {
            changes.push(change);
        }
    }
    Ok(if changes.is_empty() { Change::Same } else { Change::Each(changes) })
}

#[cfg(test)]
#[path = "shield_tests.rs"]
mod tests;
