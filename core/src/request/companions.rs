//! Companions of a request, further datasets as further files: `options.companions`, by their names.
//!
//! A companion is an export of its own dataset: anonymised, of all tenants and with options as the main one, and with a
//! selection of its own, never the main one's: a filter is about the fields of one dataset.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

use crate::error::{Error, Kind, Result};
use crate::model::ExportRequest;
use crate::value::{listed, shown};

/// The option that holds the selections.
const OPTION: &str = "companions";

/// Options about the files of a job together; a companion as such has none of them.
const OF_THE_JOB: [&str; 6] = [OPTION, "one_workbook", "archive", "if_active", "manifest", "labels"];

const KNOWN: [&str; 11] = [
    "filter",
    "fields",
    "include",
    "include_disabled",
    "period",
    "start_date",
    "end_date",
    "period_field",
    "since",
    "match",
    "of",
];

/// One companion's request.
#[derive(Debug, Clone, PartialEq)]
pub struct Companion {
    pub asked: ExportRequest,
    /// Its fields that hold the main dataset's key: only rows of what the main selection holds.
    pub matched: Option<Vec<String>>,
    /// The companions whose companion it is, and the dataset itself if it is that one's too: only rows of what one of their selections holds.
    /// None: the dataset's alone.
    pub of: Vec<String>,
}

/// More companions than these have no selections of their own: each is resolved before anything else is looked at.
const MOST: usize = 100;

/// The names that `options.companions` says something about. 22023 where it is no object, 54000 where it says too much.
pub fn described(asked: &ExportRequest) -> Result<Vec<String>> {
    let Some(selections) = selections(asked)? else { return Ok(Vec::new()) };
    if selections.len() > MOST {
        return Err(Error::new(
            Kind::ProgramLimitExceeded,
            format!(
                "option \"{OPTION}\" has {} selections, more than the maximum of {MOST}",
                selections.len()
            ),
        )
        .hint("Leave out those of companions that are not in include."));
    }
    Ok(selections.keys().cloned().collect())
}

/// Refuses a selection for what is not included (22023): a misspelt name would export all rows.
pub fn check(asked: &ExportRequest, included: &[String]) -> Result<()> {
    if let Some(name) = described(asked)?.into_iter().find(|name| !included.contains(name)) {
        return Err(Error::invalid(format!(
            "option \"{OPTION}\" has {}, which is not in include",
            shown(&name)
        ))
        .hint(format!("Companions in include: {}.", listed(included.iter().map(String::as_str)))));
    }
    let further = further(asked)?;
    for (name, of) in further.iter().flat_map(|(name, all)| all.iter().map(move |of| (name, of))) {
        // One whose rows come by itself too is a companion of the dataset all the same.
        let is_direct = |of| further.get(of).is_none_or(|all| all.contains(&asked.dataset));
        if *of != asked.dataset && (!included.contains(of) || !is_direct(of)) {
            return Err(Error::invalid(format!(
                "companion {} has \"of\" {}, which is not a companion of the dataset in include",
                shown(name),
                shown(of)
            ))
            .hint("Give in \"of\" a companion of the exported dataset that is in include as well."));
        }
    }
    Ok(())
}

/// The companions of companions, with those that they are companions of.
pub fn further(asked: &ExportRequest) -> Result<BTreeMap<String, Vec<String>>> {
    let mut found = BTreeMap::new();
    for name in described(asked)? {
        let of = companion(asked, &name)?.of;
        if !of.is_empty() {
            found.insert(name, of);
        }
    }
    Ok(found)
}

/// The request of the companion of this name. 22023 for a selection that has an unknown key or a value of another kind.
pub fn companion(asked: &ExportRequest, name: &str) -> Result<Companion> {
    // Fields of an order are the main dataset's.
    let is_of_files = |(option, value): &(&String, &Value)| {
        !(OF_THE_JOB.contains(&option.as_str()) || *option == "order" && value.is_array())
    };
    let of_files = asked.options.iter().filter(is_of_files);
    let options = of_files.map(|(option, value)| (option.clone(), value.clone())).collect();
    let mut companion = Companion {
        asked: ExportRequest {
            dataset: name.to_owned(),
            format: asked.format.clone(),
            anonymise: asked.anonymise,
            all_tenants: asked.all_tenants,
            reason: asked.reason.clone(),
            options,
            ..ExportRequest::default()
        },
        matched: None,
        of: Vec::new(),
    };
    let selection = match selections(asked)?.and_then(|all| all.get(name)) {
        None => return Ok(companion),
        Some(Value::Object(selection)) => selection,
        Some(_) => return Err(wrong(name, None, "a JSON object")),
    };
    let chosen = &mut companion.asked;
    for (key, value) in selection {
        let at = |wanted| wrong(name, Some(key), wanted);
        match key.as_str() {
            "filter" => chosen.filter = Some(value.clone()).filter(|filter| !filter.is_null()),
            "fields" => chosen.fields = texts(value).ok_or_else(|| at("an array of strings"))?,
            "include" => chosen.include = texts(value).ok_or_else(|| at("an array of strings"))?,
            "include_disabled" => {
                chosen.include_disabled = match value {
                    Value::Null => None,
                    value => Some(value.as_bool().ok_or_else(|| at("true or false"))?),
                }
            }
            "of" => {
                companion.of = names(value).ok_or_else(|| at("a string or up to 10 different strings"))?
            }
            "match" => {
                companion.matched =
                    match_fields(value).ok_or_else(|| at("a string or an array of strings"))?;
            }
            _ => {
                let place = match key.as_str() {
                    "period" => &mut chosen.period,
                    "start_date" => &mut chosen.start_date,
                    "end_date" => &mut chosen.end_date,
                    "period_field" => &mut chosen.period_field,
                    "since" => &mut chosen.since,
                    _ => return Err(unknown(name, key)),
                };
                *place = match value {
                    Value::Null => None,
                    value => Some(value.as_str().ok_or_else(|| at("a string"))?.to_owned()),
                };
            }
        }
    }
    Ok(companion)
}

/// One field, or as many as the key has.
fn match_fields(value: &Value) -> Option<Option<Vec<String>>> {
    match value {
        Value::String(field) => Some(Some(vec![field.clone()])),
        value => match texts(value)? {
            None => Some(None),
            Some(fields) => fields.into_iter().collect::<Option<_>>().map(Some),
        },
    }
}

/// More owners than these have no companion in common.
const MOST_OWNERS: usize = 10;

/// One name, or several different ones; none where it is null.
fn names(value: &Value) -> Option<Vec<String>> {
    let names: Vec<String> = match value {
        Value::Null => return Some(Vec::new()),
        Value::String(name) => vec![name.clone()],
        value => texts(value)??.into_iter().collect::<Option<_>>()?,
    };
    let is_new = |(place, name): (usize, &String)| !names[..place].contains(name);
    let all_differ = names.iter().enumerate().all(is_new);
    (all_differ && (1..=MOST_OWNERS).contains(&names.len())).then_some(names)
}

/// The dates of a companion's request: requests of each alone, by its key.
pub fn dates(asked: &ExportRequest) -> impl Iterator<Item = (&'static str, ExportRequest)> {
    let (since, start_date, end_date) =
        (asked.since.clone(), asked.start_date.clone(), asked.end_date.clone());
    [
        ("since", since.is_some(), ExportRequest { since, ..ExportRequest::default() }),
        ("start_date", start_date.is_some(), ExportRequest { start_date, ..ExportRequest::default() }),
        ("end_date", end_date.is_some(), ExportRequest { end_date, ..ExportRequest::default() }),
    ]
    .into_iter()
    .filter_map(|(key, is_given, alone)| is_given.then_some((key, alone)))
}

fn selections(asked: &ExportRequest) -> Result<Option<&Map<String, Value>>> {
    match asked.options.get(OPTION) {
        None => Ok(None),
        Some(Value::Object(selections)) => Ok(Some(selections)),
        Some(_) => Err(Error::invalid(format!("option \"{OPTION}\" must be a JSON object"))
            .hint(r#"Write it like {"companions": {"state_events": {"since": "2025-01-01"}}}."#)),
    }
}

/// NULL is none at all; a null in the array is kept for `select_fields`, which refuses it.
fn texts(value: &Value) -> Option<Option<Vec<Option<String>>>> {
    let text = |value: &Value| match value {
        Value::Null => Some(None),
        value => value.as_str().map(|text| Some(text.to_owned())),
    };
    match value {
        Value::Null => Some(None),
        Value::Array(values) => values.iter().map(text).collect::<Option<Vec<_>>>().map(Some),
        _ => None,
    }
}

/// 22023 for a selection of companion `name`, or one `key` of it, that is of another kind than `wanted`.
pub fn wrong(name: &str, key: Option<&str>, wanted: &str) -> Error {
    let key = key.map(|key| format!(" {}", shown(key))).unwrap_or_default();
    Error::invalid(format!("selection{key} of companion {} must be {wanted}", shown(name))).hint(KNOWN_HINT)
}

fn unknown(name: &str, key: &str) -> Error {
    Error::invalid(format!("unknown selection {} of companion {}", shown(key), shown(name)))
        .hint(format!("Known selections: {}.", KNOWN.join(", ")))
}

const KNOWN_HINT: &str = r#"Write it like {"companions": {"state_events": {"filter": {"state": "active"}, "since": "2025-01-01"}}}."#;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(options: Value) -> ExportRequest {
        ExportRequest {
            dataset: "users".into(),
            format: "csv".into(),
            filter: Some(json!({ "status": "active" })),
            fields: Some(vec![Some("email".into())]),
            anonymise: true,
            options: options.as_object().unwrap().clone(),
            ..ExportRequest::default()
        }
    }

    #[test]
    fn a_companion_inherits_how_and_not_what() {
        let main = asked(json!({ "bom": true, "one_workbook": true, "archive": "zip", "companions": {} }));
        let found = companion(&main, "events").unwrap();
        assert_eq!(found.matched, None);
        let ExportRequest { dataset, format, filter, fields, anonymise, options, .. } = found.asked;
        assert_eq!((dataset.as_str(), format.as_str(), anonymise), ("events", "csv", true));
        assert_eq!((filter, fields), (None, None));
        assert_eq!(Value::Object(options), json!({ "bom": true }));
    }

    #[test]
    fn a_selection_of_its_own() {
        let main = asked(json!({ "companions": { "events": {
            "filter": { "to": "active" }, "fields": ["at", null], "include": ["details"], "include_disabled": true,
            "period": "last_month", "start_date": "2025-01-01", "end_date": "2025-02-01", "period_field": "at",
            "since": "2025-01-01", "match": "user_id" } } }));
        let found = companion(&main, "events").unwrap();
        assert_eq!(found.matched, Some(vec!["user_id".to_owned()]));
        let asked = found.asked;
        assert_eq!(asked.filter, Some(json!({ "to": "active" })));
        assert_eq!(asked.fields, Some(vec![Some("at".into()), None]));
        assert_eq!(asked.include, Some(vec![Some("details".into())]));
        assert_eq!(asked.include_disabled, Some(true));
        let texts = [&asked.period, &asked.start_date, &asked.end_date, &asked.period_field, &asked.since];
        assert_eq!(
            texts.map(|text| text.as_deref().unwrap()),
            ["last_month", "2025-01-01", "2025-02-01", "at", "2025-01-01"]
        );
        let nulls: Map<String, Value> = KNOWN.iter().map(|key| ((*key).to_owned(), Value::Null)).collect();
        let empty = self::asked(json!({ "companions": { "events": nulls } }));
        assert_eq!(companion(&empty, "events"), companion(&self::asked(json!({})), "events"));
    }

    #[test]
    fn wrong_selections() {
        for (selection, message) in [
            (json!(1), r#"selection of companion "events" must be a JSON object"#),
            (json!({ "filters": {} }), r#"unknown selection "filters" of companion "events""#),
            (json!({ "companions": {} }), r#"unknown selection "companions" of companion "events""#),
            (
                json!({ "fields": "at" }),
                r#"selection "fields" of companion "events" must be an array of strings"#,
            ),
            (
                json!({ "include": [1] }),
                r#"selection "include" of companion "events" must be an array of strings"#,
            ),
            (json!({ "since": 2025 }), r#"selection "since" of companion "events" must be a string"#),
            (
                json!({ "of": [] }),
                r#"selection "of" of companion "events" must be a string or up to 10 different strings"#,
            ),
            (
                json!({ "of": ["a", "a"] }),
                r#"selection "of" of companion "events" must be a string or up to 10 different strings"#,
            ),
            (
                json!({ "include_disabled": "yes" }),
                r#"selection "include_disabled" of companion "events" must be true or false"#,
            ),
        ] {
            let error =
                companion(&asked(json!({ "companions": { "events": selection } })), "events").unwrap_err();
            assert_eq!((error.kind.sqlstate(), error.message.as_str()), ("22023", message));
        }
        let misspelt = asked(json!({ "companions": { "evnts": {} } }));
        let error = check(&misspelt, &["events".into()]).unwrap_err();
        assert_eq!(error.message, r#"option "companions" has "evnts", which is not in include"#);
        assert_eq!(error.hint.as_deref(), Some("Companions in include: events."));
        assert_eq!(check(&misspelt, &["evnts".into()]), Ok(()));
        assert_eq!(described(&asked(json!({ "companions": [] }))).unwrap_err().kind.sqlstate(), "22023");
        let many: Map<String, Value> = (0..=MOST).map(|n| (n.to_string(), json!({}))).collect();
        let error = described(&asked(json!({ "companions": many }))).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "54000");
    }
}
