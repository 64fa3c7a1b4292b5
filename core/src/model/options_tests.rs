use super::*;
use serde_json::json;

fn fails(format: Format, value: Value) -> Error {
    let error = Options::parse(format, &value).unwrap_err();
    assert_eq!(error.kind.sqlstate(), "22023");
    error
}

#[test]
fn nothing_given_is_the_default() {
    for format in Format::ALL {
        assert_eq!(Options::parse(format, &Value::Null), Ok(Options::default()));
        assert_eq!(Options::parse(format, &json!({})), Ok(Options::default()));
    }
}

#[test]
fn every_known_option_is_read() {
    for format in Format::ALL {
        for name in known(format) {
            let error = Options::default().set(format, name, &json!([])).unwrap_err();
            assert!(error.message.starts_with(&format!("option \"{name}\" must be")), "{error}");
        }
    }
}

#[test]
fn csv_options() {
    let given = json!({"delimiter": "\t", "bom": true, "header": false, "null_as": "\\N", "line_ending": "lf",
        "formula_guard": false, "multi_value_separator": "|", "lists": "json", "compression": "gzip", "order": "none"});
    let options = Options::parse(Format::Csv, &given).unwrap();
    assert_eq!(options.order, Some(Order::None));
    assert_eq!(options.compression, Some(Compression::Gzip));
    let wanted = CsvOptions {
        delimiter: b'\t',
        bom: true,
        header: false,
        null_as: "\\N".into(),
        line_ending: LineEnding::Lf,
        formula_guard: false,
        lists: Lists { separator: "|".into(), json: true, ..Lists::default() },
    };
    assert_eq!(options.csv, wanted);
    for (text, ending) in [("\n", LineEnding::Lf), ("\r\n", LineEnding::Crlf), ("crlf", LineEnding::Crlf)] {
        let options = Options::parse(Format::Csv, &json!({"line_ending": text})).unwrap();
        assert_eq!(options.csv.line_ending, ending);
    }
}

#[test]
fn xlsx_options() {
    let given = json!({"info_sheet": false, "one_workbook": true, "compact": true,
        "reference_sheets": false, "multi_value_separator": "; ", "reproducible": true, "order": "key"});
    let options = Options::parse(Format::Xlsx, &given).unwrap();
    let wanted = XlsxOptions {
        info_sheet: false,
        one_workbook: true,
        compact: true,
        reference_sheets: false,
        lists: Lists { separator: "; ".into(), ..Lists::default() },
    };
    assert_eq!((options.order, options.xlsx, options.reproducible), (Some(Order::Key), wanted, true));
}

#[test]
fn what_is_reproducible_has_an_order() {
    for format in Format::ALL {
        let options = Options::parse(format, &json!({"reproducible": true})).unwrap();
        assert_eq!(options.order, Some(Order::Key), "{}", format.as_str());
        let error = fails(format, json!({"reproducible": true, "order": "none"}));
        assert!(error.message.contains("\"reproducible\"") && error.message.contains("\"order\""), "{error}");
        let options = Options::parse(format, &json!({"reproducible": false, "order": "none"})).unwrap();
        assert_eq!(options.order, Some(Order::None));
    }
}

#[test]
fn changes_need_rows_by_key() {
    for format in Format::ALL {
        let parse = |options: Value| Options::parse(format, &options);
        assert_eq!(parse(json!({"changes_since": "x"})).unwrap().order, Some(Order::Key));
        assert_eq!(parse(json!({"digests": "auto"})).unwrap().digests, Digests::Auto);
        for order in [json!("none"), json!(["name desc"])] {
            assert_eq!(parse(json!({"digests": "auto", "order": order})).unwrap().digests, Digests::Off);
            for wants in
                [json!({"digests": true, "order": order}), json!({"changes_since": "x", "order": order})]
            {
                assert!(fails(format, wants).message.contains("the order of their key"));
            }
        }
        assert!(fails(format, json!({"digests": 1})).message.contains("\"digests\""));
        assert!(fails(format, json!({"changes_since": 1})).message.contains("\"changes_since\""));
    }
}

#[test]
fn options_of_other_formats_are_unknown() {
    let error = fails(Format::Xlsx, json!({"delimiter": ";"}));
    assert_eq!(error.message, "unknown option \"delimiter\" for format xlsx");
    let hint = "Options of xlsx: order, reproducible, companions, archive, if_active, manifest, digests, changes_since, labels, time_zone, timestamps, info_sheet, one_workbook, compact, reference_sheets, lists, multi_value_separator.";
    assert_eq!(error.hint.as_deref(), Some(hint));
    assert!(fails(Format::Xlsx, json!({ "x".repeat(100_000): 1 })).message.len() < 200);
    fails(Format::Xlsx, json!({"compression": "gzip"}));
    fails(Format::Ndjson, json!({"header": true}));
    fails(Format::Json, json!({"Order": "key"}));
}

#[test]
fn wrong_values_name_the_option() {
    for value in ["\"", "\r", "\n", "", ",,", "é", "a", "7", "\0"] {
        let error = fails(Format::Csv, json!({ "delimiter": value }));
        assert!(error.message.contains("\"delimiter\" must be one ASCII character"));
    }
    assert_eq!(fails(Format::Csv, json!({"bom": "true"})).message, "option \"bom\" must be true or false");
    assert_eq!(fails(Format::Csv, json!({"null_as": null})).message, "option \"null_as\" must be a string");
    let error = fails(Format::Json, json!({"compression": "zip"}));
    assert_eq!(error.message, "option \"compression\" must be \"gzip\"");
    let error = fails(Format::Json, json!({"order": "id"}));
    assert_eq!(error.message, "option \"order\" must be \"key\", \"none\" or a list of fields");
    fails(Format::Csv, json!({"delimiter": ";", "null_as": "a;b"}));
    fails(Format::Csv, json!({"null_as": "\""}));
    fails(Format::Csv, json!([]));
}
