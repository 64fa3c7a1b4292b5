//! The exported fields, their order and treatment: `fields`, `include` and `anonymise` against a dataset.
//!
//! Invariants of a [`Selection`]: at least one field; every field known, not barred, there once (or in parts); no field
//! whose treatment is to drop it. A field asked for by name that may not leave is refused, one that came
//! along by default or with a group is left out and told in `left_out`. Companions are named only: each is a
//! dataset with rights of its own, which the caller checks.

use crate::error::{Error, Kind, Result};
use crate::filter::longest_prefix;
use crate::model::json_path;
use crate::model::{Dataset, Field, Treatment};
use crate::value::{listed, shown};

/// A field of the export and what happens to its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub name: String,
    /// A path into its objects: only what is there.
    pub part: Option<String>,
    pub treatment: Treatment,
    /// The header that the request gives it.
    pub label: Option<String>,
}

impl Selected {
    /// As it is named in `fields`.
    pub fn full_name(&self) -> String {
        self.part.as_ref().map_or_else(|| self.name.clone(), |part| format!("{}.{part}", self.name))
    }
}

/// In `fields` every field that may leave, in `include` every group and companion.
const ALL: &str = "*";

/// The outcome: fields in order, companion datasets in the order asked, and what was left out with the
/// reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub fields: Vec<Selected>,
    pub companions: Vec<String>,
    /// Field and reason; shown by the preview as `barred`.
    pub left_out: Vec<(String, String)>,
}

/// Chooses the fields of an export.
///
/// No `fields`, or none in them: the default ones. Errors: 22023 for an unknown, repeated or NULL name and a selection
/// without any field; 42501 for a barred field asked for by name.
pub fn select_fields(
    dataset: &Dataset,
    fields: Option<&[Option<String>]>,
    include: Option<&[Option<String>]>,
    anonymise: bool,
) -> Result<Selection> {
    let mut chooser = Chooser { dataset, anonymise, chosen: Vec::new(), left_out: Vec::new() };
    match fields {
        Some(names) if !names.is_empty() => chooser.named(names)?,
        _ => chooser.defaults()?,
    }
    let companions = chooser.include(include.unwrap_or_default())?;
    chooser.finish(companions)
}

/// The stronger of the two treatments: the mask holds for everybody, the other joins it when anonymising.
pub fn treatment(field: &Field, anonymise: bool) -> Treatment {
    if anonymise && strength(field.on_anonymise) > strength(field.mask) {
        field.on_anonymise
    } else {
        field.mask
    }
}

/// The strength of a treatment; the order is the project's, the model only names them.
fn strength(treatment: Treatment) -> u8 {
    match treatment {
        Treatment::Keep => 0,
        Treatment::Last4 => 1,
        Treatment::Pseudonymise => 2,
        Treatment::Redact => 3,
        Treatment::Drop => 4,
    }
}

struct Chooser<'d> {
    dataset: &'d Dataset,
    anonymise: bool,
    chosen: Vec<(&'d Field, Option<String>)>,
    left_out: Vec<(String, String)>,
}

impl<'d> Chooser<'d> {
    fn named(&mut self, names: &[Option<String>]) -> Result<()> {
        for name in names {
            let Some(name) = name else {
                return Err(Error::invalid("fields must not contain NULL")
                    .hint("Name fields, or leave fields out for the default ones."));
            };
            if name == ALL {
                self.all()?;
                continue;
            }
            let (field, part) = self.find(name)?.ok_or_else(|| {
                Error::invalid(format!("unknown field {} in fields", shown(name))).hint(format!(
                    "Fields of dataset {}: {}; '{{*}}' is all of them.",
                    shown(&self.dataset.name),
                    self.dataset.open_fields()
                ))
            })?;
            if let Some(reason) = &field.barred {
                return Err(Error::denied(format!("field {} is never exported: {reason}", shown(name)))
                    .hint("Leave the field out of fields."));
            }
            let twice = |(chosen, other): &(&Field, Option<String>)| {
                chosen.name == field.name && (part.is_none() || other.is_none() || part == *other)
            };
            if self.chosen.iter().any(twice) {
                return Err(Error::invalid(format!("field {} is named twice in fields", shown(name)))
                    .hint("Name each field once."));
            }
            if part.is_some()
                && self.chosen.iter().filter(|(_, part)| part.is_some()).count() == json_path::MOST
            {
                let message = format!("fields has more than {} paths into JSON fields", json_path::MOST);
                return Err(
                    Error::new(Kind::ProgramLimitExceeded, message).hint("Name the fields as a whole.")
                );
            }
            self.chosen.push((field, part));
        }
        Ok(())
    }

    /// Every field that may leave and is not chosen yet.
    fn all(&mut self) -> Result<()> {
        for field in self.dataset.in_position() {
            match &field.barred {
                Some(reason) => self.leave_out_barred(field, reason)?,
                None if !self.has(field) => self.chosen.push((field, None)),
                None => {}
            }
        }
        Ok(())
    }

    /// A field, or a path into the objects of one.
    fn find(&self, name: &str) -> Result<Option<(&'d Field, Option<String>)>> {
        if let Some(field) = self.dataset.field(name) {
            return Ok(Some((field, None)));
        }
        match longest_prefix(name, self.dataset) {
            Some((field, path)) if field.ty.is_document() => {
                json_path::keys(path)?;
                Ok(Some((field, Some(path.to_owned()))))
            }
            _ => Ok(None),
        }
    }

    fn defaults(&mut self) -> Result<()> {
        for field in self.dataset.in_position() {
            match &field.barred {
                Some(reason) if field.is_default => self.leave_out_barred(field, reason)?,
                Some(reason) => self.leave_out(field, reason.clone()),
                None if field.is_default => self.chosen.push((field, None)),
                None => {}
            }
        }
        Ok(())
    }

    /// A field that could never leave is left out, as is one whose column is gone. One that could when it was registered
    /// shows that the source has become another.
    fn leave_out_barred(&mut self, field: &Field, reason: &str) -> Result<()> {
        if field.eligible && field.ty.oid != 0 {
            return Err(Error::denied(format!(
                "field {} of dataset {} can no longer be exported: {reason}",
                shown(&field.name),
                shown(&self.dataset.name)
            ))
            .hint(format!(
                "The source has changed since it was registered; SELECT acct_export_refresh({}); leaves the field out.",
                crate::value::quote_literal(&self.dataset.name)
            )));
        }
        self.leave_out(field, reason.to_owned());
        Ok(())
    }

    /// Adds the groups and gives back the companions. A name that is both a group and a companion adds both.
    fn include(&mut self, names: &[Option<String>]) -> Result<Vec<String>> {
        let mut companions: Vec<String> = Vec::new();
        for name in names {
            let Some(name) = name else {
                return Err(Error::invalid("include must not contain NULL")
                    .hint("Name field groups, or leave include out."));
            };
            if name == ALL {
                self.include_all(&mut companions)?;
                continue;
            }
            let is_group = self.include_group(name)?;
            let is_companion = self.dataset.companions.contains(name);
            if is_companion && !companions.contains(name) {
                companions.push(name.clone());
            }
            if !is_group && !is_companion {
                return Err(self.unknown_include(name));
            }
        }
        Ok(companions)
    }

    /// Every group and every companion.
    fn include_all(&mut self, companions: &mut Vec<String>) -> Result<()> {
        for group in self.groups() {
            self.include_group(group)?;
        }
        let dataset = self.dataset;
        let further = dataset.companions.iter().filter(|name| !companions.contains(name));
        let further: Vec<String> = further.cloned().collect();
        companions.extend(further);
        Ok(())
    }

    fn include_group(&mut self, name: &str) -> Result<bool> {
        let mut found = false;
        for field in self.dataset.in_position() {
            if field.in_group.as_deref() != Some(name) {
                continue;
            }
            found = true;
            match &field.barred {
                Some(reason) => self.leave_out_barred(field, reason)?,
                None if !self.has(field) => self.chosen.push((field, None)),
                None => {}
            }
        }
        Ok(found)
    }

    /// Names of the field groups, in the order of their first fields.
    fn groups(&self) -> Vec<&'d str> {
        let mut groups: Vec<&str> = Vec::new();
        for group in self.dataset.in_position().into_iter().filter_map(|field| field.in_group.as_deref()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    fn unknown_include(&self, name: &str) -> Error {
        let groups = self.groups();
        Error::invalid(format!("unknown field group or companion dataset {} in include", shown(name))).hint(
            format!(
                "Field groups: {}. Companion datasets: {}.",
                listed(groups),
                listed(self.dataset.companions.iter().map(String::as_str))
            ),
        )
    }

    fn finish(mut self, companions: Vec<String>) -> Result<Selection> {
        let mut fields = Vec::with_capacity(self.chosen.len());
        for (field, part) in std::mem::take(&mut self.chosen) {
            match treatment(field, self.anonymise) {
                Treatment::Drop => self.leave_out(field, "dropped by its treatment when anonymised".into()),
                treatment => {
                    fields.push(Selected { name: field.name.clone(), part, treatment, label: None });
                }
            }
        }
        if fields.is_empty() {
            return Err(Error::invalid(format!(
                "no field of dataset {} is left to export",
                shown(&self.dataset.name)
            ))
            .hint(format!("Name other fields; fields of the dataset: {}.", self.dataset.open_fields())));
        }
        Ok(Selection { fields, companions, left_out: self.left_out })
    }

    fn has(&self, field: &Field) -> bool {
        self.chosen.iter().any(|(chosen, _)| chosen.name == field.name)
    }

    fn leave_out(&mut self, field: &Field, reason: String) {
        if !self.left_out.iter().any(|(name, _)| *name == field.name) {
            self.left_out.push((field.name.clone(), reason));
        }
    }
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
