use super::*;
use crate::encode::fixture::column;
use crate::model::json_path;
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

fn found(documents: &[&str]) -> HashMap<usize, Keys> {
    let mut keys = Keys::default();
    for document in documents {
        keys.see(&Cell::Json(document), &|key| Names::standard().is_secret(key)).unwrap();
    }
    HashMap::from([(1, keys)])
}

fn read() -> Vec<Column> {
    let mut id = column("id", "Id", Kind::Int);
    id.identifier = true;
    vec![id, column("more", "More", Kind::Json), column("email", "email", Kind::Text)]
}

fn outputs(written: impl IntoIterator<Item = Written>) -> Vec<FieldOutput> {
    let whole = |column| FieldOutput { column, written: Written::Whole };
    let inner = written.into_iter().map(|written| FieldOutput { column: 1, written });
    std::iter::once(whole(0)).chain(inner).chain([whole(2)]).collect()
}

fn part(path: &str, label: Option<&str>) -> JsonPath {
    JsonPath { path: json_path::keys(path).unwrap(), label: label.map(str::to_owned) }
}

fn layout(written: impl IntoIterator<Item = Written>, format: Format, documents: &[&str]) -> Layout {
    Layout::new(&read(), &outputs(written), Names::standard(), format, found(documents))
}

fn labels(layout: &Layout) -> Vec<&str> {
    layout.columns().iter().map(|column| column.label.as_str()).collect()
}

fn names(layout: &Layout) -> Vec<&str> {
    layout.columns().iter().map(|column| column.name.as_str()).collect()
}

/// A row with this document, without the cells around it, as debug text.
fn row(layout: &Layout, document: Cell<'_>) -> Vec<String> {
    let mut shown = Vec::new();
    layout
        .row(&[Cell::Int(1), document, Cell::text("e")], &mut |cells| {
            assert_eq!((cells.first(), cells.last()), (Some(&Cell::Int(1)), Some(&Cell::text("e"))));
            shown = cells[1..cells.len() - 1].iter().map(|cell| format!("{cell:?}")).collect();
            Ok(())
        })
        .unwrap();
    shown
}

#[test]
fn each_key_is_a_column() {
    let documents =
        [r#"{"b": [1, "x"], "a": 1.50, "": true}"#, r#"{"a": {"n":  1}, "api_key": true, "email": "x"}"#];
    let layout = layout([Written::Found], Format::Csv, &documents);
    assert_eq!(names(&layout), ["id", "more.", "more.a", "more.b", "more.email", "email"]);
    // A blank label and one that a field has begin with the field's.
    assert_eq!(labels(&layout), ["Id", "More.", "a", "b", "More.email", "email"]);
    assert_eq!(
        row(&layout, Cell::Json(documents[0])),
        ["Bool(true)", "Numeric(\"1.50\")", "List([Numeric(\"1\"), Text(\"x\")])", "Null"]
    );
    assert_eq!(
        row(&layout, Cell::Json(documents[1])),
        ["Null", "Json(\"{\\\"n\\\":  1}\")", "Null", "Text(\"x\")"]
    );
    for nothing in [Cell::Null, Cell::Json("null"), Cell::Json("{}")] {
        assert_eq!(row(&layout, nothing), ["Null"; 4]);
    }
    let shape = layout.shape(&[0], 1);
    assert_eq!(shape.key, [0]);
    let of: Vec<_> = shape.columns.iter().map(|column| column.of.as_deref()).collect();
    assert_eq!(of, [None, Some("more"), Some("more"), Some("more"), Some("more"), None]);
}

#[test]
fn what_has_no_column_stays_json() {
    let long =
        format!("{{\"a\": 1, \"{}\": [2, {{}}], \"token\": null}}", "x".repeat(json_path::LONGEST + 1));
    let layout = layout([Written::Found], Format::Xlsx, &[&long, "[1]"]);
    assert_eq!(names(&layout), ["id", "more.a", "more", "email"]);
    assert_eq!(labels(&layout), ["Id", "a", "More", "email"]);
    let rest = format!("Json({:?})", format!("{{\"{}\": [2, {{}}]}}", "x".repeat(json_path::LONGEST + 1)));
    assert_eq!(row(&layout, Cell::Json(&long)), ["Numeric(\"1\")".to_owned(), rest]);
    assert_eq!(row(&layout, Cell::Json("[1]")), ["Null", "Json(\"[1]\")"]);
    assert_eq!(row(&layout, Cell::text("[redacted]")), ["Text(\"[redacted]\")"; 2]);
    // A field without any key is still there.
    let layout = self::layout([Written::Found], Format::Xlsx, &["{}"]);
    assert_eq!(names(&layout), ["id", "more", "email"]);
    assert_eq!(row(&layout, Cell::Json("{}")), ["Null"]);
}

/// A source may give other rows the second time.
#[test]
fn a_key_that_was_not_found_is_not_lost() {
    let layout = layout([Written::Found], Format::Csv, &["{\"a\": 1}"]);
    for document in ["{\"b\": 1}", "[]", "\"x\""] {
        let cells = [Cell::Int(1), Cell::Json(document), Cell::Null];
        assert_eq!(layout.row(&cells, &mut |_| Ok(())).unwrap_err().sqlstate(), "38000", "{document}");
    }
}

#[test]
fn declared_keys_are_columns_in_their_order() {
    let declared =
        || Written::Declared(vec![part("b.c", Some("id")), part("a", Some("Id")), part("b", None)]);
    let layout = layout([declared()], Format::Csv, &[]);
    assert_eq!(names(&layout), ["id", "more.b.c", "more.a", "more.b", "email"]);
    assert_eq!(labels(&layout), ["Id", "More.b.c", "More.a", "b", "email"]);
    let document = r#"{"b": {"c": "x", "d": 1}, "else": 1, "a": false}"#;
    assert_eq!(
        row(&layout, Cell::Json(document)),
        ["Text(\"x\")", "Bool(false)", "Json(\"{\\\"c\\\": \\\"x\\\", \\\"d\\\": 1}\")"]
    );
    assert_eq!(row(&layout, Cell::Json("[{\"a\": 1}]")), ["Null"; 3]);
    for format in [Format::Json, Format::Ndjson] {
        let layout = self::layout([declared()], format, &[]);
        assert_eq!(names(&layout), ["id", "more", "email"]);
        assert_eq!(row(&layout, Cell::Json(document)), [format!("Json({document:?})")]);
    }
}

#[test]
fn named_parts_stand_where_they_were_in_json() {
    let mut read = read();
    read[1].json_path = Some("user.more".into());
    let outputs = outputs([Written::Named(part("b.c", None)), Written::Named(part("a", None))]);
    let layout = Layout::new(&read, &outputs, Names::standard(), Format::Ndjson, HashMap::new());
    let paths: Vec<_> = layout.columns().iter().map(|column| column.json_path.as_deref()).collect();
    assert_eq!(paths, [None, Some("user.more.b.c"), Some("user.more.a"), None]);
    assert_eq!(row(&layout, Cell::Json(r#"{"a": [], "b": {"c": 1}}"#)), ["Numeric(\"1\")", "List([])"]);
    assert!(layout.shape(&[], 1).columns.iter().all(|column| column.of.is_none()));
}

#[test]
fn names_are_one_column_s_only() {
    let mut read = read();
    read[2].name = "more.a".into();
    read[2].label = "More.a".into();
    let layout = Layout::new(
        &read,
        &outputs([Written::Found]),
        Names::standard(),
        Format::Csv,
        found(&[r#"{"a": 1, "More.a": 2, "Id": 3, "x\u0000y": 4, "x\ud800y": 5}"#]),
    );
    assert_eq!(
        names(&layout),
        ["id", "more.Id", "more.More.a", "more.a_", "more.x\u{fffd}y", "more.x\u{fffd}y_", "more.a"]
    );
    assert_eq!(
        labels(&layout),
        ["Id", "More.Id", "More.More.a", "a", "x\u{fffd}y", "More.x\u{fffd}y", "More.a"]
    );
}

/// Any document, some of whose keys are alike.
fn document() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        any::<String>().prop_map(Json::from)
    ];
    let key = || prop_oneof!["[ab.\"\\\\\n]{0,2}", "\\PC{0,6}", Just("api_key".to_owned())];
    let value = scalar.prop_recursive(2, 8, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map(key(), inner, 0..3)
                .prop_map(|members| Json::Object(members.into_iter().collect::<Map<_, _>>()))
        ]
    });
    value.prop_map(|value| value.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The cells hold the members of a document, and nothing else.
    #[test]
    fn no_member_is_lost(documents in prop::collection::vec(document(), 1..5)) {
        let list: Vec<&str> = documents.iter().map(String::as_str).collect();
        let layout = layout([Written::Found], Format::Csv, &list);
        prop_assert_eq!(names(&layout).iter().collect::<HashSet<_>>().len(), layout.columns().len());
        for text in list {
            let wanted: Json = serde_json::from_str(text).unwrap();
            let mut written = Vec::new();
            layout
                .row(&[Cell::Int(1), Cell::Json(text), Cell::Null], &mut |cells| {
                    for cell in &cells[1..cells.len() - 1] {
                        let mut json = Vec::new();
                        let alone = [column("c", "C", Kind::Mixed)];
                        let options = crate::model::Options::default();
                        let setup = crate::encode::fixture::setup();
                        let mut encoder = crate::encode::encoder(Format::Ndjson, &options, &alone, setup)?;
                        encoder.row(&[*cell], &mut json)?;
                        let row: Json = serde_json::from_slice(&json).unwrap();
                        written.push(row["c"].clone());
                    }
                    Ok(())
                })
                .unwrap();
            let mut wanted: Vec<String> = match wanted {
                Json::Object(members) => {
                    let open = members.into_iter().filter(|(key, _)| !Names::standard().is_secret(key));
                    open.map(|(_, value)| value).filter(|value| !value.is_null()).map(|value| value.to_string()).collect()
                }
                Json::Null => Vec::new(),
                other => vec![other.to_string()],
            };
            let mut found: Vec<String> =
                written.into_iter().filter(|value| !value.is_null()).map(|value| value.to_string()).collect();
            wanted.sort();
            found.sort();
            prop_assert_eq!(found, wanted);
        }
    }
}
