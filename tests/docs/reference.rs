//! The reference pages agree with the server: nothing is missing, nothing is stale.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use postgres::Client;
use support::common::{error_of, shared};

use crate::document::{plain, read, Document};

const FUNCTIONS: &str = "docs/reference/functions.md";

/// A database with the extension in the schema `public`.
fn superuser() -> Client {
    let db = shared().create_database_with_extension("reference");
    shared().connect(&db, "postgres")
}

/// Functions and views of a schema that belong to the extension, or those of another schema: name, arguments, result, kind.
fn signatures(client: &mut Client, schema: &str) -> BTreeSet<(String, String)> {
    let sql = "SELECT p.proname::text,
                      concat_ws(' ', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
                                '(' || pg_get_function_arguments(p.oid) || ')', pg_get_function_result(p.oid))
                 FROM pg_proc p WHERE p.pronamespace = $1::text::regnamespace AND p.proname LIKE 'acct\\_export\\_%'";
    client.query(sql, &[&schema]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The documented signatures are created as functions, so that the server reads them as it reads those of the extension.
#[test]
fn functions_have_the_documented_signatures() {
    let mut client = superuser();
    client
        .batch_execute(
            "CREATE SCHEMA documented; SET check_function_bodies = off; SET search_path = documented, public",
        )
        .unwrap();
    for signature in read(FUNCTIONS).blocks_of("sql signature") {
        let (kind, signature) = match signature.strip_prefix("PROCEDURE ") {
            Some(procedure) => ("PROCEDURE", procedure),
            None => ("FUNCTION", signature.as_str()),
        };
        let create = format!("CREATE {kind} documented.{signature} LANGUAGE plpgsql AS 'not read'");
        client.batch_execute(&create).unwrap_or_else(|error| panic!("{signature}: {error}"));
    }
    client.batch_execute("SET search_path = public").unwrap();
    let there = signatures(&mut client, "public");
    // Types of the other schema would be shown with it.
    let documented = signatures(&mut client, "documented");
    assert!(there.len() > 40, "{}", there.len());
    let missing: Vec<_> = there.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&there).collect();
    assert!(missing.is_empty() && stale.is_empty(), "missing: {missing:#?}\nstale: {stale:#?}");
}

/// A function's section has its signature, its errors and an example; a view's has an example.
#[test]
fn every_function_has_errors_and_an_example() {
    let functions = read(FUNCTIONS);
    let mut names = BTreeSet::new();
    for name in functions.headings(3) {
        let section = functions.section(name);
        assert!(names.insert(name.to_owned()), "{name} is described twice");
        let examples =
            section.blocks().iter().filter(|block| matches!(block.info, "sql" | "sql no-run")).count();
        assert!(examples > 0, "{name} has no example");
        let signatures = section.blocks_of("sql signature");
        if signatures.is_empty() {
            assert!(!section.rows().is_empty(), "{name} has neither a signature nor columns");
            continue;
        }
        let start = signatures[0].trim_start_matches("PROCEDURE ");
        assert!(signatures.len() == 1 && start.starts_with(&format!("{name}(")), "{name}: {signatures:?}");
        assert!(section.text.contains("\nErrors: "), "{name} does not list its errors");
    }
    let mut client = superuser();
    let there: BTreeSet<String> = signatures(&mut client, "public")
        .into_iter()
        .map(|(name, _)| name)
        .chain(views(&mut client))
        .collect();
    assert_eq!(names, there);
}

fn views(client: &mut Client) -> Vec<String> {
    let sql = "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'";
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn views_have_the_documented_columns() {
    let functions = read(FUNCTIONS);
    let mut client = superuser();
    let views = views(&mut client);
    assert!(views.len() >= 9, "{views:?}");
    for view in views {
        let sql = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
                    WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum";
        let there: Vec<(String, String)> =
            client.query(sql, &[&view]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
        let section = functions.section(&view);
        // Tables of a lower heading are about other things.
        let text = section.text.split("\n#### ").next().unwrap().to_owned();
        let columns = Document { path: view.clone(), text }.rows();
        let documented: Vec<(String, String)> =
            columns.iter().map(|row| (plain(&row[0]), plain(&row[1]))).collect();
        assert_eq!(documented, there, "{view}");
    }
}

#[test]
fn settings_are_those_of_the_server() {
    let settings = read("docs/reference/settings.md");
    let mut client = superuser();
    client.batch_execute("LOAD 'pg_acctexport'").unwrap();
    let sql = "SELECT name, vartype, coalesce(boot_val, ''), coalesce(unit, ''), context FROM pg_settings
                WHERE name LIKE 'acct\\_export.%' ORDER BY name";
    let there: Vec<Vec<String>> = client
        .query(sql, &[])
        .unwrap()
        .iter()
        .map(|row| (0..5).map(|place| row.get(place)).collect())
        .collect();
    let documented: Vec<Vec<String>> =
        settings.rows().iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    assert_eq!(documented, there);
    let mut described = settings.headings(3);
    described.sort_unstable();
    assert!(described.iter().eq(there.iter().map(|row| &row[0])), "{described:?}");
}

/// SQLSTATE codes that the sources name, as those of the kinds of errors.
fn codes_of_sources() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for folder in ["src", "core/src"] {
        gather_codes(&support::project().join(folder), &mut codes);
    }
    codes
}

/// Conditions that hand-written SQL raises by their names.
fn conditions_of_sql() -> BTreeSet<String> {
    let mut conditions = BTreeSet::new();
    for entry in fs::read_dir(support::project().join("sql")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sql") || path.ends_with("demo.sql") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let raised =
            text.split("ERRCODE = '").skip(1).map(|part| part.split('\'').next().unwrap().to_owned());
        conditions.extend(raised);
    }
    conditions
}

fn gather_codes(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather_codes(&path, codes);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        // Kind::InvalidParameter => "22023",
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some((kind, code)) = line.trim().split_once(" => \"") else { continue };
            let is_code = code.len() == 7
                && code.ends_with("\",")
                && code[..5].chars().all(|letter| letter.is_ascii_digit() || letter.is_ascii_uppercase());
            if kind.starts_with("Kind::") && is_code {
                codes.insert(code[..5].to_owned());
            }
        }
    }
}

#[test]
fn errors_are_those_of_the_sources() {
    let errors = read("docs/reference/errors.md");
    let documented: BTreeSet<String> =
        errors.section("SQLSTATE codes").rows().iter().map(|row| plain(&row[0])).collect();
    let there = codes_of_sources();
    assert!(there.len() > 25, "{there:?}");
    assert_eq!(documented, there);
    let rows = errors.section("SQLSTATE codes").rows();
    for condition in conditions_of_sql() {
        assert!(rows.iter().any(|row| row[1] == condition), "{condition} is not in errors.md");
    }
    // The names of the conditions are the server's.
    let mut client = superuser();
    for row in rows {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$", row[1]);
        assert_eq!(error_of(client.batch_execute(&raise)).sqlstate, plain(&row[0]), "{}", row[1]);
    }
    // Codes that the functions' page names are explained.
    for (number, line) in read(FUNCTIONS).prose().filter(|(_, line)| !line.starts_with('|')) {
        for word in line.split(|letter: char| !letter.is_ascii_alphanumeric()) {
            let is_code = word.len() == 5
                && word.chars().all(|letter| letter.is_ascii_digit() || letter.is_ascii_uppercase())
                && word.chars().filter(char::is_ascii_digit).count() >= 2;
            assert!(
                !is_code || errors.text.contains(word),
                "{FUNCTIONS}:{number}: {word} is not in errors.md"
            );
        }
    }
}

/// The hint of an unknown option lists those that there are.
fn listed(hint: &str) -> BTreeSet<String> {
    let (_, list) = hint.split_once(": ").unwrap();
    list.trim_end_matches('.').split(", ").map(str::to_owned).collect()
}

#[test]
fn options_are_those_of_the_formats() {
    let options = read("docs/reference/options.md");
    let names = |heading: &str| -> BTreeSet<String> {
        options.section(heading).rows().iter().map(|row| plain(&row[0])).collect()
    };
    let mut client = superuser();
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY); SELECT acct_export_register('t', 't', key => 'id')",
        )
        .unwrap();
    for (format, heading) in
        [("xlsx", "xlsx"), ("csv", "csv"), ("ndjson", "ndjson and json"), ("json", "ndjson and json")]
    {
        let ask = format!("SELECT acct_export_start('t', '{format}', options => '{{\"unheard\": 1}}')");
        let error = error_of(client.batch_execute(&ask));
        let documented: BTreeSet<String> = names("All formats").union(&names(heading)).cloned().collect();
        assert_eq!(documented, listed(error.hint.as_deref().unwrap()), "{format}");
    }
}

#[cfg(all(feature = "s3", feature = "smtp", feature = "webhook"))]
#[test]
fn options_of_servers_are_those_of_the_wrappers() {
    let mut client = superuser();
    let wrappers = ["s3", "gcs", "azure", "smtp", "webhook"];
    for wrapper in wrappers {
        let file = if matches!(wrapper, "smtp" | "webhook") {
            "docs/notifications.md"
        } else {
            "docs/destinations.md"
        };
        let section = read(file).section(&format!("Options of acct_export_{wrapper}"));
        let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in section.rows() {
            documented.entry(row[1].clone()).or_default().insert(plain(&row[0]));
        }
        let server =
            format!("CREATE SERVER unheard FOREIGN DATA WRAPPER acct_export_{wrapper} OPTIONS (unheard 'x')");
        let error = error_of(client.batch_execute(&server));
        assert_eq!(documented["server"], listed(error.hint.as_deref().unwrap()), "{wrapper}");
        let required = match wrapper {
            "azure" => "account 'account', container 'container'",
            "smtp" => "host 'mail.example.com', from 'a@example.com'",
            "webhook" => "url 'https://example.com/'",
            "s3" => "bucket 'bucket', region 'eu-central-1'",
            _ => "bucket 'bucket'",
        };
        client
            .batch_execute(&format!(
                "CREATE SERVER there FOREIGN DATA WRAPPER acct_export_{wrapper} OPTIONS ({required})"
            ))
            .unwrap();
        let error = error_of(
            client.batch_execute("CREATE USER MAPPING FOR PUBLIC SERVER there OPTIONS (unheard 'x')"),
        );
        assert_eq!(documented["user mapping"], listed(error.hint.as_deref().unwrap()), "{wrapper}");
        client.batch_execute("DROP SERVER there").unwrap();
    }
}

/// The events of the audit trail are those that the sources name.
#[test]
fn events_are_those_of_the_sources() {
    let audit = read("docs/admin/audit.md");
    let documented: BTreeSet<String> =
        audit.section("Events").rows().iter().map(|row| plain(&row[0])).collect();
    let mut there = BTreeSet::new();
    gather_events(&support::project().join("src"), &mut there);
    assert!(there.len() > 20, "{there:?}");
    assert_eq!(documented, there);
}

fn gather_events(folder: &Path, events: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather_events(&path, events);
            continue;
        }
        // pub const DENIED: &str = "user.bulk_export.denied";
        for line in fs::read_to_string(&path).unwrap_or_default().lines() {
            let Some((_, event)) = line.split_once(": &str = \"user.bulk_export") else { continue };
            events.insert(format!("user.bulk_export{}", event.trim_end_matches("\";")));
        }
    }
}

/// Words in backticks of a document.
fn words(document: &Document) -> BTreeSet<String> {
    document.prose().flat_map(|(_, line)| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The hints of unknown operators and periods name those that there are; the pages describe each.
#[test]
fn operators_and_periods_are_described() {
    let mut client = superuser();
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY, at date); SELECT acct_export_register('t', 't', key => 'id', created_column => 'at')",
        )
        .unwrap();
    let operator = error_of(
        client.batch_execute(r#"SELECT acct_export_start('t', filter => '{"id": {"unheard": 1}}')"#),
    );
    let filters = words(&read("docs/reference/filters.md"));
    let period = error_of(client.batch_execute("SELECT acct_export_start('t', period => 'unheard')"));
    let functions = words(&read(FUNCTIONS));
    for (error, described) in [(operator, filters), (period, functions)] {
        let hint = error.hint.unwrap();
        // Known operators: eq, ne; synonyms: is, is_not.
        let lists = hint.split(':').skip(1);
        let names: Vec<&str> = lists
            .flat_map(|list| list.split([',', ';', '.', ' ']))
            .filter(|word| !word.is_empty() && *word != "synonyms")
            .collect();
        assert!(names.len() >= 6, "{hint}");
        let missing: Vec<&&str> = names.iter().filter(|name| !described.contains(**name)).collect();
        assert!(missing.is_empty(), "{missing:?} of: {hint}");
    }
}

/// Messages that the page of errors quotes are those of the sources, up to the names in them.
#[test]
fn quoted_messages_are_those_of_the_sources() {
    let mut sources = String::new();
    for folder in ["src", "core/src"] {
        gather_text(&support::project().join(folder), &mut sources);
    }
    // Strings as they are printed: without escapes and without breaks of the line.
    let sources = sources.replace("\\\"", "\"");
    let errors = read("docs/reference/errors.md");
    let rows = errors.section("Errors of a request").rows();
    assert!(rows.len() > 4);
    for row in rows {
        let message = plain(&row[0]);
        for fragment in message.split('…').map(|part| part.trim_matches(['"', ' '])) {
            assert!(sources.contains(fragment), "no message of the sources contains: {fragment}");
        }
    }
}

fn gather_text(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather_text(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
