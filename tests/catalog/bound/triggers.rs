//! The event triggers keep names only: bindings hold without them, and what fails in them stops no statement.

use super::events::nothing_leaks;
use super::scene::{protect, Scene, EXEMPT, SECRET};

const OFF: &str = "ALTER EVENT TRIGGER acct_export_follow_names DISABLE; ALTER EVENT TRIGGER acct_export_follow_drop DISABLE;";

#[test]
fn bindings_hold_without_event_triggers() {
    let scene = Scene::new();
    scene.run(OFF);
    scene.run(&format!(
        "DROP VIEW app.v; ALTER TABLE app.t RENAME note TO memo; ALTER TABLE app.t RENAME phone TO tel;
         ALTER TABLE app.t ADD note text DEFAULT 'harmless'; ALTER TABLE app.t DROP pin_code; ALTER TABLE app.t ADD pin_code text DEFAULT '{SECRET}'"
    ));
    nothing_leaks(&scene, "people");
    scene.run("SELECT acct_export_refresh('people')");
    nothing_leaks(&scene, "people");
    assert_eq!(scene.setting("people", "tel", "mask"), "last4");
    let seen = scene.seen("people");
    assert!(
        seen.fields["note"].contains("harmless") && seen.fields["memo"].starts_with("ERROR 42501"),
        "{seen:?}"
    );
    assert!(seen.fields["pin_code"].starts_with("ERROR 42501"), "{seen:?}");
    let states = scene.states();
    assert!(states.contains(&"exempt_column app.t.pin_code lapsed".to_owned()), "{states:?}");
    assert!(states.contains(&"secret_column app.t.memo active".to_owned()), "{states:?}");
}

#[test]
fn a_table_that_is_gone_is_known_to_be_gone_without_event_triggers() {
    let scene = Scene::new();
    scene.run(OFF);
    scene.run(&format!(
        "DROP VIEW app.v; CREATE TABLE app.t2 (LIKE app.t INCLUDING ALL); INSERT INTO app.t2 SELECT * FROM app.t;
         UPDATE app.t2 SET pin_code = '{SECRET}'; DROP TABLE app.t; ALTER TABLE app.t2 RENAME TO t; {}",
        protect("app.t", "tenant", &scene.reader)
    ));
    let told = scene.register("people", "app.t", "");
    assert!(told.contains("app.t.note was declared secret"), "{told}");
    nothing_leaks(&scene, "people");
    let seen = scene.seen("people");
    for barred in ["note", "pin_code"] {
        assert!(seen.fields[barred].starts_with("ERROR 42501"), "{barred}: {seen:?}");
    }
}

/// Somebody declares something in a transaction that stays open: the DDL goes through, with a warning.
#[test]
fn what_cannot_be_recorded_is_a_warning() {
    let scene = Scene::new();
    let mut busy = scene.superuser();
    busy.batch_execute("BEGIN; SELECT acct_export_secret_column('app.t', 'note', 'another reason')").unwrap();
    let told = scene.told(
        "SET lock_timeout = '300ms'; ALTER TABLE app.roles RENAME TO ranks; ALTER TABLE app.labels RENAME label TO caption",
    );
    assert!(!told.contains("WARNING"), "nothing of these is declared by another session: {told}");
    busy.batch_execute("COMMIT; BEGIN; SELECT acct_export_shared_table('app.labels', 'another reason')")
        .unwrap();
    let told = scene.told("SET lock_timeout = '300ms'; ALTER TABLE app.labels RENAME TO tags");
    assert!(told.contains("could not record") && told.contains("55P03"), "{told}");
    busy.batch_execute("COMMIT").unwrap();
    // It is bound by its OID; the next statement makes up for the name.
    let seen = scene.seen("seen");
    assert!(seen.fields["label"].contains("Active") && seen.fields["code"].contains(EXEMPT), "{seen:?}");
    scene.run("ALTER TABLE app.tags RENAME caption TO label");
    let names = "SELECT table_name FROM acct_export.declaration WHERE kind = 'shared_table'";
    assert_eq!(support::asking::column(&mut scene.superuser(), names), ["tags"]);
}
