//! Headers that a request gives its fields, in place of those of the registration.

use super::selection::Selected;
use crate::error::{Error, Result};
use crate::model::label::folded;
use crate::model::Dataset;
use crate::value::{listed, shown};
use std::collections::{BTreeMap, HashMap};

/// Puts the labels to the fields that are exported.
///
/// Errors: 22023 for a field that is not exported, and where two of the fields would have one label.
pub fn apply(dataset: &Dataset, fields: &mut [Selected], labels: &BTreeMap<String, String>) -> Result<()> {
    if labels.is_empty() {
        return Ok(());
    }
    for (name, label) in labels {
        let Some(field) = fields.iter_mut().find(|field| field.full_name() == *name) else {
            return Err(not_exported(dataset, fields, name));
        };
        field.label = Some(label.clone());
    }
    let mut known: HashMap<String, String> = HashMap::new();
    for field in fields.iter() {
        let own = || dataset.field(&field.name).map_or(field.name.as_str(), |field| field.label.as_str());
        let label = field.label.as_deref().unwrap_or_else(own);
        let name = field.full_name();
        if let Some(other) = known.insert(folded(label), name.clone()) {
            // Labels that the registration gave are distinct, and paths have their field's in front.
            if labels.contains_key(&name) || labels.contains_key(&other) {
                return Err(Error::invalid(format!(
                    "fields {} and {} would both have the label {}",
                    shown(&other),
                    shown(&name),
                    shown(label)
                ))
                .hint("Labels are compared without regard to case. Give one of them another label."));
            }
        }
    }
    Ok(())
}

fn not_exported(dataset: &Dataset, fields: &[Selected], name: &str) -> Error {
    let exported: Vec<String> = fields.iter().map(Selected::full_name).collect();
    let is_open = dataset.field(name).is_some_and(|field| field.barred.is_none());
    let message = match is_open {
        true => format!("field {} in option \"labels\" is not exported", shown(name)),
        false => format!("unknown field {} in option \"labels\"", shown(name)),
    };
    let exported = listed(exported.iter().map(String::as_str));
    Error::invalid(message).hint(format!("Fields of this export: {exported}."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::filter::fixture;
    use crate::request::select_fields;

    fn labelled(labels: &[(&str, &str)]) -> Result<Vec<String>> {
        let dataset = fixture::dataset();
        let names: Vec<Option<String>> = ["id", "email"].map(|name| Some(name.to_owned())).to_vec();
        let mut fields = select_fields(&dataset, Some(&names), None, false)?.fields;
        let labels = labels.iter().map(|(name, label)| ((*name).to_owned(), (*label).to_owned())).collect();
        apply(&dataset, &mut fields, &labels)?;
        Ok(fields.into_iter().map(|field| field.label.unwrap_or_default()).collect())
    }

    #[test]
    fn fields_get_their_labels() {
        assert_eq!(labelled(&[("email", "E-mail")]).unwrap(), ["", "E-mail"]);
        assert_eq!(labelled(&[("email", "id"), ("id", "email")]).unwrap(), ["email", "id"]);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for (labels, wanted) in [
            (&[("nothing", "X")][..], "unknown field \"nothing\""),
            (&[("created_at", "X")], "\"created_at\" in option \"labels\" is not exported"),
            (&[("email", " ID ")], "would both have the label \" ID \""),
            (&[("email", "x"), ("id", "X")], "would both have the label"),
        ] {
            let error = labelled(labels).unwrap_err();
            assert_eq!(error.kind.sqlstate(), "22023");
            assert!(error.message.contains(wanted), "{error:?}");
        }
    }
}
