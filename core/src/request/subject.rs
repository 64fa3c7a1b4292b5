//! All that there is about one person, as a request.

use crate::model::{Dataset, ExportRequest, Format};
use serde_json::{json, Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Companions of the dataset's companions, by name: those that they are companions of.
pub type Further = BTreeMap<String, Vec<String>>;

/// Adds the companions of a companion that hold the rows of its rows, but for the dataset itself: rows of other persons may belong to one of
/// their rows too.
pub fn add_further(dataset: &str, companion: &Dataset, further: &mut Further) {
    for name in matched(companion).filter(|name| *name != dataset) {
        further.entry(name.clone()).or_default().push(companion.name.clone());
    }
}

/// The companions of a dataset that hold rows of its rows.
pub fn matched(dataset: &Dataset) -> impl Iterator<Item = &String> {
    dataset.companions.iter().filter(|name| dataset.matches.contains_key(*name))
}

/// The request that asks for everything about the person whose key has these values.
pub fn request(
    dataset: &Dataset,
    key: &[Cow<'_, str>],
    further: &Further,
    format: Format,
    reason: Option<&str>,
) -> ExportRequest {
    let all = || Some(vec![Some("*".to_owned())]);
    let direct: Vec<&String> = matched(dataset).collect();
    let names: Vec<&String> =
        direct.iter().copied().chain(further.keys().filter(|name| !direct.contains(name))).collect();
    let selection = |name: &&String| {
        let mut selection = json!({ "fields": ["*"], "include_disabled": true });
        let own = direct.contains(name).then_some(&dataset.name);
        match further.get(*name) {
            None => selection["match"] = json!(dataset.matches[*name]),
            Some(of) => selection["of"] = json!(own.into_iter().chain(of).collect::<Vec<_>>()),
        }
        ((*name).clone(), selection)
    };
    let selections: Map<String, Value> = names.iter().map(selection).collect();
    let mut options = Map::from_iter([("archive".to_owned(), json!("zip"))]);
    if !selections.is_empty() {
        options.insert("companions".to_owned(), Value::Object(selections));
    }
    let filter = dataset.key.iter().zip(key).map(|(field, value)| (field.clone(), json!({ "eq": value })));
    let include: Vec<Option<String>> = names.into_iter().cloned().map(Some).collect();
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
        let asked = request(&dataset, &["7".into()], &Further::new(), Format::Json, Some("Art. 15"));
        assert_eq!(asked.include, Some(vec![Some("events".to_owned())]));
        assert_eq!(asked.filter, Some(json!({ "id": { "eq": "7" } })));
        assert_eq!(asked.options["companions"]["events"]["match"], json!(["user_id"]));
        let alone = request(
            &Dataset { companions: vec![], ..dataset },
            &["7".into()],
            &Further::new(),
            Format::Json,
            None,
        );
        assert_eq!((alone.include, alone.options.len()), (None, 1));
    }

    #[test]
    fn what_belongs_to_its_rows_is_asked_for_by_each_way() {
        let companion = |name: &str, matched: &[&str]| Dataset {
            name: name.into(),
            companions: matched.iter().map(|name| (*name).to_owned()).chain(["plans".to_owned()]).collect(),
            matches: matched.iter().map(|name| ((*name).to_owned(), vec![format!("{name}_id")])).collect(),
            ..fixture::dataset()
        };
        let dataset = companion("users", &["subscriptions", "orders", "logins"]);
        let mut further = Further::new();
        add_further("users", &companion("subscriptions", &["users", "invoices", "logins"]), &mut further);
        add_further("users", &companion("orders", &["invoices", "subscriptions"]), &mut further);
        let asked = request(&dataset, &["7".into()], &further, Format::Json, None);
        let names = ["subscriptions", "orders", "logins", "invoices"];
        assert_eq!(asked.include, Some(names.map(|name| Some(name.to_owned())).to_vec()));
        let of = |name: &str| asked.options["companions"][name].get("of").cloned().unwrap_or_default();
        assert_eq!(
            names.map(of),
            [
                json!(["users", "orders"]),
                Value::Null,
                json!(["users", "subscriptions"]),
                json!(["subscriptions", "orders"])
            ]
        );
    }
}
