//! acct_export_check_import: an edited CSV file beside the database, by the rules of workbooks.

use csv::{QuoteStyle, Terminator};
use support::admins::{check, edited, problems, Admins, CsvTable, Problem, NONE};
use support::asking::exported;
use support::kinds::Kinds;

/// Options of csv that change the form of a file.
const OPTIONS: &[&str] = &[
    "{}",
    r#"{"bom": true, "line_ending": "lf"}"#,
    r#"{"delimiter": ";"}"#,
    r#"{"delimiter": "\t", "null_as": "NULL"}"#,
    r#"{"delimiter": "|", "null_as": "\\N", "bom": true}"#,
    r#"{"delimiter": "~"}"#,
    r#"{"formula_guard": false}"#,
    r#"{"delimiter": ";", "formula_guard": false, "null_as": "(null)"}"#,
    r#"{"lists": "json"}"#,
    r#"{"lists": "json", "delimiter": ";"}"#,
    r#"{"multi_value_separator": "; "}"#,
    r#"{"multi_value_separator": "|", "delimiter": ";"}"#,
];

/// Row, column, problem; the sheet is NULL.
#[track_caller]
fn in_short(client: &mut postgres::Client, file: &[u8]) -> Vec<(i32, String, String)> {
    let short = |(sheet, row, column, problem): Problem| {
        assert_eq!(sheet, None, "{problem}");
        (row.unwrap_or_default(), column.unwrap_or_default(), problem)
    };
    check(client, "admins", file).into_iter().map(short).collect()
}

#[test]
fn an_export_that_nobody_edited_has_no_problem() {
    let admins = Admins::create(40);
    for zone in ["UTC", "Europe/Paris"] {
        let mut session = admins.session(1);
        session.batch_execute(&format!("SET TimeZone = '{zone}'")).unwrap();
        for options in OPTIONS {
            let bytes = exported(&mut session, &format!("'admins', 'csv', options => '{options}'"));
            // Instants are in UTC, whatever the zone.
            let mut other = admins.session(1);
            other.batch_execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL, DMY'").unwrap();
            assert_eq!(check(&mut other, "admins", &bytes), NONE, "{zone} {options}");
        }
    }
}

/// Values of every type, and as odd as they come.
#[test]
fn nor_do_odd_values_differ() {
    let kinds = Kinds::create();
    let mut session = kinds.requester();
    for options in OPTIONS {
        let bytes = exported(&mut session, &format!("'kinds', 'csv', options => '{options}'"));
        assert_eq!(check(&mut session, "kinds", &bytes), NONE, "{options}");
        let mut other = kinds.cluster.connect(&kinds.db, &kinds.role);
        assert_eq!(check(&mut other, "kinds", &bytes), NONE, "{options}");
    }
    // Any text for NULL, where columns of several types have it.
    for null in ["-", "n/a", "(leer)"] {
        let options = format!("{{\"null_as\": \"{null}\"}}");
        let bytes = exported(&mut session, &format!("'kinds', 'csv', options => '{options}'"));
        assert_eq!(check(&mut session, "kinds", &bytes), NONE, "{null}");
        let mut table = CsvTable::read(&bytes, b',');
        table.put("1", "whole", null);
        table.put("2", "whole", "many");
        table.put("2", "mood", "happy");
        let found = check(&mut session, "kinds", &table.bytes());
        let told: Vec<&str> = found.iter().map(|(.., problem)| problem.as_str()).collect();
        let wrong = format!("\"{null}\" is not an integer");
        assert_eq!(told, [&wrong, "\"many\" is not an integer", "differs from the database"], "{found:?}");
    }
    // Texts are not cut off, and a fraction of a second counts.
    kinds
        .superuser()
        .batch_execute("UPDATE kinds SET note = repeat('é', 40000) || id, doc = to_jsonb(repeat('x', 40000))")
        .unwrap();
    let bytes = exported(&mut session, "'kinds', 'csv'");
    assert_eq!(check(&mut session, "kinds", &bytes), NONE);
    kinds
        .superuser()
        .batch_execute("UPDATE kinds SET note = note || 'x', instant = instant + '1 ms' WHERE id = 3")
        .unwrap();
    let found = check(&mut session, "kinds", &bytes);
    let places: Vec<_> =
        found.iter().map(|(_, row, column, _)| (row.unwrap(), column.as_deref().unwrap())).collect();
    assert_eq!(places, [(4, "instant"), (4, "Free \"text\", of any kind")], "{found:?}");
    // Each of them differs when it is another one.
    let another = "UPDATE kinds SET small = 12, whole = 12, big = 12, exact = 12.5, amount = 12.5, ratio = 12.5, single = 12.5, flag = NOT flag,
            day = '2030-01-01', moment = '2030-01-01', instant = '2030-01-01', note = 'x', code = 'x', padded = 'x', doc = '1',
            tags = '{z}', numbers = '{9}', uid = gen_random_uuid(), mood = 'so-so, \"ok\"', plz = '77777', took = '9 days',
            clock = '09:09:09', address = '9.9.9.9' WHERE id = 1";
    kinds.superuser().batch_execute(another).unwrap();
    let found: Vec<Problem> =
        check(&mut session, "kinds", &bytes).into_iter().filter(|(_, row, ..)| *row == Some(2)).collect();
    // All but the key.
    assert_eq!(found.len(), 23, "{found:#?}");
    assert!(found.iter().all(|(.., problem)| problem == "differs from the database"), "{found:#?}");
}

/// The same edits in a workbook and in a CSV file, saved in several ways, have the same answers.
#[test]
fn what_was_edited_is_found_as_in_a_workbook() {
    let admins = Admins::create(12);
    let mut session = admins.session(1);
    let edits = [
        ("admin1", "profile", "Only of two"),
        ("admin1", "Secondary groups", "France, Narnia, Sales, EMEA"),
        ("admin2", "name", "Another name"),
        ("admin2", "phone", ""),
        ("admin3", "created_on", "24/10/2025"),
        ("admin3", "logins", "many"),
        ("admin3", "score", "1.5"),
        ("admin3", "level", "middle"),
        ("admin3", "enabled", "perhaps"),
        ("admin4", "created_on", "2025-10-28"),
        ("admin4", "logins", "=1+1"),
        ("admin5", "score", "#N/A"),
        ("admin7", "note", "=1+2"),
        ("admin8", "score", "12,5"),
        ("admin8", "updated_at", "2020-01-01 00:00:00"),
        ("admin9", "updated_at", "soon"),
    ];
    let new = [
        &["new@1.example", "New", "", "Viewer"][..],
        &["admin6@1.example"],
        &["", "No key"],
        &["new@1.example", "New again"],
    ];
    let book = exported(&mut session, "'admins'");
    let mut script = "at = {cell.value: cell.column_letter for cell in sheet[1]}\n\
                      row = {sheet[f'A{r}'].value: r for r in range(2, 14)}\n"
        .to_owned();
    for (admin, column, value) in edits {
        let value = match value {
            "" => "None".to_owned(),
            "1.5" => value.to_owned(),
            _ => format!("'{value}'"),
        };
        script.push_str(&format!(
            "cell = sheet[f\"{{at['{column}']}}{{row['{admin}@1.example']}}\"]\ncell.value = {value}\n"
        ));
        // To openpyxl it is a formula otherwise.
        if column == "note" {
            script.push_str("cell.data_type = 's'\n");
        }
    }
    for row in new {
        let cells: Vec<String> = row
            .iter()
            .map(|value| if value.is_empty() { "None".into() } else { format!("'{value}'") })
            .collect();
        script.push_str(&format!("sheet.append([{}])\n", cells.join(", ")));
    }
    let wanted: Vec<(i32, String, String)> = check(&mut session, "admins", &edited(&book, &script))
        .into_iter()
        .map(|(_, row, column, problem)| (row.unwrap(), column.unwrap(), problem))
        .collect();
    assert_eq!(wanted.len(), 20, "{wanted:#?}");

    let mut table = CsvTable::read(&exported(&mut session, "'admins', 'csv'"), b',');
    for (admin, column, value) in edits {
        table.put(&format!("{admin}@1.example"), column, value);
    }
    new.iter().for_each(|row| table.add(row));
    for delimiter in [b',', b';', b'\t', b'|'] {
        for terminator in [Terminator::CRLF, Terminator::Any(b'\n'), Terminator::Any(b'\r')] {
            for quotes in [QuoteStyle::Necessary, QuoteStyle::Always] {
                let file = table.write(delimiter, terminator, quotes);
                assert_eq!(in_short(&mut session, &file), wanted, "{delimiter} {terminator:?} {quotes:?}");
            }
        }
    }
    let declared =
        [b"\xEF\xBB\xBFsep=;\r\n", &table.write(b';', Terminator::CRLF, QuoteStyle::Necessary)[..]].concat();
    assert_eq!(in_short(&mut session, &declared), wanted);
}

#[test]
fn what_changed_since() {
    let admins = Admins::create(3);
    let mut session = admins.session(1);
    let bytes = exported(&mut session, "'admins', 'csv'");
    admins.execute(
        "UPDATE app.admins SET name = 'Changed', updated_at = updated_at + interval '1 day' WHERE email = 'admin2@1.example';
         DELETE FROM app.admins WHERE email = 'admin3@1.example';
         DELETE FROM app.teams WHERE tenant_id = 1 AND name = 'EMEA'",
    );
    let gone = "\"EMEA\" does not exist in Teams";
    let wanted = problems(&[
        (2, "teams", gone),
        (3, "name", "differs from the database"),
        (3, "teams", gone),
        (3, "updated_at", "the row was changed after the export"),
        (4, "Administrator email address", "is not in the dataset: the row would be new"),
        (4, "teams", gone),
    ]);
    assert_eq!(in_short(&mut session, &bytes), wanted);
    // References are checked in lists of another form too.
    for options in [r#"{"lists": "json"}"#, r#"{"multi_value_separator": ";"}"#] {
        admins.execute("INSERT INTO app.teams VALUES (1, 'EMEA')");
        let bytes = exported(&mut session, &format!("'admins', 'csv', options => '{options}'"));
        assert_eq!(in_short(&mut session, &bytes), [], "{options}");
        admins.execute("DELETE FROM app.teams WHERE tenant_id = 1 AND name = 'EMEA'");
        let wanted = problems(&[(2, "teams", gone), (3, "teams", gone)]);
        assert_eq!(in_short(&mut session, &bytes), wanted, "{options}");
    }
}

#[test]
fn columns_and_rows() {
    let admins = Admins::create(3);
    let mut session = admins.session(1);
    let table = CsvTable::read(&exported(&mut session, "'admins', 'csv'"), b',');
    let mut of = |change: &dyn Fn(&mut CsvTable)| {
        let mut table = table.clone();
        change(&mut table);
        in_short(&mut session, &table.bytes())
    };
    let width = table.rows[0].len();
    // Columns in another order, by their fields' names, and rows in another order.
    let shuffled = of(&|table| {
        let header = table.rows.remove(0);
        let named = |label: String| match label.as_str() {
            "Main group" => "main_group".to_owned(),
            "name" => " NAME ".to_owned(),
            _ => label,
        };
        table.rows.reverse();
        table.rows.insert(0, header.into_iter().map(named).collect());
        table.rows.iter_mut().for_each(|row| row.reverse());
    });
    assert_eq!(shuffled, []);
    let wide = of(&|table| {
        for row in &mut table.rows {
            row.remove(1);
            row.resize(22, String::new());
        }
        (table.rows[0][19], table.rows[0][20]) = ("Shoe size".into(), "profile".into());
        (table.rows[1][19], table.rows[2][21]) = ("43".into(), "x".into());
    });
    assert_eq!(
        wide,
        problems(&[
            (0, "Shoe size", "is not a column of dataset \"admins\""),
            (0, "profile", "occurs more than once; only the first one is read"),
            (0, "V", "the column has values and no header"),
            (0, "name", "the column is missing"),
        ])
    );
    let no_key = of(&|table| table.rows.iter_mut().for_each(|row| _ = row.remove(0)));
    assert!(no_key.contains(
        &problems(&[(0, "Administrator email address", "the column is missing, which identifies the rows")])
            [0]
    ));
    // A header alone, and rows without a value.
    assert_eq!(of(&|table| table.rows.truncate(1)), []);
    assert_eq!(of(&|table| table.rows.iter_mut().skip(1).for_each(|row| row.fill(String::new()))), []);
    // A row that is too long has lost the quotes of a value, one that is too short has lost values; empty ones are none.
    let uneven = of(&|table| {
        table.rows[1].push("more".into());
        table.rows[2].truncate(3);
        table.rows[3].extend([String::new(), String::new()]);
    });
    assert_eq!(
        uneven,
        problems(&[
            (2, "", &format!("the row has {} fields, the header has {width}", width + 1)),
            (3, "", &format!("the row has 3 fields, the header has {width}")),
        ])
    );
    // Other files.
    let none =
        "the first row has no column of dataset \"admins\"; it must contain labels or names of its fields";
    assert_eq!(in_short(&mut session, b"Shoe size;Hat\n43;57\n"), problems(&[(0, "", none)]));
    let bytes = exported(&mut session, "'admins', 'csv', options => '{\"header\": false}'");
    assert_eq!(in_short(&mut session, &bytes), problems(&[(0, "", none)]));
    let part = exported(&mut session, "'admins', 'csv', fields => '{email,name,phone}'");
    let found = in_short(&mut session, &part);
    assert!(
        found.iter().all(|(row, _, problem)| *row == 0 && problem == "the column is missing"),
        "{found:?}"
    );
    // Masked and barred fields are not compared.
    admins.execute("SELECT acct_export_set_field('admins', 'phone', mask => 'last4')");
    let found = in_short(&mut session, &table.bytes());
    let masked = problems(&[(0, "phone", "is never imported: its values are masked in exports")]);
    assert_eq!(found, masked);
    // Rows without the separators behind their last values.
    admins.execute("UPDATE app.admins SET note = NULL, enabled = NULL");
    let mut short = table.clone();
    short.rows.iter_mut().skip(1).for_each(|row| row.truncate(width - 2));
    assert_eq!(in_short(&mut session, &short.bytes()), masked);
}

/// Numbers, days and booleans as spreadsheets save them in a locale.
#[test]
fn forms_of_a_locale() {
    let admins = Admins::create(30);
    let mut session = admins.session(1);
    session.batch_execute("SET TimeZone = 'Europe/Berlin'").unwrap();
    let table = CsvTable::read(&exported(&mut session, "'admins', 'csv'"), b',');
    let column = |label: &str| table.column(label);
    let (score, day, at, enabled) =
        (column("score"), column("created_on"), column("updated_at"), column("enabled"));
    let local: Vec<(String, String)> = session
        .query(
            "SELECT to_char(updated_at, 'DD.MM.YYYY HH24:MI'), to_char(updated_at, 'FMMM/FMDD/YYYY FMHH24:MI')
               FROM app.admins ORDER BY email COLLATE \"C\"",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let days = |iso: &str| -> (String, String) {
        let parts: Vec<&str> = iso.split('-').collect();
        (format!("{}.{}.{}", parts[2], parts[1], parts[0]), format!("{}/{}/{}", parts[1], parts[2], parts[0]))
    };
    let (mut german, mut american) = (table.clone(), table.clone());
    for (number, row) in german.rows.iter_mut().enumerate().skip(1) {
        row[score] = row[score].replace('.', ",");
        row[day] = days(&row[day]).0;
        row[at] = local[number - 1].0.clone();
        row[enabled] = if row[enabled] == "true" { "WAHR" } else { "FALSCH" }.to_owned();
    }
    for (number, row) in american.rows.iter_mut().enumerate().skip(1) {
        row[day] = days(&row[day]).1;
        row[at] = local[number - 1].1.clone();
        row[enabled] = row[enabled].to_uppercase();
    }
    let german_bytes = german.write(b';', Terminator::CRLF, QuoteStyle::Necessary);
    assert_eq!(in_short(&mut session, &german_bytes), []);
    assert_eq!(in_short(&mut session, &american.bytes()), []);
    // What differs in them differs.
    german.put("admin3@1.example", "score", "3,76");
    german.put("admin3@1.example", "created_on", "28.10.2025");
    german.put("admin3@1.example", "enabled", "FALSCH");
    let found = in_short(&mut session, &german.bytes());
    let differs = "differs from the database";
    let row = found[0].0;
    assert_eq!(
        found,
        problems(&[(row, "created_on", differs), (row, "score", differs), (row, "enabled", differs)])
    );
    // Local times of exports (a zone of the session), and a comma in one number among points.
    let mut table = table;
    for (number, row) in table.rows.iter_mut().enumerate().skip(1) {
        row[at] = local[number - 1]
            .0
            .split_once(' ')
            .map(|(day, time)| {
                let parts: Vec<&str> = day.split('.').collect();
                format!("{}-{}-{} {time}", parts[2], parts[1], parts[0])
            })
            .unwrap();
    }
    let found = in_short(&mut session, &table.bytes());
    // Seconds that are not there are none.
    assert!(found.iter().all(|(_, column, _)| column == "updated_at"), "{found:?}");
    table.put("admin1@1.example", "score", "1,25");
    let found = in_short(&mut session, &table.bytes());
    assert!(found.iter().any(|(_, _, problem)| problem == "\"1,25\" is not a number"), "{found:?}");
}

/// More than a workbook may have: rows are compared in batches, and keys beyond them.
#[test]
fn files_larger_than_a_workbook() {
    let admins = Admins::create(1);
    admins.execute(&format!(
        "CREATE TABLE app.large (id int PRIMARY KEY, note text);
         INSERT INTO app.large SELECT n, repeat(md5(n::text), 32768) FROM generate_series(1, 72) AS n;
         GRANT SELECT ON app.large TO {}; SELECT acct_export_register('large', 'app.large', 'id')",
        admins.role
    ));
    let mut session = admins.session(1);
    let mut bytes = exported(&mut session, "'large', 'csv'");
    assert!(bytes.len() > 64 << 20);
    assert_eq!(check(&mut session, "large", &bytes), NONE);
    let end = bytes.len() - 3;
    bytes[end] = b'x';
    bytes.extend_from_slice(b"1,again\r\n73,new\r\n");
    let found: Vec<(i32, String)> = check(&mut session, "large", &bytes)
        .into_iter()
        .map(|(_, row, _, problem)| (row.unwrap(), problem))
        .collect();
    let wanted = [
        (73, "differs from the database"),
        (74, "\"1\" is already in row 2"),
        (75, "is not in the dataset: the row would be new"),
    ];
    assert_eq!(found, wanted.map(|(row, problem)| (row, problem.to_owned())));
    // The limit of rows is that of the whole file.
    admins.execute("SELECT acct_export_set_policy('large', max_rows => 71)");
    assert_eq!(support::admins::refused(&mut session, "large", &bytes).sqlstate, "54000");
}

/// More keys than are looked up one by one, of a part of a table.
#[test]
fn of_a_piece_of_a_table_the_piece_is_read() {
    let admins = Admins::create(1);
    for (table, kind, key) in [
        ("numbers", "bigint", "n"),
        ("ids", "uuid", "lpad(to_hex(n), 32, '0')::uuid"),
        ("below", "int", "n - 50000"),
    ] {
        admins.execute(&format!(
            "CREATE TABLE app.{table} (id {kind} PRIMARY KEY, n int, note text);
             INSERT INTO app.{table} SELECT {key}, n, 'n' || n FROM generate_series(1, 60000) AS n;
             ANALYZE app.{table};
             GRANT SELECT ON app.{table} TO {}; SELECT acct_export_register('{table}', 'app.{table}', 'id')",
            admins.role
        ));
        let mut session = admins.session(1);
        let filter = r#"filter => '{"n": {"gt": 5000, "le": 8000}}'"#;
        let bytes = exported(&mut session, &format!("'{table}', 'csv', {filter}"));
        let edited = String::from_utf8(bytes).unwrap().replace(",n7000\r", ",other\r").into_bytes();
        session.batch_execute("BEGIN").unwrap();
        let found = check(&mut session, table, &edited);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].1, found[0].3.as_str()), (Some(2001), "differs from the database"));
        let read =
            format!("SELECT seq_tup_read::text FROM pg_stat_xact_user_tables WHERE relname = '{table}'");
        assert_eq!(support::asking::text(&mut session, &read).as_deref(), Some("0"), "{table}");
        session.batch_execute("COMMIT").unwrap();
    }
}
