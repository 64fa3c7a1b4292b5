use super::super::{fixture, parse};
use super::*;
use serde_json::{json, Value};

pub fn refused(document: Value, sqlstate: &str, message: &str) -> Error {
    let dataset = fixture::dataset();
    let error = check(&parse(&document).unwrap(), &dataset, &fixture::is_secret).unwrap_err();
    assert_eq!((error.kind.sqlstate(), error.message.as_str()), (sqlstate, message), "{document}");
    error
}

pub fn accepted(document: Value) -> bool {
    let dataset = fixture::dataset();
    let outcome = check(&parse(&document).unwrap(), &dataset, &fixture::is_secret);
    outcome.is_ok()
}

#[test]
fn names() {
    let hint = refused(json!({ "emial": 1 }), "22023", "unknown field \"emial\" in the filter").hint.unwrap();
    assert!(hint.starts_with("Fields that can be filtered on: ") && hint.ends_with(", …."), "{hint}");
    assert!(!hint.contains("pin"), "{hint}");
    refused(json!({ "Email": 1 }), "22023", "unknown field \"Email\" in the filter");
    let barred = "field \"pin\" cannot be filtered on: it holds a credential";
    assert!(refused(json!({ "pin": { "pr": true } }), "42501", barred).hint.is_some());
    refused(json!({ "pin.a": "x" }), "42501", barred);
    refused(
        json!({ "email.a": "x" }),
        "22023",
        "field \"email\" of type text has no path \"a\" in the filter",
    );
    refused(
        json!({ "attributes..a": "x" }),
        "22023",
        "path \"attributes..a\" in the filter has an empty or invalid key",
    );
    refused(
        json!({ "attributes.a.token.b": "x" }),
        "42501",
        "key \"token\" of path \"attributes.a.token.b\" is never exported",
    );
    let long = format!("attributes{}", ".a".repeat(65));
    refused(json!({ long: "x" }), "54000", "a path in the filter has more than 64 keys");
    assert!(accepted(json!({ "od\"d name": "x", "größe": 1, "attributes.a b.ü\"": "x" })));
}

#[test]
fn a_dot_may_be_part_of_a_name() {
    let mut dataset = fixture::dataset();
    dataset.fields.push(fixture::field("attributes.x", "jsonb"));
    let filter = parse(&json!({ "attributes.x.y": "v" })).unwrap();
    let Node::Leaf(leaf) = check(&filter, &dataset, &fixture::is_secret).unwrap() else { panic!("one leaf") };
    assert_eq!(
        (leaf.field.name.as_str(), leaf.path.as_slice()),
        ("attributes.x", ["y".to_owned()].as_slice())
    );
}

#[test]
fn stand_ins() {
    let dataset = fixture::dataset();
    for (name, operator) in [("created_after", Operator::Ge), ("created_before", Operator::Lt)] {
        let filter = parse(&json!({ name: "2025-01-01" })).unwrap();
        let Node::Leaf(leaf) = check(&filter, &dataset, &fixture::is_secret).unwrap() else {
            panic!("one leaf")
        };
        assert_eq!(
            (leaf.field.name.as_str(), leaf.operator, leaf.name.as_str()),
            ("created_at", operator, name)
        );
    }
    refused(
        json!({ "updated_after": "2025-01-01" }),
        "22023",
        "\"updated_after\" in the filter stands for the updated column, which dataset \"users\" does not have",
    );
    let typed = "\"created_after\" in the filter takes a date or time, not operator lt";
    refused(json!({ "created_after": { "lt": "2025-01-01" } }), "22023", typed);
    let mut dataset = fixture::dataset();
    dataset.fields.push(fixture::field("created_after", "boolean"));
    let filter = parse(&json!({ "created_after": true })).unwrap();
    assert!(check(&filter, &dataset, &fixture::is_secret).is_ok(), "a field of that name wins");
}

#[test]
fn operators_suit_classes() {
    use Operator::*;
    let ordered: &[Operator] = &[Eq, Ne, Gt, Ge, Lt, Le, Pr, In];
    let equated: &[Operator] = &[Eq, Ne, Pr, In];
    let all_but_any = Operator::ALL.split_last().unwrap().1;
    for (name, type_name) in fixture::FIELDS.iter().filter(|(name, _)| *name != "or") {
        let suitable: &[Operator] = match fixture::ty(type_name).class {
            Class::Text => all_but_any,
            Class::Json | Class::Jsonb => &[Pr, Any],
            Class::Hstore => &[Pr],
            Class::Array if matches!(*name, "documents" | "extras") => &[Pr],
            Class::Array => &[Eq, Ne, Co, Pr, In],
            Class::Bool | Class::Enum | Class::Other => equated,
            _ => ordered,
        };
        for operator in Operator::ALL {
            let value = match operator {
                Pr => json!(true),
                In => json!(["1"]),
                Any => json!({ "k": "1" }),
                _ => json!("1"),
            };
            let document = json!({ *name: { operator.name(): value } });
            if suitable.contains(&operator) {
                assert!(accepted(document.clone()), "{document}");
                continue;
            }
            let message = format!(
                "operator {} cannot be used on field {} of type {type_name} in the filter",
                operator.name(),
                shown(name)
            );
            let hint = refused(document, "22023", &message).hint.unwrap();
            for known in suitable {
                assert!(hint.contains(known.name()), "{hint}");
            }
        }
        assert!(accepted(json!({ *name: null })) && accepted(json!({ *name: { "ne": null } })));
    }
    for operator in Operator::ALL.into_iter().filter(|operator| !matches!(operator, Pr | In | Any)) {
        assert!(accepted(
            json!({ "attributes.a": { operator.name(): "1" }, "raw.a": { operator.name(): 1 } })
        ));
    }
}

#[test]
fn json_types_of_values() {
    let needs = |operator: &str, field: &str, type_name: &str, needed: &str, given: &str| {
        format!("operator {operator} of field \"{field}\" of type {type_name} in the filter needs {needed}, not {given}")
    };
    for (document, message) in [
        (json!({ "email": { "eq": {} } }), needs("eq", "email", "text", "a value of type text", "an object")),
        (json!({ "email": { "co": ["a"] } }), needs("co", "email", "text", "a single value", "an array")),
        (json!({ "email": true }), needs("eq", "email", "text", "a value of type text", "true or false")),
        (json!({ "email": { "gt": null } }), needs("gt", "email", "text", "a value of type text", "null")),
        (json!({ "email": { "pr": 1 } }), needs("pr", "email", "text", "true or false", "a number")),
        (json!({ "email": { "pr": null } }), needs("pr", "email", "text", "true or false", "null")),
        (json!({ "email": { "in": "a" } }), needs("in", "email", "text", "an array of values", "a string")),
        (json!({ "email": [["a"]] }), needs("in", "email", "text", "a value of type text", "an array")),
        (json!({ "email": "a\0" }), needs("eq", "email", "text", "a text", "one with a null character")),
        (json!({ "active": 1 }), needs("eq", "active", "boolean", "a value of type boolean", "a number")),
        (json!({ "age": true }), needs("eq", "age", "integer", "a value of type integer", "true or false")),
        (json!({ "born": 5 }), needs("eq", "born", "date", "a value of type date", "a number")),
        (json!({ "uid": 5 }), needs("eq", "uid", "uuid", "a value of type uuid", "a number")),
        (json!({ "mood": 5 }), needs("eq", "mood", "app.mood", "a value of type app.mood", "a number")),
        (
            json!({ "numbers": true }),
            needs("eq", "numbers", "integer[]", "a value of type integer[]", "true or false"),
        ),
        (
            json!({ "attributes.a": { "eq": {} } }),
            needs("eq", "attributes.a", "jsonb", "a value of type jsonb", "an object"),
        ),
    ] {
        refused(document, "22023", &message);
    }
    for document in [
        json!({ "email": 5 }),
        json!({ "id": "9007199254740993" }),
        json!({ "active": "yes" }),
        json!({ "numbers": 5, "attributes.on": true }),
    ] {
        assert!(accepted(document.clone()), "{document}");
    }
}

/// Words of a console are refused under the names that they were given by.
#[test]
fn synonyms_are_judged_like_what_they_stand_for() {
    for (document, word) in [
        (json!({ "age": { "contains": "1" } }), "contains"),
        (json!({ "age": { "does_not_contain": "1" } }), "does_not_contain"),
        (json!({ "active": { "from": true } }), "from"),
        (json!({ "extra": { "is": "x" } }), "is"),
    ] {
        let (name, _) = document.as_object().unwrap().iter().next().unwrap();
        let type_name = &fixture::FIELDS.iter().find(|(field, _)| field == name).unwrap().1;
        let message = format!(
            "operator {word} cannot be used on field {} of type {type_name} in the filter",
            shown(name)
        );
        refused(document.clone(), "22023", &message);
    }
    let message = "operator checked of field \"age\" of type integer in the filter needs a value of type integer, not true or false";
    refused(json!({ "age": { "checked": true } }), "22023", message);
    refused(
        json!({ "pin": { "has_any_value": true } }),
        "42501",
        "field \"pin\" cannot be filtered on: it holds a credential",
    );
    let typed = "\"created_after\" in the filter takes a date or time, not operator from";
    refused(json!({ "created_after": { "from": "2025-01-01" } }), "22023", typed);
    for document in [
        json!({ "active": { "checked": true }, "attributes.on": { "unchecked": false } }),
        json!({ "born": { "from": "2025-01-01", "to": "2025-02-01" }, "age": { "from": 1, "to": 5 } }),
        json!({ "email": { "is": null }, "extra": { "is_unknown": true }, "roles": { "does_not_contain": "x" } }),
    ] {
        assert!(accepted(document.clone()), "{document}");
    }
}

#[test]
fn refusals_inside_connectives_are_found() {
    refused(
        json!({ "or": [{ "id": 1 }, { "not": { "nope": 1 } }] }),
        "22023",
        "unknown field \"nope\" in the filter",
    );
    assert!(!accepted(json!({ "not": { "pin": "x" } })));
}

/// A masked value could be guessed row by row; so could what is cut out of a text.
#[test]
fn masked_fields_are_asked_for_presence_only() {
    let mut dataset = fixture::dataset();
    for field in &mut dataset.fields {
        match field.name.as_str() {
            "email" | "attributes" => field.mask = Treatment::Last4,
            "created_at" => field.mask = Treatment::Redact,
            "nick" => field.json_text = true,
            _ => {}
        }
    }
    let outcome = |document: Value| check(&parse(&document).unwrap(), &dataset, &fixture::is_secret);
    for document in [
        json!({ "email": "a@b.c" }),
        json!({ "email": { "sw": "a" } }),
        json!({ "email": { "in": [null] } }),
        json!({ "not": { "email": { "ne": "x" } } }),
        json!({ "or": [{ "id": 1 }, { "attributes.a": "x" }] }),
        json!({ "attributes.a": { "pr": true } }),
        json!({ "attributes": { "any": { "a": { "pr": true } } } }),
        json!({ "nick": { "any": { "a": null } } }),
        json!({ "email": { "does_not_contain": "x" } }),
        json!({ "created_after": "2025-01-01" }),
        json!({ "nick": { "co": "pin" } }),
    ] {
        let error = outcome(document.clone()).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "42501", "{document}");
        assert!(error.message.contains("cannot be filtered on") && error.hint.is_some(), "{document}");
    }
    for document in [
        json!({ "email": null }),
        json!({ "email": { "ne": null } }),
        json!({ "attributes": { "pr": true } }),
        json!({ "nick": { "pr": false } }),
        json!({ "email": { "is_unknown": true }, "nick": { "has_any_value": false } }),
    ] {
        assert!(outcome(document.clone()).is_ok(), "{document}");
    }
}
