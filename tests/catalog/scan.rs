//! `acct_export_scan`: which columns of a schema could be exported, before anything is registered.

use postgres::Client;
use std::time::{Duration, Instant};
use support::asking::{column, refusal, text};
use support::common::{shared, unique};

const SHOP: &str = "
CREATE SCHEMA shop;
CREATE TABLE shop.customers (
    id bigint PRIMARY KEY, email text, \"pаssword\" text, smtp_pw text, password_policy text, session_timeout text,
    profile jsonb, last_seen timestamptz, public_key text, contraseña text);
CREATE TABLE shop.settings (id bigint, name text, value text);
CREATE TABLE shop.notes (id bigint, title text, data text, iv text, tag text);
CREATE TABLE shop.visitor_sessions (id text, visitor bigint, user_agent text);
CREATE TABLE shop.member_invitations (id bigint, code text, email text);
CREATE VIEW shop.people WITH (security_invoker = true) AS
    SELECT id, email, upper(smtp_pw) AS hint, profile AS about FROM shop.customers;
CREATE MATERIALIZED VIEW shop.totals AS SELECT count(*) AS n FROM shop.customers;
CREATE SCHEMA other;
CREATE TABLE other.things (id bigint, api_key text);";

/// `relation.column` and the verdict with its reason, of one schema.
fn scan(client: &mut Client, schema: &str) -> Vec<String> {
    column(
        client,
        &format!(
            "SELECT concat_ws(' ', split_part(relation::text, '.', 2) || '.' || column_name, verdict, '(' || reason || ')')
               FROM acct_export_scan('{schema}')"
        ),
    )
}

fn barred(client: &mut Client, schema: &str) -> Vec<String> {
    column(
        client,
        &format!(
            "SELECT split_part(relation::text, '.', 2) || '.' || column_name FROM acct_export_scan('{schema}')
              WHERE verdict = 'barred' ORDER BY 1"
        ),
    )
}

fn with_shop() -> Client {
    let cluster = shared();
    let mut superuser = cluster.connect(&cluster.create_database_with_extension("scan"), "postgres");
    superuser.batch_execute(SHOP).unwrap();
    superuser
}

#[test]
fn every_column_has_a_verdict_and_a_reason() {
    let mut superuser = with_shop();
    assert_eq!(
        barred(&mut superuser, "shop"),
        [
            "customers.contraseña",
            "customers.pаssword",
            "customers.smtp_pw",
            "member_invitations.code",
            "notes.data",
            "notes.iv",
            "notes.tag",
            "people.hint",
            "totals.n",
            "visitor_sessions.id",
        ]
    );
    let all = scan(&mut superuser, "shop");
    assert_eq!(all.len(), 29);
    for line in [
        "customers.email eligible",
        "customers.profile eligible (secret keys are removed from its documents)",
        "people.about eligible (secret keys are removed from its documents)",
        "settings.value eligible (values are redacted in rows whose \"name\" is the name of a secret)",
        "customers.password_policy eligible",
        "totals.n barred (a materialized view is not subject to row security)",
        "notes.data barred (other columns of its table indicate that it is part of an encrypted value)",
    ] {
        assert!(all.iter().any(|own| own == line), "{line}\n{all:#?}");
    }
    assert!(all.iter().all(|line| !line.contains("barred") || line.contains('(')), "{all:#?}");
}

#[test]
fn the_verdict_is_the_one_of_registration() {
    let mut superuser = with_shop();
    superuser
        .batch_execute(
            "ALTER TABLE shop.visitor_sessions ADD nr bigint UNIQUE NOT NULL;
             ALTER TABLE shop.settings ADD UNIQUE (id), ALTER id SET NOT NULL;
             ALTER TABLE shop.notes ADD UNIQUE (id), ALTER id SET NOT NULL;
             SELECT acct_export_register('customers', 'shop.customers', 'id');
             SELECT acct_export_register('people', 'shop.people', 'id');
             SELECT acct_export_register('settings', 'shop.settings', 'id');
             SELECT acct_export_register('notes', 'shop.notes', 'id');
             SELECT acct_export_register('visitor_sessions', 'shop.visitor_sessions', 'nr');",
        )
        .unwrap();
    let different = column(
        &mut superuser,
        "SELECT s.relation || '.' || s.column_name FROM acct_export_scan('shop') s
           JOIN acct_export_fields f ON f.dataset = split_part(s.relation::text, '.', 2) AND f.field = s.column_name
          WHERE (s.verdict = 'barred') <> (f.barred IS NOT NULL) OR f.barred <> s.reason",
    );
    assert_eq!(different, Vec::<String>::new());
}

#[test]
fn declarations_and_exemptions_count() {
    let mut superuser = with_shop();
    superuser
        .batch_execute(
            "SELECT acct_export_exempt_column('shop.customers', 'smtp_pw', 'a test');
             SELECT acct_export_secret_column('shop.customers', 'email', 'a test');
             SELECT acct_export_secret_name('nickname', 'a test');
             ALTER TABLE shop.customers ADD nickname text;",
        )
        .unwrap();
    let barred = barred(&mut superuser, "shop");
    for name in ["customers.email", "people.email", "customers.nickname"] {
        assert!(barred.iter().any(|own| own == name), "{name} {barred:?}");
    }
    for name in ["customers.smtp_pw", "people.hint"] {
        assert!(!barred.iter().any(|own| own == name), "{name} {barred:?}");
    }
}

#[test]
fn a_role_sees_what_it_owns_and_nothing_else() {
    let mut superuser = with_shop();
    let role = unique("acct_scanner");
    let db = text(&mut superuser, "SELECT current_database()").unwrap();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA shop TO {role}; GRANT SELECT ON shop.customers TO {role};
             ALTER TABLE shop.notes OWNER TO {role};"
        ))
        .unwrap();
    let mut owner = shared().connect(&db, &role);
    let seen = column(&mut owner, "SELECT DISTINCT relation::text FROM acct_export_scan()");
    assert_eq!(seen, ["shop.notes"]);
    let seen = column(
        &mut superuser,
        "SELECT DISTINCT relation::oid::regclass::text FROM acct_export_scan() ORDER BY 1",
    );
    assert!(
        seen.contains(&"other.things".to_owned()) && seen.contains(&"shop.people".to_owned()),
        "{seen:?}"
    );
    assert!(seen.iter().all(|name| name.starts_with("shop.") || name.starts_with("other.")), "{seen:?}");
    let error = refusal(&mut owner, "SELECT * FROM acct_export_scan('nowhere')");
    assert_eq!(
        (error.sqlstate.as_str(), error.message.as_str()),
        ("22023", "schema \"nowhere\" does not exist")
    );
}

#[test]
fn a_thousand_tables_are_scanned_in_seconds() {
    let mut superuser = with_shop();
    superuser
        .batch_execute(
            "CREATE SCHEMA wide;
             DO $$ BEGIN FOR i IN 1..1000 LOOP
                 EXECUTE format('CREATE TABLE wide.t%s (id bigint, name text, email text, api_key text, data jsonb, at date)', i);
             END LOOP; END $$;",
        )
        .unwrap();
    let from = Instant::now();
    assert_eq!(barred(&mut superuser, "wide").len(), 1000);
    // A loaded machine has time enough; a query per column, or a quadratic one, has not.
    assert!(from.elapsed() < Duration::from_secs(60), "{:?}", from.elapsed());
}
