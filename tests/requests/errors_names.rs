//! Names at the limit of length, and names of a DBA's own choosing that SQL has to quote.

use serde_json::json;
use support::asking::{alive, column, exported, objects, refusal, with_canary};
use support::common::unique;

/// 63 bytes are a name, one more is not: nothing is cut until it fits.
#[test]
fn long_names_are_not_cut_until_they_fit() {
    let app = with_canary(1);
    let mut superuser = app.superuser();
    let (column, wide) = ("c".repeat(63), format!("{}x", "\u{e9}".repeat(31)));
    let dataset = "d".repeat(200);
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.long (id int PRIMARY KEY, {column} text, \"{wide}\" text);
             INSERT INTO app.long VALUES (1, 'one', 'two');
             GRANT SELECT ON app.long TO {};
             SELECT acct_export_register('{dataset}', 'app.long', 'id')",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let rows = objects(&exported(
        &mut client,
        &format!("'{dataset}', 'ndjson', filter => '{{\"{column}\":\"one\",\"{wide}\":\"two\"}}'"),
    ));
    assert_eq!(rows, [json!({ "id": 1, column.clone(): "one", wide.clone(): "two" })]);
    for arguments in [
        format!("'{dataset}d'"),
        format!("'{dataset}', fields => '{{{column}c}}'"),
        format!("'{dataset}', fields => '{{{wide}y}}'"),
        format!("'{dataset}', filter => '{{\"{column}c\":\"one\"}}'"),
        format!("'{dataset}', period => 'last_week', period_field => '{column}c'"),
    ] {
        let error = refusal(&mut client, &format!("SELECT acct_export_csv({arguments})"));
        assert_eq!(error.sqlstate, "22023", "{arguments}: {error:?}");
    }
}

/// Names that a DBA may choose, in every place where a name goes into the query.
#[test]
fn odd_names_of_schemas_tables_columns_and_roles() {
    let app = with_canary(1);
    let mut superuser = app.superuser();
    let role = unique("o'dd \"r;ole");
    let quoted_role = format!("\"{}\"", role.replace('"', "\"\""));
    superuser
        .batch_execute(&format!(
            r#"CREATE ROLE {quoted_role} NOLOGIN;
            CREATE SCHEMA "sch""ema'; --";
            GRANT USAGE ON SCHEMA "sch""ema'; --" TO {quoted_role};
            CREATE TABLE "sch""ema'; --"."ta.ble $1" ("i""d" int PRIMARY KEY, "ten ant" text NOT NULL, "sta'tus" text,
                "cre;ated" timestamptz DEFAULT '2025-03-01', "doc.ument" jsonb, "SELECT" text, "%s" text);
            INSERT INTO "sch""ema'; --"."ta.ble $1" VALUES
                (1, 't''1', 'on', DEFAULT, '{{"a b":{{"c''d":"x"}}}}', 'a', 'b'), (2, 't''1', 'off', DEFAULT, NULL, 'a', 'b'),
                (3, 't2', 'on', DEFAULT, NULL, 'a', 'b');
            ALTER TABLE "sch""ema'; --"."ta.ble $1" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
            CREATE POLICY p ON "sch""ema'; --"."ta.ble $1" USING ("ten ant" = current_setting('app.tenant_id', true));
            GRANT SELECT ON "sch""ema'; --"."ta.ble $1" TO {quoted_role};
            SELECT acct_export_register('da''ta"set; --', '"sch""ema''; --"."ta.ble $1"', 'i"d', tenant_column => 'ten ant',
                created_column => 'cre;ated', status_column => 'sta''tus', disabled_values => '{{off}}',
                required_roles => ARRAY[$x${role}$x$::name], title => 'Ti/t\le: "x"*?')"#
        ))
        .unwrap();
    superuser.batch_execute(&format!("SET ROLE {quoted_role}; SET app.tenant_id = 't''1'")).unwrap();
    let filter = r#"{"doc.ument.a b.c''d":"x","SELECT":["a"],"%s":{"sw":"b"},"created_after":"2025-01-01"}"#;
    for format in ["xlsx", "csv", "ndjson", "json"] {
        let arguments =
            format!("'da''ta\"set; --', '{format}', filter => '{filter}', start_date => '2025-02-01'");
        let bytes = exported(&mut superuser, &arguments);
        if format == "ndjson" {
            let rows = objects(&bytes);
            assert_eq!(rows.len(), 1, "{rows:?}");
            assert_eq!((&rows[0]["i\"d"], &rows[0]["%s"]), (&json!(1), &json!("b")));
        }
    }
    let names = column(&mut superuser, "SELECT files -> 0 ->> 'name' FROM acct_export_jobs");
    let plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    assert!(names.len() == 4 && names.iter().all(plain), "{names:?}");
    let by = column(&mut superuser, "SELECT requested_by FROM acct_export_jobs");
    assert!(by.iter().all(|by| *by == role), "{by:?}");
    superuser.batch_execute("RESET ROLE").unwrap();
    alive(&app);
}

/// Texts for terminals hold no control characters.
#[test]
fn titles_labels_and_groups_have_no_control_characters() {
    let app = with_canary(1);
    let mut superuser = app.superuser();
    let odd = r"E'\x1b]0;pwned\x07\r\nlog: line'";
    for sql in [
        format!("SELECT acct_export_register('odd', 'app.users', 'id', tenant_column => 'tenant_id', title => {odd})"),
        format!("SELECT acct_export_set_field('users', 'email', label => {odd})"),
        format!("SELECT acct_export_set_field('users', 'email', in_group => {odd})"),
        format!("SELECT acct_export_expand('users', 'custom', keys => '{{a}}', labels => ARRAY[{odd}])"),
    ] {
        let error = refusal(&mut superuser, &sql);
        assert_eq!(error.sqlstate, "22023", "{sql}: {error:?}");
        assert!(error.message.contains("control characters"), "{sql}: {error:?}");
    }
    // A comment with such characters is no label.
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.noted (id int PRIMARY KEY, note text); COMMENT ON COLUMN app.noted.note IS {odd};
             SELECT acct_export_register('noted', 'app.noted', 'id')"
        ))
        .unwrap();
    let labels =
        column(&mut superuser, "SELECT label FROM acct_export_fields WHERE dataset = 'noted' ORDER BY 1");
    assert_eq!(labels, ["id", "note"]);
    // Nor do those that were there before.
    let bar = format!(
        "SELECT acct_export_progress_bar(jsonb_populate_record(NULL::acct_export_jobs,
            jsonb_build_object('status', 'failed', 'percent', 0, 'message', {odd})))"
    );
    let bar = column(&mut superuser, &bar);
    assert!(bar[0].contains("pwned") && !bar[0].chars().any(char::is_control), "{bar:?}");
}
