use super::*;
use crate::encode::{encoder, Info, Setup};
use crate::model::{Format, Options};
use proptest::prelude::*;

fn column(kind: Kind) -> Column {
    Column { name: "c".into(), label: "c".into(), kind, identifier: false, free_text: true, json_path: None }
}

fn rule(treatment: Treatment) -> FieldRule {
    FieldRule { treatment, personal_keys: false, json_text: false, free_text: true }
}

fn redactor(rule: FieldRule, kind: Kind) -> Redactor {
    Redactor::new(&[rule], &[], 0, &[column(kind)], Names::standard(), Some([7; 32]))
}

fn shown(rule: FieldRule, kind: Kind, cell: Cell<'_>) -> String {
    let mut seen = String::new();
    redactor(rule, kind)
        .apply(&[cell], &mut |cells| {
            seen = format!("{:?}", cells[0]);
            Ok(())
        })
        .unwrap();
    seen
}

fn one(treatment: Treatment, kind: Kind, cell: Cell<'_>) -> String {
    shown(rule(treatment), kind, cell)
}

#[test]
fn masks() {
    use Treatment::{Keep, Last4, Redact};
    assert_eq!(one(Redact, Kind::Text, Cell::text("anna@example.com")), r#"Text("[redacted]")"#);
    assert_eq!(one(Redact, Kind::Text, Cell::Null), "Null");
    assert_eq!(one(Last4, Kind::Text, Cell::text("+33612345678")), r#"Text("********5678")"#);
    assert_eq!(one(Last4, Kind::Text, Cell::text("1234")), r#"Text("****")"#);
    assert_eq!(one(Last4, Kind::Text, Cell::Int(123456)), r#"Text("***456")"#);
    assert_eq!(one(Last4, Kind::Text, Cell::Date(0)), r#"Text("******1-01")"#);
    assert_eq!(one(Keep, Kind::Text, Cell::text("x")), r#"Text("x")"#);
    assert_eq!(one(Keep, Kind::Text, Cell::text(r#"{"pin":"x"}"#)), r#"Text("{}")"#);
    // The end of a document is not the end of a secret.
    assert_eq!(one(Last4, Kind::Text, Cell::text(r#"{"a":12345,"pin":"x"}"#)), r#"Text("*******345}")"#);
}

#[test]
fn lists_are_treated_by_element() {
    use Treatment::{Keep, Last4, Pseudonymise, Redact};
    let list = [Cell::text("abcdef"), Cell::Null, Cell::Int(12345)];
    assert_eq!(
        one(Redact, Kind::List, Cell::List(&list)),
        r#"List([Text("[redacted]"), Null, Text("[redacted]")])"#
    );
    assert_eq!(one(Last4, Kind::List, Cell::List(&list)), r#"List([Text("***def"), Null, Text("***45")])"#);
    assert_eq!(one(Redact, Kind::List, Cell::List(&[])), "List([])");
    assert_eq!(one(Redact, Kind::List, Cell::List(&[Cell::Null])), "List([Null])");
    let alone = one(Pseudonymise, Kind::Text, Cell::text("abcdef"));
    assert!(one(Pseudonymise, Kind::List, Cell::List(&list)).contains(&alone));
    let documents = [
        Cell::Null,
        Cell::Json(r#"{"e":2}"#),
        Cell::Json(r#"{"token":"1","e":2}"#),
        Cell::text(r#"{"pin":"x"}"#),
    ];
    assert_eq!(
        one(Keep, Kind::List, Cell::List(&documents)),
        r#"List([Null, Json("{\"e\":2}"), Json("{\"e\":2}"), Text("{}")])"#
    );
    let nested = [Cell::Int(1), Cell::List(&documents)];
    assert_eq!(one(Keep, Kind::List, Cell::List(&nested)), r#"List([Int(1), Text("[redacted]")])"#);
}

#[test]
fn documents_keep_their_structure_unless_redacted() {
    use Treatment::{Keep, Last4, Pseudonymise, Redact};
    let json = Cell::Json(r#"{"email": "abcdef", "pin": "9999", "n": [null, 12345]}"#);
    assert_eq!(one(Keep, Kind::Json, json), r#"Json("{\"email\": \"abcdef\", \"n\": [null, 12345]}")"#);
    assert_eq!(one(Last4, Kind::Json, json), r#"Json("{\"email\": \"***def\", \"n\": [null, \"***45\"]}")"#);
    assert_eq!(one(Redact, Kind::Text, json), r#"Text("[redacted]")"#);
    let alone = one(Pseudonymise, Kind::Text, Cell::text("abcdef"));
    let alone = alone.trim_start_matches("Text(\"").trim_end_matches("\")");
    assert!(one(Pseudonymise, Kind::Json, json).contains(alone));
    let anonymised = FieldRule { personal_keys: true, ..rule(Keep) };
    assert_eq!(
        shown(anonymised, Kind::Json, json),
        r#"Json("{\"email\": \"[redacted]\", \"n\": [null, 12345]}")"#
    );
    assert_eq!(
        shown(anonymised, Kind::Text, Cell::text(r#"{"email": "abcdef"}"#)),
        r#"Text("{\"email\": \"[redacted]\"}")"#
    );
    let made = FieldRule { json_text: true, ..rule(Keep) };
    assert_eq!(shown(made, Kind::Text, Cell::text(r#"x {"pin": "1"}"#)), r#"Text("[redacted]")"#);
    assert_eq!(shown(rule(Keep), Kind::Text, Cell::text(r#"x {"a": "1"}"#)), r#"Text("x {\"a\": \"1\"}")"#);
}

#[test]
fn without_a_key_there_is_no_pseudonym() {
    let rules = [rule(Treatment::Pseudonymise)];
    let mut redactor = Redactor::new(&rules, &[], 0, &[column(Kind::Text)], Names::standard(), None);
    assert!(redactor.apply(&[Cell::text("anna")], &mut |_| Ok(())).is_err());
    assert!(redactor.apply(&[Cell::Null], &mut |_| Ok(())).is_ok());
    assert!(redactor.apply(&[], &mut |_| Ok(())).is_err());
}

/// A row without anything to hide is the very row that came.
#[test]
fn what_does_not_change_is_not_copied() {
    let list = [Cell::text("x"), Cell::Json("{}")];
    let cells =
        [Cell::Json(r#"{"department": "R&D", "tags": ["a", "{}"]}"#), Cell::List(&list), Cell::text("[1")];
    let columns = [column(Kind::Json), column(Kind::List), column(Kind::Text)];
    let mut redactor = Redactor::new(&[rule(Treatment::Keep); 3], &[], 0, &columns, Names::standard(), None);
    let mut same = false;
    redactor
        .apply(&cells, &mut |seen| {
            same = std::ptr::eq(seen, &cells);
            Ok(())
        })
        .unwrap();
    assert!(same);
}

/// The same in every text format.
#[test]
fn files() {
    let columns: Vec<Column> = [("mail", Kind::List), ("attributes", Kind::Json), ("note", Kind::Text)]
        .map(|(name, kind)| Column { name: name.into(), label: name.into(), ..column(kind) })
        .to_vec();
    let rules = [
        rule(Treatment::Redact),
        FieldRule { personal_keys: true, ..rule(Treatment::Keep) },
        FieldRule { personal_keys: true, ..rule(Treatment::Keep) },
    ];
    let mails = [Cell::text("a@b.c"), Cell::Null];
    let row = [
        Cell::List(&mails),
        Cell::Json(r#"{"name": "Anna", "pin": "1", "x": 1}"#),
        Cell::text(r#"{"phone":"2","y":null}"#),
    ];
    let file = |format| {
        let setup = Setup {
            title: String::new(),
            time_zone: "UTC".into(),
            references: Vec::new(),
            ..Setup::default()
        };
        let mut encoder = encoder(format, &Options::default(), &columns, setup).unwrap();
        let mut out = Vec::new();
        encoder.begin(&mut out).unwrap();
        let mut redactor = Redactor::new(&rules, &[], 0, &columns, Names::standard(), None);
        redactor.apply(&row, &mut |cells| encoder.row(cells, &mut out)).unwrap();
        encoder.finish(&Info::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let object = r#"{"mail":["[redacted]",null],"attributes":{"name": "[redacted]", "x": 1},"note":"{\"phone\":\"[redacted]\",\"y\":null}"}"#;
    assert_eq!(file(Format::Ndjson), format!("{object}\n"));
    assert_eq!(file(Format::Json), format!("[\n{object}\n]\n"));
    let fields =
        r#""[redacted], ","{""name"": ""[redacted]"", ""x"": 1}","{""phone"":""[redacted]"",""y"":null}""#;
    assert_eq!(file(Format::Csv), format!("mail,attributes,note\r\n{fields}\r\n"));
}

/// Values whose name stands beside them, among the columns or behind them.
#[test]
fn rows_of_names_and_values() {
    let columns = [column(Kind::Text), column(Kind::Text), column(Kind::Json), column(Kind::List)];
    let named = |place| Some(Named { names: vec![(place, Naming::Any)], role: Role::Value });
    let mut redactor = Redactor::new(
        &[rule(Treatment::Keep); 4],
        &[None, named(0), named(4), named(4)],
        1,
        &columns,
        Names::standard(),
        None,
    );
    let list = [Cell::text("a"), Cell::Null];
    let mut shown = |name: &'static str, hidden: Cell<'_>, value: &'static str| {
        let mut seen = String::new();
        let row = [Cell::text(name), Cell::text(value), Cell::Json("{\"x\": 1}"), Cell::List(&list), hidden];
        redactor
            .apply(&row, &mut |cells| {
                seen = format!("{:?}", &cells[1..]);
                Ok(())
            })
            .unwrap();
        seen
    };
    let kept = r#"[Text("s3"), Json("{\"x\": 1}"), List([Text("a"), Null])]"#;
    assert_eq!(shown("smtp.host", Cell::text("host"), "s3"), kept);
    assert_eq!(shown("smtp.host", Cell::Null, "s3"), kept);
    assert_eq!(
        shown("smtp.password", Cell::text("csrf_token"), "s3"),
        r#"[Text("[redacted]"), Text("[redacted]"), List([Text("[redacted]"), Null])]"#
    );
    assert!(shown("password", Cell::Null, "true").starts_with(r#"[Text("true")"#));
    assert!(shown("min_password_length", Cell::Null, "12").starts_with(r#"[Text("12")"#));
    let removed = |values| Removed { keys: 0, values };
    assert_eq!(redactor.removed(), [removed(0), removed(1), removed(1), removed(1)]);
}

/// A secret that shows by its value is removed and counted, whatever the column's name and treatment.
#[test]
fn secrets_by_their_value() {
    use Treatment::{Keep, Last4};
    let hash = "$2b$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    let url = "see postgres://app:geheim@db/app";
    assert_eq!(one(Keep, Kind::Text, Cell::text(hash)), r#"Text("[redacted]")"#);
    assert_eq!(one(Keep, Kind::Text, Cell::text(url)), r#"Text("see postgres://app:[redacted]@db/app")"#);
    assert_eq!(one(Last4, Kind::Text, Cell::text(hash)), r#"Text("******ted]")"#);
    assert_eq!(
        one(Keep, Kind::List, Cell::List(&[Cell::text(hash), Cell::text("x")])),
        r#"List([Text("[redacted]"), Text("x")])"#
    );
    let document = format!(r#"{{"a": "{hash}", "b": "{url}", "pin": "1"}}"#);
    assert_eq!(
        one(Keep, Kind::Json, Cell::Json(&document)),
        r#"Json("{\"a\": \"[redacted]\", \"b\": \"see postgres://app:[redacted]@db/app\"}")"#
    );
    let mut redactor = redactor(rule(Keep), Kind::Json);
    redactor.apply(&[Cell::Json(&document)], &mut |_| Ok(())).unwrap();
    assert_eq!(redactor.removed(), [Removed { keys: 1, values: 2 }]);
    // Types that have no room for one are not looked at.
    let bound = FieldRule { free_text: false, ..rule(Keep) };
    assert_eq!(shown(bound, Kind::Text, Cell::text(hash)), format!("Text({hash:?})"));
}

fn texts() -> impl Strategy<Value = Vec<Option<String>>> {
    prop::collection::vec(prop::option::of("S3CR3T[a-z]{5}"), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A list keeps its length and its NULLs, and nothing of a value but four letters of it.
    #[test]
    fn treated_lists(texts in texts(), treatment in prop_oneof![
        Just(Treatment::Redact), Just(Treatment::Last4), Just(Treatment::Pseudonymise), Just(Treatment::Drop)
    ]) {
        let cells: Vec<Cell<'_>> = texts.iter().map(|text| text.as_deref().map_or(Cell::Null, Cell::text)).collect();
        redactor(rule(treatment), Kind::List)
            .apply(&[Cell::List(&cells)], &mut |row| {
                let Cell::List(items) = row[0] else { panic!("no list") };
                assert_eq!(items.len(), cells.len());
                for (item, cell) in items.iter().zip(&cells) {
                    assert_eq!(*item == Cell::Null, *cell == Cell::Null);
                    assert!(!format!("{item:?}").contains("S3CR3T"));
                }
                Ok(())
            })
            .unwrap();
    }
}
