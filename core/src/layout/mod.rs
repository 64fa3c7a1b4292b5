//! Fields of JSON objects that are written as columns of their keys: from the columns that are read to those that are written.
//!
//! It stands behind the redactor: what a column shows is what the document would have shown there, without secrets, masked and
//! redacted. What holds: no member is lost that was found; what has no column of its own (more keys than a sheet should have,
//! keys that are too long, documents that are no objects) stays JSON, in the field's own column, which is the last of them.

pub mod field_output;
pub mod keys;

use crate::error::{Error, Kind as ErrorKind, Result};
use crate::model::label::Labels;
use crate::model::personal;
use crate::model::Format;
use crate::model::Shape;
use crate::secret::Names;
use crate::value::escape::unescape;
use crate::value::members::{self, Value, Visit};
use crate::value::memory;
use crate::value::{Cell, Column, Kind};
use field_output::{FieldOutput, JsonPath, Written};
use keys::Keys;
use std::collections::{HashMap, HashSet};

/// The columns that are written, and where they come from.
pub struct Layout {
    columns: Vec<Column>,
    /// The field that each column is one of several of, where it is.
    of: Vec<Option<String>>,
    /// By the columns that are read.
    sources: Vec<Source>,
    names: Names,
    /// They are those that are read.
    plain: bool,
}

#[derive(Default)]
struct Source {
    /// The place of the whole.
    whole: Option<usize>,
    members: Option<Members>,
}

#[derive(Default)]
struct Members {
    tree: Branch,
    places: Vec<usize>,
    /// All members are to be written. The place of those without a column of their own, if some were found.
    others: Option<Option<usize>>,
}

/// Keys at one depth.
#[derive(Default)]
struct Branch {
    place: Option<usize>,
    inside: HashMap<Box<str>, Branch>,
}

impl Layout {
    /// `found`: the keys of the columns of which all are written.
    pub fn new(
        read: &[Column],
        outputs: &[FieldOutput],
        names: Names,
        format: Format,
        mut found: HashMap<usize, Keys>,
    ) -> Layout {
        let json = matches!(format, Format::Ndjson | Format::Json);
        let sources = read.iter().map(|_| Source::default()).collect();
        let plain = outputs.iter().all(|output| match output.written {
            Written::Whole => true,
            Written::Named(_) => false,
            Written::Declared(_) | Written::Found => json,
        });
        let mut layout = Layout { columns: Vec::new(), of: Vec::new(), sources, names, plain };
        let mut read = read.to_vec();
        let mut taken = Taken::by(&mut read);
        for output in outputs {
            let (at, whole) = (output.column, &read[output.column]);
            match &output.written {
                Written::Named(part) => {
                    layout.part(at, taken.column(whole, &part.path, &part.label), part, None)
                }
                Written::Declared(parts) if !json => {
                    for part in parts {
                        let column = taken.column(whole, &part.path, &part.label);
                        layout.part(at, column, part, Some(&whole.name));
                    }
                }
                Written::Found if !json => {
                    let keys = found.remove(&at).unwrap_or_default();
                    let left = keys.left || keys.names.is_empty();
                    for key in keys.names {
                        let part = JsonPath { path: vec![key.into()], label: None };
                        layout.part(at, taken.column(whole, &part.path, &None), &part, Some(&whole.name));
                    }
                    let rest = left.then_some(layout.columns.len());
                    if left {
                        layout.push(whole.clone(), Some(&whole.name));
                    }
                    let members = layout.sources[at].members.get_or_insert_default();
                    members.places.extend(rest);
                    members.others = Some(rest);
                }
                Written::Whole | Written::Declared(_) | Written::Found => {
                    layout.sources[at].whole = Some(layout.columns.len());
                    layout.push(whole.clone(), None);
                }
            }
        }
        layout
    }

    fn push(&mut self, column: Column, of: Option<&str>) {
        self.columns.push(column);
        self.of.push(of.map(str::to_owned));
    }

    fn part(&mut self, source: usize, column: Column, part: &JsonPath, of: Option<&str>) {
        let place = self.columns.len();
        let members = self.sources[source].members.get_or_insert_default();
        members.places.push(place);
        members.tree.grow(&part.path).place = Some(place);
        self.push(column, of);
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The description that reading the file back needs. `key`: the places of the key among the columns that are read;
    /// `sheets`: as in [`Shape`].
    pub fn shape(&self, key: &[usize], sheets: u32) -> Shape {
        let key: Option<Vec<usize>> = key.iter().map(|key| self.sources[*key].whole).collect();
        let mut shape = Shape::new(&self.columns, key.unwrap_or_default(), sheets);
        for (column, of) in shape.columns.iter_mut().zip(&self.of) {
            column.of.clone_from(of);
        }
        shape
    }

    /// Hands on a row as it is written.
    pub fn row(&self, cells: &[Cell<'_>], next: &mut dyn FnMut(&[Cell<'_>]) -> Result<()>) -> Result<()> {
        if self.plain {
            return next(cells);
        }
        let mut values: Vec<Value<'_>> = self.columns.iter().map(|_| Value::NULL).collect();
        for (cell, source) in cells.iter().zip(&self.sources) {
            if let Some(place) = source.whole {
                values[place] = Value::As(*cell);
            }
            if let Some(members) = &source.members {
                members.fill(cell, &mut values, &self.names)?;
            }
        }
        let lists: Vec<Vec<Cell<'_>>> = values.iter().filter_map(Value::items).collect();
        let mut lists = lists.iter().map(Vec::as_slice);
        let written: Vec<Cell<'_>> = values.iter().map(|value| value.cell(&mut lists)).collect();
        next(&written)
    }
}

impl Members {
    fn fill<'t>(&self, cell: &Cell<'t>, values: &mut [Value<'t>], names: &Names) -> Result<()> {
        let text = match cell {
            Cell::Null => return Ok(()),
            Cell::Json(text) => *text,
            // The value in place of a redacted document.
            other => {
                self.places.iter().for_each(|place| values[*place] = Value::As(*other));
                return Ok(());
            }
        };
        memory::probe(text.len())?;
        let Some(others) = self.others else {
            return self.tree.fill(text, values, &mut |_, _| Ok(())).map(drop);
        };
        let mut rest = Vec::new();
        let is_object = self.tree.fill(text, values, &mut |key, value| {
            // One that tells nothing: the others are cut out.
            if names.is_secret(&unescape(key)) {
                return Ok(());
            }
            memory::reserve(&mut rest, key.len() + value.len())?;
            rest.extend_from_slice(if rest.is_empty() { b"{\"" } else { b", \"" });
            rest.extend_from_slice(key.as_bytes());
            rest.extend_from_slice(b"\": ");
            rest.extend_from_slice(value.as_bytes());
            Ok(())
        })?;
        let rest = if !is_object {
            if text.trim_ascii() == "null" {
                return Ok(());
            }
            Value::As(Cell::Json(text))
        } else if rest.is_empty() {
            return Ok(());
        } else {
            rest.push(b'}');
            let rest = String::from_utf8(rest);
            Value::Json(rest.map_err(|_| Error::new(ErrorKind::Internal, "a JSON value is not UTF-8"))?)
        };
        let Some(place) = others else {
            return Err(Error::new(
                ErrorKind::SourceFailed,
                "the source of the export returns different rows each time it is read",
            )
            .hint(
                "The owner of its source can declare the keys that become columns with acct_export_expand.",
            ));
        };
        values[place] = rest;
        Ok(())
    }
}

impl Branch {
    fn grow(&mut self, path: &[String]) -> &mut Branch {
        path.iter().fold(self, |branch, key| branch.inside.entry(key.as_str().into()).or_default())
    }

    /// Puts what the paths lead to into its places; members that no path goes through are `others`. False: no object.
    fn fill<'t>(&self, text: &'t str, values: &mut [Value<'t>], others: &mut Visit<'_, 't>) -> Result<bool> {
        members::each(text, &mut |key, value| {
            let Some(branch) = self.inside.get(&*unescape(key)) else { return others(key, value) };
            if let Some(place) = branch.place {
                values[place] = Value::of(value)?;
            }
            if !branch.inside.is_empty() {
                branch.fill(value, values, &mut |_, _| Ok(()))?;
            }
            Ok(())
        })
    }
}

/// Names and labels that columns have already.
struct Taken {
    names: HashSet<String>,
    labels: Labels,
}

impl Taken {
    /// By the columns that are read, whose labels become distinct.
    fn by(read: &mut [Column]) -> Taken {
        let mut labels = Labels::default();
        for column in read.iter_mut() {
            column.label = labels.take(&column.label);
        }
        Taken { names: read.iter().map(|column| column.name.clone()).collect(), labels }
    }

    /// The column of a path. No two have one name or one label; a label that another column has, or that is blank, begins with
    /// the field's.
    fn column(&mut self, whole: &Column, path: &[String], label: &Option<String>) -> Column {
        // No text of the server has a NUL, which keys of `json` may.
        let path_name = path.join(".").replace('\0', "\u{fffd}");
        let mut name = format!("{}.{path_name}", whole.name);
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        let mut label = label.clone().unwrap_or_else(|| path_name.clone());
        if label.trim().is_empty() || self.labels.has(&label) {
            label = format!("{}.{path_name}", whole.label);
        }
        Column {
            name,
            label: self.labels.take(&label),
            kind: Kind::Mixed,
            identifier: path.last().is_some_and(|key| personal::is_identifier(key)),
            free_text: true,
            json_path: Some(format!("{}.{path_name}", whole.json_path.as_ref().unwrap_or(&whole.name))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
