//! Partitions and children that come and go: a secret holds for all that the values are in.

use super::events::nothing_leaks;
use super::scene::{Scene, SECRET};

const PARTS: &str = "
    CREATE TABLE app.p (id int, junk int, note text, word text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    ALTER TABLE app.p DROP junk;
    CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES FROM (0) TO (10);
    CREATE TABLE app.p2 (word text, note text, id int PRIMARY KEY);
    CREATE TABLE app.q (id int PRIMARY KEY, note text, word text) PARTITION BY RANGE (id);
    CREATE TABLE app.q1 PARTITION OF app.q FOR VALUES FROM (20) TO (25);";

fn scene() -> Scene {
    let scene = Scene::new();
    scene.run(PARTS);
    scene.run(&format!(
        "INSERT INTO app.p SELECT n, '{SECRET}', 'w' FROM generate_series(1, 3) n; INSERT INTO app.p2 VALUES ('w', '{SECRET}', 11);
         INSERT INTO app.q VALUES (21, '{SECRET}', 'w'); GRANT SELECT ON ALL TABLES IN SCHEMA app TO {}",
        scene.reader
    ));
    scene
}

fn registered(scene: &Scene, table: &str) {
    let dataset = table.trim_start_matches("app.").to_owned();
    scene.run(&format!(
        "SELECT acct_export_register('{dataset}', '{table}', 'id'{})",
        scene.replace(&dataset)
    ));
    nothing_leaks(scene, &dataset);
    let seen = scene.seen(&dataset);
    assert!(seen.fields["note"].starts_with("ERROR 42501"), "{dataset}: {seen:?}");
    assert!(seen.fields["word"].contains('w'), "{dataset}: {seen:?}");
}

#[test]
fn partitions_are_attached_and_detached() {
    let scene = scene();
    scene.run("SELECT acct_export_secret_column('app.p', 'note', 'why')");
    scene.run("ALTER TABLE app.p ATTACH PARTITION app.p2 FOR VALUES FROM (10) TO (20)");
    registered(&scene, "app.p2");
    scene.run("ALTER TABLE app.p RENAME note TO memo; ALTER TABLE app.p RENAME memo TO note");
    // A tree of partitions, and one that is created later.
    scene.run(
        "ALTER TABLE app.p ATTACH PARTITION app.q FOR VALUES FROM (20) TO (30);
         CREATE TABLE app.q2 PARTITION OF app.q FOR VALUES FROM (25) TO (30)",
    );
    scene.run(&format!(
        "INSERT INTO app.p VALUES (27, '{SECRET}', 'w'); GRANT SELECT ON app.q2 TO {}",
        scene.reader
    ));
    for table in ["app.p", "app.p1", "app.q", "app.q1", "app.q2"] {
        registered(&scene, table);
    }
    for detached in ["app.p1", "app.p2", "app.q"] {
        scene.run(&format!("ALTER TABLE app.p DETACH PARTITION {detached}"));
    }
    scene.run("ALTER TABLE app.q DETACH PARTITION app.q2; DROP TABLE app.q1");
    for table in ["app.p1", "app.p2", "app.q", "app.q2"] {
        registered_empty_or_not(&scene, table);
    }
    let copy = scene.restored();
    for dataset in ["p", "p1", "p2", "q", "q2"] {
        nothing_leaks(&copy, dataset);
    }
}

fn registered_empty_or_not(scene: &Scene, table: &str) {
    let dataset = table.trim_start_matches("app.").to_owned();
    nothing_leaks(scene, &dataset);
    scene.run(&format!(
        "SELECT acct_export_register('{dataset}', '{table}', 'id'{})",
        scene.replace(&dataset)
    ));
    nothing_leaks(scene, &dataset);
    let seen = scene.seen(&dataset);
    assert!(seen.fields["note"].starts_with("ERROR 42501"), "{dataset}: {seen:?}");
}

/// A declaration on a partition holds for the table that it is attached to.
#[test]
fn a_secret_of_a_partition_holds_for_its_parent() {
    let scene = scene();
    scene.run("SELECT acct_export_secret_column('app.p2', 'note', 'why'); SELECT acct_export_register('p', 'app.p', 'id')");
    assert!(scene.seen("p").fields["note"].contains(SECRET), "undeclared so far");
    scene.run("ALTER TABLE app.p ATTACH PARTITION app.p2 FOR VALUES FROM (10) TO (20)");
    nothing_leaks(&scene, "p");
    registered(&scene, "app.p");
    registered(&scene, "app.p2");
    scene.run("ALTER TABLE app.p DETACH PARTITION app.p2");
    registered(&scene, "app.p2");
}

#[test]
fn children_leave_their_parents() {
    let scene = scene();
    scene.run(&format!(
        "CREATE TABLE app.par (id int PRIMARY KEY, note text, word text); SELECT acct_export_secret_column('app.par', 'note', 'why');
         CREATE TABLE app.chi (PRIMARY KEY (id)) INHERITS (app.par); INSERT INTO app.chi VALUES (1, '{SECRET}', 'w');
         GRANT SELECT ON app.par, app.chi TO {0};
         ALTER TABLE app.par RENAME note TO memo; ALTER TABLE app.par RENAME memo TO note",
        scene.reader
    ));
    registered(&scene, "app.chi");
    scene.run("ALTER TABLE app.chi NO INHERIT app.par; DROP TABLE app.par");
    registered(&scene, "app.chi");
}
