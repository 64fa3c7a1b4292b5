use super::super::{compile, fixture};
use super::*;
use serde_json::json;

fn clause(filter: serde_json::Value) -> Clause {
    compile(&filter, &fixture::dataset(), 1, &fixture::is_secret, "shown").unwrap()
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
    is(json!({ "attributes.a": "{:" }), "(false)", &[]);
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

/// The values that the path `a.b` finds in `of`, its two parameters from `$first` on.
fn found(of: &str, first: usize) -> String {
    let through = first + 1;
    format!(
        "coalesce({of} #> ${first}, CASE WHEN jsonb_path_exists({of}, ${through}) \
         THEN nullif(jsonb_path_query_array({}, ${through}), '[]') END)",
        shown(of)
    )
}

/// A value as the export shows it; elements are of one that is shown so already.
fn shown(of: &str) -> String {
    match of.contains("e1.v") || of.contains("e2.v") {
        true => of.to_owned(),
        false => format!("shown({of})"),
    }
}

/// The test on numbers, and that on strings and booleans, `%` being the value's text.
fn kinds(value: &str, number: &str, textual: &str) -> String {
    let cases = |value: &str| {
        let text = format!("({value} #>> '{{}}')");
        let case = |kind: &str, test: &str| match test {
            "" => String::new(),
            test => format!(" WHEN '{kind}' THEN {}", test.replace('%', &text)),
        };
        case("number", number) + &case("string", textual) + &case("boolean", textual)
    };
    format!(
        "CASE jsonb_typeof({value}){} WHEN 'array' THEN EXISTS (SELECT 1 FROM \
         (SELECT CASE jsonb_typeof(u.v) WHEN 'object' THEN u.v -> 'value' ELSE u.v END \
         FROM jsonb_path_query({}, '$[*]') AS u(v)) AS e(v) WHERE CASE jsonb_typeof(e.v){} END) END",
        cases(value),
        shown(value),
        cases("e.v")
    )
}

const PATH: [(u32, &str); 2] = [(25, "[a|b]"), (4072, "lax $.\"a\".\"b\"[*] ? (@ != null)")];

fn with_path<'a>(more: &[(u32, &'a str)]) -> Vec<(u32, &'a str)> {
    PATH.iter().chain(more).copied().collect()
}

#[test]
fn json_paths() {
    let value = found("s.\"attributes\"", 1);
    let text = format!("({value} #>> '{{}}')");
    for (test, number, textual, params) in [
        (json!("x"), "% = $3", "% = $3", vec![(25, "x")]),
        (json!(true), "% = $3", "% = $3", vec![(25, "true")]),
        (json!(5), "%::numeric = $3", "% = $4", vec![(1700, "5"), (25, "5")]),
        (
            json!({ "co": "X", "ci": true }),
            "strpos(lower(%) COLLATE \"C\", lower($3)) > 0 AND no document",
            "strpos(lower(%) COLLATE \"C\", lower($3)) > 0 AND no document",
            vec![(25, "X")],
        ),
        (
            json!({ "ge": "2025" }),
            "% COLLATE \"C\" >= $3 AND no document",
            "% COLLATE \"C\" >= $3 AND no document",
            vec![(25, "2025")],
        ),
        (json!({ "lt": 10 }), "%::numeric < $3", "", vec![(1700, "10")]),
        (
            json!(["x", 1]),
            "(% = ANY ($3) OR %::numeric = ANY ($4))",
            "% = ANY ($3)",
            vec![(25, "[x|1]"), (1700, "[1]")],
        ),
    ] {
        is(
            json!({ "attributes.a.b": test }),
            &format!("({})", kinds(&value, number, textual)),
            &with_path(&params),
        );
    }
    let equal = kinds(&value, "% = $3", "% = $3");
    is(
        json!({ "attributes.a.b": { "ne": "x" } }),
        &format!("(({equal}) IS NOT TRUE)"),
        &with_path(&[(25, "x")]),
    );
    is(json!({ "attributes.a.b": null }), &format!("({text} IS NOT DISTINCT FROM NULL)"), &PATH);
    is(json!({ "attributes": null }), "(s.\"attributes\" IS NOT DISTINCT FROM NULL)", &[]);
    is(json!({ "raw": { "ne": null } }), "(s.\"raw\" IS DISTINCT FROM NULL)", &[]);
    is(json!({ "attributes.a.b": { "pr": true } }), &format!("({text} NOT IN ('', '[]', '{{}}'))"), &PATH);
    is(
        json!({ "attributes": { "pr": false } }),
        "(((s.\"attributes\" #>> '{}') NOT IN ('', '[]', '{}')) IS NOT TRUE)",
        &[],
    );
    assert!(clause(json!({ "raw.a": "x" })).sql.contains("ELSE s.\"raw\"::jsonb END) #> $1"));
    let odd = clause(json!({ "attributes.a\"]\\\n$ é": 1 }));
    assert_eq!(odd.params[1].value, Value::One("lax $.\"a\\\"]\\\\\\n$ é\"[*] ? (@ != null)".into()));
}

#[test]
fn json_elements() {
    let elements = |value: &str, alias: &str, holds: &str| {
        format!(
            "EXISTS (SELECT 1 FROM (SELECT CASE jsonb_typeof(u.v) WHEN 'object' THEN u.v \
             ELSE jsonb_build_object('value', u.v) END FROM jsonb_path_query({}, '$[*]') AS u(v)) AS {alias}(v) \
             WHERE {holds})",
            shown(value)
        )
    };
    let inner = kinds(&found("e1.v", 1), "% = $3", "% = $3");
    is(
        json!({ "attributes": { "any": { "a.b": "x" } } }),
        &format!("({})", elements("s.\"attributes\"", "e1", &format!("({inner})"))),
        &with_path(&[(25, "x")]),
    );
    let deep = kinds(&found("e2.v", 5), "% = $7", "% = $7");
    let deep = elements(&found("e1.v", 3), "e2", &format!("({deep})"));
    let outer = elements(&found("s.\"attributes\"", 1), "e1", &format!("(({deep}) IS NOT TRUE)"));
    let params: Vec<(u32, &str)> = [&PATH[..], &PATH, &PATH, &[(25, "x")]].concat();
    is(
        json!({ "attributes.a.b": { "any": { "not": { "a.b": { "any": { "a.b": "x" } } } } } }),
        &format!("({outer})"),
        &params,
    );
    assert_eq!(clause(json!({ "attributes": { "any": { "a": 1 } } })).columns, ["attributes"]);
}

#[test]
fn connectives_and_numbering() {
    let filter = json!({ "or": [{ "id": 1 }, { "not": { "email": "x", "age": { "ge": 3, "lt": 9 } } }], "email": null });
    let clause = compile(&filter, &fixture::dataset(), 7, &fixture::is_secret, "shown").unwrap();
    assert_eq!(
        clause.sql,
        "(((s.\"id\" = $7) OR (((s.\"email\" = $8) AND (s.\"age\" >= $9) AND (s.\"age\" < $10)) IS NOT TRUE)) \
         AND (s.\"email\" IS NOT DISTINCT FROM NULL))"
    );
    let told: Vec<(&str, &str)> = clause.params.iter().map(|p| (p.field.as_str(), p.operator)).collect();
    assert_eq!(told, [("id", "eq"), ("email", "eq"), ("age", "ge"), ("age", "lt")]);
    is(json!({}), "true", &[]);
    let words = json!({ "email": { "does_not_contain": "x" }, "age": { "from": 3, "to": 9 } });
    let clause = compile(&words, &fixture::dataset(), 1, &fixture::is_secret, "shown").unwrap();
    let told: Vec<&str> = clause.params.iter().map(|p| p.operator).collect();
    assert_eq!(told, ["does_not_contain", "from", "to"]);
    is(json!({ "active": { "unchecked": true } }), "(s.\"active\" = $1)", &[(16, "false")]);
    is(json!({ "active": { "checked": false } }), "((s.\"active\" = $1) IS NOT TRUE)", &[(16, "true")]);
    is(json!({ "created_before": "2025-01-01" }), "(s.\"created_at\" < $1)", &[(1184, "2025-01-01")]);
}
