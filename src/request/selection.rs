//! Which fields leave, in which order and how treated: `fields`, `include` and `anonymise` against a dataset.
//!
//! What holds in a [`Selection`]: at least one field; every field known, not barred, there once (or in parts); no field
//! whose treatment is to drop it. A field asked for by name that may not leave is refused, one that came
//! along by default or with a group is left out and told in `left_out`. Companions are named only: each is a
//! dataset with rights of its own, which the caller checks.

use super::filter::longest_prefix;
use super::listing::{listed, shown};
use super::part;
use crate::catalog::model::{Dataset, Field, Treatment};
use crate::error::{Error, Kind, Result};

/// A field of the export and what happens to its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub name: String,
    /// A path into its objects: only what is there.
    pub part: Option<String>,
    pub treatment: Treatment,
}

/// The outcome: fields in order, companion datasets in the order asked, and what was left out with the
/// reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub fields: Vec<Selected>,
    pub companions: Vec<String>,
    /// Field and reason; shown by the preview as `barred`.
    pub left_out: Vec<(String, String)>,
}

/// Chooses the fields of an export (contract, section 3).
///
/// Errors: 22023 for an unknown, repeated or NULL name, an empty `fields` and a selection without any field;
/// 42501 for a barred field asked for by name.
pub fn select_fields(
    dataset: &Dataset,
    fields: Option<&[Option<String>]>,
    include: Option<&[Option<String>]>,
    anonymise: bool,
) -> Result<Selection> {
    let mut chooser = Chooser { dataset, anonymise, chosen: Vec::new(), left_out: Vec::new() };
    match fields {
        Some(names) => chooser.named(names)?,
        None => chooser.defaults()?,
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

/// How much a treatment hides; the order is the project's, the model only names them.
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
        if names.is_empty() {
            return Err(Error::invalid("fields must not be an empty array")
                .hint("Name at least one field, or pass NULL for the default ones."));
        }
        for name in names {
            let Some(name) = name else {
                return Err(Error::invalid("fields must not contain NULL")
                    .hint("Name fields, or leave fields out for the default ones."));
            };
            let (field, part) = self.find(name)?.ok_or_else(|| {
                Error::invalid(format!("unknown field {} in fields", shown(name))).hint(format!(
                    "Fields of dataset {}: {}.",
                    shown(&self.dataset.name),
                    open_fields(self.dataset)
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
            if part.is_some() && self.chosen.iter().filter(|(_, part)| part.is_some()).count() == part::MOST {
                let message = format!("fields has more than {} paths into JSON fields", part::MOST);
                return Err(
                    Error::new(Kind::ProgramLimitExceeded, message).hint("Name the fields as a whole.")
                );
            }
            self.chosen.push((field, part));
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
                part::keys(path)?;
                Ok(Some((field, Some(path.to_owned()))))
            }
            _ => Ok(None),
        }
    }

    fn defaults(&mut self) -> Result<()> {
        for field in in_position(self.dataset) {
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
            .hint(
                "The source has changed since it was registered; register it again to leave the field out.",
            ));
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

    fn include_group(&mut self, name: &str) -> Result<bool> {
        let mut found = false;
        for field in in_position(self.dataset) {
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

    fn unknown_include(&self, name: &str) -> Error {
        let mut groups: Vec<&str> = Vec::new();
        for group in in_position(self.dataset).iter().filter_map(|field| field.in_group.as_deref()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
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
                treatment => fields.push(Selected { name: field.name.clone(), part, treatment }),
            }
        }
        if fields.is_empty() {
            return Err(Error::invalid(format!(
                "no field of dataset {} is left to export",
                shown(&self.dataset.name)
            ))
            .hint(format!("Name other fields; fields of the dataset: {}.", open_fields(self.dataset))));
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

/// The fields by position, then by name: the order of an export that names none.
fn in_position(dataset: &Dataset) -> Vec<&Field> {
    let mut fields: Vec<&Field> = dataset.fields.iter().collect();
    fields.sort_by(|a, b| a.position.cmp(&b.position).then_with(|| a.name.cmp(&b.name)));
    fields
}

/// Names of the fields that may leave, for a hint; barred ones are not advertised.
pub(super) fn open_fields(dataset: &Dataset) -> String {
    let fields = in_position(dataset);
    listed(fields.iter().filter(|field| field.barred.is_none()).map(|field| field.name.as_str()))
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
