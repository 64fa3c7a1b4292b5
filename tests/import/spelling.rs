//! acct_export_check_import finds rows by keys that are equal to the server, however they are written.

use support::admins::{check, Problem};
use support::common::{shared, unique};

/// Keys that the column takes for equal are one row: of citext, of char(n), under a collation that ignores case, of several columns.
#[test]
fn keys_are_equal_as_their_columns_say() {
    let db = shared().create_database_with_extension("spelling");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE ROLE {role} LOGIN;
             CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             CREATE DOMAIN handle AS text COLLATE anycase;
             CREATE TABLE plain (id text PRIMARY KEY, note text);
             CREATE TABLE folded (id ext.citext PRIMARY KEY, note text);
             CREATE TABLE collated (id text COLLATE anycase PRIMARY KEY, note text);
             CREATE TABLE named (id handle PRIMARY KEY, note text);
             CREATE DOMAIN login AS ext.citext; CREATE TABLE logins (id login PRIMARY KEY, note text);
             CREATE TABLE padded (id char(8) PRIMARY KEY, note text);
             CREATE TABLE paired (area int, id ext.citext, note text, PRIMARY KEY (area, id));
             GRANT USAGE ON SCHEMA ext TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
             INSERT INTO paired VALUES (1, 'Anna', 'x'), (2, 'anna', 'y');
             SELECT acct_export_register('paired', 'paired', '{{area,id}}')"
        ))
        .unwrap();
    for table in ["plain", "folded", "collated", "named", "logins", "padded"] {
        superuser
            .batch_execute(&format!(
                "INSERT INTO {table} VALUES ('Anna', 'x'), ('Émile', 'y');
                 SELECT acct_export_register('{table}', '{table}', 'id')"
            ))
            .unwrap();
    }
    let mut session = shared().connect(&db, &role);
    let new = "is not in the dataset: the row would be new";
    let differs = "differs from the database";
    for (table, file, expected) in [
        ("plain", "Id,Note\r\nANNA,x\r\n", vec![(2, "Id", new)]),
        ("plain", "Id,Note\r\nAnna,x\r\nÉmile,z\r\n", vec![(3, "Note", differs)]),
        ("folded", "Id,Note\r\nANNA,x\r\nÉMILE,z\r\n", vec![(3, "Note", differs)]),
        ("collated", "Id,Note\r\nANNA,x\r\nÉMILE,z\r\n", vec![(3, "Note", differs)]),
        ("named", "Id,Note\r\naNNA,x\r\nÉMILE,z\r\n", vec![(3, "Note", differs)]),
        ("logins", "Id,Note\r\nANNA,x\r\nÉMILE,z\r\n", vec![(3, "Note", differs)]),
        ("padded", "Id,Note\r\nAnna   ,x\r\nÉmile,z\r\n", vec![(3, "Note", differs)]),
        ("folded", "Id,Note\r\nANNA,x\r\nanna,x\r\n", vec![(3, "Id", "\"anna\" is already in row 2")]),
        ("collated", "Id,Note\r\nANNA,x\r\nanna,x\r\n", vec![(3, "Id", "\"anna\" is already in row 2")]),
        ("collated", "Id,Note\r\nAnne,x\r\nAñna,x\r\n", vec![(2, "Id", new), (3, "Id", new)]),
        (
            "paired",
            "Area,Id,Note\r\n1,ANNA,x\r\n2,Anna,z\r\n3,anna,x\r\n",
            vec![(3, "Note", differs), (4, "Area", new)],
        ),
    ] {
        let expected: Vec<(i32, String, String)> = expected
            .into_iter()
            .map(|(row, column, problem)| (row, column.to_owned(), problem.to_owned()))
            .collect();
        let short = |(_, row, column, problem): Problem| {
            (row.unwrap_or_default(), column.unwrap_or_default(), problem)
        };
        let found: Vec<_> = check(&mut session, table, file.as_bytes()).into_iter().map(short).collect();
        assert_eq!(found, expected, "{table} {file}");
    }
}

/// Names that refer to others are there in each spelling that the field takes for equal.
#[test]
fn references_are_equal_as_their_columns_say() {
    let db = shared().create_database_with_extension("spelling");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE ROLE {role} LOGIN;
             CREATE TABLE teams (id int PRIMARY KEY, name ext.citext, code text);
             CREATE TABLE members (id int PRIMARY KEY, teams text[], code text);
             GRANT USAGE ON SCHEMA ext TO {role}; GRANT SELECT ON teams, members TO {role};
             INSERT INTO teams VALUES (1, 'Sales', 'A'), (2, 'Support', 'B'); INSERT INTO members VALUES (1, '{{Sales,Support}}', 'A');
             SELECT acct_export_register('teams', 'teams', 'id'); SELECT acct_export_register('members', 'members', 'id');
             SELECT acct_export_set_reference('members', 'teams', 'teams', 'name');
             SELECT acct_export_set_reference('members', 'code', 'teams', 'code')"
        ))
        .unwrap();
    let mut session = shared().connect(&db, &role);
    let file = b"id,teams,code\r\n1,\"SALES, suPPort, Gone\",a\r\n";
    let mut found: Vec<String> =
        check(&mut session, "members", file).into_iter().map(|(_, _, _, problem)| problem).collect();
    found.sort();
    let wanted = [
        "\"Gone\" does not exist in Teams",
        "\"a\" does not exist in Teams",
        "differs from the database",
        "differs from the database",
    ];
    assert_eq!(found, wanted);
    // A field that is gone is told for the column, and the rest is compared.
    superuser.batch_execute("ALTER TABLE teams DROP COLUMN name").unwrap();
    let found: Vec<String> =
        check(&mut session, "members", file).into_iter().map(|(_, _, _, problem)| problem).collect();
    assert!(found.iter().any(|problem| problem.contains("cannot be checked")), "{found:?}");
    assert!(found.iter().any(|problem| problem == "\"a\" does not exist in Teams"), "{found:?}");
}
