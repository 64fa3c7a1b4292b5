//! A table of odd values, exported in each format, against what the server itself writes: `COPY`, `row_to_json`, `::text`,
//! byte for byte where both have one form.

use std::io::Read;

use calamine::Data;
use postgres::Client;
use support::asking::{column, exported, text, Workbook};
use support::common::{shared, unique};

const SCHEMA: &str = r#"
CREATE TABLE odd (
    id int PRIMARY KEY, note text, exact numeric, doc json, tree jsonb, words text[], amounts numeric[], parts jsonb[],
    span int4range, spans int4multirange, during tstzrange, bits bit varying, place point, net cidr, price money, found tsvector, letter "char",
    node macaddr, tiny smallint[], uid uuid);
-- Each control character, what XML forbids beside, what looks like a line's end and is none.
INSERT INTO odd (id, note)
    SELECT n, 'a' || chr(c) || 'b' || chr(c)
    FROM unnest(array_cat(ARRAY(SELECT generate_series(1, 31)), '{127,133,160,8232,8233,65279,65533,65534,65535,128512,1114111}'))
        WITH ORDINALITY AS u (c, n);
INSERT INTO odd (id, note) VALUES
    (100, ''), (101, NULL), (102, repeat('é"', 500000)), (103, E'\\.'), (104, '\N'), (105, 'NULL'), (106, ' x '), (107, '""'), (108, E'\r'),
    (109, E'\n'), (110, ','), (111, '=1+1'), (112, E'\\u0041'), (113, '_x0041_'), (114, repeat('x', 32767)), (115, repeat('x', 32768));
INSERT INTO odd (id, exact) VALUES
    (200, repeat('9', 1000)::numeric), (201, ('-0.' || repeat('0', 999) || '1')::numeric), (202, 'NaN'), (203, 'Infinity'), (204, '-Infinity'),
    (205, '0.000'), (206, ('1' || repeat('0', 131071))::numeric), (207, '-0.0'), (208, '1e-20'), (209, '12345678901234.60');
-- Halves of surrogate pairs, which json takes and jsonb does not; keys twice; numbers that no float holds; NUL as an escape.
INSERT INTO odd (id, doc) VALUES
    (300, '"\ud800"'), (301, '{"a\udfff":"\ud83d\ude00"}'), (302, '{"a":1,"a":2}'), (303, '1e400'), (304, '"\u0000"'),
    (305, '[]'), (306, ' {"a" : [ ] } '), (307, '-0.0e-5'), (308, '"\/\b\f"');
INSERT INTO odd (id, tree) VALUES
    (400, (repeat('[', 450) || repeat(']', 450))::jsonb), (401, 'null'), (402, '""'), (403, '{"": {"": [[], {}]}}'),
    (404, jsonb_build_object('n', repeat('9', 400)::numeric, 'u', chr(8232) || chr(127))), (405, '"\u2028"'),
    (406, (SELECT jsonb_object_agg('k' || n, n) FROM generate_series(1, 5000) AS n));
INSERT INTO odd (id, words, amounts, parts, tiny) VALUES
    (500, '{}', '{}', '{}', '{}'), (501, '{NULL}', '{NULL,NaN,1.10}', '{NULL,"null","{\"a\": [1]}"}', '{NULL,-1}'),
    (502, ARRAY['', 'NULL', ',', '"', E'\n', '{}', E'\\'], '{-Infinity,0.0}', ARRAY['[]', '"x"']::jsonb[], '[5:6]={1,2}');
INSERT INTO odd (id, span, spans, during, bits, place, net, price, found, letter, node, uid) VALUES
    (600, 'empty', '{}', '(,)', '', '(1,-2)', '::/0', -12.34, '', '', '08:00:2b:01:02:03', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    (601, '[1,5)', '{[1,2),[5,7)}', '[2025-01-01,infinity)', B'0101', '(1e300,Infinity)', '10.0.0.0/8', 0, 'a:1 ''b c'':2', 'x', 'ff:ff:ff:ff:ff:ff', NULL);
SELECT acct_export_register('odd', 'odd', 'id');
"#;

fn odd() -> (Client, Client) {
    let db = shared().create_database_with_extension("odd");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    // As exports are made.
    superuser
        .batch_execute("SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'UTC'")
        .unwrap();
    superuser.batch_execute(SCHEMA).unwrap();
    superuser.batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON odd TO {role}")).unwrap();
    let mut requester = shared().connect(&db, &role);
    requester.batch_execute("SET TimeZone = 'UTC'").unwrap();
    (superuser, requester)
}

/// All that is neither a list nor a document, whose text in a csv is one of our own.
const PLAIN: &str = "id,note,exact,doc,tree,span,spans,during,bits,place,net,price,found,letter,node,uid";

/// Ranges of moments are ISO 8601.
const DURING: &str = r#"replace(replace(replace(during::text, '"', ''), ' ', 'T'), '+00', 'Z')"#;

/// The fields as the server prints them, but for `during`.
fn printed(fields: &str) -> String {
    fields.replace(",during,", &format!(",{DURING} AS during,"))
}

#[test]
fn csv_is_what_copy_writes() {
    let (mut superuser, mut client) = odd();
    let copied = |superuser: &mut Client, options: &str| -> Vec<u8> {
        let sql = format!(
            "COPY (SELECT {} FROM odd ORDER BY id) TO STDOUT (FORMAT csv, HEADER{options})",
            printed(PLAIN)
        );
        let mut bytes = Vec::new();
        superuser.copy_out(&sql).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    for (options, ours, delimiter, null) in [
        ("", "", b',', ""),
        (", DELIMITER E'\\t'", r#","delimiter":"\t""#, b'\t', ""),
        (", NULL 'NULL', DELIMITER ';'", r#","null_as":"NULL","delimiter":";""#, b';', "NULL"),
        (", NULL '\\N'", r#","null_as":"\\N""#, b',', "\\N"),
    ] {
        let wanted = copied(&mut superuser, options);
        let given = format!(r#"{{"line_ending":"lf","formula_guard":false,"order":"key"{ours}}}"#);
        let arguments = format!("fields => '{{{PLAIN}}}', options => '{given}'");
        let found = exported(&mut client, &format!("'odd', 'csv', {arguments}"));
        same_lines(&as_copy(&found, delimiter, null), &wanted, options);
        let lines = column(&mut client, &format!("SELECT acct_export_csv('odd', {arguments})"));
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        assert!(lines.as_bytes() == found, "{options}");
    }
}

/// Without the quotes of fields that hold another separator of spreadsheets, which COPY does not quote.
fn as_copy(csv: &[u8], delimiter: u8, null: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < csv.len() {
        if csv[at] == b'"' {
            let mut end = at + 1;
            while csv[end] != b'"' || csv.get(end + 1) == Some(&b'"') {
                end += if csv[end] == b'"' { 2 } else { 1 };
            }
            let field = &csv[at + 1..end];
            let special = |byte: &u8| *byte == delimiter || b"\"\r\n".contains(byte);
            let needs = field.is_empty() || field == null.as_bytes() || field.iter().any(special);
            out.extend_from_slice(if needs { &csv[at..=end] } else { field });
            at = end + 1;
        }
        while at < csv.len() {
            let byte = csv[at];
            out.push(byte);
            at += 1;
            if byte == delimiter || byte == b'\n' {
                break;
            }
        }
    }
    out
}

#[track_caller]
fn same_lines(found: &[u8], wanted: &[u8], what: &str) {
    if found != wanted {
        let [found, wanted] = [found, wanted].map(String::from_utf8_lossy);
        for (found, wanted) in found.split('\n').zip(wanted.split('\n')) {
            let [found, wanted] = [found, wanted].map(|line| line.chars().take(200).collect::<String>());
            assert_eq!(found, wanted, "{what}");
        }
        panic!("{what}: {} and {} bytes", found.len(), wanted.len());
    }
}

#[test]
fn ndjson_is_what_row_to_json_writes() {
    let (mut superuser, mut client) = odd();
    let fields = format!("{PLAIN},words,amounts,parts,tiny");
    let wanted = column(
        &mut superuser,
        &format!("SELECT row_to_json(s)::text FROM (SELECT {} FROM odd ORDER BY id) AS s", printed(&fields)),
    );
    let file: String = wanted.iter().map(|line| format!("{line}\n")).collect();
    let found = exported(&mut client, &format!("'odd', 'ndjson', fields => '{{{fields}}}'"));
    same_lines(&found, file.as_bytes(), "job");
    let order = r#"options => '{"order":"key"}'"#;
    let lines =
        column(&mut client, &format!("SELECT acct_export_ndjson('odd', fields => '{{{fields}}}', {order})"));
    assert!(lines == wanted);
    let array = exported(&mut client, &format!("'odd', 'json', fields => '{{{fields}}}'"));
    same_lines(&array, format!("[\n{}\n]\n", wanted.join(",\n")).as_bytes(), "json");
}

#[test]
fn a_workbook_has_the_text_of_each() {
    let (mut superuser, mut client) = odd();
    for compact in [false, true] {
        let call = format!("'odd', 'xlsx', options => '{{\"compact\":{compact}}}'");
        let mut book = Workbook::open(exported(&mut client, &call));
        for field in [
            "note", "doc", "tree", "span", "spans", "during", "bits", "place", "net", "price", "found",
            "letter", "node", "uid",
        ] {
            // Characters that XML forbids become U+FFFD; texts longer than a cell end in `…`.
            let bad = r"[\u0001-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]";
            let value = match field {
                "during" => DURING,
                field => field,
            };
            let wanted: Vec<Option<String>> = superuser
                .query(
                    &format!(
                        "SELECT CASE WHEN length(v) > 32767 THEN left(v, 32766) || '…' ELSE v END
                         FROM (SELECT id, regexp_replace(({value})::text, '{bad}', chr(65533), 'g') AS v FROM odd) AS s ORDER BY id"
                    ),
                    &[],
                )
                .unwrap()
                .iter()
                .map(|row| row.get(0))
                .collect();
            let cells = book.column(field);
            assert_eq!(cells.len(), wanted.len());
            for (row, (cell, wanted)) in cells.iter().zip(wanted).enumerate() {
                let wanted = wanted.filter(|text| !text.is_empty()).map_or(Data::Empty, Data::String);
                assert!(
                    *cell == wanted,
                    "{field}, row {row}: {:.100} and not {:.100}",
                    cell.to_string(),
                    wanted.to_string()
                );
            }
        }
        // Digits of which a float would lose some are text; all else is a number.
        let digits = column(&mut superuser, "SELECT coalesce(exact::text, '') FROM odd ORDER BY id");
        let mut numbers = 0;
        for (cell, digits) in book.column("exact").iter().zip(&digits) {
            match cell {
                Data::Empty => assert_eq!(digits, ""),
                Data::Float(number) => {
                    numbers += 1;
                    assert_eq!(Some(*number), digits.parse().ok());
                }
                Data::String(text) => {
                    let cut = text.strip_suffix('…').unwrap_or(text);
                    assert!(digits.starts_with(cut) && cut.len() >= digits.len().min(32_766), "{digits:.50}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(numbers, 4);
        let info = book.rows("Export info");
        let count =
            |name: &str| info.iter().find(|row| row[0] == Data::String(name.into())).unwrap()[1].clone();
        assert_eq!(count("Truncated cells"), Data::Float(4.0));
    }
    // Nothing was lost on the way: as many rows as there are.
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM odd").as_deref(), Some("89"));
}
