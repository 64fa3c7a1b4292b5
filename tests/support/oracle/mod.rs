//! Random filters, each with what a person would write in SQL for it: the two must choose the same rows.
//!
//! The SQL says all things anew and the plain way, with constants, without parameters; it shares nothing with the product.

mod json;
mod table;

pub use table::TABLE;

use json::json_leaf;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{json, Value};

/// A filter document and its condition; the condition is never NULL.
#[derive(Debug, Clone)]
pub struct Choice {
    pub filter: Value,
    pub sql: String,
}

const TEXTS: &[&str] = &[
    "alpha",
    "Alpha",
    "ALPHA",
    "beta",
    "",
    "50%_\\",
    "zoë",
    "a'b\"c",
    "lpha",
    "%",
    "_",
    "work",
    "x",
    "{\"note\":\"alpha\"}",
];
const NUMBERS: &[i64] = &[0, 1, 2, -3, 9, 10, 11];

/// A text constant.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// False where it would be NULL.
fn certain(sql: String) -> String {
    format!("coalesce(({sql}), false)")
}

/// Not a text that is a JSON document, as far as this table has such.
fn plain(value: &str) -> String {
    format!("left({value}, 1) <> '{{'")
}

/// The result of an operator on a text, its own operand being no document.
fn of_text(operator: &str, value: &str, operand: &str, ci: bool) -> String {
    let fold = |sql: &str| if ci { format!("lower({sql})") } else { sql.to_owned() };
    let (left, right) = (fold(value), fold(&quoted(operand)));
    let said = match operator {
        "eq" => format!("{left} = {right}"),
        "co" => format!("position({right} in {left}) > 0"),
        "sw" => format!("left({left}, length({right})) = {right}"),
        "ew" => format!("right({left}, length({right})) = {right}"),
        "gt" => format!("{left} > {right}"),
        "ge" => format!("{left} >= {right}"),
        "lt" => format!("{left} < {right}"),
        "le" => format!("{left} <= {right}"),
        other => panic!("{other}"),
    };
    // A beginning of `{` alone names nothing of a document and is compared, as is an empty one.
    let of_all = operator == "sw";
    certain(if of_all { said } else { format!("{said} AND {}", plain(value)) })
}

/// Operators with the words of a console beside them, and what they say in the terms of [`of_text`].
fn worded(operator: &'static str) -> BoxedStrategy<&'static str> {
    match operator {
        "eq" => select(vec!["eq", "is"]).boxed(),
        "ne" => select(vec!["ne", "is_not"]).boxed(),
        "co" => select(vec!["co", "contains"]).boxed(),
        "sw" => select(vec!["sw", "starts_with"]).boxed(),
        "ew" => select(vec!["ew", "ends_with"]).boxed(),
        "ge" => select(vec!["ge", "from"]).boxed(),
        "le" => select(vec!["le", "to"]).boxed(),
        other => Just(other).boxed(),
    }
}

fn text_leaf() -> impl Strategy<Value = Choice> {
    let fields = select(vec!["note", "code", "login", "plz"]);
    let operator = select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "does_not_contain"]);
    let compared = (fields.clone(), operator, select(TEXTS), any::<bool>()).prop_flat_map(
        |(field, operator, operand, ci)| {
            worded(operator).prop_map(move |word| {
                let value = format!("{field}::text");
                let document = operand.starts_with('{');
                let sql = match operator {
                    "ne" if document => "true".to_owned(),
                    "eq" | "sw" if document => "false".to_owned(),
                    "ne" => format!("NOT {}", of_text("eq", &value, operand, ci)),
                    "does_not_contain" => format!("NOT {}", of_text("co", &value, operand, ci)),
                    _ => of_text(operator, &value, operand, ci),
                };
                Choice { filter: json!({ field: { word: operand, "ci": ci } }), sql }
            })
        },
    );
    let listed = (fields, prop::collection::vec(select(TEXTS), 0..3), any::<bool>(), any::<bool>()).prop_map(
        |(field, operands, null, ci)| {
            let mut list: Vec<Value> = operands.iter().copied().map(Value::from).collect();
            let mut any: Vec<String> = operands
                .iter()
                .map(|operand| of_text("eq", &format!("{field}::text"), operand, ci))
                .collect();
            if null {
                list.push(Value::Null);
                any.push(format!("{field} IS NULL"));
            }
            any.push("false".into());
            Choice {
                filter: json!({ field: { "in": list, "ci": ci } }),
                sql: format!("({})", any.join(" OR ")),
            }
        },
    );
    prop_oneof![3 => compared, 1 => listed]
}

/// Fields with an order, with constants of theirs as JSON values.
fn ordered_leaf() -> impl Strategy<Value = Choice> {
    let number = select(NUMBERS).prop_map(Value::from);
    let values = prop_oneof![
        (select(vec!["whole", "big", "exact", "ratio"]), number.clone()),
        (Just("ratio"), Just(json!(0.25))),
        (Just("exact"), Just(json!("0.20"))),
        (Just("day"), select(vec![json!("2025-01-02"), json!("2025-01-10"), json!("infinity")])),
        (Just("moment"), select(vec![json!("2025-01-01T13:00:00"), json!("2025-01-02")])),
        (Just("instant"), select(vec![json!("2025-01-01T13:00:00Z"), json!("2025-01-01 22:00+01")])),
        (Just("clock"), select(vec![json!("12:01"), json!("11:57:00")])),
        (Just("took"), select(vec![json!("1 hour"), json!("PT9H"), json!("-3:00")])),
        (Just("uid"), select(vec![json!("00000000-0000-4000-8000-000000000001")])),
    ];
    let operator = select(vec!["eq", "ne", "gt", "ge", "lt", "le", "in"]);
    (values, operator, any::<bool>()).prop_flat_map(|((field, value), operator, null)| {
        worded(operator).prop_map(move |word| {
            let constant = quoted(value.as_str().map_or(value.to_string(), str::to_owned).as_str());
            let said = |symbol: &str| certain(format!("{field} {symbol} {constant}"));
            let (test, sql) = match operator {
                "eq" => (json!({ word: value }), said("=")),
                "ne" => (json!({ word: value }), format!("NOT {}", said("="))),
                "gt" => (json!({ word: value }), said(">")),
                "ge" => (json!({ word: value }), said(">=")),
                "lt" => (json!({ word: value }), said("<")),
                "le" => (json!({ word: value }), said("<=")),
                _ if null => (json!([value, null]), format!("({} OR {field} IS NULL)", said("="))),
                _ => (json!([value]), said("=")),
            };
            Choice { filter: json!({ field: test }), sql }
        })
    })
}

/// Booleans, enums, padded and other types, presence of all.
fn other_leaf() -> impl Strategy<Value = Choice> {
    let fixed = |filter: Value, sql: &str| Just(Choice { filter, sql: sql.into() });
    let everything = vec![
        "whole", "exact", "ratio", "flag", "day", "instant", "clock", "took", "uid", "mood", "address",
        "note", "doc", "raw",
    ];
    let null = (select(everything), any::<bool>()).prop_map(|(field, is)| {
        let test = if is { Value::Null } else { json!({ "ne": null }) };
        Choice {
            filter: json!({ field: test }),
            sql: format!("{field} IS {}NULL", if is { "" } else { "NOT " }),
        }
    });
    let presence =
        (select(vec!["whole", "flag", "day", "uid", "mood", "address"]), any::<bool>(), any::<bool>())
            .prop_map(|(field, is, console)| {
                let test = match (is, console) {
                    (is, false) => json!({ "pr": is }),
                    (true, true) => json!({ "has_any_value": true }),
                    (false, true) => json!({ "is_unknown": true }),
                };
                Choice {
                    filter: json!({ field: test }),
                    sql: format!("{field} IS {}NULL", if is { "NOT " } else { "" }),
                }
            });
    prop_oneof![
        3 => null,
        3 => presence,
        1 => fixed(json!({ "flag": true }), "flag IS TRUE"),
        1 => fixed(json!({ "flag": { "checked": true } }), "flag IS TRUE"),
        1 => fixed(json!({ "flag": { "unchecked": true } }), "flag IS FALSE"),
        1 => fixed(json!({ "flag": { "checked": false } }), "flag IS NOT TRUE"),
        1 => fixed(json!({ "flag": { "is_not": false } }), "flag IS NOT FALSE"),
        1 => fixed(json!({ "mood": "calm" }), "(mood IS NOT NULL AND mood = 'calm')"),
        1 => fixed(json!({ "mood": { "ne": "calm" } }), "(mood IS NULL OR mood <> 'calm')"),
        1 => fixed(json!({ "mood": ["angry", null] }), "(mood IS NULL OR mood = 'angry')"),
        1 => fixed(json!({ "address": "10.0.0.9" }), "(address IS NOT NULL AND address = '10.0.0.9')"),
        1 => fixed(json!({ "padded": "beta" }), "(padded IS NOT NULL AND padded = 'beta')"),
        1 => fixed(json!({ "note": { "pr": true } }), "(note IS NOT NULL AND note <> '')"),
        1 => fixed(json!({ "note": { "pr": false } }), "(note IS NULL OR note = '')"),
        1 => fixed(json!({ "created_after": "2025-01-01 13:00Z" }), "coalesce(instant >= '2025-01-01 13:00Z', false)"),
        1 => fixed(json!({ "created_before": "2025-01-01 13:00Z" }), "coalesce(instant < '2025-01-01 13:00Z', false)"),
        1 => fixed(json!({ "updated_after": "2025-01-01 21:00" }), "coalesce(moment >= '2025-01-01 21:00', false)"),
        1 => fixed(json!({ "updated_before": "2025-01-01 21:00" }), "coalesce(moment < '2025-01-01 21:00', false)"),
    ]
}

fn array_leaf() -> impl Strategy<Value = Choice> {
    let texts = (
        select(vec!["eq", "co", "contains", "ne"]),
        select(vec!["alpha", "ALPHA", "beta", "y", "", "none"]),
        any::<bool>(),
    )
        .prop_map(|(word, operand, ci)| {
            let same = of_text("eq", "x", operand, ci);
            let has = format!("EXISTS (SELECT FROM unnest(tags) AS x WHERE {same})");
            let sql = if word == "ne" { format!("NOT {has}") } else { has };
            Choice { filter: json!({ "tags": { word: operand, "ci": ci } }), sql }
        });
    let numbers =
        (prop::collection::vec(select(NUMBERS), 0..3), any::<bool>()).prop_map(|(operands, null)| {
            let mut list: Vec<Value> = operands.iter().copied().map(Value::from).collect();
            let mut any: Vec<String> =
                operands.iter().map(|operand| certain(format!("{operand} = ANY (numbers)"))).collect();
            if null {
                list.push(Value::Null);
                any.push("numbers IS NULL".into());
            }
            any.push("false".into());
            Choice { filter: json!({ "numbers": list }), sql: format!("({})", any.join(" OR ")) }
        });
    let presence = select(vec!["tags", "numbers"]).prop_map(|field| Choice {
        filter: json!({ field: { "pr": true } }),
        sql: format!("({field} IS NOT NULL AND {field}::text <> '{{}}')"),
    });
    prop_oneof![2 => texts, 2 => numbers, 1 => presence]
}

/// Filters of every kind, nested.
pub fn choice() -> impl Strategy<Value = Choice> {
    let leaf = prop_oneof![
        3 => text_leaf(),
        3 => ordered_leaf(),
        3 => other_leaf(),
        2 => array_leaf(),
        4 => json_leaf(),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..4);
        let joined = |word: &'static str, sql_word: &'static str| {
            move |parts: Vec<Choice>| {
                let filters: Vec<&Value> = parts.iter().map(|part| &part.filter).collect();
                let sql: Vec<&str> = parts.iter().map(|part| part.sql.as_str()).collect();
                Choice { filter: json!({ word: filters }), sql: format!("({})", sql.join(sql_word)) }
            }
        };
        prop_oneof![
            many.clone().prop_map(joined("and", " AND ")),
            many.prop_map(joined("or", " OR ")),
            inner.prop_map(|part| Choice {
                filter: json!({ "not": part.filter }),
                sql: format!("NOT ({})", part.sql)
            }),
        ]
    })
}
