//! Values of the status column that leave rows out: a misspelt one is not taken.

use crate::habits::{run, told};
use postgres::Client;
use support::asking::{column, refused, text};
use support::common::{shared, TwoTenants};

fn scene() -> (TwoTenants, Client) {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        "CREATE TYPE app.mood AS ENUM ('active', 'suspended', 'it''s');
         CREATE DOMAIN app.moody AS app.mood;
         CREATE DOMAIN app.state AS text CHECK (VALUE IN ('open', 'closed'));
         CREATE DOMAIN app.narrow AS app.state CHECK (VALUE <> '');
         CREATE TABLE app.t (id int PRIMARY KEY, mood app.mood, moody app.moody, state app.state, narrow app.narrow,
            checked varchar(20) CHECK (checked IN ('on', 'off')), coded int CHECK (coded IN (0, 1, -2)),
            listed text, pair text CHECK (pair = 'a' OR pair = 'b'), flag boolean, amount numeric(6,2), at date, moods app.mood[],
            doc jsonb, low text CHECK (lower(low) IN ('x', 'y')));
         ALTER TABLE app.t ADD CHECK (listed IN ('p', 'q') AND pair IS NOT NULL);
         INSERT INTO app.t VALUES (1, 'suspended', 'suspended', 'closed', 'closed', 'off', 1, 'q', 'b', false, 1, '2025-01-01', '{active}', '{}', 'X'),
            (2, 'active', 'active', 'open', 'open', 'on', 0, 'p', 'a', true, 2, '2025-01-02', '{suspended}', '{}', 'y');
         CREATE VIEW app.v WITH (security_invoker) AS SELECT id, checked AS chk, mood AS m, coded AS c FROM app.t WHERE id > 0",
    );
    (app, superuser)
}

fn register(source: &str, status: &str, values: &str) -> String {
    format!("SELECT acct_export_register('d', 'app.{source}', 'id', status_column => '{status}', disabled_values => {values}, replace => true)")
}

#[test]
fn labels_of_enums_and_checks_are_known() {
    let (app, mut superuser) = scene();
    for (source, status, value, known) in [
        ("t", "mood", "suspnded", "active, suspended, it's"),
        ("t", "mood", "Suspended", "suspended"),
        ("t", "moody", "suspnded", "suspended"),
        ("t", "state", "close", "open, closed"),
        ("t", "narrow", "close", "open, closed"),
        ("t", "checked", "Off", "on, off"),
        ("t", "coded", "3", "0, 1, -2"),
        ("t", "coded", "one", "0, 1, -2"),
        ("t", "listed", "r", "p, q"),
        ("t", "pair", "c", "a, b"),
        ("v", "chk", "offf", "on, off"),
        ("v", "m", "suspnded", "suspended"),
        ("v", "c", "7", "0, 1, -2"),
    ] {
        let sql = register(source, status, &format!("'{{{value}}}'"));
        let error = refused(&mut superuser, &sql, "22023", &format!("\"{value}\""), known);
        assert!(error.message.contains(&format!("\"{status}\"")), "{error:?}");
    }
    // One among right ones is found, also when the dataset is changed.
    refused(&mut superuser, &register("t", "mood", "'{suspended,gone}'"), "22023", "\"gone\"", "suspended");
    for (source, status, value) in [
        ("t", "mood", "suspended"),
        ("t", "mood", "it's"),
        ("t", "moody", "suspended"),
        ("t", "narrow", "closed"),
        ("t", "checked", "off"),
        ("t", "coded", "-2"),
        ("t", "pair", "b"),
        ("v", "chk", "off"),
    ] {
        run(&mut superuser, &register(source, status, &format!("ARRAY['{}']", value.replace('\'', "''"))));
    }
    run(&mut superuser, &register("t", "mood", "'{suspended}'"));
    let alter = "SELECT acct_export_alter('d', disabled_values => '{suspnded}')";
    refused(&mut superuser, alter, "22023", "\"suspnded\"", "suspended");
    assert_eq!(column(&mut superuser, "SELECT acct_export_csv('d', fields => '{id}')"), ["id", "2"]);
    // A label that is renamed does not let its rows leave.
    run(&mut superuser, "ALTER TYPE app.mood RENAME VALUE 'suspended' TO 'blocked'");
    for sql in ["SELECT acct_export_csv('d')", "SELECT acct_export_start('d', 'csv')::text"] {
        refused(&mut superuser, sql, "42501", "\"suspended\"", "acct_export_alter");
    }
    let broken = "SELECT broken FROM acct_export_datasets WHERE dataset = 'd'";
    assert!(text(&mut superuser, broken).unwrap().contains("suspended"));
    run(&mut superuser, "SELECT acct_export_alter('d', disabled_values => '{blocked}')");
    assert_eq!(column(&mut superuser, "SELECT acct_export_csv('d', fields => '{id}')"), ["id", "2"]);
    assert_eq!(text(&mut superuser, broken), None);
    drop(app);
}

#[test]
fn values_are_of_the_type_of_the_column() {
    let (_app, mut superuser) = scene();
    for (status, value, named) in [
        ("flag", "maybe", "\"maybe\""),
        ("amount", "much", "\"much\""),
        ("at", "someday", "\"someday\""),
        ("moods", "suspended", "\"moods\""),
        ("doc", "x", "\"doc\""),
    ] {
        refused(&mut superuser, &register("t", status, &format!("'{{{value}}}'")), "22023", named, "");
    }
    // Compared by the type's own equality: other spellings of a value are the same value.
    for (status, value) in [
        ("flag", "f"),
        ("flag", "no"),
        ("flag", "false"),
        ("amount", "1.0"),
        ("at", "Jan 1, 2025"),
        ("coded", " 1 "),
    ] {
        run(&mut superuser, &register("t", status, &format!("ARRAY['{value}']")));
        assert_eq!(
            column(&mut superuser, "SELECT acct_export_csv('d', fields => '{id}')"),
            ["id", "2"],
            "{value}"
        );
    }
}

#[test]
fn case_does_not_matter_to_a_column_without_case() {
    let (_app, mut superuser) = scene();
    run(
        &mut superuser,
        "CREATE EXTENSION citext; CREATE TABLE app.c (id int PRIMARY KEY, status citext);
         INSERT INTO app.c VALUES (1, 'Disabled'), (2, 'Active')",
    );
    run(&mut superuser, &register("c", "status", "'{disabled}'"));
    assert_eq!(column(&mut superuser, "SELECT acct_export_csv('d', fields => '{id}')"), ["id", "2"]);
}

/// A value that only the rows can confirm is looked up, as the role that registers.
#[test]
fn a_value_that_no_row_has_is_told() {
    let (app, mut superuser) = scene();
    run(&mut superuser, "CREATE TABLE app.plain (id int PRIMARY KEY, status text); INSERT INTO app.plain VALUES (1, 'closed')");
    let notice = |values: &str| told(&app, &register("plain", "status", values));
    let found = notice("'{closd,closed}'");
    assert!(found.contains("NOTICE:  00000: no row of app.plain has value \"closd\""), "{found}");
    assert!(!found.contains("\"closed\""), "{found}");
    assert!(!notice("'{closed}'").contains("no row"));
    let low = told(&app, &register("t", "low", "'{X,z}'"));
    assert!(low.contains("\"z\"") && !low.contains("\"X\""), "{low}");
    // A CHECK that is not validated says nothing of older rows.
    run(&mut superuser, "ALTER TABLE app.plain ADD CHECK (status IN ('a', 'b')) NOT VALID");
    assert!(!notice("'{closed}'").contains("no row"));
}
