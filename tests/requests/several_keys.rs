//! Keys of several columns: registered, in order, compared, changed, imported, matched, and all about one of them.

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{completed, exported, file, objects, refused, text};
use support::common::{shared, unique, wait_for_job};

/// Keys with all that an array has to quote.
const SCHEMA: &str = r#"
CREATE SCHEMA app;
CREATE TABLE app.members (team text, person int, tenant_id int, note text, at timestamptz DEFAULT '2026-01-01 00:00Z', PRIMARY KEY (team, person));
CREATE TABLE app.visits (id int PRIMARY KEY, tenant_id int, team text, person int, page text);
INSERT INTO app.members SELECT t.team, n, 1 + n % 2, 'n' || n
  FROM unnest('{a,"a b","{x,y}","","NULL","q\"u\\o",ä,"1,2"}'::text[]) AS t(team), generate_series(1, 20) AS n;
INSERT INTO app.visits SELECT row_number() OVER (ORDER BY team, person, v), tenant_id, team, person, 'p' || v
  FROM app.members, generate_series(1, 3) AS v;
"#;

fn members(tenant: i32) -> (Client, Client) {
    let db = shared().create_database_with_extension("several");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute(SCHEMA).unwrap();
    for table in ["members", "visits"] {
        superuser
            .batch_execute(&format!(
                "ALTER TABLE app.{table} ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON app.{table} USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::int)"
            ))
            .unwrap();
    }
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role};
             SELECT acct_export_register('visits', 'app.visits', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_register('members', 'app.members', '{{team,person}}', tenant_column => 'tenant_id', companions => '{{visits}}');
             SELECT acct_export_set_companion('members', 'visits', '{{team,person}}')"
        ))
        .unwrap();
    let mut client = shared().connect(&db, &role);
    client.batch_execute(&format!("SET app.tenant_id = '{tenant}'")).unwrap();
    (superuser, client)
}

fn csv(client: &mut Client, arguments: &str) -> String {
    String::from_utf8(exported(client, arguments)).unwrap()
}

#[test]
fn rows_come_in_the_order_of_all_columns() {
    let (_, mut client) = members(1);
    let found = objects(&exported(&mut client, "'members', 'ndjson', fields => '{person,team}'"));
    let wanted = text(
        &mut client,
        "SELECT jsonb_agg(jsonb_build_object('person', person, 'team', team) ORDER BY team, person)::text FROM app.members",
    );
    assert_eq!(json!(found), serde_json::from_str::<Value>(&wanted.unwrap()).unwrap());
    let key = text(&mut client, "SELECT key FROM acct_export_datasets WHERE dataset = 'members'");
    assert_eq!(key.as_deref(), Some("{team,person}"));
}

/// It is the same registration after a renaming, a refresh, and in a copy that its definition makes.
#[test]
fn a_registration_follows_its_columns() {
    let (mut superuser, mut client) = members(1);
    superuser
        .batch_execute(
            "ALTER TABLE app.members RENAME team TO \"the team\"; ALTER TABLE app.visits RENAME team TO crew;
             SELECT acct_export_refresh('members'); SELECT acct_export_refresh('visits')",
        )
        .unwrap();
    let key = |client: &mut Client| {
        text(
            client,
            "SELECT key || ' ' || (matches ->> 'visits') FROM acct_export_datasets WHERE dataset = 'members'",
        )
    };
    let wanted = Some(r#"{"the team",person} {crew,person}"#.to_owned());
    assert_eq!(key(&mut client), wanted);
    let definition = text(&mut superuser, "SELECT acct_export_definition('members')").unwrap();
    superuser
        .batch_execute(&format!("SELECT acct_export_unregister('members'); {definition}"))
        .unwrap_or_else(|e| panic!("{definition}: {e:?}"));
    assert_eq!(key(&mut client), wanted);
    completed(&mut client, "'members', 'csv', include => '{visits}'");
    // Matches are in the order of the key that there was.
    superuser.batch_execute("SELECT acct_export_alter('members', key => '{person, \"the team\"}')").unwrap();
    let matches = "SELECT matches::text FROM acct_export_datasets WHERE dataset = 'members'";
    assert_eq!(text(&mut client, matches), None);
    let lines = csv(&mut client, "'members', 'csv', fields => '{person}'");
    let people: Vec<u32> = lines.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert!(people.is_sorted() && people.len() == 80, "{people:?}");
}

#[test]
fn a_diff_names_keys_as_arrays() {
    let (mut superuser, mut client) = members(1);
    let before = completed(&mut client, "'members', 'csv'");
    superuser
        .batch_execute(
            "CREATE TABLE app.before AS TABLE app.members;
             DELETE FROM app.members WHERE person = 4; UPDATE app.members SET note = 'other' WHERE person = 6;
             INSERT INTO app.members SELECT DISTINCT team, 100, 1, 'new' FROM app.members",
        )
        .unwrap();
    let after = completed(&mut client, "'members', 'ndjson'");
    let sql = format!(
        "SELECT jsonb_agg(jsonb_build_array(key, change) ORDER BY key COLLATE \"C\")::text FROM acct_export_diff('{before}', '{after}')"
    );
    let found = text(&mut client, &sql);
    let wanted = text(
        &mut superuser,
        "SELECT jsonb_agg(jsonb_build_array(ARRAY[team, person::text]::text,
                CASE WHEN b.note IS NULL THEN 'added' WHEN m.note IS NULL THEN 'removed' ELSE 'changed' END)
                ORDER BY ARRAY[team, person::text]::text COLLATE \"C\")::text
           FROM app.members AS m FULL JOIN app.before AS b USING (team, person)
          WHERE 1 IN (m.tenant_id, b.tenant_id) AND m.note IS DISTINCT FROM b.note",
    );
    assert!(wanted.is_some());
    assert_eq!(found, wanted);
}

#[test]
fn changes_have_all_columns_of_removed_keys() {
    let (mut superuser, mut client) = members(1);
    let before = completed(&mut client, "'members', 'csv', options => '{\"digests\": true}'");
    superuser
        .batch_execute(
            "CREATE TABLE app.before AS TABLE app.members;
             DELETE FROM app.members WHERE person IN (4, 20) OR team = ''; UPDATE app.members SET note = 'other' WHERE person = 6;
             INSERT INTO app.members SELECT DISTINCT team || '!', person, 1, 'new' FROM app.members WHERE person < 5;
             UPDATE app.members SET note = 'of others' WHERE tenant_id = 2",
        )
        .unwrap();
    let since = format!("options => '{{\"changes_since\": \"{before}\"}}'");
    let rows = objects(&exported(&mut client, &format!("'members', 'ndjson', {since}")));
    let found: Vec<Value> =
        rows.iter().map(|row| json!([row["change"], row["team"], row["person"], row.get("note")])).collect();
    let wanted = text(
        &mut superuser,
        "SELECT jsonb_agg(jsonb_build_array(CASE WHEN b.note IS NULL THEN 'added' WHEN m.note IS NULL THEN 'removed' ELSE 'changed' END,
                                            team, person, m.note) ORDER BY team, person)::text
           FROM app.members AS m FULL JOIN app.before AS b USING (team, person)
          WHERE 1 IN (m.tenant_id, b.tenant_id) AND m.note IS DISTINCT FROM b.note",
    );
    assert_eq!(json!(found), serde_json::from_str::<Value>(&wanted.unwrap()).unwrap());
    let sql = format!("SELECT acct_export_start('members', 'csv', fields => '{{note,team}}', {since})");
    refused(
        &mut client,
        &sql,
        "22023",
        "needs the unmodified key \"team, person\" among the fields",
        "Add the key to fields",
    );
}

#[test]
fn an_edited_file_is_compared_by_the_whole_key() {
    let (mut superuser, mut client) = members(1);
    // An empty cell is none in a spreadsheet.
    superuser.batch_execute("DELETE FROM app.members WHERE team = ''").unwrap();
    let exported = csv(&mut client, "'members', 'csv', fields => '{note,team,person,tenant_id,at}'");
    let check = |client: &mut Client, file: &str| -> Vec<(i32, Option<String>, String)> {
        let sql = "SELECT row, column_name, problem FROM acct_export_check_import('members', $1) ORDER BY row, column_name";
        let rows = client.query(sql, &[&file.as_bytes()]).unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    };
    assert_eq!(check(&mut client, &exported), []);
    let mut lines: Vec<String> = exported.lines().map(str::to_owned).collect();
    let edited = lines.iter().position(|line| line.starts_with("n4,\"1,2\",4,")).unwrap();
    lines[edited] = lines[edited].replacen("n4", "other", 1);
    let repeated = lines[9].clone();
    lines.push(repeated);
    lines.push("x,a,1000,1,2026-01-01T00:00:00Z".to_owned());
    lines.push("x,a,,1,2026-01-01T00:00:00Z".to_owned());
    let found = check(&mut client, &(lines.join("\r\n") + "\r\n"));
    let told: Vec<(Option<&str>, &str)> =
        found.iter().map(|(_, column, problem)| (column.as_deref(), problem.as_str())).collect();
    assert_eq!(told.len(), 4, "{found:#?}");
    assert!(told.contains(&(Some("note"), "differs from the database")), "{found:#?}");
    assert!(told.iter().any(|(_, problem)| problem.contains("already")), "{found:#?}");
    assert!(told.iter().any(|(_, problem)| problem.contains("would be new")), "{found:#?}");
    assert!(told.contains(&(Some("person"), "is empty; the row cannot be identified")), "{found:#?}");
}

/// Companions are held to rows by all columns, and the archive of one key has what belongs to it alone.
#[test]
fn all_about_one_key() {
    let (_, mut client) = members(1);
    for team in ["a", "a b", "{x,y}", "NULL", "q\"u\\o", "1,2"] {
        let key: String = client.query_one("SELECT ARRAY[$1, '8']::text", &[&team]).unwrap().get(0);
        let job: String = client
            .query_one("SELECT acct_export_subject('members', $1, 'json')::text", &[&key])
            .unwrap_or_else(|e| panic!("{key}: {e:?}"))
            .get(0);
        assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
        let archive = file(&mut client, &job);
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        let mut rows = |title: &str| -> Vec<Value> {
            let name =
                names.iter().find(|name| name.starts_with(title)).unwrap_or_else(|| panic!("{names:?}"));
            serde_json::from_reader(archive.by_name(name).unwrap()).unwrap()
        };
        let (members, visits) = (rows("members"), rows("visits"));
        assert_eq!((members.len(), visits.len()), (1, 3), "{key}");
        for row in members.iter().chain(&visits) {
            assert_eq!((&row["team"], &row["person"]), (&json!(team), &json!(8)), "{key}");
        }
    }
    for key in ["a", "{a}", "{a,8,9}", "{a,NULL}", "{a,8"] {
        let sql = format!("SELECT acct_export_subject('members', '{key}')");
        refused(&mut client, &sql, "22023", "must be an array of 2 values", "team, person");
    }
    let sql = "SELECT acct_export_subject('members', '{a,1}')";
    refused(&mut client, sql, "22023", "no row of dataset \"members\"", "team, person");
}

#[test]
fn what_is_no_key_is_refused() {
    let (mut superuser, mut client) = members(1);
    superuser
        .batch_execute(
            "CREATE TABLE app.pairs (a int NOT NULL, b int NOT NULL, c int, password_hash text, \"{a,b}\" int PRIMARY KEY);
             INSERT INTO app.pairs SELECT n / 2, n % 2, n, 'h', n FROM generate_series(1, 9) AS n; INSERT INTO app.pairs VALUES (1, 1, 1, 'h', 10)",
        )
        .unwrap();
    let register =
        |key: &str| format!("SELECT acct_export_register('pairs', 'app.pairs', '{key}', replace => true)");
    for (key, code, message, hint) in [
        ("{a,z}", "22023", "\"z\"", ""),
        ("{a,a}", "22023", "column \"a\" twice", ""),
        ("{a,", "22023", "\"{a,\"", ""),
        ("{a,NULL}", "22023", "not a valid array", "{workspace_id,user_id}"),
        ("{a,b", "22023", "\"{a,b\"", ""),
        ("{a,password_hash}", "42501", "password_hash", ""),
        ("{b,a}", "22023", "key \"b, a\" is not unique", ""),
    ] {
        refused(&mut superuser, &register(key), code, message, hint);
    }
    // A column may be called like an array.
    superuser.batch_execute(&register("{a,b}")).unwrap();
    let key = text(&mut superuser, "SELECT key FROM acct_export_datasets WHERE dataset = 'pairs'");
    assert_eq!(key.as_deref(), Some("{\"{a,b}\"}"));
    superuser.batch_execute("DELETE FROM app.pairs WHERE c = 1").unwrap();
    superuser.batch_execute(&register("{b,a}")).unwrap();
    superuser.batch_execute("INSERT INTO app.pairs VALUES (2, 1, 1, 'h', 11)").unwrap();
    let job: String =
        superuser.query_one("SELECT acct_export_start('pairs', 'csv')::text", &[]).unwrap().get(0);
    let row = wait_for_job(&mut superuser, &job);
    assert_eq!(row.get::<_, Option<&str>>("error_code"), Some("22023"), "rows with one key");

    // A companion is matched by as many fields as the key has, of its types.
    for (fields, message) in [
        ("team", "1 field of dataset \"visits\" for the 2 fields"),
        ("{person,team}", "field \"person\" of dataset \"visits\" is of type integer"),
        ("{team,zone}", "\"zone\""),
    ] {
        let sql = format!("SELECT acct_export_set_companion('members', 'visits', '{fields}')");
        refused(&mut superuser, &sql, "22023", message, "");
    }
    refused(
        &mut client,
        "SELECT acct_export_start('members', include => '{visits}', options => '{\"companions\": {\"visits\": {\"match\": [\"team\"]}}}')",
        "22023",
        "1 field",
        "in the order of the key",
    );
}
