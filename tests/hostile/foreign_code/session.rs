//! A job reads in the session that asked for it: its session user, its current user, its role.

use postgres::Client;

use crate::foreign_code::deeds::forced_parallel;
use support::asking::{column, exported, file, refusal, start, text};
use support::common::{shared, unique, wait_for_job, TwoTenants};

/// People of two regions, of which a login sees its own and everybody sees the `eu`.
struct Regions {
    app: TwoTenants,
    /// Logins that may SET ROLE to `role`, which may read the table.
    a: String,
    b: String,
    role: String,
}

impl Regions {
    fn new() -> Self {
        let app = TwoTenants::create(shared(), 1);
        let (a, b, role) = (unique("acct_a"), unique("acct_b"), unique("acct_role"));
        app.superuser()
            .batch_execute(&format!(
                "CREATE ROLE {role} NOLOGIN; CREATE ROLE {a} LOGIN NOINHERIT; CREATE ROLE {b} LOGIN; GRANT {role} TO {a}, {b};
                 CREATE TABLE app.people (id int PRIMARY KEY, region text);
                 INSERT INTO app.people SELECT i, CASE WHEN i % 2 = 0 THEN 'eu' ELSE 'us' END FROM generate_series(1, 10) AS i;
                 ALTER TABLE app.people ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY mine ON app.people USING (session_user = '{a}' OR region = 'eu');
                 GRANT USAGE ON SCHEMA app TO {role}, {a}, {b}; GRANT SELECT ON app.people TO {role}, {a}, {b};
                 CREATE FUNCTION app.told() RETURNS text LANGUAGE sql STABLE AS
                    $$ SELECT concat_ws(' ', session_user, current_user, current_setting('role'), current_setting('is_superuser')) $$;
                 CREATE VIEW app.whose WITH (security_invoker) AS SELECT 1 AS id, app.told() AS told;
                 SELECT acct_export_clean_function('app.told()', 'a test');
                 GRANT SELECT ON app.whose TO {role}, {a}, {b};
                 SELECT acct_export_register('people', 'app.people', 'id'); SELECT acct_export_register('whose', 'app.whose', 'id')"
            ))
            .unwrap();
        Regions { app, a, b, role }
    }

    /// A session as this user, after these statements.
    fn session(&self, user: &str, setup: &str) -> Client {
        let mut client = shared().connect(&self.app.db, user);
        client.batch_execute(setup).unwrap();
        client
    }
}

fn ids(lines: &[String]) -> Vec<String> {
    let mut ids: Vec<String> =
        lines.iter().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn lines(bytes: &[u8]) -> Vec<String> {
    std::str::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

/// The rows, and what they say of the session, are those of a SELECT, however the session came to be what it is.
#[test]
fn a_job_reads_the_rows_of_a_select() {
    let regions = Regions::new();
    let (a, b, role) = (&regions.a, &regions.b, &regions.role);
    let postgres = "postgres".to_owned();
    let sessions = [
        (a, String::new(), 10),
        (b, String::new(), 5),
        (a, format!("SET ROLE {role}"), 10),
        (b, format!("SET ROLE {role}"), 5),
        (a, format!("SET ROLE {a}"), 10),
        (a, "SET ROLE NONE".to_owned(), 10),
        (&postgres, format!("SET SESSION AUTHORIZATION {a}"), 10),
        (&postgres, format!("SET SESSION AUTHORIZATION {b}"), 5),
        (&postgres, format!("SET SESSION AUTHORIZATION {a}; SET ROLE {role}"), 10),
        (&postgres, format!("SET SESSION AUTHORIZATION {role}"), 5),
        (&postgres, format!("SET ROLE {a}"), 5),
        (&postgres, format!("SET ROLE {role}"), 5),
    ];
    for mode in ["off", "on"] {
        let db = &regions.app.db;
        let mut superuser = regions.app.superuser();
        let forced = forced_parallel(&mut superuser);
        superuser.batch_execute(&format!("ALTER DATABASE {db} SET {forced} = {mode}")).unwrap();
        for (user, setup, count) in &sessions {
            let mut client = regions.session(user, setup);
            let mut selected = column(&mut client, "SELECT id::text FROM app.people");
            selected.sort();
            assert_eq!(selected.len(), *count, "{user}: {setup}");
            let streamed = ids(&column(&mut client, "SELECT acct_export_csv('people')"));
            let of_job = ids(&lines(&exported(&mut client, "'people', 'csv'")));
            assert_eq!((&streamed, &of_job), (&selected, &selected), "{user}: {setup}");
            let told = text(&mut client, "SELECT told FROM app.whose").unwrap();
            let whose = exported(&mut client, "'whose', 'csv'");
            assert_eq!(lines(&whose)[1], format!("1,{told}"), "{user}: {setup}");
        }
    }
}

/// A SECURITY DEFINER function asks as its owner, in the caller's session, whose login need not be a member of the owner.
#[test]
fn a_definers_function() {
    let regions = Regions::new();
    let (b, owner) = (&regions.b, unique("acct_owner"));
    let mut superuser = regions.app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {owner}; GRANT USAGE ON SCHEMA app TO {owner}; GRANT SELECT ON app.people, app.whose TO {owner};
             CREATE FUNCTION app.ask(dataset text) RETURNS text LANGUAGE sql SECURITY DEFINER AS
                $$ SELECT public.acct_export_start(dataset, 'csv')::text $$;
             CREATE FUNCTION app.selected() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT told FROM app.whose';
             ALTER FUNCTION app.ask(text) OWNER TO {owner}; ALTER FUNCTION app.selected() OWNER TO {owner}"
        ))
        .unwrap();
    for setup in [String::new(), format!("SET ROLE {}", regions.role)] {
        let mut client = regions.session(b, &setup);
        let told = text(&mut client, "SELECT app.selected()").unwrap();
        assert!(told.starts_with(&format!("{b} {owner}")), "{told}");
        let job = text(&mut client, "SELECT app.ask('whose')").unwrap();
        assert_eq!(wait_for_job(&mut superuser, &job).get::<_, &str>("status"), "completed");
        assert_eq!(lines(&file(&mut superuser, &job))[1], format!("1,{told}"));
    }
}

/// A login that is gone, or may not take on the role any more, ends the job; nothing is tried again.
#[test]
fn a_session_that_could_not_be_opened_any_more() {
    let regions = Regions::new();
    let (a, b, role) = (&regions.a, &regions.b, &regions.role);
    let mut superuser = regions.app.superuser();
    // The change is there before the job is.
    let mut client = regions.session(a, &format!("SET ROLE {role}; BEGIN"));
    let job = start(&mut client, "'people', 'csv'");
    superuser.batch_execute(&format!("REVOKE {role} FROM {a}")).unwrap();
    client.batch_execute("COMMIT").unwrap();
    let row = wait_for_job(&mut superuser, &job);
    let (status, code, error): (String, String, String) =
        (row.get("status"), row.get("error_code"), row.get("error"));
    assert_eq!(
        (status.as_str(), code.as_str(), row.get::<_, i32>("attempts")),
        ("failed", "42501", 1),
        "{error}"
    );
    assert!(error.contains(&format!("login \"{a}\" may not set role \"{role}\"")), "{error}");
    superuser.batch_execute(&format!("GRANT {role} TO {a}")).unwrap();

    // The rows depend on the login: another login of the role does not see the job, and its own login retries it.
    let retry = format!("SELECT acct_export_retry('{job}')::text");
    let mut other = regions.session(b, &format!("SET ROLE {role}"));
    assert_eq!(support::asking::refusal(&mut other, &retry).sqlstate, "P0002");
    let mut own = regions.session(a, &format!("SET ROLE {role}"));
    let again = text(&mut own, &retry).unwrap();
    assert_eq!(wait_for_job(&mut own, &again).get::<_, &str>("status"), "completed");
    assert_eq!(ids(&lines(&file(&mut own, &again))).len(), 10);
    let login = "SELECT requested_login::regrole::text FROM acct_export.job WHERE id = $1::text::uuid";
    assert_eq!(superuser.query_one(login, &[&again]).unwrap().get::<_, &str>(0), a);

    // An approval changes nothing about whose it is.
    superuser
        .batch_execute(
            "SELECT acct_export_set_policy('people', approve_above => 1, approver_roles => '{pg_monitor}')",
        )
        .unwrap();
    let mut client = regions.session(a, &format!("SET ROLE {role}"));
    let job = start(&mut client, "'people', 'csv'");
    support::asking::wait_for_status(&mut client, &job, "awaiting_approval");
    let approver = unique("acct_approver");
    superuser
        .batch_execute(&format!("CREATE ROLE {approver} LOGIN; GRANT pg_monitor TO {approver}"))
        .unwrap();
    let mut second = regions.session(&approver, "");
    second.batch_execute(&format!("SELECT acct_export_approve('{job}')")).unwrap();
    assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
    assert_eq!(ids(&lines(&file(&mut client, &job))).len(), 10);
    superuser.batch_execute("SELECT acct_export_set_policy('people')").unwrap();

    let mut client = regions.session(b, &format!("SET ROLE {role}; BEGIN"));
    let job = start(&mut client, "'people', 'csv', fields => '{id}'");
    superuser
        .batch_execute(&format!(
            "REVOKE ALL ON app.people, app.whose FROM {b}; REVOKE ALL ON SCHEMA app FROM {b}; DROP ROLE {b}"
        ))
        .unwrap();
    client.batch_execute("COMMIT").unwrap();
    let row = wait_for_job(&mut superuser, &job);
    let (status, code, error): (String, String, String) =
        (row.get("status"), row.get("error_code"), row.get("error"));
    assert_eq!(
        (status.as_str(), code.as_str(), row.get::<_, i32>("attempts")),
        ("failed", "42501", 1),
        "{error}"
    );
    assert!(
        error.contains(&format!("login \"{b}\"")) && error.contains("does not exist any more"),
        "{error}"
    );
}

/// With a superuser's login behind it, code in the way of the rows becomes nobody else.
#[test]
fn a_superusers_login_gives_nothing_away() {
    let regions = Regions::new();
    let role = &regions.role;
    let mut superuser = regions.app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE SCHEMA own AUTHORIZATION {role}; SET ROLE {role}; CREATE TABLE own.t (id int PRIMARY KEY); INSERT INTO own.t VALUES (1);
             CREATE FUNCTION own.spy() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
             CREATE VIEW own.v WITH (security_invoker) AS SELECT id FROM own.t WHERE own.spy(); SELECT acct_export_register('v', 'own.v', 'id');
             RESET ROLE"
        ))
        .unwrap();
    for deed in [
        "RESET ROLE",
        "SET ROLE NONE",
        "SET ROLE postgres",
        "SET LOCAL ROLE postgres",
        "RESET SESSION AUTHORIZATION",
        "SET SESSION AUTHORIZATION postgres",
        "SELECT set_config('role', 'none', false)",
        "SELECT set_config('session_authorization', 'postgres', true)",
        "SELECT set_config('role', 'postgres', true)",
    ] {
        let body = format!("BEGIN EXECUTE $deed${deed}$deed$; RETURN true; END");
        superuser
            .batch_execute(&format!(
                "SET ROLE {role}; CREATE OR REPLACE FUNCTION own.spy() RETURNS boolean LANGUAGE plpgsql AS $spy${body}$spy$"
            ))
            .unwrap();
        let job = start(&mut superuser, "'v', 'csv'");
        let row = wait_for_job(&mut superuser, &job);
        assert_eq!((row.get("status"), row.get("error_code")), ("failed", "42501"), "{deed}");
        assert_eq!(refusal(&mut superuser, "SELECT acct_export_csv('v')").sqlstate, "42501", "{deed}");
        superuser.batch_execute("RESET ROLE").unwrap();
    }
}
