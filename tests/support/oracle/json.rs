//! Filters on JSON by path and by `any`, and the SQL for them: elements are taken apart one by one.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{json, Value};

use super::{certain, of_text, Choice, NUMBERS};

/// The scalars that a value of JSON has for a comparison: itself, its elements, their `value`.
fn scalars(value: &str) -> String {
    format!(
        "(SELECT CASE WHEN jsonb_typeof(y) = 'object' THEN y -> 'value' ELSE y END AS x
          FROM jsonb_array_elements(CASE jsonb_typeof({value}) WHEN 'array' THEN {value} WHEN 'object' THEN '[]' \
          ELSE jsonb_build_array({value}) END) AS y)"
    )
}

/// The condition on what stands under a key of a JSON value.
fn of_json(operator: &str, value: &str, operand: &Value, ci: bool) -> String {
    let text = "(x #>> '{}')";
    let same = |operator: &str| match operand {
        Value::String(operand) if operand.starts_with('{') && matches!(operator, "eq" | "sw") => {
            "false".to_owned()
        }
        Value::String(operand) => {
            let text = format!("({text} COLLATE \"C\")");
            certain(format!(
                "jsonb_typeof(x) IN ('string', 'number', 'boolean') AND {}",
                of_text(operator, &text, operand, ci)
            ))
        }
        Value::Number(number) => {
            let symbol = match operator {
                "eq" => "=",
                "gt" => ">",
                "ge" => ">=",
                "lt" => "<",
                "le" => "<=",
                other => panic!("{other}"),
            };
            certain(format!("CASE WHEN jsonb_typeof(x) = 'number' THEN x::numeric {symbol} {number} END"))
        }
        other => certain(format!("jsonb_typeof(x) = 'boolean' AND {text} = '{other}'")),
    };
    let holds =
        |operator: &str| format!("EXISTS (SELECT FROM {} AS s WHERE {})", scalars(value), same(operator));
    if operator == "ne" {
        format!("NOT {}", holds("eq"))
    } else {
        holds(operator)
    }
}

/// An operator, and an operand that it may have beside JSON.
fn json_test() -> impl Strategy<Value = (&'static str, Value, bool)> {
    let texts = (
        select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]),
        select(vec!["alpha", "ALPHA", "beta", "work", "lpha", "", "{\"note\": \"alpha\"}"])
            .prop_map(Value::from),
        any::<bool>(),
    );
    let numbers = (
        select(vec!["eq", "ne", "gt", "ge", "lt", "le"]),
        select(NUMBERS).prop_map(Value::from),
        Just(false),
    );
    let booleans = (select(vec!["eq", "ne"]), any::<bool>().prop_map(Value::from), Just(false));
    prop_oneof![4 => texts, 2 => numbers, 1 => booleans]
}

pub fn json_leaf() -> impl Strategy<Value = Choice> {
    let column = select(vec!["doc", "raw"]);
    let at_key = (column.clone(), json_test()).prop_map(|(column, (operator, operand, ci))| {
        // Of a column that is an array the key is that of its elements.
        let through = format!(
            "CASE jsonb_typeof({column}::jsonb) WHEN 'array' THEN \
             (SELECT jsonb_agg(x -> 'k') FROM jsonb_array_elements({column}::jsonb) AS x) ELSE {column}::jsonb -> 'k' END"
        );
        Choice {
            filter: json!({ format!("{column}.k"): { operator: operand, "ci": ci } }),
            sql: of_json(operator, &format!("({through})"), &operand, ci),
        }
    });
    // `list[type … and value …]`: one element for both.
    let element = (column, json_test(), json_test(), any::<bool>()).prop_map(|(column, first, second, both)| {
        let list = format!("({column}::jsonb -> 'list')");
        let elements = format!(
            "(SELECT CASE WHEN jsonb_typeof(y) = 'object' THEN y ELSE jsonb_build_object('value', y) END AS o
              FROM jsonb_array_elements(CASE jsonb_typeof({list}) WHEN 'array' THEN {list} ELSE jsonb_build_array({list}) END) AS y)"
        );
        let of = |key: &str, (operator, operand, ci): &(&'static str, Value, bool)| {
            (json!({ key: { *operator: operand, "ci": ci } }), of_json(operator, &format!("(o -> '{key}')"), operand, *ci))
        };
        let (kind, kind_sql) = of("type", &first);
        let (value, value_sql) = of("value", &second);
        let (word, sql_word) = if both { ("and", "AND") } else { ("or", "OR") };
        Choice {
            filter: json!({ format!("{column}.list"): { "any": { word: [kind, value] } } }),
            sql: format!("({column}::jsonb -> 'list' IS NOT NULL AND EXISTS (SELECT FROM {elements} AS t WHERE {kind_sql} {sql_word} {value_sql}))"),
        }
    });
    prop_oneof![at_key, element]
}
