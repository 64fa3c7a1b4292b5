//! All that there is about one person, as a request.

use crate::model::{Dataset, ExportRequest, Format};
use serde_json::{json, Map, Value};
use std::borrow::Cow;

/// A companion of one of the dataset's companions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Further {
    pub name: String,
    /// The companion that it is one of.
    pub of: String,
    /// Its fields that hold that one's key.
    pub fields: Vec<String>,
}

/// The companions of a companion that hold the rows of its rows. `known`: what the request has already, the dataset itself among it:
/// rows of other persons may belong to one of their rows too.
pub fn further(companion: &Dataset, known: &[String]) -> Vec<Further> {
    let matched = companion.companions.iter().filter(|name| !known.contains(name));
    let matched = matched.filter_map(|name| Some((name, companion.matches.get(name)?)));
    let further = |(name, fields): (&String, &Vec<String>)| Further {
        name: name.clone(),
        of: companion.name.clone(),
        fields: fields.clone(),
    };
    matched.map(further).collect()
}

/// The companions of a dataset that hold rows of its rows.
pub fn matched(dataset: &Dataset) -> impl Iterator<Item = &String> {
    dataset.companions.iter().filter(|name| dataset.matches.contains_key(*name))
}

/// The request that asks for everything about the person whose key has these values.
pub fn request(
    dataset: &Dataset,
    key: &[Cow<'_, str>],
    further: &[Further],
    format: Format,
    reason: Option<&str>,
) -> ExportRequest {
    let all = || Some(vec![Some("*".to_owned())]);
    let selection = |name: &String| {
        let selection = json!({ "fields": ["*"], "include_disabled": true, "match": dataset.matches[name] });
        (name.clone(), selection)
    };
    let further_selection = |further: &Further| {
        let selection =
            json!({ "fields": ["*"], "include_disabled": true, "of": further.of, "match": further.fields });
        (further.name.clone(), selection)
    };
    let selections: Map<String, Value> =
        matched(dataset).map(selection).chain(further.iter().map(further_selection)).collect();
    let mut options = Map::from_iter([("archive".to_owned(), json!("zip"))]);
    if !selections.is_empty() {
        options.insert("companions".to_owned(), Value::Object(selections));
    }
    let filter = dataset.key.iter().zip(key).map(|(field, value)| (field.clone(), json!({ "eq": value })));
    let further = further.iter().map(|further| &further.name);
    let include: Vec<Option<String>> = matched(dataset).chain(further).cloned().map(Some).collect();
    ExportRequest {
        dataset: dataset.name.clone(),
        format: format.as_str().to_owned(),
        filter: Some(Value::Object(filter.collect())),
        fields: all(),
        include: Some(include).filter(|include| !include.is_empty()),
        include_disabled: Some(true),
        reason: reason.map(str::to_owned),
        options,
        ..ExportRequest::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::filter::fixture;

    #[test]
    fn everything_about_one_person_is_asked_for() {
        let dataset = Dataset {
            companions: vec!["events".into(), "news".into()],
            matches: [("events".to_owned(), vec!["user_id".to_owned()])].into(),
            ..fixture::dataset()
        };
        let asked = request(&dataset, &["7".into()], &[], Format::Json, Some("Art. 15"));
        assert_eq!(asked.include, Some(vec![Some("events".to_owned())]));
        assert_eq!(asked.filter, Some(json!({ "id": { "eq": "7" } })));
        assert_eq!(asked.options["companions"]["events"]["match"], json!(["user_id"]));
        let alone =
            request(&Dataset { companions: vec![], ..dataset }, &["7".into()], &[], Format::Json, None);
        assert_eq!((alone.include, alone.options.len()), (None, 1));
    }

    #[test]
    fn what_belongs_to_its_rows_is_asked_for_once() {
        let companion = Dataset {
            name: "subscriptions".into(),
            companions: vec!["users".into(), "invoices".into(), "plans".into(), "logins".into()],
            matches: ["users", "invoices", "logins"]
                .map(|name| (name.to_owned(), vec!["subscription_id".to_owned()]))
                .into(),
            ..fixture::dataset()
        };
        let known = ["users".to_owned(), "subscriptions".to_owned(), "logins".to_owned()];
        let found = further(&companion, &known);
        assert_eq!(found.iter().map(|further| further.name.as_str()).collect::<Vec<_>>(), ["invoices"]);
        let asked = request(&fixture::dataset(), &["7".into()], &found, Format::Json, None);
        assert_eq!(asked.include, Some(vec![Some("invoices".to_owned())]));
        let selection = &asked.options["companions"]["invoices"];
        assert_eq!(
            (&selection["of"], &selection["match"]),
            (&json!("subscriptions"), &json!(["subscription_id"]))
        );
    }
}
