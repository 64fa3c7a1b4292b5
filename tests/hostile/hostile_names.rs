//! Names that a DBA or an owner may choose: at the limit of 63 bytes, in other scripts, with quotes, dots and semicolons, for
//! everything that has a name; and names of secrets in odd spellings.

use support::asking::{alive, column, exported, objects, refusal, text, with_canary};
use support::common::unique;

fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

const ODD: &[&str] = &[
    "x'; drop table app.canary; --",
    "x\"; drop table app.canary; --",
    "$$; DROP TABLE app.canary; $$",
    "a.b.c",
    "\"",
    "''",
    "sel ect",
    "SELECT",
    "日本語のテーブル",
    "שלום\u{202e}",
    "émoji 🦀 e\u{301}",
    "\\' OR 1=1",
    "{a,b}",
    "(a).b",
    "{\"a\":1}",
    "%I%s%L",
    "=cmd|' /C calc'!A0",
    "../../etc/hosts",
    "NULL",
    "pg_temp",
];

/// Tried: each odd name, and each again as long as a name can be, for dataset, schema, table, columns, role and labels.
#[test]
fn odd_names_everywhere() {
    let app = with_canary(1);
    let mut superuser = app.superuser();
    let [a, b] = &app.tenants;
    for (place, odd) in ODD.iter().enumerate() {
        let mut long = (*odd).to_owned();
        while long.len() < 62 {
            long.push(if place % 2 == 0 { 'x' } else { '\'' });
        }
        while long.len() > 62 {
            long.pop();
        }
        for (turn, name) in [(*odd).to_owned(), long].into_iter().enumerate() {
            // Schemas may not begin with pg_, roles and schemas are to be found again in the whole server.
            let schema = format!("s{turn}{}", name.chars().take(16).collect::<String>());
            let role = unique(&name.chars().take(10).collect::<String>()).replacen("pg_", "p_", 1);
            let (table, dataset) = (name.as_str(), format!("{name}{turn}"));
            let (key, tenant, plain, secret) =
                (format!("k{name}"), format!("t{name}"), name.clone(), format!("token {name}"));
            let cut = |text: &str| -> String {
                let mut text = text.to_owned();
                while text.len() > 63 {
                    text.pop();
                }
                text
            };
            let (schema, key, tenant, plain, secret) =
                (cut(&schema), cut(&key), cut(&tenant), cut(&plain), cut(&secret));
            let relation = format!("{}.{}", ident(&schema), ident(table));
            let sql = format!(
                "CREATE ROLE {role}; CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {role};
                 CREATE TABLE {relation} ({key} int PRIMARY KEY, {tenant} uuid NOT NULL, {plain} text, {secret} text);
                 INSERT INTO {relation} VALUES (1, '{a}', {value}, 'C4N4RY'), (2, '{b}', 'C4N4RY', 'C4N4RY');
                 ALTER TABLE {relation} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
                 CREATE POLICY {plain} ON {relation} USING ({tenant} = current_setting('app.tenant_id', true)::uuid);
                 GRANT SELECT ON {relation} TO {role};
                 SELECT acct_export_register({dataset}, {source}::regclass, {key_text}, tenant_column => {tenant_text},
                    required_roles => ARRAY[{role_text}]::name[], title => {title});
                 SELECT acct_export_set_field({dataset}, {plain_text}, label => {plain_text}, in_group => {plain_text});
                 SET ROLE {role}; SET app.tenant_id = '{a}'",
                role = ident(&role),
                schema = ident(&schema),
                key = ident(&key),
                tenant = ident(&tenant),
                plain = ident(&plain),
                secret = ident(&secret),
                value = literal(&name),
                dataset = literal(&dataset),
                source = literal(&relation),
                key_text = literal(&key),
                tenant_text = literal(&tenant),
                plain_text = literal(&plain),
                role_text = literal(&role),
                title = literal(&name),
            );
            superuser.batch_execute(&sql).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            // A text that is a JSON document equals nothing.
            let filter = if name.starts_with('{') {
                serde_json::json!({})
            } else {
                serde_json::json!({ plain.clone(): name })
            };
            let filter = filter.to_string();
            let arguments = format!(
                "{}, 'ndjson', filter => {}, include => ARRAY[{}]",
                literal(&dataset),
                literal(&filter),
                literal(&plain)
            );
            let rows = objects(&exported(&mut superuser, &arguments));
            assert_eq!(rows.len(), 1, "{name}");
            assert!(
                rows[0].as_object().unwrap().values().any(|value| value == &serde_json::json!(name)),
                "{name}: {rows:?}"
            );
            for format in ["csv", "xlsx", "json"] {
                let bytes = exported(&mut superuser, &format!("{}, '{format}'", literal(&dataset)));
                assert!(!String::from_utf8_lossy(&bytes).contains("C4N4RY"), "{name}");
            }
            let lines = column(&mut superuser, &format!("SELECT acct_export_csv({})", literal(&dataset)));
            assert!(!lines.join("\n").contains("C4N4RY"), "{name}: {lines:?}");
            let fields = format!("fields => ARRAY[{}]", literal(&secret));
            let error =
                refusal(&mut superuser, &format!("SELECT acct_export_csv({}, {fields})", literal(&dataset)));
            assert_eq!(error.sqlstate, "42501", "{name}: {error:?}");
            let files = column(&mut superuser, "SELECT files -> 0 ->> 'name' FROM acct_export_jobs");
            let plain_name =
                |name: &String| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
            assert!(files.len() == 4 && files.iter().all(plain_name), "{files:?}");
            superuser.batch_execute("RESET ROLE; RESET app.tenant_id").unwrap();
            assert_eq!(
                text(&mut superuser, &format!("SELECT acct_export_unregister({})::text", literal(&dataset)))
                    .as_deref(),
                Some("")
            );
        }
    }
    alive(&app);
}

/// Tried: a secret under every spelling that is still the same words.
#[test]
fn secrets_in_odd_spellings() {
    let app = with_canary(1);
    let mut superuser = app.superuser();
    for (place, name) in [
        "Password",
        "PASSWORD",
        "passWord",
        "PassWord",
        "pass word",
        "PASS-WORD",
        "user's password",
        "password.",
        ".password",
        "password ",
        " password",
        "_password_",
        "__PASSWORD__",
        "password2",
        "2password",
        "old_password_1",
        "ApiToken",
        "APIToken",
        "api.token",
        "api token",
        "API-KEY",
        "x api key",
        "X-API-Key",
        "tokenValue",
        "TOKEN_VALUE",
        "my\ttoken",
        "totpSecret",
        "\u{201c}secret\u{201d}",
        "secret™",
        "Passwort",
        "Set-Cookie",
        "OAuthToken",
        "2FASecret",
        "pwd#",
        "e-mail-token",
        "Session ID",
    ]
    .iter()
    .enumerate()
    {
        superuser
            .batch_execute(&format!(
                "CREATE TABLE app.t{place} (id int PRIMARY KEY, {} text); INSERT INTO app.t{place} VALUES (1, 'C4N4RY');
                 SELECT acct_export_register('t{place}', 'app.t{place}', 'id')",
                ident(name)
            ))
            .unwrap_or_else(|e| panic!("{name:?}: {e:?}"));
        let barred = text(
            &mut superuser,
            &format!("SELECT barred FROM acct_export_fields WHERE dataset = 't{place}' AND field <> 'id'"),
        );
        assert!(barred.is_some(), "{name:?}");
        let lines = column(&mut superuser, &format!("SELECT acct_export_csv('t{place}')"));
        assert!(!lines.join("").contains("C4N4RY"), "{name:?}: {lines:?}");
    }
}
