//! Filters that a dataset's policy asks for (`require_filter`).

use crate::error::{Error, Result};
use crate::model::{Class, Dataset};
use crate::value::quote_literal;
use crate::value::shown;
use serde_json::{json, Map, Value};
use std::collections::BTreeSet;

/// Refuses a request that leaves a required field open (22023, naming the field); `narrowed` are the fields that it holds to
/// values.
pub fn filters(dataset: &Dataset, narrowed: &BTreeSet<String>) -> Result<()> {
    let missing: Vec<&String> =
        dataset.policy.require_filter.iter().filter(|field| !narrowed.contains(*field)).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let error = Error::invalid(format!(
        "an export of dataset {} must filter on field {}",
        shown(&dataset.name),
        shown(first)
    ));
    if missing.iter().any(|name| dataset.field(name).is_none()) {
        return Err(error.hint(
            "The source does not have this column any more. The owner of the source can change require_filter with acct_export_set_policy.",
        ));
    }
    let example: Map<String, Value> =
        missing.iter().map(|name| ((*name).clone(), condition(dataset, name))).collect();
    Err(error.hint(format!(
        "Compare it with a value, at the top of the filter or in every branch of an \"or\": filter => {}.",
        quote_literal(&Value::Object(example).to_string())
    )))
}

fn condition(dataset: &Dataset, name: &str) -> Value {
    match dataset.field(name).map(|field| field.ty.class) {
        Some(Class::Date | Class::Timestamp | Class::Instant) => json!({ "ge": "2025-01-01" }),
        Some(Class::Bool) => json!(true),
        Some(Class::Int | Class::Float | Class::Numeric) => json!(1),
        _ => json!("…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::fixture;

    fn narrowed(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_required_field() {
        let mut dataset = fixture::dataset();
        assert_eq!(filters(&dataset, &narrowed(&[])), Ok(()));
        dataset.policy.require_filter = vec!["email".into(), "od\"d name".into(), "created_at".into()];
        assert_eq!(filters(&dataset, &narrowed(&["created_at", "email", "id", "od\"d name"])), Ok(()));
        let error = filters(&dataset, &narrowed(&["email"])).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "22023");
        assert_eq!(error.message, r#"an export of dataset "users" must filter on field "od"d name""#);
        let hint = error.hint.unwrap();
        assert!(
            hint.ends_with(r#"filter => '{"od\"d name":"…","created_at":{"ge":"2025-01-01"}}'."#),
            "{hint}"
        );
        dataset.policy.require_filter = vec!["gone".into()];
        assert!(filters(&dataset, &narrowed(&[]))
            .unwrap_err()
            .hint
            .unwrap()
            .contains("acct_export_set_policy"));
    }
}
