//! The extent of declarations and names: up and down inheritance trees, to the reason that an exemption was made for, to
//! keys in any script; and that a source which fails when its key is looked at leaves the session whole.

use postgres::Client;
use support::asking::{column, refusal, text, version};
use support::common::{shared, TwoTenants, SECRET};

fn barred(client: &mut Client, dataset: &str) -> Vec<String> {
    let sql = format!(
        "SELECT field FROM acct_export_fields WHERE dataset = '{dataset}' AND barred IS NOT NULL ORDER BY field"
    );
    column(client, &sql)
}

/// A secret of a partition or a child is one of the table above, and the other way round.
#[test]
fn tables_of_an_inheritance_tree_share_their_secrets() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    // From PostgreSQL 16 on a child's column is generated only where the parent's is, but by another expression.
    let parents = match version(&mut superuser) {
        15 => "",
        _ => " GENERATED ALWAYS AS (upper(title)) STORED",
    };
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.par (id int PRIMARY KEY, title text, note text{parents}, password_hash text);
             CREATE TABLE app.chi (note text GENERATED ALWAYS AS (password_hash) STORED) INHERITS (app.par);
             CREATE TABLE app.same (id int PRIMARY KEY, title text, loud text GENERATED ALWAYS AS (upper(title)) STORED);
             CREATE TABLE app.same_below () INHERITS (app.same);
             CREATE TABLE app.pp (id int PRIMARY KEY, note text, other text) PARTITION BY RANGE (id);
             CREATE TABLE app.pp1 PARTITION OF app.pp DEFAULT;
             SELECT acct_export_secret_column('app.pp', 'note', 'above');
             SELECT acct_export_secret_column('app.pp1', 'other', 'below');
             SELECT acct_export_register('par', 'app.par', 'id');
             SELECT acct_export_register('same', 'app.same', 'id');
             SELECT acct_export_register('pp', 'app.pp', 'id');
             SELECT acct_export_register('pp1', 'app.pp1', 'id')"
        ))
        .unwrap();
    assert_eq!(barred(&mut superuser, "par"), ["note", "password_hash"]);
    assert_eq!(barred(&mut superuser, "same"), Vec::<String>::new());
    assert_eq!(barred(&mut superuser, "pp"), ["note", "other"]);
    assert_eq!(barred(&mut superuser, "pp1"), ["note", "other"]);
}

/// An exemption sets aside one reason: a view that is replaced by one with another secret is barred again.
#[test]
fn an_exemption_lifts_one_reason() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    let view = |value: &str| {
        format!("CREATE OR REPLACE VIEW app.v WITH (security_invoker) AS SELECT id, {value} AS handle FROM app.users")
    };
    superuser.batch_execute(&view("lower(custom ->> 'department')")).unwrap();
    superuser.batch_execute("SELECT acct_export_register('v', 'app.v', 'id')").unwrap();
    assert_eq!(barred(&mut superuser, "v"), ["handle"]);
    superuser.batch_execute("SELECT acct_export_exempt_column('app.v', 'handle', 'a plain word')").unwrap();
    assert_eq!(barred(&mut superuser, "v"), Vec::<String>::new());
    superuser.batch_execute(&view("lower(password_hash)")).unwrap();
    assert_eq!(barred(&mut superuser, "v"), ["handle"]);
    let error = refusal(&mut superuser, "SELECT acct_export_csv('v', fields => '{handle}')");
    assert!(error.sqlstate == "42501" && !error.message.contains(SECRET), "{error:?}");
    let error = refusal(&mut superuser, "SELECT acct_export_exempt_column('app.users', 'email', 'needless')");
    assert_eq!(error.sqlstate, "22023", "{error:?}");
}

#[test]
fn keys_are_read_in_any_script() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "SELECT acct_export_secret_name('пароль', 'that is what it means');
             CREATE VIEW app.v WITH (security_invoker) AS
                SELECT id, custom ->> 'contraseña' AS a, custom ->> 'пароль' AS b, custom ->> 'größe' AS c FROM app.users;
             SELECT acct_export_register('v', 'app.v', 'id')",
        )
        .unwrap();
    assert_eq!(barred(&mut superuser, "v"), ["a", "b"]);
}

#[test]
fn a_source_that_fails_leaves_the_session_whole() {
    let app = TwoTenants::create(shared(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE VIEW app.v WITH (security_invoker) AS SELECT id + (1 / (id - id))::int AS id, email FROM app.users;
             BEGIN; SET LOCAL app.mark = 'kept'; CREATE TEMP TABLE mine (n int);
             SELECT acct_export_register('v', 'app.v', 'id');
             INSERT INTO mine VALUES (1)",
        )
        .unwrap();
    let state = "SELECT current_setting('app.mark') || current_user || count(*) FROM mine";
    assert_eq!(text(&mut superuser, state).as_deref(), Some("keptpostgres1"));
    superuser.batch_execute("COMMIT").unwrap();
    assert!(!shared().log().contains("reference leak"));
}
