use super::super::{compile, fixture};
use super::*;
use serde_json::json;

fn clause(filter: serde_json::Value) -> Clause {
    compile(&filter, &fixture::dataset(), 1, &fixture::is_secret).unwrap()
}

/// The guard of a text against documents in short: ` AND no document`.
fn without_guards(sql: &str) -> String {
    let guard = super::super::document::guard("");
    let mut short = sql.to_owned();
    while let Some(end) = short.find(&guard) {
        let begin = short[..end].rfind(" AND ").unwrap();
        short.replace_range(begin..end + guard.len(), " AND no document");
    }
    short
}

/// SQL, and of each parameter its type and value.
fn is(filter: serde_json::Value, sql: &str, params: &[(u32, &str)]) {
    let clause = clause(filter);
    assert_eq!(without_guards(&clause.sql), sql);
    let given: Vec<(u32, String)> = clause
        .params
        .iter()
        .map(|param| match &param.value {
            Value::One(text) => (param.type_oid, text.clone()),
            Value::Many(texts) => (param.type_oid, format!("[{}]", texts.join("|"))),
        })
        .collect();
    let expected: Vec<(u32, String)> = params.iter().map(|(oid, text)| (*oid, (*text).to_owned())).collect();
    assert_eq!(given, expected);
}

#[test]
fn identifiers_are_quoted() {
    assert_eq!(quote_ident("a\"; --"), "\"a\"\"; --\"");
    is(json!({ "od\"d name": "x" }), "(s.\"od\"\"d name\" = $1)", &[(25, "x")]);
    is(json!({ "größe": 1 }), "(s.\"größe\" = $1)", &[(23, "1")]);
}

#[test]
fn text() {
    for (operator, sql) in [
        ("eq", "(s.\"email\" = $1)"),
        ("ne", "(s.\"email\" IS DISTINCT FROM $1)"),
        ("gt", "(s.\"email\" > $1 AND no document)"),
        ("ge", "(s.\"email\" >= $1 AND no document)"),
        ("lt", "(s.\"email\" < $1 AND no document)"),
        ("le", "(s.\"email\" <= $1 AND no document)"),
        ("co", "(strpos(s.\"email\"::text COLLATE \"C\", $1) > 0 AND no document)"),
        ("sw", "(s.\"email\"::text COLLATE \"C\" ^@ $1)"),
        ("ew", "(right(s.\"email\"::text, length($1)) COLLATE \"C\" = $1 AND no document)"),
    ] {
        is(json!({ "email": { operator: "50%_\\" } }), sql, &[(25, "50%_\\")]);
        let folded = sql
            .replace("s.\"email\"::text", "s.\"email\"")
            .replace("s.\"email\"", "lower(s.\"email\"::text)");
        is(
            json!({ "email": { operator: "A", "ci": true } }),
            &folded.replace("$1", "lower($1)"),
            &[(25, "A")],
        );
    }
    is(json!({ "email": ["a", "b"] }), "(s.\"email\" = ANY ($1))", &[(25, "[a|b]")]);
    is(
        json!({ "email": [null, "b"] }),
        "(s.\"email\" = ANY ($1) OR s.\"email\" IS NOT DISTINCT FROM NULL)",
        &[(25, "[b]")],
    );
    is(
        json!({ "email": { "in": ["A"], "ci": true } }),
        "(lower(s.\"email\"::text) = ANY (ARRAY(SELECT lower(u.v) FROM unnest($1) AS u(v))))",
        &[(25, "[A]")],
    );
    is(json!({ "email": { "pr": true } }), "(s.\"email\"::text <> '')", &[]);
    is(json!({ "email": { "pr": false } }), "((s.\"email\"::text <> '') IS NOT TRUE)", &[]);
    is(json!({ "email": null }), "(s.\"email\" IS NOT DISTINCT FROM NULL)", &[]);
    is(json!({ "email": { "ne": null } }), "(s.\"email\" IS DISTINCT FROM NULL)", &[]);
}

/// Texts that are JSON documents answer no question about what is in them.
#[test]
fn documents() {
    is(json!({ "email": "{\"pin\":1}" }), "(false)", &[]);
    is(json!({ "email": { "ne": " [{\"a\":1" } }), "(true)", &[]);
    is(json!({ "email": { "sw": "{\"pin\":" } }), "(false)", &[]);
    is(json!({ "email": ["{:", "b"] }), "(s.\"email\" = ANY ($1))", &[(25, "[b]")]);
    is(json!({ "attributes.a": "{:" }), "(false)", &[(25, "[a]")]);
    is(json!({ "email": "{x}" }), "(s.\"email\" = $1)", &[(25, "{x}")]);
}

#[test]
fn kinds_of_text() {
    is(json!({ "nick": "x" }), "(s.\"nick\" = $1)", &[(1043, "x")]);
    is(json!({ "nick": { "sw": "x" } }), "(s.\"nick\"::text COLLATE \"C\" ^@ $1)", &[(25, "x")]);
    is(json!({ "login": "x" }), "(s.\"login\"::text = $1)", &[(25, "x")]);
    is(json!({ "flag": ["x"] }), "(s.\"flag\"::text = ANY ($1))", &[(25, "[x]")]);
    is(json!({ "handle": "X" }), "(lower(s.\"handle\"::text) = lower($1))", &[(25, "X")]);
}

#[test]
fn comparable_classes() {
    for (name, type_name) in fixture::FIELDS {
        let ty = fixture::ty(type_name);
        if !matches!(
            ty.class,
            Class::Int
                | Class::Float
                | Class::Numeric
                | Class::Date
                | Class::Timestamp
                | Class::Instant
                | Class::Time
                | Class::Interval
                | Class::Uuid
        ) {
            continue;
        }
        for (operator, symbol) in
            [("eq", "="), ("ne", "IS DISTINCT FROM"), ("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")]
        {
            let filter = json!({ *name: { operator: "1", "ci": true } });
            is(filter, &format!("(s.\"{name}\" {symbol} $1)"), &[(ty.oid, "1")]);
        }
        is(json!({ *name: ["1"] }), &format!("(s.\"{name}\" = ANY ($1))"), &[(ty.oid, "[1]")]);
        is(json!({ *name: { "pr": true } }), &format!("(s.\"{name}\" IS DISTINCT FROM NULL)"), &[]);
        is(json!({ *name: { "pr": false } }), &format!("(s.\"{name}\" IS NOT DISTINCT FROM NULL)"), &[]);
    }
}

#[test]
fn other_classes() {
    is(json!({ "active": true }), "(s.\"active\" = $1)", &[(16, "true")]);
    is(json!({ "mood": { "ne": "ok" } }), "(s.\"mood\" IS DISTINCT FROM $1)", &[(90_002, "ok")]);
    is(json!({ "address": "10.0.0.1" }), "(s.\"address\" = $1)", &[(869, "10.0.0.1")]);
    is(json!({ "place": "(1,2)" }), "(s.\"place\"::text = $1)", &[(25, "(1,2)")]);
    is(json!({ "area": ["x"] }), "(s.\"area\"::text = ANY ($1))", &[(25, "[x]")]);
    is(json!({ "cube": { "ne": "x" } }), "(s.\"cube\"::text IS DISTINCT FROM $1)", &[(25, "x")]);
}

#[test]
fn arrays() {
    for operator in ["eq", "co"] {
        is(json!({ "roles": { operator: "a" } }), "(s.\"roles\" @> ARRAY[$1])", &[(25, "a")]);
    }
    is(json!({ "roles": { "ne": "a" } }), "((s.\"roles\" @> ARRAY[$1]) IS NOT TRUE)", &[(25, "a")]);
    is(json!({ "numbers": [1, 2] }), "(s.\"numbers\" && $1)", &[(23, "[1|2]")]);
    is(
        json!({ "roles": ["a", null] }),
        "(s.\"roles\" && $1 OR s.\"roles\" IS NOT DISTINCT FROM NULL)",
        &[(25, "[a]")],
    );
    is(json!({ "roles": { "pr": true } }), "(cardinality(s.\"roles\") > 0)", &[]);
    is(json!({ "documents": { "pr": false } }), "((cardinality(s.\"documents\") > 0) IS NOT TRUE)", &[]);
    let folded = "EXISTS (SELECT 1 FROM unnest(s.\"roles\") AS e(v) WHERE lower(e.v::text) = lower($1))";
    is(json!({ "roles": { "eq": "A", "ci": true } }), &format!("({folded})"), &[(25, "A")]);
    is(json!({ "roles": { "ne": "A", "ci": true } }), &format!("(({folded}) IS NOT TRUE)"), &[(25, "A")]);
    is(
        json!({ "logins": { "co": "a" } }),
        "(EXISTS (SELECT 1 FROM unnest(s.\"logins\") AS e(v) WHERE e.v::text = $1))",
        &[(25, "a")],
    );
    is(json!({ "numbers": { "eq": 1, "ci": true } }), "(s.\"numbers\" @> ARRAY[$1])", &[(23, "1")]);
}

#[test]
fn json_paths() {
    let guard = "jsonb_typeof(s.\"attributes\" #> $1) IN ('string', 'number', 'boolean')";
    let text = "(s.\"attributes\" #>> $1)";
    let path = (25, "[a|b]");
    is(json!({ "attributes.a.b": "x" }), &format!("({text} = $2 AND {guard})"), &[path, (25, "x")]);
    is(json!({ "attributes.a.b": true }), &format!("({text} = $2 AND {guard})"), &[path, (25, "true")]);
    is(
        json!({ "attributes.a.b": { "ne": "x" } }),
        &format!("(({text} = $2 AND {guard}) IS NOT TRUE)"),
        &[path, (25, "x")],
    );
    is(
        json!({ "attributes.a.b": { "co": "X", "ci": true } }),
        &format!("(strpos(lower({text}) COLLATE \"C\", lower($2)) > 0 AND no document AND {guard})"),
        &[path, (25, "X")],
    );
    is(
        json!({ "attributes.a.b": { "ge": "2025" } }),
        &format!("({text} COLLATE \"C\" >= $2 AND no document AND {guard})"),
        &[path, (25, "2025")],
    );
    is(
        json!({ "attributes.a.b": { "lt": 10 } }),
        &format!("(CASE WHEN jsonb_typeof(s.\"attributes\" #> $1) = 'number' THEN {text}::numeric < $2 END)"),
        &[path, (1700, "10")],
    );
    is(
        json!({ "attributes.a.b": ["x", 1] }),
        &format!("(({text} = ANY ($2) AND {guard}))"),
        &[path, (25, "[x|1]")],
    );
    is(json!({ "attributes.a.b": null }), &format!("({text} IS NOT DISTINCT FROM NULL)"), &[path]);
    is(json!({ "attributes": null }), "(s.\"attributes\" IS NOT DISTINCT FROM NULL)", &[]);
    is(
        json!({ "attributes": { "pr": true } }),
        &format!("({text} NOT IN ('', '[]', '{{}}'))"),
        &[(25, "[]")],
    );
    assert!(clause(json!({ "raw.a": "x" })).sql.contains("json_typeof(s.\"raw\" #> $1)"));
}

#[test]
fn connectives_and_numbering() {
    let filter = json!({ "or": [{ "id": 1 }, { "not": { "email": "x", "age": { "ge": 3, "lt": 9 } } }], "email": null });
    let clause = compile(&filter, &fixture::dataset(), 7, &fixture::is_secret).unwrap();
    assert_eq!(
        clause.sql,
        "(((s.\"id\" = $7) OR (((s.\"email\" = $8) AND (s.\"age\" >= $9) AND (s.\"age\" < $10)) IS NOT TRUE)) \
         AND (s.\"email\" IS NOT DISTINCT FROM NULL))"
    );
    let told: Vec<(&str, &str)> = clause.params.iter().map(|p| (p.field.as_str(), p.operator)).collect();
    assert_eq!(told, [("id", "eq"), ("email", "eq"), ("age", "ge"), ("age", "lt")]);
    is(json!({}), "true", &[]);
    is(json!({ "created_before": "2025-01-01" }), "(s.\"created_at\" < $1)", &[(1184, "2025-01-01")]);
}
