use super::super::{compile, fixture, parse};
use super::*;

fn is(text: &str, expected: Value) {
    let document = document(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert_eq!(document, expected, "{text}");
    assert!(parse(&document).is_ok(), "{text}");
}

fn text(operator: &str, value: &str) -> Value {
    json!({ operator: value, "ci": true })
}

/// Figure 1 of RFC 7644, section 3.4.2.2, all of it.
#[test]
fn examples_of_the_rfc() {
    is("userName eq \"bjensen\"", json!({ "userName": text("eq", "bjensen") }));
    is("name.familyName co \"O'Malley\"", json!({ "name.familyName": text("co", "O'Malley") }));
    is("userName sw \"J\"", json!({ "userName": text("sw", "J") }));
    is(
        "urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"J\"",
        json!({ "userName": text("sw", "J") }),
    );
    is("title pr", json!({ "title": { "pr": true } }));
    let modified = "2011-05-13T04:42:34Z";
    for operator in ["gt", "ge", "lt", "le"] {
        is(
            &format!("meta.lastModified {operator} \"{modified}\""),
            json!({ "meta.lastModified": text(operator, modified) }),
        );
    }
    let employee = json!({ "userType": text("eq", "Employee") });
    is(
        "title pr and userType eq \"Employee\"",
        json!({ "and": [{ "title": { "pr": true } }, employee.clone()] }),
    );
    is(
        "title pr or userType eq \"Intern\"",
        json!({ "or": [{ "title": { "pr": true } }, { "userType": text("eq", "Intern") }] }),
    );
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    is(&format!("schemas eq \"{enterprise}\""), json!({ "schemas": text("eq", enterprise) }));
    let com = json!({ "emails": text("co", "example.com") });
    let org = json!({ "emails.value": text("co", "example.org") });
    is(
        "userType eq \"Employee\" and (emails co \"example.com\" or emails.value co \"example.org\")",
        json!({ "and": [employee.clone(), { "or": [com.clone(), org.clone()] }] }),
    );
    is(
        "userType ne \"Employee\" and not (emails co \"example.com\" or emails.value co \"example.org\")",
        json!({ "and": [{ "userType": text("ne", "Employee") }, { "not": { "or": [com, org] } }] }),
    );
    let work = json!({ "type": text("eq", "work") });
    is(
        "userType eq \"Employee\" and (emails.type eq \"work\")",
        json!({ "and": [employee.clone(), { "emails.type": text("eq", "work") }] }),
    );
    let at = |kind: &str, domain: &str| json!({ "any": { "and": [{ "type": text("eq", kind) }, { "value": text("co", domain) }] } });
    is(
        "userType eq \"Employee\" and emails[type eq \"work\" and value co \"@example.com\"]",
        json!({ "and": [employee, { "emails": at("work", "@example.com") }] }),
    );
    is(
        "emails[type eq \"work\" and value co \"@example.com\"] or ims[type eq \"xmpp\" and value co \"@foo.com\"]",
        json!({ "or": [{ "emails": at("work", "@example.com") }, { "ims": at("xmpp", "@foo.com") }] }),
    );
    is("emails[type eq \"work\"]", json!({ "emails": { "any": work } }));
}

#[test]
fn value_paths() {
    let work = json!({ "type": text("eq", "work") });
    let both = |other: Value| json!({ "emails": { "any": { "and": [work.clone(), other] } } });
    let present = both(json!({ "value": { "pr": true } }));
    is("emails[type eq \"work\"].value", present.clone());
    is("emails[type eq \"work\"].value pr", present.clone());
    is("emails[ type EQ \"work\" ].value Co \"@x\"", both(json!({ "value": text("co", "@x") })));
    is(
        "active eq true AND emails[type eq \"work\"].value and age ge 18",
        json!({ "and": [{ "active": { "eq": true } }, present.clone(), { "age": { "ge": 18 } }] }),
    );
    is("not(emails[type eq \"work\"].value)", json!({ "not": present }));
    is(
        "urn:x:2.0:User:custom.groups[members[value eq 1] and not (type pr)]",
        json!({ "custom.groups": { "any": { "and": [
            { "members": { "any": { "value": { "eq": 1 } } } }, { "not": { "type": { "pr": true } } } ] } } }),
    );
}

#[test]
fn precedence_and_grouping() {
    let one = |name: &str| json!({ name: { "pr": true } });
    let (a, b, c, d) = (one("a"), one("b"), one("c"), one("d"));
    is("a pr or b pr and c pr or d pr", json!({ "or": [a, { "and": [b, c] }, d] }));
    is("(a pr or b pr)and c pr", json!({ "and": [{ "or": [one("a"), one("b")] }, one("c")] }));
    is("NOT (a pr) Or\tb PR\n", json!({ "or": [{ "not": one("a") }, one("b")] }));
    is("not (not (a pr)) and b pr", json!({ "and": [{ "not": { "not": one("a") } }, one("b")] }));
    is(" ( ( ( a pr ) ) ) ", one("a"));
    // Words of the language may begin or be names.
    is(
        "android pr and order pr or notes pr",
        json!({ "or": [{ "and": [one("android"), one("order")] }, one("notes")] }),
    );
    is("eq eq \"pr\"", json!({ "eq": text("eq", "pr") }));
}

#[test]
fn values() {
    is(
        r#"a eq "\"\\\/\b\f\n\r\t\u00e9 😀 ) ] and""#,
        json!({ "a": text("eq", "\"\\/\u{8}\u{c}\n\r\té 😀 ) ] and") }),
    );
    is("a eq \"\"", json!({ "a": text("eq", "") }));
    let number = "{\"a\":{\"eq\":-12345678901234567890.50e-3}}";
    is("a eq -12345678901234567890.50e-3", serde_json::from_str(number).unwrap());
    is(
        "a eq true or a eq FALSE or a ne null",
        json!({ "or": [{ "a": { "eq": true } }, { "a": { "eq": false } }, { "a": { "ne": null } }] }),
    );
    is("größe gt 5 and $ref pr", json!({ "and": [{ "größe": { "gt": 5 } }, { "$ref": { "pr": true } }] }));
}

/// RFC 7643, section 3.1: ids are case-exact.
#[test]
fn ids_are_exact() {
    for name in ["id", "externalId", "user_id", "meta.tenantId", "device_uuid"] {
        is(&format!("{name} eq \"aB\""), json!({ name: { "eq": "aB" } }));
    }
    is(
        "paid eq \"aB\" and id.kind eq \"x\"",
        json!({ "and": [{ "paid": text("eq", "aB") }, { "id.kind": text("eq", "x") }] }),
    );
}

#[test]
fn mistakes_are_told_by_their_place() {
    for (filter, place, expected) in [
        ("", 1, "an attribute"),
        ("   ", 4, "an attribute"),
        ("userName", 9, "an operator"),
        ("userName S3CRET \"x\"", 10, "an operator"),
        ("userName in \"x\"", 10, "an operator"),
        ("é eq", 5, "a value"),
        ("é eq S3CRET", 6, "a value"),
        ("a eq 'S3CRET'", 6, "a value"),
        ("a eq \"S3CRET", 6, "a string"),
        ("a eq \"S3CRET\\", 6, "a string"),
        ("a eq \"S3CRET\\\"", 6, "a string"),
        ("a eq \"S3CRET\\é\"", 6, "a string"),
        ("a eq \"S3CRET\\q\"", 6, "a string"),
        ("a eq \"S3CRET\\u0000\"", 6, "a string"),
        ("a eq \"S3CRET\\ud800\"", 6, "a string"),
        ("a eq \"S3CRET\nx\"", 6, "a string"),
        ("a eq 01", 6, "a number"),
        ("a eq 1.", 6, "a number"),
        ("a eq -", 6, "a number"),
        ("a eq 5S3CRET", 6, "a number"),
        ("a eq 1e99999", 6, "a number"),
        ("a eq \"x\" \"S3CRET\"", 10, "\"and\""),
        ("a eq \"x\" S3CRET b pr", 10, "\"and\""),
        ("a pr and", 9, "an attribute"),
        ("a pr or or b pr", 9, "an attribute"),
        ("and pr", 1, "an attribute"),
        ("not pr", 1, "an attribute"),
        ("urn:a:or pr", 1, "an attribute"),
        ("urn:a: pr", 1, "an attribute"),
        ("a..b pr", 1, "an attribute"),
        (".a pr", 1, "an attribute"),
        ("1a pr", 1, "an attribute"),
        ("(a pr", 6, "\"and\", \"or\" or \")\""),
        ("a[b pr", 7, "\"and\", \"or\" or \"]\""),
        ("a[b pr)", 7, "\"and\", \"or\" or \"]\""),
        ("a pr)", 5, "\"and\""),
        ("()", 2, "an attribute"),
        ("a[]", 3, "an attribute"),
        ("a[b pr].", 9, "an attribute"),
        ("a[b pr].c S3CRET", 11, "an operator"),
        ("a[b pr] eq \"S3CRET\"", 9, "\"and\""),
        ("a; DROP TABLE t", 2, "an operator"),
    ] {
        let error = document(filter).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "22023", "{filter}");
        let begin = format!("syntax error in the SCIM filter at character {place}: expected {expected}");
        assert!(error.message.starts_with(&begin), "{filter}: {}", error.message);
        assert!(error.hint.is_some() && !format!("{error:?}").contains("S3CRET"), "{filter}: {error:?}");
    }
}

#[test]
fn limits() {
    let refused = |text: String, message: &str| {
        let error = document(&text).unwrap_err();
        assert_eq!((error.kind.sqlstate(), error.message.as_str()), ("54000", message));
        assert!(error.hint.is_some());
    };
    let deep = |levels: usize| format!("{}a pr{}", "(".repeat(levels), ")".repeat(levels));
    is(&deep(64), json!({ "a": { "pr": true } }));
    refused(deep(65), "the filter is nested deeper than 64 levels");
    refused("(".repeat(1_000_000), "the filter is nested deeper than 64 levels");
    refused("a[".repeat(400_000), "the filter is nested deeper than 64 levels");
    refused("not(".repeat(200_000), "the filter is nested deeper than 64 levels");
    refused(
        "a pr and(b pr or(".repeat(20) + "c pr" + &"))".repeat(20),
        "the filter is nested deeper than 64 levels",
    );
    refused("x".repeat(1_048_577), "the filter is larger than 1 MB");
    let many = |count: usize| vec!["a pr"; count].join(" or ");
    assert!(document(&many(1_000)).is_ok());
    refused(many(1_001), "the filter has more than 1000 conditions");
}

/// A SCIM string may ask for no more than a document may.
#[test]
fn nothing_is_gained_by_a_string() {
    let mut dataset = fixture::dataset();
    for field in &mut dataset.fields {
        match field.name.as_str() {
            "raw" => field.mask = crate::model::Treatment::Last4,
            "nick" => field.json_text = true,
            _ => {}
        }
    }
    for filter in [
        "pin eq \"1\"",
        "pin pr",
        "not (pin pr)",
        "urn:x:User:pin sw \"1\"",
        "pin[value eq \"1\"]",
        "attributes.password sw \"x\"",
        "attributes.a.token pr",
        "urn:x:2.0:User:attributes.password eq \"x\"",
        "attributes[password eq \"x\"]",
        "attributes[a.token pr]",
        "attributes[type eq \"x\"].token",
        "attributes[type eq \"x\"].a.password sw \"x\"",
        "attributes.token[value eq \"x\"]",
        "attributes[token[value eq \"x\"]]",
        "attributes[a[b pr or not (password pr)]]",
        "raw[type eq \"x\"]",
        "raw[type pr]",
        "raw.type pr",
        "nick co \"x\"",
        "id eq 1 or not (attributes[not (token pr)])",
    ] {
        let document = document(filter).unwrap();
        let error = compile(&document, &dataset, 1, &fixture::is_secret, "shown").unwrap_err();
        assert_eq!(error.kind.sqlstate(), "42501", "{filter}: {error:?}");
        assert!(error.hint.is_some(), "{filter}");
    }
    for filter in ["raw pr", "nick pr", "nick eq null", "attributes[type eq \"x\"].value co \"y\""] {
        assert!(
            compile(&document(filter).unwrap(), &dataset, 1, &fixture::is_secret, "shown").is_ok(),
            "{filter}"
        );
    }
    // Only JSON has elements with keys.
    let error =
        compile(&document("roles[value eq \"x\"]").unwrap(), &dataset, 1, &fixture::is_secret, "shown")
            .unwrap_err();
    assert_eq!(error.message, "operator any cannot be used on field \"roles\" of type text[] in the filter");
}
