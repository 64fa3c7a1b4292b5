use proptest::prelude::*;

use super::*;

/// Of files whose delimiter no spreadsheet looks for.
const OTHER: u8 = b'^';

fn guard(text: &str) -> String {
    guarded(text, Form::Plain, OTHER).unwrap_or_else(|| text.to_owned())
}

fn guard_json(text: &str) -> String {
    guarded(text, Form::Json, OTHER).unwrap_or_else(|| text.to_owned())
}

#[test]
fn first_bytes_that_show_start_no_formula() {
    for letter in '\0'..=char::MAX {
        let mut bytes = [0; 4];
        let first = letter.encode_utf8(&mut bytes).as_bytes()[0];
        let counts = is_start(letter) || is_invisible(letter) || letter == '\'';
        assert!(!SHOWS[usize::from(first)] || !counts, "{letter:?}");
    }
}

/// A reader that splits at the file's own delimiter sees the quotes around the field.
#[test]
fn nothing_begins_behind_the_delimiter_of_the_file() {
    for (text, delimiter, wanted) in [
        ("Thanks, @bob", b',', None),
        ("Thanks, @bob", b';', Some("Thanks, '@bob")),
        ("a;=1,=2", b';', Some("a;=1,'=2")),
        ("a\t=1", b'\t', None),
        ("a;\t=1", b'\t', Some("a;\t'=1")),
        ("a\n=1", b',', Some("a\n'=1")),
    ] {
        assert_eq!(guarded(text, Form::Plain, delimiter).as_deref(), wanted);
        assert_eq!(unguarded(wanted.unwrap_or(text), Form::Plain, delimiter), text);
    }
}

#[test]
fn formulas_are_known_and_numbers_spared() {
    for text in [
        "=1+1",
        "=",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\tx",
        "+A1",
        "-A1",
        "-",
        "+",
        "--1",
        "-1+1",
        "-1+cmd|' /C calc'!A0",
        "+33 1 23 =x",
        "-(1)",
        "-1e",
        "-e5",
        "-.",
        "+()",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        "﹦1",
        " =1",
        "\n=1",
        "\u{a0}=1",
        "\u{feff}=1",
        "\u{200b}@x",
        "\u{202e}=1",
        "\u{200f} \u{2066}=1",
        "\u{1}=1",
        "-infinity",
        "'=1",
        "'' =1",
        "-$A$1",
        "-1:2",
    ] {
        assert!(is_formula(text), "{text:?}");
        assert_eq!(
            guard(text).trim_start_matches('\''),
            text.trim_start_matches('\'')
                .replace("\t=", "\t'=")
                .replace("\n=", "\n'=")
                .replace("\r=", "\r'="),
            "{text:?}"
        );
    }
    for text in [
        "",
        "a=1",
        "1+1",
        "-42",
        "+42",
        "-0.5",
        "-.5",
        "-5.",
        "+1.5e3",
        "-1E-7",
        "-1,234.50",
        "-12,345,678",
        "-1,5",
        "-1,2345",
        "-5 %",
        "-5%",
        "-$12.50",
        "-12,50 €",
        "+33 (0)1 23-45.67/8",
        "+1-800-555",
        "user@example.com",
        "ＡＢ",
        "’",
        "'",
        "'a",
        " a",
        "\n",
        "é=1",
        "a, b; c | d",
        "Meier-Schulze",
        "+49 170, 12",
        "1; -5; +49 30",
        "2024-01-01, 2024-02-02",
    ] {
        assert!(!is_formula(text), "{text:?}");
        assert_eq!(guard(text), text);
    }
}

#[test]
fn beginnings_behind_separators_and_line_breaks_are_guarded() {
    for (text, wanted) in [
        ("a;=1+1", "a;'=1+1"),
        ("a,@x", "a,'@x"),
        ("a\t=1", "a\t'=1"),
        ("a|+x", "a|'+x"),
        ("a\n=1\r\n-x", "a\n'=1\r\n'-x"),
        ("a; \u{a0}=1", "a; \u{a0}'=1"),
        ("a;\"=1", "a;\"'=1"),
        ("a;＝1", "a;'＝1"),
        ("a;'=1", "a;''=1"),
        ("=1;=2", "'=1;'=2"),
        ("-1;-2;-x", "'-1;-2;'-x"),
        ("a;-1,5;+49 30/1", "a;-1,5;+49 30/1"),
        ("a;-1,=x", "a;'-1,'=x"),
        ("\t=1", "'\t'=1"),
    ] {
        assert_eq!(guard(text), wanted);
        assert_eq!(unguarded(wanted, Form::Plain, OTHER), text);
    }
}

#[test]
fn documents_stay_documents() {
    for (text, wanted) in [
        (
            r#"{"a": "x;=1", "b": -1, "c": [1,-2, -3.5e-7]}"#,
            r#"{"a": "x;'=1", "b": -1, "c": [1,-2, -3.5e-7]}"#,
        ),
        (r#"["=1","=2", "-x"]"#, r#"["=1","'=2", "'-x"]"#),
        (r#"["+49 30", "+33 1", "a;-5"]"#, r#"["+49 30", "+33 1", "a;-5"]"#),
        (r#"{"a\"": "\\", "b|=": 1}"#, r#"{"a\"": "\\", "b|'=": 1}"#),
        ("[\n  -1,\n  \"=\"\n]", "[\n  -1,\n  \"'=\"\n]"),
        ("-1", "-1"),
        ("\"=1\"", "\"=1\""),
    ] {
        assert_eq!(guard_json(text), wanted);
        assert_eq!(unguarded(wanted, Form::Json, OTHER), text);
    }
}

/// The cells that a reader finds who splits at `delimiter` and has or has not seen the quotes of a field open.
fn cells(text: &str, delimiter: u8) -> Vec<String> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let records: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    records.iter().flat_map(|record| record.iter().map(str::to_owned)).collect()
}

fn texts() -> impl Strategy<Value = String> {
    prop::string::string_regex("([-=+@＝\"',;|\t\r\n 0-9.%a()\u{a0}\u{feff}]|\\PC){0,12}").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn phones_by_their_letters(text in "\\+?([0-9 ./()\\-]|\u{A0}|é|[a-z+]){0,12}") {
        let letters = text.strip_prefix('+').map(|rest| rest.chars().collect::<Vec<char>>());
        let is_of_phone = |letter: &char| letter.is_ascii_digit() || " -/().\u{A0}".contains(*letter);
        let wanted = letters.is_some_and(|letters| {
            letters.iter().any(char::is_ascii_digit) && letters.iter().all(is_of_phone)
        });
        prop_assert_eq!(is_phone(&text), wanted);
    }

    #[test]
    fn what_is_guarded_is_read_back(text in texts()) {
        for delimiter in [OTHER, b',', b'\t'] {
            let safe = guarded(&text, Form::Plain, delimiter).unwrap_or_else(|| text.clone());
            prop_assert_eq!(unguarded(&safe, Form::Plain, delimiter), &text[..]);
        }
    }

    #[test]
    fn documents_are_read_back_and_stay_valid(texts in prop::collection::vec(texts(), 0..4), number in -9i32..9) {
        let document = serde_json::json!({ "a": texts, "b": [number, -1, texts.concat()], "c": { texts.concat(): number } });
        let written = document.to_string();
        let safe = guard_json(&written);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&safe).is_ok(), "{}", safe);
        prop_assert_eq!(unguarded(&safe, Form::Json, OTHER), &written[..]);
    }

    /// For each separator that a reader takes for the file's, no cell of the text begins like a formula, but for numbers.
    #[test]
    fn no_reader_finds_a_formula(
        text in texts(),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
        own in prop::sample::select(vec![b',', b';', b'\t', b'|', OTHER]),
    ) {
        let safe = guarded(&text, Form::Plain, own).unwrap_or_else(|| text.clone());
        let field = safe.replace('"', "\"\"");
        let other = char::from(own);
        for line in [format!("x{other}\"{field}\"\n"), format!("\"{field}\"\n")] {
            for cell in cells(&line, delimiter) {
                let visible = cell.trim_start_matches(is_invisible);
                let sign_of_number = visible.starts_with(['+', '-']) && !visible.contains(['(', '!', '=', '@', 'a']);
                prop_assert!(!begins(visible) || sign_of_number, "{:?} in {:?}", cell, line);
            }
        }
    }
}
