//! Saved exports: who may start, see and drop them, and what changes under them.

use postgres::Client;
use support::asking::{column, exported, file, refused, text};
use support::common::{shared, unique, wait_for_job, TwoTenants};

fn saved(client: &mut Client, arguments: &str) {
    let sql = format!("SELECT acct_export_save({arguments})");
    client.batch_execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// The file of a saved export that is started now.
fn started(client: &mut Client, arguments: &str) -> Vec<u8> {
    let job = text(client, &format!("SELECT acct_export_start_saved({arguments})::text")).unwrap();
    assert_eq!(wait_for_job(client, &job).get::<_, &str>("status"), "completed", "{arguments}");
    file(client, &job)
}

#[test]
fn one_is_started_again_and_again() {
    let app = TwoTenants::with_users(shared(), 12);
    let mut client = app.session(&app.login, 0);
    let arguments = r#"'users', 'csv', filter => '{"id": {"lt": 12}}', fields => '{id,email}', options => '{"order": ["id desc"]}'"#;
    saved(&mut client, &format!("'few', {arguments}, reason => 'weekly'"));
    for _ in 0..2 {
        let bytes = started(&mut client, "'few'");
        assert!(bytes == exported(&mut client, &format!("{arguments}, reason => gen_random_uuid()::text")));
    }
    let shown = column(
        &mut client,
        "SELECT concat_ws(' ', name, dataset, format, owner, tenant, last_status, request->>'reason') FROM acct_export_saved",
    );
    assert_eq!(shown, [format!("few users csv {} {} completed weekly", app.login, app.tenants[0])]);
    let job =
        text(&mut client, "SELECT acct_export_start_saved('few', reason => 'asked for')::text").unwrap();
    wait_for_job(&mut client, &job);
    let reason = format!("SELECT acct_export_job('{job}')->'request'->>'reason'");
    assert_eq!(text(&mut client, &reason).as_deref(), Some("asked for"));
    // New rows are in it.
    app.superuser()
        .batch_execute(
            "UPDATE app.users SET email = 'new@example.org' WHERE id = (SELECT min(id) FROM app.users)",
        )
        .unwrap();
    let tenants = [0, 1].map(|tenant| app.session(&app.login, tenant));
    let found = tenants.into_iter().any(|mut client| {
        let rows = exported(&mut client, &format!("{arguments}, reason => 'now'"));
        String::from_utf8(rows).unwrap().contains("new@example.org")
    });
    assert!(found);
}

#[test]
fn names_are_a_roles_own() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut client = app.session(&app.login, 0);
    saved(&mut client, "'all', 'users', 'csv'");
    refused(&mut client, "SELECT acct_export_save('all', 'users', 'json')", "42710", "\"all\"", "replace");
    saved(&mut client, "'all', 'users', 'json', replace => true");
    assert_eq!(column(&mut client, "SELECT format FROM acct_export_saved"), ["json"]);
    // Another tenant has names of its own, and sees and starts none of the first one's.
    let mut other = app.session(&app.login, 1);
    assert_eq!(column(&mut other, "SELECT name FROM acct_export_saved"), Vec::<String>::new());
    for call in
        ["acct_export_start_saved('all')", "acct_export_drop_saved('all')", "acct_export_start_saved('none')"]
    {
        refused(&mut other, &format!("SELECT {call}"), "P0002", "saved export", "acct_export_saved");
    }
    saved(&mut other, "'all', 'users', 'csv'");
    assert_eq!(column(&mut other, "SELECT format FROM acct_export_saved"), ["csv"]);
    // Another role sees none, a member of the first does, a superuser sees all.
    let mut stranger = app.session(&app.nologin, 0);
    assert_eq!(column(&mut stranger, "SELECT name FROM acct_export_saved"), Vec::<String>::new());
    refused(
        &mut stranger,
        "SELECT acct_export_start_saved('all')",
        "P0002",
        "saved export \"all\" does not exist",
        "",
    );
    assert_eq!(
        column(&mut app.superuser(), "SELECT format FROM acct_export_saved ORDER BY format"),
        ["csv", "json"]
    );
    let member = unique("member");
    app.superuser()
        .batch_execute(&format!("CREATE ROLE {member} LOGIN; GRANT {} TO {member}", app.login))
        .unwrap();
    let mut member = app.session(&member, 0);
    assert_eq!(column(&mut member, "SELECT name FROM acct_export_saved"), ["all"]);
    assert!(!started(&mut member, "'all'").is_empty());
    member.batch_execute("SELECT acct_export_drop_saved('all')").unwrap();
    assert_eq!(column(&mut client, "SELECT name FROM acct_export_saved"), Vec::<String>::new());
    let told = column(
        &mut app.superuser(),
        "SELECT event FROM acct_export_audit WHERE event LIKE '%saved%' ORDER BY id",
    );
    let event = |name: &str| format!("user.bulk_export.{name}");
    assert_eq!(told, [event("saved"), event("saved"), event("saved"), event("saved_dropped")]);
}

#[test]
fn what_changed_is_told_at_each_start() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut client = app.session(&app.login, 0);
    saved(&mut client, "'mails', 'users', 'csv', fields => '{id,email}'");
    let mut superuser = app.superuser();
    superuser.batch_execute("SELECT acct_export_secret_column('app.users', 'email', 'private now')").unwrap();
    refused(&mut client, "SELECT acct_export_start_saved('mails')", "42501", "\"email\"", "");
    superuser.batch_execute("SELECT acct_export_unregister('users')").unwrap();
    for _ in 0..2 {
        refused(&mut client, "SELECT acct_export_start_saved('mails')", "22023", "\"users\"", "");
    }
    // Nothing that could not be started is saved.
    for (arguments, sqlstate, named) in [
        ("'x', 'nothing'", "22023", "nothing"),
        ("'', 'users'", "22023", "name"),
        ("NULL, 'users'", "22023", "name"),
        ("E'a\\nb', 'users'", "22023", "name"),
        ("repeat('x', 201), 'users'", "22023", "name"),
    ] {
        app.register(&mut superuser);
        refused(&mut client, &format!("SELECT acct_export_save({arguments})"), sqlstate, named, "");
        superuser.batch_execute("SELECT acct_export_unregister('users')").unwrap();
    }
    let mut reader = app.session(&app.login, 0);
    reader.batch_execute("SET default_transaction_read_only = on").unwrap();
    app.register(&mut superuser);
    refused(&mut reader, "SELECT acct_export_save('x', 'users')", "25006", "save an export", "");
}

#[test]
fn companions_columns_and_rights_that_are_gone() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.notes (id int PRIMARY KEY, tenant_id uuid, note text);
             ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON app.notes USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
             GRANT SELECT ON app.notes TO {login};
             SELECT acct_export_register('notes', 'app.notes', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_set_companion('users', 'notes')",
            login = app.login
        ))
        .unwrap();
    saved(&mut client, "'both', 'users', 'csv', include => '{notes}'");
    saved(&mut client, "'phones', 'users', 'csv', fields => '{id,phone}'");
    started(&mut client, "'both'");
    let mut refuse = |client: &mut Client, change: &str, name: &str, sqlstate: &str, named: &str| {
        superuser.batch_execute(change).unwrap();
        for _ in 0..2 {
            let start = format!("SELECT acct_export_start_saved('{name}')");
            refused(client, &start, sqlstate, named, "");
        }
    };
    let revoke = format!("REVOKE SELECT ON app.notes FROM {}", app.login);
    refuse(&mut client, &revoke, "both", "42501", "notes");
    let grant = format!("GRANT SELECT ON app.notes TO {}; SELECT acct_export_unregister('notes')", app.login);
    refuse(&mut client, &grant, "both", "22023", "notes");
    let drop = "ALTER TABLE app.users DROP COLUMN phone; SELECT count(*) FROM acct_export_refresh('users')";
    refuse(&mut client, drop, "phones", "22023", "phone");
    let policy = "SELECT acct_export_set_policy('users', require_filter => '{status}')";
    saved(&mut client, "'ids', 'users', 'csv', fields => '{id}'");
    refuse(&mut client, policy, "ids", "22023", "status");
}
