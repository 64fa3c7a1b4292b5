//! A role that may not know of a dataset gets the answer for one that does not exist.

use support::asking::{column, refusal, refused, start};
use support::common::{shared, unique, TwoTenants};

/// Every function that takes a dataset, for the one named DATASET.
const CALLS: &[&str] = &[
    "SELECT acct_export_start('DATASET')",
    "SELECT acct_export_start('DATASET', 'csv', fields => '{password_hash}', filter => '{\"nothing\": 1}')",
    "SELECT acct_export_start('DATASET', 'csv', all_tenants => true)",
    "SELECT acct_export_csv('DATASET')",
    "SELECT acct_export_ndjson('DATASET', filter => '{\"id\": 1}')",
    "SELECT * FROM acct_export_preview('DATASET')",
    "SELECT * FROM acct_export_check_import('DATASET', '\\x00')",
    "SELECT * FROM acct_export_advice('DATASET')",
    "SELECT acct_export_set_field('DATASET', 'id', label => 'x')",
    "SELECT acct_export_set_policy('DATASET', max_rows => 1)",
    "SELECT acct_export_expand('DATASET', 'custom')",
    "SELECT acct_export_set_reference('DATASET', 'id', 'DATASET')",
    "SELECT acct_export_set_reference('mine', 'name', 'DATASET')",
    "SELECT acct_export_alter('DATASET', title => 'x')",
    "SELECT * FROM acct_export_refresh('DATASET')",
    "SELECT acct_export_definition('DATASET')",
    "SELECT * FROM acct_export_check('DATASET')",
    "SELECT acct_export_set_companion('DATASET', 'mine')",
    "SELECT acct_export_unregister('DATASET')",
];

#[test]
fn a_dataset_that_one_may_not_know_does_not_exist() {
    let app = TwoTenants::with_users(shared(), 5);
    let (stranger, officers) = (unique("stranger"), unique("officers"));
    app.superuser()
        .batch_execute(&format!(
            "CREATE ROLE {officers} NOLOGIN; CREATE ROLE {stranger} LOGIN;
             CREATE TABLE app.mine (id int PRIMARY KEY, name text); ALTER TABLE app.mine OWNER TO {stranger};
             GRANT USAGE ON SCHEMA app TO {stranger};
             SELECT acct_export_register('mine', 'app.mine', 'id');
             CREATE TABLE app.officers (id int PRIMARY KEY, custom jsonb);
             SELECT acct_export_register('officers', 'app.officers', 'id', required_roles => '{{{officers}}}');
             CREATE TABLE app.gone (id int PRIMARY KEY, custom jsonb);
             SELECT acct_export_register('gone', 'app.gone', 'id'); DROP TABLE app.gone;
             CREATE TABLE app.leaky_base (id int PRIMARY KEY, custom jsonb);
             SELECT acct_export_register('leaky', 'app.leaky_base', 'id')"
        ))
        .unwrap();
    let mut client = app.session(&stranger, 0);
    for call in CALLS {
        for name in ["users", "officers", "gone", "leaky"] {
            let error = refusal(&mut client, &call.replace("DATASET", name));
            let other = refusal(&mut client, &call.replace("DATASET", "no_such"));
            assert_eq!(error.sqlstate, "22023", "{call} {name}: {error:?}");
            assert_eq!(error.message, format!("unknown dataset \"{name}\""), "{call}");
            assert_eq!(error.message, other.message.replace("no_such", name), "{call}");
            assert_eq!(
                (error.detail, error.hint.as_deref()),
                (other.detail, other.hint.as_deref()),
                "{call}"
            );
            assert_eq!(error.hint.as_deref(), Some("Known datasets: mine."), "{call}");
        }
    }
    // Nor by what it could be named as, or ride along with.
    for companion in ["users", "no_such"] {
        let sql =
            format!("SELECT acct_export_register('own', 'app.mine', 'id', companions => '{{{companion}}}')");
        let error = refused(&mut client, &sql, "22023", companion, "Register the companions first");
        assert!(error.message.ends_with("is not a registered dataset"), "{error:?}");
    }
    // The audit trail has the attempts, with the true reason.
    let denied = column(
        &mut app.superuser(),
        &format!(
            "SELECT DISTINCT concat_ws(' ', dataset, detail->>'action', detail->>'error_code') FROM acct_export_audit
              WHERE event LIKE '%.denied' AND role = '{stranger}' AND dataset IN ('users', 'officers') ORDER BY 1"
        ),
    );
    let actions = ["check_import", "preview", "start", "stream"];
    let wanted =
        ["officers", "users"].iter().flat_map(|name| actions.map(|action| format!("{name} {action} 42501")));
    assert_eq!(denied, wanted.collect::<Vec<_>>());
    let unknown =
        column(&mut app.superuser(), "SELECT id::text FROM acct_export_audit WHERE dataset = 'no_such'");
    assert_eq!(unknown, Vec::<String>::new());
}

/// A role with SELECT or with the required roles gets an error that names the missing right.
#[test]
fn who_has_a_part_of_the_rights_is_told_the_rest() {
    let app = TwoTenants::with_users(shared(), 5);
    let (officers, officer, reader) = (unique("officers"), unique("officer"), unique("reader"));
    app.superuser()
        .batch_execute(&format!(
            "CREATE ROLE {officers} NOLOGIN; CREATE ROLE {officer} LOGIN IN ROLE {officers}; CREATE ROLE {reader} LOGIN;
             GRANT USAGE ON SCHEMA app TO {reader}; GRANT SELECT (id) ON app.users TO {reader};
             SELECT acct_export_unregister('users');
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', required_roles => '{{{officers}}}')"
        ))
        .unwrap();
    for call in ["SELECT acct_export_start('users')", "SELECT acct_export_csv('users')"] {
        refused(&mut app.session(&officer, 0), call, "42501", "app.users", "SELECT");
        refused(&mut app.session(&reader, 0), call, "42501", "users", &officers);
    }
}

/// A job's requester knew of the dataset: what is missing by the time that it runs is told.
#[test]
fn a_job_tells_what_was_lost() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("BEGIN").unwrap();
    let job = start(&mut client, "'users', 'csv'");
    app.superuser().batch_execute(&format!("REVOKE ALL ON app.users FROM {}", app.login)).unwrap();
    client.batch_execute("COMMIT").unwrap();
    let row = support::common::wait_for_job(&mut client, &job);
    assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some("42501"));
    let again = refusal(&mut client, &format!("SELECT acct_export_retry('{job}')"));
    assert_eq!(again.sqlstate, "42501", "{again:?}");
}
