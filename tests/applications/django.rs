//! A schema that no one here wrote: Django, from PyPI, makes its own `auth_user` by its own migrations and fills it
//! through its own API. An administrator adds row security by SQL and registers the table as it stands. It is exported
//! in all four formats, and `password` is barred without anyone having said so.

mod site;
mod user;

use std::io::{Cursor, Read};

use postgres::Client;
use serde_json::Value;
use site::{Site, HASH, USERS};
use support::common::{error_of, wait_for_job};
use user::User;

const TENANTS: [&str; 2] = ["a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002"];

/// Additions to Django's tables: a tenant for each user, one of three in the second, and the rule that nobody sees others.
fn add_tenants(site: &Site) {
    let [a, b] = TENANTS;
    site.superuser()
        .batch_execute(&format!(
            "ALTER TABLE auth_user ADD COLUMN tenant_id uuid;
             UPDATE auth_user SET tenant_id = CASE WHEN id % 3 = 0 THEN uuid '{b}' ELSE uuid '{a}' END;
             ALTER TABLE auth_user ALTER COLUMN tenant_id SET NOT NULL;
             ALTER TABLE auth_user ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON auth_user
                USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
             SELECT acct_export_register('users', 'auth_user', key => 'id', tenant_column => 'tenant_id',
                created_column => 'date_joined')"
        ))
        .unwrap();
}

/// Rows without a tenant: staff is nobody's business but the owner's.
fn hide_staff(site: &Site) {
    site.superuser()
        .batch_execute(
            "ALTER TABLE auth_user ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY customers ON auth_user USING (NOT is_staff);
             SELECT acct_export_register('users', 'auth_user', key => 'id', created_column => 'date_joined', replace => true)",
        )
        .unwrap();
}

/// Exports by `arguments` of `acct_export_start` and takes the file, which must hold `rows` rows.
#[track_caller]
fn export(client: &mut Client, arguments: &str, rows: usize) -> Vec<u8> {
    let job: String =
        client.query_one(&format!("SELECT acct_export_start({arguments})::text"), &[]).unwrap().get(0);
    let ended = wait_for_job(client, &job);
    let (status, error): (&str, Option<&str>) = (ended.get("status"), ended.get("error"));
    assert_eq!(status, "completed", "{arguments}: {error:?}");
    assert_eq!(ended.get::<_, i64>("rows_done"), rows as i64, "{arguments}");
    client.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap().get(0)
}

/// All bytes of a file in which a secret could be found; those of a workbook unpacked.
fn open(format: &str, file: &[u8]) -> Vec<u8> {
    if format != "xlsx" {
        return file.to_vec();
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    let mut all = Vec::new();
    for index in 0..archive.len() {
        archive.by_index(index).unwrap().read_to_end(&mut all).unwrap();
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Some of what Django puts down for users without a password: random, so found or not found one by one.
fn unusable_passwords(site: &Site) -> Vec<String> {
    let sql = "SELECT password FROM auth_user WHERE password LIKE '!%' ORDER BY id LIMIT 5";
    site.superuser().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[track_caller]
fn same(format: &str, got: &[User], wanted: &[User]) {
    assert_eq!(got.len(), wanted.len(), "{format}");
    for (got, wanted) in got.iter().zip(wanted) {
        assert_eq!(got, wanted, "{format}");
    }
}

/// Exports in all formats and compares each row with what SQL says; no password may be in any file.
fn check_formats(site: &Site, client: &mut Client, wanted: &[User]) {
    let unusable = unusable_passwords(site);
    assert_eq!(unusable.len(), 5);
    type Reader = fn(&[u8]) -> Vec<User>;
    let readers: [(&str, Reader); 4] = [
        ("xlsx", user::from_xlsx),
        ("csv", user::from_csv),
        ("ndjson", user::from_ndjson),
        ("json", user::from_json),
    ];
    for (format, read) in readers {
        let file = export(client, &format!("'users', '{format}'"), wanted.len());
        if format == "xlsx" {
            let wanted: Vec<User> = wanted.iter().map(User::in_whole_seconds).collect();
            same(format, &read(&file), &wanted);
        } else {
            same(format, &read(&file), wanted);
        }
        let bytes = open(format, &file);
        assert!(holds(&bytes, &wanted[0].username), "{format} was not looked into");
        for secret in unusable.iter().map(String::as_str).chain([HASH]) {
            assert!(!holds(&bytes, secret), "{format} holds a password");
        }
    }
}

#[test]
fn a_tenant_of_django_is_exported_in_every_format() {
    let site = Site::new();
    add_tenants(&site);
    let all: i64 = site.superuser().query_one("SELECT count(*) FROM auth_user", &[]).unwrap().get(0);
    assert_eq!(all, USERS);

    let mut seen = 0;
    for tenant in TENANTS {
        let wanted = user::from_sql(&mut site.superuser(), &format!("tenant_id = '{tenant}'"));
        assert!(wanted.len() > USERS as usize / 4);
        seen += wanted.len();
        check_formats(&site, &mut site.session(Some(tenant)), &wanted);
    }
    assert_eq!(seen as i64, USERS);

    let error = error_of(site.session(None).query("SELECT acct_export_start('users')", &[]));
    assert_eq!(error.sqlstate, "42501");
}

#[test]
fn without_tenants_row_security_decides() {
    let site = Site::new();
    hide_staff(&site);
    let wanted = user::from_sql(&mut site.superuser(), "NOT is_staff");
    assert!(wanted.len() < USERS as usize);
    check_formats(&site, &mut site.session(None), &wanted);

    // Streamed: the same rows, in whatever order the table gives them.
    let lines = site.session(None).query("SELECT acct_export_ndjson('users')", &[]).unwrap();
    let text: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
    let text = text.join("\n");
    assert!(!holds(text.as_bytes(), HASH));
    let mut got = user::from_ndjson(text.as_bytes());
    got.sort_by_key(|user| user.id);
    same("stream", &got, &wanted);
}

#[test]
fn the_password_is_barred_without_anyone_saying_so() {
    let site = Site::new();
    add_tenants(&site);
    let mut client = site.session(Some(TENANTS[0]));
    let fields = client
        .query("SELECT field, barred, is_default FROM acct_export_fields WHERE dataset = 'users'", &[])
        .unwrap();
    let barred: Vec<&str> = fields
        .iter()
        .filter(|row| row.get::<_, Option<&str>>("barred").is_some())
        .map(|row| row.get(0))
        .collect();
    assert_eq!(barred, ["password"]);
    let default: Vec<&str> =
        fields.iter().filter(|row| row.get("is_default")).map(|row| row.get(0)).collect();
    let wanted: Vec<&str> = user::FIELDS.into_iter().chain(["tenant_id"]).collect();
    assert_eq!(default, wanted);

    for refused in [
        "SELECT acct_export_start('users', fields => '{username,password}')::text",
        "SELECT acct_export_start('users', filter => '{\"password\": {\"sw\": \"pbkdf2\"}}')::text",
        "SELECT acct_export_start('users', filter => '{\"not\": {\"password\": null}}')::text",
        "SELECT acct_export_ndjson('users', fields => '{password}')",
        "SELECT acct_export_csv('users', filter => '{\"or\": [{\"password\": \"!\"}, {\"id\": 1}]}')",
    ] {
        let error = error_of(client.query(refused, &[]));
        assert_eq!(error.sqlstate, "42501", "{refused}: {error:?}");
        assert!(error.message.contains("password"), "{refused}: {error:?}");
    }
    let superuser = &mut site.superuser();
    for refused in [
        "SELECT acct_export_set_field('users', 'password', is_default => true)",
        "SELECT acct_export_register('hashes', 'auth_user', key => 'password')",
    ] {
        let error = error_of(superuser.batch_execute(refused));
        assert_eq!(error.sqlstate, "42501", "{refused}: {error:?}");
    }
}

#[test]
fn a_view_cannot_rename_the_password() {
    let site = Site::new();
    let superuser = &mut site.superuser();
    superuser
        .batch_execute(
            "CREATE VIEW people WITH (security_invoker = true) AS
                SELECT id, username, upper(substr(password, 15)) AS remark FROM auth_user",
        )
        .unwrap();
    superuser.batch_execute("SELECT acct_export_register('people', 'people', key => 'id')").unwrap();
    let barred: String = superuser
        .query_one("SELECT barred FROM acct_export_fields WHERE dataset = 'people' AND field = 'remark'", &[])
        .unwrap()
        .get(0);
    assert!(barred.contains("auth_user.password"), "{barred}");
    let error = error_of(superuser.query("SELECT acct_export_csv('people', fields => '{remark}')", &[]));
    assert_eq!(error.sqlstate, "42501", "{error:?}");
}

#[test]
fn users_with_their_groups_through_a_view() {
    let site = Site::new();
    add_tenants(&site);
    site.superuser()
        .batch_execute(
            "CREATE VIEW people WITH (security_invoker = true) AS
                SELECT u.id, u.username, u.email, u.date_joined, u.tenant_id,
                       array_agg(g.name ORDER BY g.name) FILTER (WHERE g.name IS NOT NULL) AS groups
                FROM auth_user AS u
                LEFT JOIN auth_user_groups AS m ON m.user_id = u.id
                LEFT JOIN auth_group AS g ON g.id = m.group_id
                GROUP BY u.id;
             -- Membership has no tenant of its own: it is the user's. Groups are the same for all.
             ALTER TABLE auth_user_groups ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON auth_user_groups USING (EXISTS (SELECT FROM auth_user AS u WHERE u.id = user_id));
             ALTER TABLE auth_group ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY everybody ON auth_group USING (true);",
        )
        .unwrap();
    let role = &site.role;
    site.superuser()
        .batch_execute(&format!(
            "GRANT SELECT ON people TO {role};
             SELECT acct_export_register('people', 'people', key => 'id', tenant_column => 'tenant_id',
                created_column => 'date_joined')"
        ))
        .unwrap();
    let sql = format!(
        "SELECT jsonb_build_object('id', u.id, 'username', username, 'groups',
                (SELECT jsonb_agg(g.name ORDER BY g.name)
                 FROM auth_group g JOIN auth_user_groups m ON m.group_id = g.id WHERE m.user_id = u.id))
         FROM auth_user AS u WHERE tenant_id = '{}' ORDER BY u.id",
        TENANTS[1]
    );
    let rows = site.superuser().query(&sql, &[]).unwrap();
    let wanted: Vec<Value> = rows.iter().map(|row| row.get(0)).collect();
    assert!(wanted.iter().any(|row| row["groups"].as_array().is_some_and(|groups| groups.len() == 2)));

    let mut client = site.session(Some(TENANTS[1]));
    let file = export(&mut client, "'people', 'json', fields => '{id,username,groups}'", wanted.len());
    let got: Vec<Value> = serde_json::from_slice(&file).unwrap();
    for (got, wanted) in got.iter().zip(&wanted) {
        assert_eq!(got, wanted);
    }
}
