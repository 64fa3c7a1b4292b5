//! Changes of the table, against everything that is said of its columns.

use super::scene::{protect, Scene, EXEMPT, SECRET, TABLE};

/// Columns of the table of which nothing but their names is part of the registration.
const COLUMNS: [&str; 12] = [
    "id", "tenant", "status", "made", "changed", "note", "pin_code", "phone", "email", "nick", "doc", "role",
];

/// Properties that hold whatever happened: nothing secret, unmasked, of another tenant, disabled or personal in an anonymised export.
#[track_caller]
pub fn nothing_leaks(scene: &Scene, dataset: &str) {
    let seen = scene.seen(dataset);
    let all = seen.all();
    for never in [SECRET, "0044207000", "OTHER", "DISABLED"] {
        assert!(!all.contains(never), "{dataset}: {never} in\n{all}");
    }
    for (field, values) in &seen.anonymised {
        assert!(!values.contains("@example.com"), "{dataset}.{field}: {values}");
    }
}

/// The whole dataset is there, with all that was said of it; the columns have this suffix.
#[track_caller]
pub fn all_is_kept(scene: &Scene, suffix: &str) {
    let field = |name: &str| format!("{name}{suffix}");
    let seen = scene.seen("people");
    for (name, value) in
        [("email", "user3@example.com"), ("nick", "Zoe"), ("role", "admin"), ("id", "3"), ("phone", "0003")]
    {
        let values = &seen.fields[&field(name)];
        assert!(values.contains(value), "{name}: {values}");
    }
    assert!(seen.default.contains(&format!("\"role{suffix}\":\"admin\"")), "{}", seen.default);
    assert!(seen.fields[&field("note")].starts_with("ERROR 42501"), "{}", seen.fields[&field("note")]);
    for (name, what, value) in [
        ("phone", "mask", "last4"),
        ("email", "on_anonymise", "redact"),
        ("nick", "label", "Nickname"),
        ("nick", "json_path", "names.nick"),
        ("nick", "in_group", "extra"),
        ("doc", "keys", "{dept}"),
        ("doc", "labels", "{Department}"),
    ] {
        assert_eq!(scene.setting("people", &field(name), what), value, "{name}.{what}");
    }
    let references = support::asking::column(
        &mut scene.superuser(),
        "SELECT concat_ws(' ', dataset, field, ref_dataset, ref_field) FROM acct_export_references",
    );
    assert_eq!(references, [format!("people role{suffix} roles name")]);
    // Period, disabled rows, required filter, order.
    let year = scene.asks("people", "start_date => '2025-01-01', end_date => '2025-12-31'");
    assert!(year.contains("Zoe") && !year.contains("OLD"), "{year}");
    let with = scene.asks("people", "include_disabled => true");
    assert!(with.contains("DISABLED"), "{with}");
    let unfiltered = scene.asks("strict", "include => NULL");
    assert!(unfiltered.starts_with("ERROR 42501") || unfiltered.starts_with("ERROR 22023"), "{unfiltered}");
    let filter = format!("filter => '{{\"nick{suffix}\": \"Zoe\"}}'");
    let filtered = scene.asks("strict", &filter);
    assert!(filtered.contains("Zoe") && !filtered.contains("Bob"), "{filtered}");
}

#[track_caller]
fn exempt_leaves(scene: &Scene, dataset: &str, field: &str, leaves: bool) {
    let seen = scene.seen(dataset);
    let values = &seen.fields[field];
    assert_eq!(values.contains(EXEMPT), leaves, "{dataset}.{field}: {values}");
    assert_eq!(values.starts_with("ERROR 42501"), !leaves, "{dataset}.{field}: {values}");
}

#[test]
fn nothing_happened() {
    let scene = Scene::new();
    nothing_leaks(&scene, "people");
    nothing_leaks(&scene, "seen");
    all_is_kept(&scene, "");
    exempt_leaves(&scene, "people", "pin_code", true);
    exempt_leaves(&scene, "seen", "code", true);
    let seen = scene.seen("seen");
    assert!(seen.fields["initial"].contains('Z') && seen.fields["label"].contains("Active"), "{seen:?}");
    assert_eq!(
        scene.states(),
        [
            "clean_function app.initial(text) active",
            "exempt_column app.t.pin_code active",
            "secret_column app.t.note active",
            "shared_table app.labels active"
        ]
    );
    assert!(!scene.advice("people").contains("declar"), "{}", scene.advice("people"));
}

/// All columns renamed, and new ones in the old names that hold secrets.
#[test]
fn columns_are_renamed() {
    let scene = Scene::new();
    for column in COLUMNS {
        scene.run(&format!("ALTER TABLE app.t RENAME {column} TO {column}_x"));
    }
    // Until it is registered again, requesters find the fields by the names that they know.
    nothing_leaks(&scene, "people");
    nothing_leaks(&scene, "seen");
    all_is_kept(&scene, "");
    exempt_leaves(&scene, "people", "pin_code", true);
    exempt_leaves(&scene, "seen", "code", true);
    scene.run(&format!(
        "ALTER TABLE app.t ADD pin_code text DEFAULT '{SECRET}', ADD phone text DEFAULT 'new', ADD note text DEFAULT 'harmless'"
    ));
    nothing_leaks(&scene, "people");
    let mut changes: Vec<String> = COLUMNS.iter().map(|column| format!("{column}_x renamed")).collect();
    changes.extend(["note added", "phone added", "pin_code barred"].map(str::to_owned));
    changes.sort();
    assert_eq!(scene.refreshed("people"), changes);
    assert_eq!(scene.refreshed("people"), Vec::<String>::new());
    scene.register("strict", "app.t", "_x");
    nothing_leaks(&scene, "people");
    all_is_kept(&scene, "_x");
    scene.register("people", "app.t", "_x");
    all_is_kept(&scene, "_x");
    exempt_leaves(&scene, "people", "pin_code_x", true);
    assert!(scene.seen("people").fields["note"].contains("harmless"));
    assert_eq!(scene.setting("people", "phone", "mask"), "none");
    assert_eq!(scene.setting("people", "pin_code", "barred IS NOT NULL"), "true");
    assert!(scene.states().contains(&"secret_column app.t.note_x active".to_owned()));
    assert!(scene.states().contains(&"exempt_column app.t.pin_code_x active".to_owned()));
}

/// Two columns exchange their names.
#[test]
fn columns_exchange_their_names() {
    let scene = Scene::new();
    scene.run(
        "ALTER TABLE app.t RENAME phone TO z; ALTER TABLE app.t RENAME nick TO phone; ALTER TABLE app.t RENAME z TO nick;
         ALTER TABLE app.t RENAME note TO z; ALTER TABLE app.t RENAME role TO note; ALTER TABLE app.t RENAME z TO role",
    );
    nothing_leaks(&scene, "people");
    assert!(scene.seen("people").fields["nick"].contains("Zoe"));
    scene.register("people", "app.t", "");
    nothing_leaks(&scene, "people");
    assert_eq!(scene.setting("people", "nick", "mask"), "last4");
    assert_eq!(scene.setting("people", "phone", "label"), "Nickname");
    let seen = scene.seen("people");
    assert!(seen.fields["phone"].contains("Zoe") && seen.fields["note"].contains("admin"), "{seen:?}");
    assert!(seen.fields["role"].starts_with("ERROR 42501"), "{seen:?}");
}

#[test]
fn columns_are_dropped_and_added_under_the_same_name() {
    let scene = Scene::new();
    scene.run(&format!(
        "DROP VIEW app.v; ALTER TABLE app.t DROP note, DROP pin_code, DROP phone, DROP email, DROP nick;
         ALTER TABLE app.t ADD note text DEFAULT '{SECRET}', ADD pin_code text DEFAULT '{SECRET}', ADD nick text DEFAULT 'Zoe',
             ADD phone text DEFAULT '00442070007', ADD email text DEFAULT 'user3@example.com'"
    ));
    // The old fields are gone, whatever has their names.
    nothing_leaks(&scene, "people");
    let seen = scene.seen("people");
    for gone in ["note", "pin_code", "phone", "email", "nick"] {
        assert!(seen.fields[gone].starts_with("ERROR 42501"), "{gone}: {}", seen.fields[gone]);
        assert_eq!(scene.setting("people", gone, "barred"), "its column is gone", "{gone}");
    }
    let told = scene.told("SELECT acct_export_refresh('people')");
    for about in ["the exemption of column app.t.pin_code has lapsed", "app.t.note was declared secret"] {
        assert!(told.contains(about), "{about}: {told}");
        assert!(scene.failing("people").contains(about), "{about}: {}", scene.failing("people"));
        assert!(scene.advice("people").contains(about), "{about}: {}", scene.advice("people"));
    }
    nothing_leaks(&scene, "people");
    for (name, what, value) in
        [("phone", "mask", "last4"), ("email", "on_anonymise", "redact"), ("nick", "label", "Nickname")]
    {
        assert_eq!(scene.setting("people", name, what), value, "{name}");
    }
    let seen = scene.seen("people");
    assert!(seen.fields["note"].starts_with("ERROR 42501"), "{seen:?}");
    assert!(seen.fields["pin_code"].starts_with("ERROR 42501"), "{seen:?}");
    assert!(
        scene.states().contains(&"secret_column app.t.note held by name".to_owned()),
        "{:?}",
        scene.states()
    );
    assert!(
        scene.states().contains(&"exempt_column app.t.pin_code lapsed".to_owned()),
        "{:?}",
        scene.states()
    );
}

/// The key, the tenant and the others of the registration fail closed when their columns are others.
#[test]
fn columns_of_the_registration_are_dropped_and_added() {
    for column in ["id", "tenant", "status", "made"] {
        let scene = Scene::new();
        let ty = match column {
            "id" => "int DEFAULT 1",
            "made" => "timestamptz DEFAULT '2025-06-01Z'",
            _ => "text DEFAULT 'a'",
        };
        scene.run(
            "DROP VIEW app.v; DROP POLICY own ON app.t; CREATE POLICY own ON app.t USING (id > 0 OR true)",
        );
        scene.run(&format!("ALTER TABLE app.t DROP {column} CASCADE; ALTER TABLE app.t ADD {column} {ty}"));
        scene.run("DROP POLICY IF EXISTS own ON app.t; CREATE POLICY own ON app.t USING (true)");
        let ordered = scene.asks("people", "start_date => '2025-01-01', options => '{\"order\": \"key\"}'");
        assert!(ordered.contains("ERROR 42501"), "{column}: {ordered}");
    }
}

#[test]
fn types_change() {
    let scene = Scene::new();
    scene.run(
        "DROP VIEW app.v; ALTER TABLE app.t ALTER note TYPE varchar(90), ALTER pin_code TYPE varchar(90), ALTER phone TYPE varchar(30),
             ALTER email TYPE varchar(90), ALTER nick TYPE varchar(30), ALTER role TYPE varchar(30), ALTER id TYPE bigint",
    );
    for _ in 0..2 {
        nothing_leaks(&scene, "people");
        all_is_kept(&scene, "");
        exempt_leaves(&scene, "people", "pin_code", true);
        let changes = scene.refreshed("people");
        assert!(changes.is_empty() || changes.contains(&"phone retyped".to_owned()), "{changes:?}");
    }
}

/// As migrations without locks do it, and Citus' alter_distributed_table.
#[test]
fn the_table_is_replaced_by_a_copy() {
    for rename_first in [false, true] {
        let scene = Scene::new();
        let suffix = if rename_first { "_x" } else { "" };
        if rename_first {
            for column in COLUMNS {
                scene.run(&format!("ALTER TABLE app.t RENAME {column} TO {column}_x"));
            }
        }
        scene.run(&format!(
            "BEGIN; CREATE TABLE app.t2 (LIKE app.t INCLUDING ALL); INSERT INTO app.t2 SELECT * FROM app.t;
             UPDATE app.t2 SET pin_code{suffix} = '{SECRET}';
             DROP TABLE app.t CASCADE; ALTER TABLE app.t2 RENAME TO t; {} COMMIT",
            protect("app.t", &format!("tenant{suffix}"), &scene.reader)
        ));
        // Nothing leaves until it is registered again.
        scene.is_broken("people");
        nothing_leaks(&scene, "people");
        let lapsed = [
            format!("the exemption of column app.t.pin_code{suffix} has lapsed"),
            format!("app.t.note{suffix} was declared secret"),
        ];
        let failing = scene.failing("people");
        assert!(lapsed.iter().all(|about| failing.contains(about)), "{failing}");
        let told = scene.register("people", "app.t", suffix);
        scene.register("strict", "app.t", suffix);
        for about in lapsed {
            assert!(told.contains(&about), "{about}: {told}");
            assert!(scene.advice("people").contains(&about), "{about}: {}", scene.advice("people"));
        }
        nothing_leaks(&scene, "people");
        all_is_kept(&scene, suffix);
        let seen = scene.seen("people");
        assert!(seen.fields[&format!("pin_code{suffix}")].starts_with("ERROR 42501"), "{seen:?}");
        // The statements of the hints bind them again.
        scene.run(&format!(
            "SELECT acct_export_secret_column('app.t', 'note{suffix}', 'why');
             SELECT acct_export_exempt_column('app.t', 'pin_code{suffix}', NULL)"
        ));
        assert!(
            scene.states().contains(&format!("secret_column app.t.note{suffix} active")),
            "{:?}",
            scene.states()
        );
        assert!(!scene.states().iter().any(|state| state.contains("pin_code")), "{:?}", scene.states());
        assert!(!scene.advice("people").contains("declared secret"), "{}", scene.advice("people"));
    }
}

#[test]
fn the_table_is_dropped_and_created() {
    let scene = Scene::new();
    scene.run(&format!(
        "DROP TABLE app.t CASCADE; CREATE TABLE app.t (role text, note text, {});
         INSERT INTO app.t (id, tenant, status, made, changed, note, pin_code, phone, email, nick, doc, role)
         SELECT n, 'a', 'active', '2025-06-01Z', now(), '{SECRET}', '{SECRET}', '00442070000' || n, 'user3@example.com', 'Zoe',
                '{{\"dept\": \"D1\"}}', 'admin' FROM generate_series(3, 4) n; {}",
        TABLE.replace("note text,", "").replace(", role text", ""),
        protect("app.t", "tenant", &scene.reader)
    ));
    scene.is_broken("people");
    scene.register("people", "app.t", "");
    nothing_leaks(&scene, "people");
    let seen = scene.seen("people");
    for barred in ["note", "pin_code"] {
        assert!(seen.fields[barred].starts_with("ERROR 42501"), "{barred}: {seen:?}");
    }
    assert_eq!(scene.setting("people", "phone", "mask"), "last4");
}

/// The old table stays under another name, so nothing is gone; the new one has its name.
#[test]
fn another_table_takes_the_name() {
    let scene = Scene::new();
    scene.run(&format!(
        "CREATE TABLE app.t2 (LIKE app.t INCLUDING ALL); INSERT INTO app.t2 SELECT * FROM app.t; UPDATE app.t2 SET pin_code = '{SECRET}';
         ALTER TABLE app.t RENAME TO t_old; ALTER TABLE app.t2 RENAME TO t; {}",
        protect("app.t", "tenant", &scene.reader)
    ));
    // The dataset reads the table that it was registered for.
    nothing_leaks(&scene, "people");
    all_is_kept(&scene, "");
    exempt_leaves(&scene, "people", "pin_code", true);
    let told = scene.register("people", "app.t", "");
    assert!(told.contains("app.t.note is secret because it has the name of"), "{told}");
    nothing_leaks(&scene, "people");
    let seen = scene.seen("people");
    for barred in ["note", "pin_code"] {
        assert!(seen.fields[barred].starts_with("ERROR 42501"), "{barred}: {seen:?}");
    }
    // Nor is it forgotten when the old one goes.
    scene.run("DROP TABLE app.t_old CASCADE");
    nothing_leaks(&scene, "people");
    scene.register("people", "app.t", "");
    nothing_leaks(&scene, "people");
}

#[test]
fn schema_and_owner_change() {
    let scene = Scene::new();
    scene.run(&format!(
        "ALTER SCHEMA app RENAME TO software; CREATE ROLE {0}_owner; ALTER TABLE software.t OWNER TO {0}_owner;
         GRANT USAGE ON SCHEMA software TO {0}_owner; ALTER TABLE software.t SET SCHEMA public",
        scene.reader
    ));
    nothing_leaks(&scene, "people");
    nothing_leaks(&scene, "seen");
    all_is_kept(&scene, "");
    exempt_leaves(&scene, "people", "pin_code", true);
    assert!(scene.states().contains(&"secret_column t.note active".to_owned()), "{:?}", scene.states());
    scene.register("people", "public.t", "");
    all_is_kept(&scene, "");
    // A secret does not become free where the schema is replaced.
    scene.run(&format!(
        "CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, note text DEFAULT '{SECRET}'); INSERT INTO app.t VALUES (1);
         GRANT USAGE ON SCHEMA app TO {0}; GRANT SELECT ON app.t TO {0}; SELECT acct_export_register('new', 'app.t', 'id')",
        scene.reader
    ));
    nothing_leaks(&scene, "new");
}
