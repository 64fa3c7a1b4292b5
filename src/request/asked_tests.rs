use super::*;
use serde_json::json;

fn asked() -> Asked {
    Asked {
        dataset: "users".into(),
        format: "csv".into(),
        filter: Some(json!({ "b": 1, "a": { "y": [1, 2], "x": null } })),
        fields: Some(vec![Some("id".into())]),
        ..Asked::default()
    }
}

#[test]
fn only_what_was_asked_is_stored() {
    let stored = serde_json::to_string(&asked()).unwrap();
    assert_eq!(
        stored,
        r#"{"dataset":"users","format":"csv","filter":{"b":1,"a":{"y":[1,2],"x":null}},"fields":["id"]}"#
    );
    assert_eq!(serde_json::from_str::<Asked>(&stored).unwrap(), asked());
}

#[test]
fn everything_reads_back() {
    let text = |value: &str| Some(value.to_owned());
    let full = Asked {
        period: text("last_week"),
        start_date: text("2025-01-01"),
        end_date: text("2025-02-01"),
        period_field: text("created_at"),
        since: text("2025-01-01 00:00:00+00"),
        include: Some(vec![text("more"), None]),
        include_disabled: Some(false),
        anonymise: true,
        all_tenants: true,
        destination: text("s3"),
        notify_email: text("a@example.com"),
        reason: text("audit"),
        options: json!({ "bom": true }).as_object().cloned().unwrap(),
        ..asked()
    };
    let value = serde_json::to_value(&full).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 17);
    assert_eq!(serde_json::from_value::<Asked>(value).unwrap(), full);
    // What a later version writes does not stop this one from reading its jobs.
    assert!(serde_json::from_str::<Asked>(r#"{"dataset":"users","later":1}"#).is_ok());
}

#[test]
fn period_stands_alone() {
    let with = |change: fn(&mut Asked)| {
        let mut asked = Asked { period: Some("last_year".into()), ..asked() };
        change(&mut asked);
        asked.period()
    };
    assert_eq!(asked().period(), Ok(None));
    assert_eq!(with(|_| {}), Ok(Some(Period::LastYear)));
    for (change, name) in [
        ((|asked| asked.start_date = Some("2025-01-01".into())) as fn(&mut Asked), "start_date"),
        (|asked| asked.end_date = Some("2025-01-01".into()), "end_date"),
        (|asked| asked.since = Some("2025-01-01".into()), "since"),
    ] {
        let error = with(change).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "22023");
        assert_eq!(error.message, format!("period and {name} cannot be used together"));
        assert!(error.hint.is_some());
    }
}

#[test]
fn fingerprint_finds_twins_only() {
    let print = |asked: &Asked| asked.fingerprint(10, Some("t1"), Some("u1"));
    let one = print(&asked());
    let reordered = Asked { filter: Some(json!({ "a": { "x": null, "y": [1, 2] }, "b": 1 })), ..asked() };
    assert_eq!(print(&reordered), one, "keys have no order");
    let told = Asked { reason: Some("r".into()), notify_email: Some("a@example.com".into()), ..asked() };
    assert_eq!(print(&told), one, "neither changes the files");
    for other in [
        Asked { filter: Some(json!({ "b": 1, "a": { "y": [2, 1], "x": null } })), ..asked() },
        Asked { fields: None, ..asked() },
        Asked { anonymise: true, ..asked() },
        Asked { format: "xlsx".into(), ..asked() },
        Asked { dataset: "users2".into(), ..asked() },
    ] {
        assert_ne!(print(&other), one);
    }
    assert_ne!(asked().fingerprint(11, Some("t1"), Some("u1")), one);
    assert_ne!(asked().fingerprint(10, Some("t2"), Some("u1")), one);
    assert_ne!(asked().fingerprint(10, None, Some("u1")), asked().fingerprint(10, Some(""), Some("u1")));
    assert_ne!(asked().fingerprint(10, Some("t1"), Some("u2")), one);
    assert_ne!(asked().fingerprint(10, Some("a"), Some("b")), asked().fingerprint(10, Some("b"), Some("a")));
}
