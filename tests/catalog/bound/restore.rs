//! Dumps restored into another database, where OIDs and attribute numbers are others.

use super::events::{all_is_kept, nothing_leaks};
use super::scene::{Scene, EXEMPT, SECRET};

#[test]
fn a_dump_keeps_all_of_it() {
    for (suffix, change) in [
        ("", ""),
        // Renamed, and not registered again before the dump.
        ("", "ALTER TABLE app.t RENAME note TO memo; ALTER TABLE app.t RENAME phone TO tel; ALTER TABLE app.t RENAME pin_code TO pin;
              ALTER TABLE app.t RENAME id TO no; ALTER TABLE app.t RENAME tenant TO org; ALTER TABLE app.t RENAME nick TO alias"),
    ] {
        let scene = Scene::new();
        scene.run(change);
        let numbers = "SELECT string_agg(attnum::text, ',' ORDER BY attnum) FROM acct_export.field WHERE dataset = 'people'";
        let before = support::asking::text(&mut scene.superuser(), numbers);
        let states = scene.states();
        let copy = scene.restored();
        assert_ne!(support::asking::text(&mut copy.superuser(), numbers), before, "the columns are numbered anew");
        assert_eq!(copy.states(), states);
        nothing_leaks(&copy, "people");
        nothing_leaks(&copy, "seen");
        all_is_kept(&copy, suffix);
        let seen = copy.seen("people");
        assert!(seen.fields["pin_code"].contains(EXEMPT), "{seen:?}");
        let seen = copy.seen("seen");
        assert!(seen.fields["initial"].contains('Z') && seen.fields["label"].contains("Active"), "{seen:?}");
        assert!(seen.fields["code"].contains(EXEMPT), "{seen:?}");
        // And they follow from there on.
        copy.run("ALTER TABLE app.t RENAME email TO mail; ALTER TABLE app.t ADD email text DEFAULT 'user9@example.com'");
        nothing_leaks(&copy, "people");
    }
}

/// A declaration that lapsed before the dump does not come back with it, and one that is held by name goes on.
#[test]
fn a_dump_revives_nothing() {
    let scene = Scene::new();
    scene.run(&format!(
        "DROP VIEW app.v; CREATE TABLE app.t2 (LIKE app.t INCLUDING ALL); INSERT INTO app.t2 SELECT * FROM app.t;
         UPDATE app.t2 SET pin_code = '{SECRET}'; DROP TABLE app.t; ALTER TABLE app.t2 RENAME TO t;
         DROP FUNCTION app.initial(text); CREATE FUNCTION app.initial(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left($1, 1)';
         {}",
        super::scene::protect("app.t", "tenant", &scene.reader)
    ));
    let states = scene.states();
    let lapsed = ["clean_function app.initial(text) lapsed", "exempt_column app.t.pin_code lapsed"];
    assert!(lapsed.iter().all(|state| states.contains(&(*state).to_owned())), "{states:?}");
    let copy = scene.restored();
    assert_eq!(copy.states(), states);
    // The source was gone, and is not found again by chance.
    copy.is_broken("people");
    copy.register("people", "app.t", "");
    nothing_leaks(&copy, "people");
    let seen = copy.seen("people");
    assert!(seen.fields["pin_code"].starts_with("ERROR 42501"), "{seen:?}");
    assert!(seen.fields["note"].starts_with("ERROR 42501"), "{seen:?}");
}

/// A field whose column was dropped is not bound to another one of its name.
#[test]
fn a_dump_binds_no_field_to_a_new_column() {
    let scene = Scene::new();
    scene.run("DROP VIEW app.v; ALTER TABLE app.t DROP nick; ALTER TABLE app.t ADD nick text DEFAULT 'new'");
    let copy = scene.restored();
    for scene in [&scene, &copy] {
        assert_eq!(scene.setting("people", "nick", "barred"), "its column is gone");
    }
}
