//! Reading the values that a reference points at, for whoever reads the dataset that refers to them.
//!
//! Invariants: the values are read as an export of their own dataset would be, with all its rights, filters, limits and masks,
//! in the same snapshot and for the same role, tenant and settings. Who may not have them is told why, and the export of the
//! referring dataset goes on without.

use super::dataset_export::{DatasetExport, Planner};
use super::order_by::Form;
use super::row_limit::RowLimit;
use crate::catalog::load::Loaded;
use crate::catalog::reference;
use crate::encode::{Cell, Format, Options, Order};
use crate::error::{Error, Kind, Result};
use crate::job::captured_session::{Bounds, CapturedSession};
use crate::model::ExportRequest;
use crate::model::Target;
use crate::model::{Class, Treatment};
use crate::pg::identity::{self, Reader};
use crate::pg::{query, wait};
use crate::value::text::plain_text;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Values that a sheet lists at most: more are no choice.
pub const MOST: usize = 10_000;

/// Bytes of all of them.
const MOST_BYTES: usize = 8 << 20;

/// For whom, and as part of what, values are read.
pub struct Occasion<'a> {
    pub asked: &'a ExportRequest,
    pub context: &'a CapturedSession,
    pub reader: &'a Reader<'a>,
    /// Also values of rows that are disabled.
    pub disabled: bool,
}

/// A dataset and a field of it, as people call them.
pub struct Named {
    pub title: String,
    pub label: String,
}

/// The outcome of resolving a reference.
pub enum Outcome<T> {
    Read(T),
    /// The reason, as part of a sentence, without a value.
    Refused(String),
}

/// The request that reading a reference is, beside the one that it is part of.
pub fn request(target: &Target, asked: &ExportRequest, disabled: bool) -> ExportRequest {
    ExportRequest {
        dataset: target.dataset.clone(),
        format: Format::Xlsx.as_str().to_owned(),
        fields: Some(vec![Some(target.field.clone())]),
        include_disabled: disabled.then_some(true),
        anonymise: asked.anonymise,
        all_tenants: asked.all_tenants,
        ..ExportRequest::default()
    }
}

/// The values of a field, sorted, without twins and NULLs.
pub fn list(target: &Target, occasion: &Occasion<'_>) -> Result<Outcome<(Named, Vec<String>)>> {
    let mut values = BTreeSet::new();
    let (mut bytes, mut too_many) = (0, None);
    let read = each(target, occasion, &mut |value| {
        if values.contains(value) {
            return Ok(ControlFlow::Continue(()));
        }
        bytes += value.len();
        if values.len() == MOST {
            too_many = Some(format!("there are more than {MOST} values to choose from"));
        } else if bytes > MOST_BYTES {
            too_many = Some("the values to choose from are too long".to_owned());
        } else {
            values.insert(value.to_owned());
            return Ok(ControlFlow::Continue(()));
        }
        Ok(ControlFlow::Break(()))
    })?;
    Ok(match (read, too_many) {
        (Outcome::Refused(why), _) | (_, Some(why)) => Outcome::Refused(why),
        (Outcome::Read(named), None) => {
            let mut values: Vec<String> = values.into_iter().collect();
            // As people look for them; the bytes decide between those that differ in case alone.
            values.sort_by_cached_key(|value| value.to_lowercase());
            Outcome::Read((named, values))
        }
    })
}

/// Hands each value to `sink`, in no order and with twins, until it wants no more.
pub fn each(
    target: &Target,
    occasion: &Occasion<'_>,
    sink: &mut dyn FnMut(&str) -> Result<ControlFlow<()>>,
) -> Result<Outcome<Named>> {
    // In a subtransaction: what fails in there does not take the export with it.
    let error = match occasion.reader.undone(|| read(target, occasion, sink)) {
        Ok(named) => return Ok(Outcome::Read(named)),
        Err(failure) if failure.is_of_server() => return Err(failure.into_error()),
        Err(failure) => failure.into_error(),
    };
    match error.kind {
        Kind::InvalidParameter
        | Kind::InsufficientPrivilege
        | Kind::ProgramLimitExceeded
        | Kind::SourceFailed => Ok(Outcome::Refused(error.message)),
        _ => Err(error),
    }
}

fn read(
    target: &Target,
    occasion: &Occasion<'_>,
    sink: &mut dyn FnMut(&str) -> Result<ControlFlow<()>>,
) -> Result<Named> {
    let asked = request(target, occasion.asked, occasion.disabled);
    // Period and companions are of the rows that refer to them.
    let context =
        CapturedSession { bounds: Bounds::default(), included: Vec::new(), ..occasion.context.clone() };
    let planner = Planner {
        context: &context,
        format: Format::Xlsx,
        options: &Options::default(),
        order: Order::None,
        reader: occasion.reader,
        held: true,
    };
    let loaded = planner.load(&target.dataset).map_err(Error::revealed)?;
    let named = named(&loaded, target, occasion.asked.anonymise)?;
    let DatasetExport { loaded, plan, .. } =
        planner.admit(loaded, asked, context.clone(), &Form::in_order(Order::None), None)?;
    let row_limit = RowLimit::of(&loaded.dataset, false);
    let mut redactor = plan.redactor(None);
    let mut rows = 0;
    let mut admitted = true;
    identity::as_requester(occasion.reader, || {
        query::for_each_row(&plan.sql, &plan.params, false, &mut |cells| {
            rows += 1;
            if !row_limit.check(rows)? {
                admitted = false;
                return Ok(ControlFlow::Break(()));
            }
            if rows.is_multiple_of(1024) {
                wait::interrupted()?;
            }
            let mut next = ControlFlow::Continue(());
            redactor.apply(cells, &mut |cells| {
                let is_blank = |cell: &Cell<'_>| match cell {
                    Cell::Null => true,
                    Cell::Text(text) => text.is_empty(),
                    _ => false,
                };
                if let Some(cell) = cells.first().filter(|cell| !is_blank(cell)) {
                    next = sink(&plain_text(cell)?)?;
                }
                Ok(())
            })?;
            Ok(next)
        })
    })?;
    if admitted {
        Ok(named)
    } else {
        Err(row_limit.needs_approval())
    }
}

/// The names, if the field's values may be listed at all.
fn named(loaded: &Loaded, target: &Target, anonymise: bool) -> Result<Named> {
    let dataset = &loaded.dataset;
    let field = dataset.field(&target.field).ok_or_else(|| {
        Error::invalid(format!("dataset \"{}\" has no field \"{}\" any more", dataset.name, target.field))
    })?;
    if let Some(why) = reference::barred(field) {
        return Err(Error::denied(format!(
            "field \"{}\" of dataset \"{}\": {why}",
            field.name, dataset.name
        )));
    }
    if !matches!(field.ty.class, Class::Text | Class::Enum | Class::Uuid) {
        return Err(Error::invalid(format!(
            "field \"{}\" of dataset \"{}\" is of type {} now, whose values are not names",
            field.name, dataset.name, field.ty.name
        )));
    }
    if anonymise && field.on_anonymise != Treatment::Keep {
        return Err(Error::denied(format!(
            "field \"{}\" of dataset \"{}\" is anonymised",
            field.name, dataset.name
        )));
    }
    Ok(Named { title: dataset.title.clone(), label: field.label.clone() })
}
