use super::compare::{given, held, is_later, key, same, Rule, Value};
use super::headers::{data_sheets, matched, Match};
use super::problem::{quoted, Problems};
use super::several::{as_list, Names};
use super::workbook::Given;
use crate::filter::fixture;
use crate::model::{Class, Field, Type};
use crate::value::{Cell, Kind};

fn rule(kind: Kind, name: &str, class: Class) -> Rule {
    let labels = vec!["low".to_owned(), "high".to_owned()];
    let oid = match name {
        "smallint" => 21,
        "integer" => 23,
        _ => 1,
    };
    Rule {
        kind,
        identifier: false,
        ty: Type::plain(oid, name, class),
        labels,
        separator: ", ".into(),
        form: Default::default(),
    }
}

/// A clock one hour before UTC.
fn clock(utc: i64) -> i64 {
    utc + 3_600_000_000
}

#[track_caller]
fn is_same(cell: Cell<'_>, value: Given, rule: &Rule) -> bool {
    let held = held(&cell, rule, &clock, &mut Vec::new()).unwrap().unwrap();
    same(&held, &given(&value, rule, &|serial| serial, &clock).unwrap())
}

fn text(text: &str) -> Given {
    Given::Text(text.into())
}

#[test]
fn the_same_value_in_other_forms() {
    let whole = rule(Kind::Int, "bigint", Class::Int);
    assert!(
        is_same(Cell::Int(42), Given::Number(42.0), &whole) && is_same(Cell::Int(42), text(" 42 "), &whole)
    );
    assert!(!is_same(Cell::Int(42), Given::Number(43.0), &whole));
    assert!(is_same(Cell::Int(i64::MAX), text("9223372036854775807"), &whole));
    let id = Rule { identifier: true, ..rule(Kind::Int, "bigint", Class::Int) };
    assert!(is_same(Cell::Int(42), Given::Number(42.0), &id) && is_same(Cell::Int(42), text("42"), &id));
    let numeric = rule(Kind::Numeric, "numeric", Class::Numeric);
    assert!(is_same(Cell::Numeric("12.50"), Given::Number(12.5), &numeric));
    assert!(is_same(Cell::Numeric("12.50"), text("12.5"), &numeric));
    assert!(is_same(Cell::Numeric("1234567890123456789.5"), text("1234567890123456789.5"), &numeric));
    assert!(is_same(Cell::Numeric("NaN"), text("NaN"), &numeric));
    assert!(!is_same(Cell::Numeric("12.50"), Given::Number(12.51), &numeric));
    let float = rule(Kind::Float, "double precision", Class::Float);
    assert!(is_same(Cell::Float(0.1 + 0.2), Given::Number(0.3), &float));
    assert!(!is_same(Cell::Float(0.3), Given::Number(0.300_000_000_001), &float));
    let yes = rule(Kind::Bool, "boolean", Class::Bool);
    for value in [Given::Bool(true), text("true"), Given::Number(1.0)] {
        assert!(is_same(Cell::Bool(true), value, &yes));
    }
    // 2026-01-15 is day 46037.
    let date = rule(Kind::Date, "date", Class::Date);
    assert!(is_same(Cell::Date(9_511), Given::Number(46_037.0), &date));
    assert!(is_same(Cell::Date(9_511), text("2026-01-15"), &date));
    assert!(!is_same(Cell::Date(9_511), text("2026-01-16"), &date));
    assert!(is_same(Cell::Date(i32::MAX), text("infinity"), &date));
    assert!(is_same(Cell::Date(-746_117), text("-0043-03-15"), &date));
    assert!(is_same(Cell::Date(-40_000), text("1890-06-26"), &date));
    let utc = 821_786_400_000_000; // 2026-01-15 10:00
    let instant = rule(Kind::Instant, "timestamp with time zone", Class::Instant);
    let cell = Cell::Instant { utc, local: 0 };
    assert!(is_same(cell, Given::Number(46_037.0 + 11.0 / 24.0), &instant));
    for form in
        ["2026-01-15 11:00:00", "2026-01-15T11:00", "2026-01-15T10:00:00Z", "2026-01-15T12:00:00+02:00"]
    {
        assert!(is_same(cell, text(form), &instant), "{form}");
    }
    assert!(!is_same(cell, text("2026-01-15 10:00:00"), &instant));
    let moment = rule(Kind::Timestamp, "timestamp without time zone", Class::Timestamp);
    assert!(is_same(Cell::Timestamp(utc + 400), Given::Number(46_037.0 + 10.0 / 24.0), &moment));
    assert!(!is_same(Cell::Timestamp(utc + 1_000_000), Given::Number(46_037.0 + 10.0 / 24.0), &moment));
    assert!(is_same(Cell::Timestamp(i64::MIN), text("-infinity"), &moment));
    let list = Rule { kind: Kind::List, ..rule(Kind::List, "text[]", Class::Array) };
    let items = [Cell::text("France"), Cell::text("Spain")];
    assert!(is_same(Cell::List(&items), text("France,Spain "), &list));
    assert!(!is_same(Cell::List(&items), text("Spain, France"), &list));
    let plain = rule(Kind::Text, "text", Class::Text);
    assert!(is_same(Cell::text("a\r\nb"), text("a\nb"), &plain));
    assert!(is_same(Cell::text("7"), Given::Number(7.0), &plain));
    // A leading zero that is gone is a difference, and so is a blank.
    assert!(!is_same(Cell::text("007"), Given::Number(7.0), &plain));
    assert!(!is_same(Cell::text("a "), text("a"), &plain));
    let uuid = rule(Kind::Text, "uuid", Class::Uuid);
    let one = "a0000000-0000-4000-8000-000000000001";
    assert!(is_same(Cell::text(one), text(&one.to_uppercase()), &uuid));
    assert!(is_same(Cell::text(one), text(&format!("{{{}}}", one.replace('-', ""))), &uuid));
    assert_eq!(held(&Cell::Null, &plain, &clock, &mut Vec::new()), Ok(None));
}

#[test]
fn values_that_do_not_fit() {
    for (kind, name, class, value, problem) in [
        (Kind::Int, "integer", Class::Int, text("many"), "\"many\" is not an integer"),
        (Kind::Int, "integer", Class::Int, Given::Number(1.5), "1.5 is not an integer"),
        (Kind::Int, "integer", Class::Int, Given::Number(f64::NAN), "is not an integer"),
        (Kind::Int, "integer", Class::Int, Given::Bool(true), "TRUE is not an integer"),
        (
            Kind::Int,
            "smallint",
            Class::Int,
            Given::Number(40_000.0),
            "40000 is beyond the range of type smallint",
        ),
        (Kind::Int, "bigint", Class::Int, text("9223372036854775808"), "is beyond the range of type bigint"),
        (Kind::Numeric, "numeric", Class::Numeric, text("12,5"), "\"12,5\" is not a number"),
        (Kind::Bool, "boolean", Class::Bool, text("perhaps"), "\"perhaps\" is neither TRUE nor FALSE"),
        (Kind::Bool, "boolean", Class::Bool, Given::Number(2.0), "2 is neither TRUE nor FALSE"),
        (Kind::Date, "date", Class::Date, text("31/12/2025"), "\"31/12/2025\" is not a date"),
        (Kind::Date, "date", Class::Date, text("2025-02-30"), "\"2025-02-30\" is not a date"),
        (
            Kind::Date,
            "date",
            Class::Date,
            Given::Number(46_037.5),
            "has a time of day, but the field is a date",
        ),
        (Kind::Date, "date", Class::Date, Given::Number(-3.0), "-3 is not a date"),
        (Kind::Date, "date", Class::Date, Given::Bool(false), "FALSE is not a date"),
        (Kind::Instant, "", Class::Instant, text("yesterday"), "\"yesterday\" is not a date with a time"),
        (Kind::Timestamp, "", Class::Timestamp, text("2026-01-15T10:00:00Z"), "is not a date with a time"),
        (Kind::Instant, "", Class::Instant, Given::Number(1e300), "is not a date with a time"),
        (Kind::Text, "app.level", Class::Enum, text("middle"), "\"middle\" is not a value of type app.level"),
        (Kind::Text, "uuid", Class::Uuid, text("é0000000-0000-4000-8000-00000000000"), "is not a UUID"),
        (Kind::Json, "jsonb", Class::Jsonb, text("{\"a\": }"), "is not valid JSON"),
        (Kind::Text, "text", Class::Text, Given::Error, "contains an error"),
        (Kind::Text, "text", Class::Text, Given::Formula, "is a formula without a value"),
    ] {
        let found = given(&value, &rule(kind, name, class), &|serial| serial, &clock).unwrap_err();
        assert!(found.contains(problem), "{found}: not {problem}");
    }
}

#[test]
fn later_and_keys() {
    assert!(
        is_later(&Value::Moment(2.0), &Value::Moment(1.0))
            && is_later(&Value::Number(2.0), &Value::Number(1.0))
    );
    assert!(!is_later(&Value::Moment(1.0), &Value::Moment(2.0)));
    assert!(!is_later(&Value::Text("b".into()), &Value::Text("a".into())));
    assert_eq!(key(Value::Number(7.0)), "7");
    assert_eq!(key(Value::Text(" a".into())), " a");
}

fn field(name: &str, label: &str) -> Field {
    Field { label: label.into(), ..fixture::field(name, "text") }
}

fn header(texts: &[&str]) -> Vec<(u32, String)> {
    (0..).zip(texts.iter().map(|text| (*text).to_owned())).collect()
}

#[test]
fn columns_by_label_and_name() {
    let fields = [field("id", "Identifier"), field("a", "Note"), field("b", "Note"), field("note", "Remark")];
    let found = matched(
        &header(&["Note", "identifier", "Note ", "note", "NOTE", "What"]),
        &fields,
        &Default::default(),
    );
    // "note" is a field's name before it is a label in another case.
    assert_eq!(
        found,
        [Match::Field(1), Match::Field(0), Match::Field(2), Match::Field(3), Match::Again, Match::Unknown]
    );
}

#[test]
fn sheets_of_rows() {
    let fields = [field("id", "Identifier"), field("name", "Name"), field("mail", "E-mail")];
    let of = |sheets: &[(&str, &[&str])], others: &[&str]| {
        let sheets: Vec<_> = sheets.iter().map(|(name, texts)| ((*name).to_owned(), header(texts))).collect();
        let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
        data_sheets(&sheets, "Users", &fields, &["id".to_owned()], &others, &Default::default())
    };
    let (rows, listed): (&[&str], &[&str]) = (&["Name", "Identifier"], &["Identifier"]);
    assert_eq!(of(&[("Users", rows), ("Teams", listed), ("users (2)", &[])], &[]), [0, 2]);
    assert_eq!(of(&[("Sheet1", rows), ("Teams", listed), ("Other", &["a", "b"])], &["teams"]), [0]);
    assert_eq!(of(&[("Sheet1", &["Identifier", "x", "y"]), ("Name only", &["Name"])], &[]), [0; 0]);
}

#[test]
fn names_that_a_cell_refers_to() {
    let mut names = Names::default();
    let cell = "France, Sales, EMEA,Spain , Narnia";
    names.mention(cell, true).unwrap();
    names.mention("Sales, EMEA", false).unwrap();
    for there in ["France", "Spain", "Sales, EMEA", "Italy"] {
        names.found(there);
    }
    assert_eq!(names.missing(cell, true), ["Narnia"]);
    assert_eq!(names.missing("Sales, EMEA", false), [""; 0]);
    assert_eq!(names.missing("Sales", false), ["Sales"]);
    assert_eq!(names.missing(" , ,", true), [""; 0]);
    assert_eq!(as_list(" a,b ,, c", ", "), "a, b, c");
    assert_eq!(as_list("\"a, b\",c", ", "), "\"a, b\", c");
    assert_eq!(as_list("\"a\" b, c", ", "), "\"\"\"a\"\" b\", c");
    assert_eq!(as_list("a, b; c", "; "), "\"a, b\", c");
    assert_eq!(as_list("[\"a, b\", null, \"c\"]", ", "), "\"a, b\", c");
    assert_ne!(as_list("\"a, b\"", ", "), as_list("a, b", ", "));
}

#[test]
fn names_are_not_without_number() {
    let mut names = Names::default();
    let many = |from: u32| (from..from + 40_000).map(|name| name.to_string()).collect::<Vec<_>>().join(",");
    // Of one piece to four.
    names.mention(&many(0), true).unwrap();
    assert_eq!(names.mention(&many(40_000), true).unwrap_err().sqlstate(), "54000");
}

#[test]
fn problems_in_order() {
    let mut problems = Problems::default();
    problems.add(Some(1), Some(4), Some((2, "b")), "late");
    problems.add(Some(1), Some(4), Some((0, "a")), "first of two");
    problems.add(Some(1), Some(4), Some((0, "a")), "second of two");
    problems.add(Some(1), None, None, "sheet");
    problems.add(None, None, None, "workbook");
    let listed = problems.listed(&["x".into(), "y".into()]);
    let texts: Vec<(&str, Option<&str>, Option<i32>)> =
        listed.iter().map(|found| (found.problem.as_str(), found.sheet.as_deref(), found.row)).collect();
    assert_eq!(
        texts,
        [
            ("workbook", None, None),
            ("sheet", Some("y"), None),
            ("first of two", Some("y"), Some(5)),
            ("second of two", Some("y"), Some(5)),
            ("late", Some("y"), Some(5)),
        ]
    );
    let mut many = Problems::default();
    for row in 0..100_007 {
        many.add(None, Some(row), None, "x");
    }
    let listed = many.listed(&[]);
    assert_eq!((listed.len(), listed[100_000].problem.as_str()), (100_001, "7 more problems are not listed"));
    assert_eq!(quoted("a\nb"), "\"a\u{fffd}b\"");
    assert_eq!(quoted(&"é".repeat(50)).chars().count(), 43);
}
