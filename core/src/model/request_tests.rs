use super::*;
use serde_json::json;

fn asked() -> ExportRequest {
    ExportRequest {
        dataset: "users".into(),
        format: "csv".into(),
        filter: Some(json!({ "b": 1, "a": { "y": [1, 2], "x": null } })),
        fields: Some(vec![Some("id".into())]),
        ..ExportRequest::default()
    }
}

#[test]
fn only_what_was_asked_is_stored() {
    let stored = serde_json::to_string(&asked()).unwrap();
    assert_eq!(
        stored,
        r#"{"dataset":"users","format":"csv","filter":{"b":1,"a":{"y":[1,2],"x":null}},"fields":["id"]}"#
    );
    assert_eq!(serde_json::from_str::<ExportRequest>(&stored).unwrap(), asked());
}

#[test]
fn everything_reads_back() {
    let text = |value: &str| Some(value.to_owned());
    let full = ExportRequest {
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
    assert_eq!(serde_json::from_value::<ExportRequest>(value).unwrap(), full);
    // Fields that a later version writes do not stop this one from reading its jobs.
    assert!(serde_json::from_str::<ExportRequest>(r#"{"dataset":"users","later":1}"#).is_ok());
}

#[test]
fn period_stands_alone() {
    let with = |change: fn(&mut ExportRequest)| {
        let mut asked = ExportRequest { period: Some("last_year".into()), ..asked() };
        change(&mut asked);
        asked.period()
    };
    assert_eq!(asked().period(), Ok(None));
    assert_eq!(with(|_| {}), Ok(Some(Period::Rolling("1 year"))));
    for (change, name) in [
        ((|asked| asked.start_date = Some("2025-01-01".into())) as fn(&mut ExportRequest), "start_date"),
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
    let print = |asked: &ExportRequest| asked.fingerprint(&json!({ "role": 10, "actor": "u1" }));
    let one = print(&asked());
    let reordered =
        ExportRequest { filter: Some(json!({ "a": { "x": null, "y": [1, 2] }, "b": 1 })), ..asked() };
    assert_eq!(print(&reordered), one, "keys have no order");
    let told = ExportRequest { notify_email: Some("a@example.com".into()), ..asked() };
    assert_eq!(print(&told), one, "it changes no file");
    let mut returning = asked();
    returning.options.insert("if_active".into(), json!("return"));
    assert_eq!(print(&returning), one, "it is about the twin");
    for other in [
        ExportRequest { filter: Some(json!({ "b": 1, "a": { "y": [2, 1], "x": null } })), ..asked() },
        ExportRequest { fields: None, ..asked() },
        ExportRequest { anonymise: true, ..asked() },
        ExportRequest { reason: Some("r".into()), ..asked() },
        ExportRequest { format: "xlsx".into(), ..asked() },
        ExportRequest { dataset: "users2".into(), ..asked() },
    ] {
        assert_ne!(print(&other), one);
    }
    let rows = |asked: &ExportRequest| asked.rows_print(&json!({ "role": 10 }));
    let written = ExportRequest { format: "xlsx".into(), fields: None, anonymise: true, ..asked() };
    assert_eq!(rows(&written), rows(&asked()), "the same rows");
    assert_ne!(rows(&ExportRequest { filter: None, ..asked() }), rows(&asked()));
    for other in
        [json!({ "role": 11, "actor": "u1" }), json!({ "role": 10, "actor": null }), json!({ "role": 10 })]
    {
        assert_ne!(asked().fingerprint(&other), one, "{other}");
    }
}
