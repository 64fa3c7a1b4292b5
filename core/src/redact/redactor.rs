//! The changes of values between reading and encoding, in one place for all formats: masks, anonymisation, and the
//! removal of secrets from JSON values.
//!
//! NULL stays NULL; a list stays a list, its elements are treated one by one. A row that has nothing to hide is
//! handed on as it came, without a copy.

use super::mask::Mask;
use super::scrub::{may_hold, Care, Removed, Scrubber};
use super::REDACTED;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::model::Treatment;
use crate::secret::named::{self, Naming, Role};
use crate::secret::{values, Names};
use crate::value::memory;
use crate::value::text::plain_text;
use crate::value::{Cell, Column, Grid, Kind};
use std::borrow::Cow;

/// The rules for one column's values.
#[derive(Debug, Clone, Copy)]
pub struct FieldRule {
    pub treatment: Treatment,
    /// Inside documents, what personal keys hold is redacted.
    pub personal_keys: bool,
    /// Its texts may hold pieces of documents.
    pub json_text: bool,
    /// Anything may stand in its texts.
    pub free_text: bool,
}

/// The names of a column's values: a row of settings says by its name whether its value is a secret.
#[derive(Debug, Clone)]
pub struct Named {
    /// Places of the names among the cells that are read, and how sure they are names of settings.
    pub names: Vec<(usize, Naming)>,
    /// Of the column of values.
    pub role: Role,
}

/// A column that may have something to hide.
struct Watched {
    place: usize,
    rule: FieldRule,
    /// Among the columns of values that rows name.
    named: Option<usize>,
    /// A value of it leaves as it is unless it holds a secret.
    is_kept: bool,
}

/// The rules of all columns.
pub struct Redactor {
    /// The number of columns. Names that are not among them are cells behind theirs, which are not handed on.
    width: usize,
    cells: usize,
    watched: Vec<Watched>,
    named: Vec<Named>,
    pseudonyms: Option<Mask>,
    scrubber: Scrubber,
    /// The changes in the current row.
    changes: Vec<(usize, Change)>,
    /// By columns.
    removed: Vec<Removed>,
}

/// The change of a cell.
#[derive(Debug)]
enum Change {
    Same,
    Redacted,
    Text(String),
    Json(String),
    /// Of a list: of each element.
    Each(Vec<Change>),
}

impl Redactor {
    /// `named`: of each column, where it is one of values; `helpers`: how many cells are read behind those of the columns;
    /// `key`: the tenant's secret for pseudonyms.
    pub fn new(
        rules: &[FieldRule],
        named: &[Option<Named>],
        helpers: usize,
        columns: &[Column],
        names: Names,
        key: Option<[u8; 32]>,
    ) -> Redactor {
        let open = |watched: &Watched, column: &Column| {
            let rule = &watched.rule;
            let plain = !matches!(column.kind, Kind::Text | Kind::Json | Kind::List) || !rule.free_text;
            rule.treatment == Treatment::Keep && plain && !rule.json_text && watched.named.is_none()
        };
        let mut of_values: Vec<Named> = Vec::new();
        let all = rules.iter().enumerate().map(|(place, rule)| {
            let named = named.get(place).cloned().flatten().map(|named| {
                of_values.push(named);
                of_values.len() - 1
            });
            let is_kept = rule.treatment == Treatment::Keep && named.is_none();
            Watched { place, rule: *rule, named, is_kept }
        });
        let watched = all.zip(columns).filter(|(watched, column)| !open(watched, column));
        Redactor {
            width: rules.len(),
            cells: rules.len() + helpers,
            watched: watched.map(|(watched, _)| watched).collect(),
            named: of_values,
            pseudonyms: key.and_then(|key| Mask::pseudonyms(&key).ok()),
            scrubber: Scrubber::new(names),
            changes: Vec::new(),
            removed: vec![Removed::default(); rules.len()],
        }
    }

    /// The secrets that were removed from the rows so far, by columns.
    pub fn removed(&self) -> &[Removed] {
        &self.removed
    }

    /// Hands the row on as it may leave.
    pub fn apply(
        &mut self,
        cells: &[Cell<'_>],
        next: &mut dyn FnMut(&[Cell<'_>]) -> Result<()>,
    ) -> Result<()> {
        if cells.len() != self.cells {
            return Err(Error::new(
                ErrorKind::Internal,
                "a row has not as many cells as the export has columns",
            ));
        }
        self.changes.clear();
        for Watched { place, rule, named, is_kept } in &self.watched {
            let cell = &cells[*place];
            if *is_kept && is_short(cell) {
                continue;
            }
            let mut rule = *rule;
            if let Some(named) = named.and_then(|named| self.named.get(named)) {
                if *cell != Cell::Null && named.is_secret(cells, cell, &mut self.scrubber)? {
                    self.removed[*place].values += 1;
                    rule.treatment = Treatment::Redact;
                }
            }
            if is_open(cell, &rule) {
                continue;
            }
            match change(cell, rule, self.pseudonyms.as_ref(), &mut self.scrubber)? {
                Change::Same => {}
                change => {
                    self.changes.push((*place, change));
                    let removed = self.scrubber.take_removed();
                    self.removed[*place].keys += removed.keys;
                    self.removed[*place].values += removed.values;
                }
            }
        }
        let cells = &cells[..self.width];
        if self.changes.is_empty() {
            return next(cells);
        }
        let lists: Vec<Option<Vec<Cell<'_>>>> =
            self.changes.iter().map(|(place, change)| change.items(&cells[*place])).collect();
        let mut shielded = cells.to_vec();
        let mut grids: Vec<(usize, Grid<'_>)> = Vec::new();
        for ((place, change), items) in self.changes.iter().zip(&lists) {
            match (&cells[*place], items) {
                (Cell::Grid(grid), Some(items)) => grids.push((*place, Grid { items, sizes: grid.sizes })),
                (_, Some(items)) => shielded[*place] = Cell::List(items),
                (cell, None) => shielded[*place] = change.cell(cell),
            }
        }
        for (place, grid) in &grids {
            shielded[*place] = Cell::Grid(grid);
        }
        next(&shielded)
    }
}

impl Named {
    /// True if the row says that this value of it is a secret.
    fn is_secret(&self, cells: &[Cell<'_>], value: &Cell<'_>, scrubber: &mut Scrubber) -> Result<bool> {
        for (place, naming) in &self.names {
            let name = match &cells[*place] {
                Cell::Null => continue,
                Cell::Text(name) => Cow::Borrowed(name.as_str()),
                other => Cow::Owned(plain_text(other)?),
            };
            if scrubber.says_secret(&name, *naming, self.role) && !tells_nothing(&name, value) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn tells_nothing(name: &str, value: &Cell<'_>) -> bool {
    match value {
        Cell::Null | Cell::Bool(_) => true,
        Cell::Text(text) => named::tells_nothing(name, text.trim_matches('"')),
        Cell::Json(text) | Cell::Numeric(text) => named::tells_nothing(name, text.trim_matches('"')),
        Cell::Int(number) => named::tells_nothing(name, &number.to_string()),
        Cell::List(items) | Cell::Grid(Grid { items, .. }) => {
            items.iter().all(|item| tells_nothing(name, item))
        }
        _ => false,
    }
}

/// True of most texts: a plain one that is too short to hold anything.
#[inline]
fn is_short(cell: &Cell<'_>) -> bool {
    matches!(cell, Cell::Text(text) if text.is_plain() && text.len() < values::LONG)
}

/// True if one look tells that a value may leave as it is; most can.
fn is_open(cell: &Cell<'_>, rule: &FieldRule) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Json(_) => false,
        // It has no piece of a document either: a key ends with a colon or an equals sign.
        Cell::Text(text) if text.is_plain() => {
            rule.treatment == Treatment::Keep && !values::may_hold_plain(text)
        }
        Cell::Text(text) => rule.treatment == Treatment::Keep && !rule.json_text && !may_hold(text),
        Cell::List(items) | Cell::Grid(Grid { items, .. }) => all_open(items, rule),
        _ => rule.treatment == Treatment::Keep,
    }
}

fn all_open(items: &[Cell<'_>], rule: &FieldRule) -> bool {
    items.iter().all(|item| is_open(item, rule))
}

impl Change {
    /// The elements of a list of which some change.
    fn items<'c>(&'c self, cell: &Cell<'c>) -> Option<Vec<Cell<'c>>> {
        let (Change::Each(changes), Cell::List(items) | Cell::Grid(Grid { items, .. })) = (self, cell) else {
            return None;
        };
        Some(changes.iter().zip(*items).map(|(change, item)| change.cell(item)).collect())
    }

    fn cell<'c>(&'c self, cell: &Cell<'c>) -> Cell<'c> {
        match self {
            Change::Same => *cell,
            Change::Text(text) => Cell::text(text),
            Change::Json(json) => Cell::Json(json),
            // Of a list within a list (arrays of a domain over arrays) nothing is left.
            Change::Redacted | Change::Each(_) => Cell::text(REDACTED),
        }
    }
}

fn change(
    cell: &Cell<'_>,
    rule: FieldRule,
    pseudonyms: Option<&Mask>,
    scrubber: &mut Scrubber,
) -> Result<Change> {
    let mut care = Care { personal: rule.personal_keys, fragments: rule.json_text, ..Care::default() };
    let mask = match (cell, rule.treatment) {
        (Cell::Null, _) => return Ok(Change::Same),
        (Cell::List(items) | Cell::Grid(Grid { items, .. }), _) => {
            return each(items, rule, pseudonyms, scrubber)
        }
        // A dropped field is not in the plan; if it were, nothing of it would show.
        (_, Treatment::Redact | Treatment::Drop) => return Ok(Change::Redacted),
        (_, Treatment::Keep) => None,
        (_, Treatment::Last4) => Some(&Mask::Last4),
        (_, Treatment::Pseudonymise) => {
            Some(pseudonyms.ok_or_else(|| Error::new(ErrorKind::Internal, "no key for pseudonyms"))?)
        }
    };
    Ok(match (cell, mask) {
        (Cell::Json(json), _) => {
            care.mask = mask;
            scrubber.json(json, care)?.map_or(Change::Same, Change::Json)
        }
        (Cell::Text(text), None) => scrubber.text(text, care)?.map_or(Change::Same, Change::Text),
        (_, None) => Change::Same,
        (Cell::Text(text), Some(mask)) => {
            // The end of a document may be the end of a secret, and a pseudonym may be one of a secret.
            let clean = scrubber.text(text, care)?.map_or(Cow::Borrowed(text.as_str()), Cow::Owned);
            Change::Text(mask.of(&clean))
        }
        (Cell::Numeric(text), Some(mask)) => Change::Text(mask.of(text)),
        (other, Some(mask)) => Change::Text(mask.of(&plain_text(other)?)),
    })
}

fn each(
    items: &[Cell<'_>],
    rule: FieldRule,
    pseudonyms: Option<&Mask>,
    scrubber: &mut Scrubber,
) -> Result<Change> {
    memory::probe(items.len().saturating_mul(size_of::<Change>() + size_of::<Cell<'_>>()))?;
    let mut changes: Vec<Change> = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let change = change(item, rule, pseudonyms, scrubber)?;
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
#[path = "redactor_tests.rs"]
mod tests;
