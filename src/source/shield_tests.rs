use super::*;
use crate::encode::{encoder, Format, Info, Options, Setup};
use proptest::prelude::*;

fn column(kind: Kind) -> Column {
    Column { name: "c".into(), label: "c".into(), kind, identifier: false, json_path: None }
}

fn guard(treatment: Treatment) -> Guard {
    Guard { treatment, personal_keys: false, json_text: false }
}

fn shield(guard: Guard, kind: Kind) -> Shield {
    Shield::new(&[guard], &[column(kind)], Names::standard(), Some([7; 32]))
}

fn shown(guard: Guard, kind: Kind, cell: Cell<'_>) -> String {
    let mut seen = String::new();
    shield(guard, kind)
        .apply(&[cell], &mut |cells| {
            seen = format!("{:?}", cells[0]);
            Ok(())
        })
        .unwrap();
    seen
}

fn one(treatment: Treatment, kind: Kind, cell: Cell<'_>) -> String {
    shown(guard(treatment), kind, cell)
}

#[test]
fn masks() {
    use Treatment::{Keep, Last4, Redact};
    assert_eq!(one(Redact, Kind::Text, Cell::Text("anna@example.com")), r#"Text("[redacted]")"#);
    assert_eq!(one(Redact, Kind::Text, Cell::Null), "Null");
    assert_eq!(one(Last4, Kind::Text, Cell::Text("+33612345678")), r#"Text("********5678")"#);
    assert_eq!(one(Last4, Kind::Text, Cell::Text("1234")), r#"Text("****")"#);
    assert_eq!(one(Last4, Kind::Text, Cell::Int(123456)), r#"Text("**3456")"#);
    assert_eq!(one(Last4, Kind::Text, Cell::Date(0)), r#"Text("******1-01")"#);
    assert_eq!(one(Keep, Kind::Text, Cell::Text("x")), r#"Text("x")"#);
    assert_eq!(one(Keep, Kind::Text, Cell::Text(r#"{"pin":"x"}"#)), r#"Text("{}")"#);
    // The end of a document is not the end of a secret.
    assert_eq!(one(Last4, Kind::Text, Cell::Text(r#"{"a":12345,"pin":"x"}"#)), r#"Text("*******345}")"#);
}

#[test]
fn lists_are_treated_by_element() {
    use Treatment::{Keep, Last4, Pseudonymise, Redact};
    let list = [Cell::Text("abcdef"), Cell::Null, Cell::Int(12345)];
    assert_eq!(
        one(Redact, Kind::List, Cell::List(&list)),
        r#"List([Text("[redacted]"), Null, Text("[redacted]")])"#
    );
    assert_eq!(one(Last4, Kind::List, Cell::List(&list)), r#"List([Text("**cdef"), Null, Text("*2345")])"#);
    assert_eq!(one(Redact, Kind::List, Cell::List(&[])), "List([])");
    assert_eq!(one(Redact, Kind::List, Cell::List(&[Cell::Null])), "List([Null])");
    let alone = one(Pseudonymise, Kind::Text, Cell::Text("abcdef"));
    assert!(one(Pseudonymise, Kind::List, Cell::List(&list)).contains(&alone));
    let documents = [
        Cell::Null,
        Cell::Json(r#"{"e":2}"#),
        Cell::Json(r#"{"token":"1","e":2}"#),
        Cell::Text(r#"{"pin":"x"}"#),
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
    assert_eq!(one(Last4, Kind::Json, json), r#"Json("{\"email\": \"**cdef\", \"n\": [null, \"*2345\"]}")"#);
    assert_eq!(one(Redact, Kind::Text, json), r#"Text("[redacted]")"#);
    let alone = one(Pseudonymise, Kind::Text, Cell::Text("abcdef"));
    let alone = alone.trim_start_matches("Text(\"").trim_end_matches("\")");
    assert!(one(Pseudonymise, Kind::Json, json).contains(alone));
    let anonymised = Guard { personal_keys: true, ..guard(Keep) };
    assert_eq!(
        shown(anonymised, Kind::Json, json),
        r#"Json("{\"email\": \"[redacted]\", \"n\": [null, 12345]}")"#
    );
    assert_eq!(
        shown(anonymised, Kind::Text, Cell::Text(r#"{"email": "abcdef"}"#)),
        r#"Text("{\"email\": \"[redacted]\"}")"#
    );
    let made = Guard { json_text: true, ..guard(Keep) };
    assert_eq!(shown(made, Kind::Text, Cell::Text(r#"x {"pin": "1"}"#)), r#"Text("[redacted]")"#);
    assert_eq!(shown(guard(Keep), Kind::Text, Cell::Text(r#"x {"a": "1"}"#)), r#"Text("x {\"a\": \"1\"}")"#);
}

#[test]
fn without_a_key_there_is_no_pseudonym() {
    let guards = [guard(Treatment::Pseudonymise)];
    let mut shield = Shield::new(&guards, &[column(Kind::Text)], Names::standard(), None);
    assert!(shield.apply(&[Cell::Text("anna")], &mut |_| Ok(())).is_err());
    assert!(shield.apply(&[Cell::Null], &mut |_| Ok(())).is_ok());
    assert!(shield.apply(&[], &mut |_| Ok(())).is_err());
}

/// A row without anything to hide is the very row that came.
#[test]
fn what_does_not_change_is_not_copied() {
    let list = [Cell::Text("x"), Cell::Json("{}")];
    let cells =
        [Cell::Json(r#"{"department": "R&D", "tags": ["a", "{}"]}"#), Cell::List(&list), Cell::Text("[1")];
    let columns = [column(Kind::Json), column(Kind::List), column(Kind::Text)];
    let mut shield = Shield::new(&[guard(Treatment::Keep); 3], &columns, Names::standard(), None);
    let mut same = false;
    shield
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
    let guards = [
        guard(Treatment::Redact),
        Guard { personal_keys: true, ..guard(Treatment::Keep) },
        Guard { personal_keys: true, ..guard(Treatment::Keep) },
    ];
    let mails = [Cell::Text("a@b.c"), Cell::Null];
    let row = [
        Cell::List(&mails),
        Cell::Json(r#"{"name": "Anna", "pin": "1", "x": 1}"#),
        Cell::Text(r#"{"phone":"2","y":null}"#),
    ];
    let file = |format| {
        let setup = Setup { title: String::new(), time_zone: "UTC".into(), references: Vec::new() };
        let mut encoder = encoder(format, &Options::default(), &columns, setup).unwrap();
        let mut out = Vec::new();
        encoder.begin(&mut out).unwrap();
        let mut shield = Shield::new(&guards, &columns, Names::standard(), None);
        shield.apply(&row, &mut |cells| encoder.row(cells, &mut out)).unwrap();
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
        let cells: Vec<Cell<'_>> = texts.iter().map(|text| text.as_deref().map_or(Cell::Null, Cell::Text)).collect();
        shield(guard(treatment), Kind::List)
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
