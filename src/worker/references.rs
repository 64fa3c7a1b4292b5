//! The reference data of a job's workbook: the values that its columns refer to.

use crate::catalog::reference;
use crate::encode::{Choosing, Column, Kind, Reference};
use crate::error::Result;
use crate::model::Target;
use crate::model::{Dataset, Field, Treatment};
use crate::source::references::{list, Occasion, Outcome};

/// The sheets of a workbook, what each is of, and what `Export info` says of those that are not there.
#[derive(Default)]
pub struct Lists {
    pub sheets: Vec<Reference>,
    pub targets: Vec<Target>,
    pub notes: Vec<(String, String)>,
}

/// Reads what the columns of an export refer to: one list for each field that is referred to.
pub fn gather(dataset: &Dataset, columns: &[Column], occasion: &Occasion<'_>) -> Result<Lists> {
    let mut wanted: Vec<(Target, Vec<Choosing>)> = Vec::new();
    let references = reference::of(&dataset.name)?;
    for (place, column) in columns.iter().enumerate() {
        let Some(reference) = references.iter().find(|reference| reference.field == column.name) else {
            continue;
        };
        // A column whose own values are hidden has no choices.
        let hidden = |field: &Field| {
            field.mask != Treatment::Keep
                || (occasion.asked.anonymise && field.on_anonymise != Treatment::Keep)
        };
        if dataset.field(&column.name).is_some_and(hidden) {
            continue;
        }
        let choosing = Choosing { column: place, several: column.kind == Kind::List };
        match wanted.iter_mut().find(|(target, _)| *target == reference.target) {
            Some((_, columns)) => columns.push(choosing),
            None => wanted.push((reference.target.clone(), vec![choosing])),
        }
    }
    let mut lists = Lists::default();
    for (target, choosing) in wanted {
        match list(&target, occasion)? {
            Outcome::Read((named, values)) => {
                lists.sheets.push(Reference {
                    title: named.title,
                    label: named.label,
                    values,
                    columns: choosing,
                });
                lists.targets.push(target);
            }
            Outcome::Refused(why) => {
                let of: Vec<&str> =
                    choosing.iter().filter_map(|one| Some(columns.get(one.column)?.name.as_str())).collect();
                lists.notes.push(("No list of values".to_owned(), format!("{}: {why}", of.join(", "))));
            }
        }
    }
    Ok(lists)
}
