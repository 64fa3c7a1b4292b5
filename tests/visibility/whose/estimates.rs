//! The estimate of a preview depends only on rows that the requester may read.

use postgres::Client;
use support::asking::{completed, text};
use support::common::{shared, TwoTenants};

fn preview(client: &mut Client, more: &str) -> String {
    let sql = format!(
        "SELECT to_jsonb(p)::text FROM acct_export_preview('users', include_disabled => true{more}) AS p"
    );
    text(client, &sql).unwrap()
}

fn estimated(client: &mut Client, more: &str) -> Option<i64> {
    let sql =
        format!("SELECT rows_estimated FROM acct_export_preview('users', include_disabled => true{more})");
    client.query_one(&sql, &[]).unwrap().get(0)
}

#[test]
fn rows_of_other_tenants_change_nothing() {
    let app = TwoTenants::with_users(shared(), 300);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    let filters = [
        "",
        r#", filter => '{"email": "secret@b.example"}'"#,
        r#", filter => '{"email": {"ge": "m"}}'"#,
        r#", filter => '{"name": {"co": "b"}}'"#,
        r#", filter => '{"id": {"gt": 100}}'"#,
        r#", filter => '{"not": {"status": "active"}}'"#,
        r#", filter => '{"custom.department": "D1"}'"#,
    ];
    let shown = |client: &mut Client| -> Vec<String> {
        filters.iter().map(|filter| preview(client, filter)).collect()
    };
    let before = shown(&mut client);
    let other = &app.tenants[1];
    for change in [
        format!("UPDATE app.users SET email = 'secret@b.example', name = 'b' WHERE tenant_id = '{other}'"),
        format!(
            "INSERT INTO app.users SELECT n, '{other}', 'secret@b.example', 'b', '1', 'active', '{{}}', NULL, now(), now()
               FROM generate_series(10000, 40000) AS n"
        ),
        format!("DELETE FROM app.users WHERE tenant_id = '{other}'"),
    ] {
        superuser.batch_execute(&change).unwrap();
        superuser.batch_execute("ANALYZE app.users").unwrap();
        assert_eq!(shown(&mut client), before, "{change}");
    }
    // They are the requester's own, exactly.
    assert_eq!(estimated(&mut client, ""), Some(300));
    assert_eq!(estimated(&mut client, filters[1]), Some(0));
}

/// Above what is counted an earlier export says it, of the same rows and to the same session alone.
#[test]
fn more_rows_than_are_counted() {
    let app = TwoTenants::with_users(shared(), 1);
    app.superuser()
        .batch_execute(&format!(
            "INSERT INTO app.users SELECT n, '{}', 'x', 'x', '1', 'active', '{{}}', NULL, now(), now()
               FROM generate_series(10000, 109999) AS n; ANALYZE app.users",
            app.tenants[0]
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let all = r#", filter => '{"id": {"gt": 0}}'"#;
    assert_eq!(estimated(&mut client, r#", filter => '{"id": {"gt": 10001}}'"#), Some(99_998));
    assert_eq!(estimated(&mut client, all), None);
    completed(&mut client, &format!("'users', 'csv', include_disabled => true{all}"));
    assert_eq!(estimated(&mut client, all), Some(100_001));
    assert_eq!(estimated(&mut client, &format!("{all}, fields => '{{id}}'")), Some(100_001));
    assert_eq!(estimated(&mut client, ""), None);
    let mut other = app.session(&app.nologin, 0);
    assert_eq!(estimated(&mut other, all), None);
}
