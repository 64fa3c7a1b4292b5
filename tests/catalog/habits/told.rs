//! A value that will always be refused is reported at registration, and again by `acct_export_advice`; NULL for an argument is its
//! default; `{*}` is all of it.

use crate::habits::{run, told};
use support::asking::{column, completed, objects, refusal, refused, text};
use support::common::{shared, unique, TwoTenants};

const REGISTER: &str =
    "SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', replace => true)";

#[test]
fn what_is_always_refused_is_warned_of() {
    let app = TwoTenants::create(shared(), 1);
    let (mut superuser, owner) = (app.superuser(), unique("owner"));
    run(&mut superuser, &format!("CREATE ROLE {owner}; ALTER TABLE app.users OWNER TO {owner}"));
    let login = &app.login;
    let grants = format!("app.users TO {login}, {}", app.nologin);
    for (breaking, warned, mending) in [
        (
            "ALTER TABLE app.users DISABLE ROW LEVEL SECURITY".to_owned(),
            "row security is not enabled on table app.users",
            "ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;".to_owned(),
        ),
        (
            "ALTER TABLE app.users NO FORCE ROW LEVEL SECURITY".to_owned(),
            "row security of table app.users is not forced",
            "ALTER TABLE app.users FORCE ROW LEVEL SECURITY;".to_owned(),
        ),
        (
            format!("REVOKE SELECT ON {}", grants.replace(" TO ", " FROM ")),
            "only the owner has SELECT on app.users",
            "GRANT SELECT ON app.users TO ".to_owned(),
        ),
    ] {
        assert!(!told(&app, REGISTER).contains(warned));
        run(&mut superuser, &breaking);
        let found = told(&app, REGISTER);
        assert!(found.contains(&format!("WARNING:  01000: {warned}")) && found.contains(&mending), "{found}");
        assert!(told(&app, "SELECT acct_export_alter('users', title => 'x')").contains(warned));
        let advice = column(&mut superuser, "SELECT advice FROM acct_export_advice('users')");
        assert!(advice.iter().any(|advice| advice.contains(warned)), "{advice:?}");
        let statement =
            if mending.starts_with("GRANT") { format!("GRANT SELECT ON {grants}") } else { mending };
        run(&mut superuser, &statement);
    }
}

#[test]
fn null_is_the_default() {
    let app = TwoTenants::with_users(shared(), 10);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    // Every argument by its name, as a form sends them.
    let nulls = "period => NULL, start_date => NULL, end_date => NULL, period_field => NULL, since => NULL, filter => NULL,
                 include => NULL, include_disabled => NULL, anonymise => NULL, all_tenants => NULL, options => NULL";
    for fields in ["NULL", "'{}'"] {
        for function in ["acct_export_csv", "acct_export_ndjson"] {
            let sql = format!("SELECT {function}('users', fields => {fields}, {nulls})");
            assert_eq!(
                column(&mut client, &sql),
                column(&mut client, &format!("SELECT {function}('users')"))
            );
        }
        let preview =
            format!("SELECT columns::text FROM acct_export_preview('users', fields => {fields}, {nulls})");
        assert_eq!(
            text(&mut client, &preview),
            text(&mut client, "SELECT columns::text FROM acct_export_preview('users')")
        );
        let more = "format => NULL, destination => NULL, notify_email => NULL, reason => NULL";
        let job = completed(&mut client, &format!("'users', fields => {fields}, {nulls}, {more}"));
        let format = format!("SELECT format FROM acct_export_status('{job}')");
        assert_eq!(text(&mut client, &format).as_deref(), Some("xlsx"));
        for file in
            [format!("acct_export_file('{job}', NULL)"), format!("acct_export_file('{job}', file => NULL)")]
        {
            assert!(text(&mut client, &format!("SELECT length({file})::text")).is_some());
        }
        let chunks = format!("SELECT count(*)::text FROM acct_export_chunks('{job}', NULL)");
        assert_eq!(text(&mut client, &chunks).as_deref(), Some("1"));
        assert!(client.query(&format!("SELECT * FROM acct_export_wait('{job}', NULL)"), &[]).is_ok());
    }
    let sql = "CALL acct_export_run('users', NULL, fields => '{}', anonymise => NULL, all_tenants => NULL, options => NULL)";
    run(&mut client, sql);
    run(
        &mut superuser,
        "SELECT acct_export_register('u', 'app.users', 'id', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
         SELECT acct_export_expand('u', 'custom', expand => NULL);
         SELECT acct_export_set_policy('u', NULL, NULL, NULL, NULL, NULL, NULL)",
    );
}

#[test]
fn a_star_is_all_of_it() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    run(
        &mut superuser,
        &format!(
            "SELECT acct_export_set_field('users', 'name', is_default => false, in_group => 'more'),
                    acct_export_set_field('users', 'phone', is_default => false),
                    acct_export_set_field('users', 'custom', is_default => false, in_group => 'further');
             GRANT SELECT ON app.tenants TO {};
             SELECT acct_export_register('tenants', 'app.tenants', 'id');
             SELECT acct_export_set_companion('users', 'tenants')",
            app.login
        ),
    );
    let names = |client: &mut _, arguments: &str| {
        let lines = column(client, &format!("SELECT acct_export_ndjson('users', {arguments})"));
        let first = objects(lines[0].as_bytes()).remove(0);
        first.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let all = [
        "id",
        "tenant_id",
        "email",
        "name",
        "phone",
        "status",
        "custom",
        "tags",
        "created_at",
        "updated_at",
        "last_login",
    ];
    assert_eq!(names(&mut client, "fields => '{*}'"), all);
    let job = completed(&mut client, "'users', 'csv', include => '{*}'");
    let files = format!("SELECT jsonb_array_length(files)::text FROM acct_export_status('{job}')");
    assert_eq!(text(&mut client, &files).as_deref(), Some("2"));
    let bytes = support::asking::file(&mut client, &job);
    let header = String::from_utf8(bytes).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(header, "id,tenant_id,email,status,tags,created_at,updated_at,last_login,name,custom");
}

/// A function that authorizes says in its own words why not; what else it fails with is not told.
#[test]
fn a_refusal_reaches_the_requester_in_its_words() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    run(
        &mut superuser,
        "CREATE FUNCTION app.may(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
            IF request ? 'reason' THEN RETURN true; END IF;
            IF request ->> 'anonymise' = 'true' THEN RAISE EXCEPTION 'S3CR3T of row 7'; END IF;
            RAISE EXCEPTION 'ask the data protection office first' USING ERRCODE = '42501', HINT = 'Give a reason.';
         END $$;
         SELECT acct_export_alter('users', authorize => 'app.may(jsonb)')",
    );
    for sql in [
        "SELECT acct_export_start('users', 'csv')::text",
        "SELECT acct_export_csv('users')",
        "SELECT acct_export_ndjson('users')",
        "SELECT * FROM acct_export_preview('users')",
    ] {
        let error = refused(&mut client, sql, "42501", "", "Give a reason.");
        assert_eq!(error.message, "ask the data protection office first", "{sql}");
    }
    let error = refusal(&mut client, "SELECT acct_export_csv('users', anonymise => true)");
    assert_eq!(error.sqlstate, "42501");
    assert!(!format!("{error:?}").contains("S3CR3T") && error.detail.unwrap().contains("P0001"));
    completed(&mut client, "'users', 'csv', reason => 'asked'");
    // The session goes on as it was.
    assert_eq!(text(&mut client, "SELECT current_user::text"), Some(app.login.clone()));
}
