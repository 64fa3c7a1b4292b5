//! Changes of a view that is the source, of the tables below it, and of what it calls.

use super::events::nothing_leaks;
use super::scene::{Scene, EXEMPT, SECRET};

const VIEW: &str = "SELECT t.id AS no, t.tenant AS org, upper(t.note) AS remark, t.pin_code AS code, app.initial(t.nick) AS initial, l.label";
const FROM: &str = "FROM app.t LEFT JOIN app.labels l ON l.status = t.status";

#[track_caller]
fn barred(scene: &Scene, field: &str) {
    let seen = scene.seen("seen");
    assert!(seen.fields[field].starts_with("ERROR 42501"), "{field}: {}", seen.fields[field]);
}

#[test]
fn a_view_is_replaced() {
    let scene = Scene::new();
    scene.run("SELECT acct_export_set_field('seen', 'code', mask => 'last4', label => 'Code')");
    // Another expression of the same column, and a column more.
    scene.run(&format!(
        "CREATE OR REPLACE VIEW app.v WITH (security_invoker) AS {}, t.phone {FROM}",
        VIEW.replace("t.pin_code AS code", "t.note AS code")
    ));
    nothing_leaks(&scene, "seen");
    barred(&scene, "code");
    barred(&scene, "remark");
    scene.run(&format!(
        "CREATE OR REPLACE VIEW app.v WITH (security_invoker) AS {VIEW}, t.email AS phone {FROM}"
    ));
    let seen = scene.seen("seen");
    assert!(!seen.all().contains(EXEMPT), "the mask is kept: {seen:?}");
    assert!(seen.fields["code"].contains("NED-3") || seen.fields["code"].contains("*"), "{seen:?}");
    assert_eq!(scene.setting("seen", "code", "label"), "Code");
}

#[test]
fn a_view_is_dropped_and_created() {
    let scene = Scene::new();
    scene.run(
        "SELECT acct_export_secret_column('app.v', 'label', 'why'); SELECT acct_export_set_field('seen', 'code', mask => 'redact')",
    );
    scene.run(&format!(
        "DROP VIEW app.v; CREATE VIEW app.v WITH (security_invoker) AS {VIEW} {FROM}; GRANT SELECT ON app.v TO {}",
        scene.reader
    ));
    scene.is_broken("seen");
    let told = scene.told(&format!(
        "SELECT acct_export_register('seen', 'app.v', 'no', tenant_column => 'org'{})",
        scene.replace("seen")
    ));
    assert!(told.contains("app.v.label was declared secret"), "{told}");
    nothing_leaks(&scene, "seen");
    barred(&scene, "label");
    assert_eq!(scene.setting("seen", "code", "mask"), "redact");
    assert!(!scene.seen("seen").all().contains(EXEMPT));
}

#[test]
fn columns_below_a_view_are_renamed() {
    let scene = Scene::new();
    scene.run(&format!(
        "ALTER TABLE app.t RENAME note TO memo; ALTER TABLE app.t RENAME pin_code TO door; ALTER TABLE app.labels RENAME label TO text;
         ALTER VIEW app.v RENAME COLUMN remark TO words; ALTER TABLE app.t ADD note text DEFAULT '{SECRET}'"
    ));
    for _ in 0..2 {
        nothing_leaks(&scene, "seen");
        let seen = scene.seen("seen");
        assert!(seen.fields["code"].contains(EXEMPT) && seen.fields["label"].contains("Active"), "{seen:?}");
        let sql = format!(
            "SELECT acct_export_register('seen', 'app.v', 'no', tenant_column => 'org'{})",
            scene.replace("seen")
        );
        scene.run(&sql);
    }
    barred(&scene, "words");
}

/// An exemption is of what the column was; what the view makes of other things under the same reason is not exempt.
#[test]
fn an_exempt_column_of_a_view_becomes_something_else() {
    let scene = Scene::new();
    let view = |expression: &str, more: &str| {
        format!("CREATE OR REPLACE VIEW app.w WITH (security_invoker) AS SELECT id, tenant, {expression} AS handle{more} FROM app.t")
    };
    scene.run(&format!(
        "{}; GRANT SELECT ON app.w TO {}; CREATE FUNCTION app.look(text) RETURNS text LANGUAGE sql AS 'SELECT ''{EXEMPT}'' || $1';
         SELECT acct_export_register('w', 'app.w', 'id', tenant_column => 'tenant');
         SELECT acct_export_exempt_column('app.w', 'handle', 'a department')",
        view("lower(doc ->> 'dept')", ""),
        scene.reader
    ));
    let leaves = |scene: &Scene| !scene.seen("w").fields["handle"].contains("ERROR");
    assert!(leaves(&scene));
    scene.run(&view("lower(doc ->> 'dept')", ", nick"));
    assert!(leaves(&scene), "a column more is no change of this one");
    scene.run("ALTER TABLE app.t RENAME doc TO papers; ALTER VIEW app.w RENAME COLUMN handle TO department");
    assert!(leaves(&scene), "nor are names");
    let copy = scene.restored();
    assert!(leaves(&copy), "nor is a restore");
    scene.run(&view("lower(papers ->> 'x')", ", nick").replace("handle", "department"));
    assert!(!leaves(&scene), "another key is");
    assert!(
        scene.advice("w").contains("the exemption of column app.w.department has lapsed"),
        "{}",
        scene.advice("w")
    );
    scene.run(&view("app.look(nick)", ", nick").replace("handle", "department"));
    scene.run("SELECT acct_export_exempt_column('app.w', 'department', 'looks nowhere')");
    assert!(leaves(&scene));
    scene.run(
        "CREATE OR REPLACE FUNCTION app.look(text) RETURNS text LANGUAGE sql AS 'SELECT note FROM app.t WHERE nick = $1'",
    );
    assert!(!leaves(&scene), "a function that it calls was replaced");
    nothing_leaks(&scene, "w");
}

#[test]
fn functions_and_shared_tables_are_replaced() {
    let scene = Scene::new();
    scene.run("CREATE OR REPLACE FUNCTION app.initial(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left($1, 2)'");
    barred(&scene, "initial");
    assert!(
        scene.advice("seen").contains("function app.initial(text) as clean has lapsed"),
        "{}",
        scene.advice("seen")
    );
    scene.run(&format!(
        "BEGIN; DROP FUNCTION app.initial(text) CASCADE;
         CREATE FUNCTION app.initial(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left($1, 1)';
         CREATE TABLE app.labels2 (LIKE app.labels INCLUDING ALL); INSERT INTO app.labels2 SELECT * FROM app.labels; DROP TABLE app.labels;
         ALTER TABLE app.labels2 RENAME TO labels; GRANT SELECT ON app.labels TO {0};
         CREATE VIEW app.v WITH (security_invoker) AS {VIEW} {FROM}; GRANT SELECT ON app.v TO {0}; COMMIT",
        scene.reader
    ));
    let told = scene.told(&format!(
        "SELECT acct_export_register('seen', 'app.v', 'no', tenant_column => 'org'{})",
        scene.replace("seen")
    ));
    for about in ["app.initial(text) as clean has lapsed", "app.labels as a shared table has lapsed"] {
        assert!(told.contains(about), "{about}: {told}");
        assert!(scene.advice("seen").contains(about), "{about}: {}", scene.advice("seen"));
    }
    barred(&scene, "initial");
    let seen = scene.seen("seen");
    assert!(seen.default.contains("ERROR 42501") && seen.default.contains("app.labels"), "{seen:?}");
    scene.run(
        "SELECT acct_export_shared_table('app.labels', 'still'); SELECT acct_export_clean_function('app.initial(text)', 'still')",
    );
    let seen = scene.seen("seen");
    assert!(seen.fields["initial"].contains('Z') && seen.fields["label"].contains("Active"), "{seen:?}");
    assert_eq!(
        scene.states().iter().filter(|state| state.ends_with("lapsed")).count(),
        0,
        "{:?}",
        scene.states()
    );
}
