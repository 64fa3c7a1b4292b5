//! Filters that do not fit: each operator with each kind of value on each type.

use postgres::Client;
use serde_json::{json, Value};
use support::common::{error_of, ServerError};
use support::kinds::Kinds;

/// Families of types: what a filter may ask of them, and which values are theirs.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    Text,
    Whole,
    Number,
    Bool,
    Moment,
    /// Compared for equality only: an enum, an address.
    Equal,
    Texts,
    Wholes,
    Document,
    Path,
}

use Family::*;

/// A field, its family, and a string that its type reads.
const FIELDS: [(&str, Family, &str); 20] = [
    ("note", Text, "a"),
    ("code", Text, "a"),
    ("padded", Text, "a"),
    ("plz", Text, "01067"),
    ("small", Whole, "7"),
    ("whole", Whole, "7"),
    ("big", Whole, "9007199254740993"),
    ("exact", Number, "0.10"),
    ("ratio", Number, "NaN"),
    ("flag", Bool, "true"),
    ("day", Moment, "2025-01-02"),
    ("moment", Moment, "2025-01-02 03:04"),
    ("instant", Moment, "2025-01-02T03:04:05Z"),
    ("clock", Moment, "12:01"),
    ("took", Moment, "1 hour"),
    ("uid", Moment, "00000000-0000-4000-8000-000000000001"),
    ("mood", Equal, "happy"),
    ("address", Equal, "10.0.0.9"),
    ("tags", Texts, "a"),
    ("numbers", Wholes, "7"),
];

const UNFIT: &str = "S3NT1NEL";

/// The operand of an operator.
fn values(good: &str) -> Vec<Value> {
    let good = json!(good);
    vec![
        good.clone(),
        json!(UNFIT),
        json!(7),
        json!(1.5),
        json!(true),
        Value::Null,
        json!({"x": 1}),
        json!([]),
        json!([good, null]),
        json!([good, UNFIT]),
        json!([good, true]),
        json!([good, [1]]),
        json!([good, {"x": 1}]),
    ]
}

/// Operators as typed, and what they mean; `true`: of a yes or a no.
const OPERATORS: [(&str, &str, bool); 24] = [
    ("eq", "eq", false),
    ("ne", "ne", false),
    ("co", "co", false),
    ("sw", "sw", false),
    ("ew", "ew", false),
    ("gt", "gt", false),
    ("ge", "ge", false),
    ("lt", "lt", false),
    ("le", "le", false),
    ("pr", "pr", false),
    ("in", "in", false),
    ("any", "any", false),
    ("is", "eq", false),
    ("is_not", "ne", false),
    ("contains", "co", false),
    ("does_not_contain", "co", false),
    ("starts_with", "sw", false),
    ("ends_with", "ew", false),
    ("from", "ge", false),
    ("to", "le", false),
    ("has_any_value", "pr", true),
    ("is_unknown", "pr", true),
    ("checked", "eq", true),
    ("unchecked", "eq", true),
];

/// True if the type can be asked so at all.
fn suits(family: Family, operator: &str) -> bool {
    let known: &[&str] = match family {
        Text => &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", "in"],
        Whole | Number | Moment => &["eq", "ne", "gt", "ge", "lt", "le", "pr", "in"],
        Bool | Equal => &["eq", "ne", "pr", "in"],
        Texts | Wholes => &["eq", "ne", "co", "pr", "in"],
        Document => &["pr", "any"],
        Path => &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", "in", "any"],
    };
    known.contains(&operator)
}

/// True if a single value is one of the type.
fn is_of(family: Family, value: &Value) -> bool {
    match value {
        Value::String(text) => text != UNFIT || matches!(family, Text | Texts | Path),
        Value::Number(number) => match family {
            Text | Texts | Number | Path => true,
            Whole | Wholes => number.is_i64(),
            _ => false,
        },
        Value::Bool(_) => matches!(family, Bool | Path),
        _ => false,
    }
}

fn fits(family: Family, (_, operator, of_flag): (&str, &str, bool), value: &Value) -> bool {
    if of_flag {
        return value.is_boolean() && (operator == "pr" || matches!(family, Bool | Path));
    }
    match (operator, value) {
        ("eq" | "ne", Value::Null) => true,
        _ if !suits(family, operator) => false,
        ("pr", value) => value.is_boolean(),
        ("any", value) => value.is_object(),
        ("in", Value::Array(items)) => items.iter().all(|item| item.is_null() || is_of(family, item)),
        ("in", _) => false,
        (_, value) => is_of(family, value),
    }
}

/// The server's answer to a filter; None: it takes it.
fn said(client: &mut Client, filter: &Value) -> Option<ServerError> {
    let sql = "SELECT acct_export_ndjson('kinds', fields => '{id}', filter => $1)";
    match client.query(sql, &[filter]) {
        Ok(_) => None,
        failed => Some(error_of(failed)),
    }
}

/// It is refused with a SQLSTATE of data, and the message names field, operator and type, and no value.
#[track_caller]
fn names_all(error: &ServerError, filter: &Value, field: &str, word: &str, type_name: &str) {
    assert!(error.sqlstate.starts_with("22"), "{filter}: {error:?}");
    for part in [field, word, type_name] {
        assert!(error.message.contains(part), "{filter}: the message does not name {part}: {error:?}");
    }
    assert!(error.hint.is_some() && !format!("{error:?}").contains(UNFIT), "{filter}: {error:?}");
}

#[test]
fn each_operator_with_each_value_on_each_type() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let of_json = [("doc", Document, "x"), ("doc.a", Path, "x")];
    let mut refusals = 0;
    for (field, family, good) in FIELDS.into_iter().chain(of_json) {
        let sql =
            "SELECT type FROM acct_export_fields WHERE dataset = 'kinds' AND field = split_part($1, '.', 1)";
        let type_name: String = client.query_one(sql, &[&field]).unwrap().get(0);
        // Of a list, the element's is named where an element does not fit.
        let type_name = type_name.trim_end_matches("[]");
        for operator in OPERATORS {
            for value in values(good) {
                let word = operator.0;
                let filter = json!({ field: { word: value.clone() } });
                match (said(&mut client, &filter), fits(family, operator, &value)) {
                    (None, true) => {}
                    (Some(error), false) => {
                        // A document that is no object is refused before the field is looked up, and so is a value that is no flag.
                        let early = operator.2 && !value.is_boolean() || word == "any" && !value.is_object();
                        names_all(&error, &filter, field, word, if early { "" } else { type_name });
                        refusals += 1;
                    }
                    (told, fits) => panic!("{filter}: fits: {fits}, and the server says {told:?}"),
                }
            }
        }
    }
    assert!(refusals > 3_000, "{refusals}");
}

/// Values that are of the right kind and out of the type's range or grammar.
#[test]
fn values_out_of_range() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    for (field, value) in [
        ("small", json!(40_000)),
        ("whole", json!("2147483648")),
        ("big", serde_json::from_str("9223372036854775808").unwrap()),
        ("ratio", serde_json::from_str("1e999").unwrap()),
        ("day", json!("2025-02-30")),
        ("moment", json!("2025-01-01 25:00")),
        ("instant", json!("2025-01-01 00:00+99")),
        ("clock", json!("24:00:01")),
        ("took", json!("1 fortnightish")),
        ("uid", json!("00000000-0000-4000-8000-00000000000")),
        ("mood", json!("HAPPY")),
        ("address", json!("256.0.0.1")),
        ("flag", json!("perhaps")),
        ("numbers", json!("2147483648")),
    ] {
        let sql = "SELECT type FROM acct_export_fields WHERE dataset = 'kinds' AND field = $1";
        let type_name: String = client.query_one(sql, &[&field]).unwrap().get(0);
        for (word, operand) in [("ne", value.clone()), ("in", json!([value]))] {
            let filter = json!({ field: { word: operand } });
            let error = said(&mut client, &filter).unwrap_or_else(|| panic!("{filter} was taken"));
            let element = type_name.trim_end_matches("[]");
            names_all(&error, &filter, field, word, element);
        }
    }
}
