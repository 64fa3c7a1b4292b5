//! All that there is about one person, as a request.

use crate::model::{Dataset, ExportRequest, Format};
use serde_json::{json, Map, Value};

/// The request that asks for everything about the person of this key.
pub fn request(dataset: &Dataset, key: &str, format: Format, reason: Option<&str>) -> ExportRequest {
    let all = || Some(vec![Some("*".to_owned())]);
    let matched = || dataset.companions.iter().filter(|name| dataset.matches.contains_key(*name));
    let selection = |name: &String| {
        let selection = json!({ "fields": ["*"], "include_disabled": true, "match": dataset.matches[name] });
        (name.clone(), selection)
    };
    let selections: Map<String, Value> = matched().map(selection).collect();
    let mut options = Map::from_iter([("archive".to_owned(), json!("zip"))]);
    if !selections.is_empty() {
        options.insert("companions".to_owned(), Value::Object(selections));
    }
    let include: Vec<Option<String>> = matched().cloned().map(Some).collect();
    ExportRequest {
        dataset: dataset.name.clone(),
        format: format.as_str().to_owned(),
        filter: Some(json!({ (dataset.key.as_str()): { "eq": key } })),
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
            matches: [("events".to_owned(), "user_id".to_owned())].into(),
            ..fixture::dataset()
        };
        let asked = request(&dataset, "7", Format::Json, Some("Art. 15"));
        assert_eq!(asked.include, Some(vec![Some("events".to_owned())]));
        assert_eq!(asked.filter, Some(json!({ "id": { "eq": "7" } })));
        assert_eq!(asked.options["companions"]["events"]["match"], "user_id");
        let alone = request(&Dataset { companions: vec![], ..dataset }, "7", Format::Json, None);
        assert_eq!((alone.include, alone.options.len()), (None, 1));
    }
}
