//! The recipes of all documents run as they are written there.
//!
//! A recipe that is checked for its result is found by the heading that it stands under and by its language, so a recipe that
//! changes in a document changes in this test.

use std::fs;

use support::common::shared;
use support::demo;

use crate::document::{all, read};
use crate::running::{alone, directory, psql, python, run, shell, workbook_rows};

/// Runs a whole document in the demo database; `after` removes what it leaves there.
fn in_demo(path: &str, after: &str) {
    let _alone = alone();
    demo::load();
    run(&read(path), "demo");
    let dir = directory();
    psql(&format!("SELECT 1; {after}"), &dir);
    fs::remove_dir_all(dir).unwrap();
}

/// Runs a whole document in a new database.
fn in_new_database(path: &str) {
    let _alone = alone();
    let db = shared().create_database("recipes");
    run(&read(path), &db);
}

/// Runs a document that creates its database itself.
fn in_its_database(path: &str, db: &str) {
    let _alone = alone();
    demo::load();
    run(&read(path), db);
}

macro_rules! documents {
    ($($name:ident $how:ident $path:literal $($after:literal)?;)*) => {
        $(
            #[test]
            fn $name() {
                $how($path $(, $after)?);
            }
        )*
        const RUN: &[&str] = &[$($path),*];
    };
}

documents! {
    readme in_new_database "README.md";
    getting_started in_its_database "docs/getting-started.md" "accounts";
    applications in_demo "docs/applications.md" "";
    audit in_demo "docs/admin/audit.md" "";
    datasets in_demo "docs/admin/datasets.md"
        "SELECT acct_export_unregister('contacts'), acct_export_unregister('profiles'); DROP VIEW acct_demo.contacts";
    destinations in_demo "docs/destinations.md" "DROP SERVER IF EXISTS exports CASCADE";
    filters in_demo "docs/reference/filters.md" "";
    functions in_demo "docs/reference/functions.md" "";
    notifications in_demo "docs/notifications.md" "DROP SERVER IF EXISTS mails, hook CASCADE";
    operations in_demo "docs/operations.md" "";
    options in_demo "docs/reference/options.md" "";
    performance in_demo "docs/performance.md" "";
    policies in_demo "docs/admin/policies.md" "";
    psql_page in_demo "docs/psql.md" "";
    references in_demo "docs/admin/references.md" "";
    secrets in_demo "docs/admin/secrets.md" "SELECT acct_export_unregister('people'); DROP VIEW acct_demo.people";
}

/// Documents with recipes are in the list above.
#[test]
fn every_document_with_recipes_is_run() {
    let with_recipes: Vec<String> = all()
        .into_iter()
        .filter(|document| {
            document.blocks().iter().any(|block| matches!(block.info, "sql" | "sh" | "python"))
        })
        .map(|document| document.path)
        .collect();
    let left: Vec<&String> = with_recipes.iter().filter(|path| !RUN.contains(&path.as_str())).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_dba_registers_a_dataset() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let datasets = read("docs/admin/datasets.md");
    let [register] = datasets.section("Register a dataset").blocks_of("sql").try_into().unwrap();
    let [change] = datasets.section("Change a dataset").blocks_of("sql").try_into().unwrap();
    let [expand] = datasets.section("Keys of JSON objects as columns").blocks_of("sql").try_into().unwrap();
    let fields = psql(&register, &dir);
    assert!(fields.contains("E-mail address"), "{fields}");
    assert!(fields.contains("last4"), "{fields}");
    let definition = psql(&change, &dir);
    assert!(definition.contains("updated_column => 'last_login'"), "{definition}");
    psql(&expand, &dir);
    let header = "SET app.tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001'; SET ROLE acct_demo_acme_admin;
                  SELECT acct_export_csv('profiles', fields => '{user_id,attributes}') LIMIT 1";
    let header = psql(header, &dir);
    assert!(header.contains("user_id,Department,Cost center"), "{header}");
    psql("SELECT acct_export_unregister('contacts'), acct_export_unregister('profiles'); DROP VIEW acct_demo.contacts", &dir);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_secret_under_another_name_is_barred() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [never] = read("docs/admin/secrets.md").section("Lineage").blocks_of("sql").try_into().unwrap();
    let barred = psql(&never, &dir);
    assert!(
        barred.contains("remark | it comes from acct_demo.users.password_hash") && barred.contains("(1 row)"),
        "{barred}"
    );
    psql("SELECT acct_export_unregister('people'); DROP VIEW acct_demo.people", &dir);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_audit_trail_is_whole() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [audit] =
        read("docs/admin/audit.md").section("Read and verify it").blocks_of("sql").try_into().unwrap();
    let trail = psql(&audit, &dir);
    assert!(trail.contains("(0 rows)"), "the chain is whole: {trail}");
    fs::remove_dir_all(dir).unwrap();
}

/// As far as it goes without a bucket and a mail server: the statements, and what the catalog makes of them.
#[test]
fn a_dba_lets_files_leave() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [bucket] = read("docs/destinations.md").section("A bucket").blocks_of("sql").try_into().unwrap();
    let mail = read("docs/notifications.md").section("Servers").blocks_of("sql").concat();
    for made in [bucket, mail] {
        psql(&made.replace('…', "0123456789abcdef0123456789abcdef"), &dir);
    }
    let used = "SELECT bool_and(has_server_privilege('acct_demo_acme_admin', oid, 'USAGE')), count(*) FROM pg_foreign_server";
    let used = psql(used, &dir);
    assert!(used.contains(" t        |     3"), "{used}");
    psql("DROP SERVER exports, mails, hook CASCADE", &dir);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn psql_saves_a_workbook_and_deletes_it_early() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let page = read("docs/psql.md");
    let [save] = page.section("Save a file").blocks_of("sql").try_into().unwrap();
    let [preview] = page.section("Preview an export").blocks_of("sql").try_into().unwrap();
    let [delete] = page.section("Delete a file early").blocks_of("sql").try_into().unwrap();
    let shown = psql(&save, &dir);
    assert!(shown.contains("100%  Export complete!"), "{shown}");
    assert!(workbook_rows(&dir.join("users.xlsx")) > 1000);
    let previewed = psql(&preview, &dir);
    assert!(previewed.contains("[redacted]") && previewed.contains("row_security"), "{previewed}");
    let deleted = psql(&delete, &dir);
    assert!(deleted.contains(" t\n"), "{deleted}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_shell_saves_a_bytea_and_a_stream() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let page = read("docs/psql.md");
    let [bytea] = page.section("Save a file from the shell").blocks_of("sh").try_into().unwrap();
    let [stream] = page.section("Save a stream").blocks_of("sh").try_into().unwrap();
    assert!(shell(&bytea, &dir).contains("completed|Export complete!"));
    assert_eq!(workbook_rows(&dir.join("administrators.xlsx")), 115);
    shell(&stream, &dir);
    let lines = fs::read_to_string(dir.join("users.ndjson")).unwrap();
    assert_eq!(lines.lines().count(), 12_000);
    lines.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap()));
    let csv = fs::read(dir.join("users.csv")).unwrap();
    let rows = csv::Reader::from_reader(csv.as_slice()).into_records().map(Result::unwrap).count();
    assert!((1000..12_000).contains(&rows), "{rows}");
    fs::remove_dir_all(dir).unwrap();
}

/// `\copy` in text form doubles backslashes; the way that the page gives instead writes what a stream has.
#[test]
fn copy_writes_json_lines_as_they_are() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [copy] = read("docs/psql.md").section("Not with \\copy").blocks_of("sql").try_into().unwrap();
    psql(&copy, &dir);
    let [doubled, right] =
        ["doubled.ndjson", "users.ndjson"].map(|file| fs::read_to_string(dir.join(file)).unwrap());
    assert!(doubled.len() > right.len());
    assert_eq!(right.lines().count(), 12_000);
    right.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap()));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn an_application_asks_polls_and_fetches() {
    let _alone = alone();
    demo::load();
    let dir = directory();
    let [script] = read("docs/applications.md")
        .section("Request, poll, download")
        .blocks_of("python")
        .try_into()
        .unwrap();
    let shown = python(&script, &dir);
    assert!(shown.contains("100 Export complete!"), "{shown}");
    assert!(workbook_rows(&dir.join("active-users.xlsx")) > 1000);
    fs::remove_dir_all(dir).unwrap();
}
