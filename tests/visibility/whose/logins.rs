//! Two logins that take on one role: they see each other's jobs, unless the rows depend on who has logged in.

use postgres::Client;
use support::asking::{column, completed, every_use_of, file, objects, refused};
use support::common::{shared, unique};

/// A role that two logins are members of, and a table whose policy or view reads the login in some way.
struct Team {
    db: String,
    team: String,
    logins: [String; 2],
}

impl Team {
    fn create(made: &str) -> Team {
        let this = Team {
            db: shared().create_database_with_extension("logins"),
            team: unique("team"),
            logins: [unique("anna"), unique("ben")],
        };
        let (team, [anna, ben]) = (&this.team, &this.logins);
        this.superuser()
            .batch_execute(&format!(
                "CREATE ROLE {team}; CREATE ROLE {anna} LOGIN IN ROLE {team}; CREATE ROLE {ben} LOGIN IN ROLE {team};
                 CREATE TABLE rows (id int PRIMARY KEY, owner text NOT NULL);
                 INSERT INTO rows SELECT n, (ARRAY['{anna}', '{ben}'])[1 + n % 2] FROM generate_series(1, 6) AS n;
                 {made};
                 GRANT SELECT ON ALL TABLES IN SCHEMA public TO {team};
                 SELECT acct_export_register('rows', coalesce(to_regclass('seen'), 'rows'), 'id')"
            ))
            .unwrap_or_else(|error| panic!("{made}: {error:?}"));
        this
    }

    fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    fn session(&self, login: usize) -> Client {
        let mut client = shared().connect(&self.db, &self.logins[login]);
        client.batch_execute(&format!("SET ROLE {}", self.team)).unwrap();
        client
    }
}

const POLICY: &str = "ALTER TABLE rows ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON rows USING";

#[test]
fn jobs_whose_rows_depend_on_the_login_are_of_that_login() {
    let by_function = format!(
        "CREATE FUNCTION me() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN session_user; END'; {POLICY} (owner = me())"
    );
    let by_setting = format!("{POLICY} (owner = current_setting('session_authorization'))");
    let by_body = format!(
        "CREATE FUNCTION me() RETURNS text STABLE BEGIN ATOMIC SELECT session_user::text; END; {POLICY} (owner = me())"
    );
    for made in [
        format!("{POLICY} (owner = session_user)"),
        by_function,
        by_setting,
        by_body,
        "CREATE VIEW seen WITH (security_invoker) AS SELECT id, owner FROM rows WHERE owner = session_user"
            .to_owned(),
        "CREATE VIEW seen WITH (security_invoker) AS SELECT id, owner, owner = SESSION_USER AS own FROM rows"
            .to_owned(),
    ] {
        let team = Team::create(&made);
        let (mut anna, mut ben) = (team.session(0), team.session(1));
        let hers = completed(&mut anna, "'rows', 'ndjson'");
        let rows = objects(&file(&mut anna, &hers));
        assert!(rows.iter().any(|row| row["owner"] == team.logins[0].as_str()), "{made}: {rows:?}");
        for sql in every_use_of(&format!("'{hers}'")) {
            refused(&mut ben, &sql, "P0002", &hers, "acct_export_jobs");
        }
        assert!(!column(&mut ben, "SELECT job_id::text FROM acct_export_jobs").contains(&hers), "{made}");
        // The very same request of the other login is another one.
        assert_ne!(completed(&mut ben, "'rows', 'ndjson'"), hers);
        // As herself, since she is a member of the role; and a superuser.
        for mut client in [shared().connect(&team.db, &team.logins[0]), team.superuser()] {
            assert!(
                column(&mut client, "SELECT job_id::text FROM acct_export_jobs").contains(&hers),
                "{made}"
            );
        }
    }
}

/// Members of a role see its jobs, whoever they log in as.
#[test]
fn other_jobs_are_of_the_role() {
    for made in [
        "SELECT 1".to_owned(),
        format!("{POLICY} (current_user = '{}' OR true)", "team"),
        "CREATE VIEW seen WITH (security_invoker) AS SELECT id, owner AS session_user_name FROM rows"
            .to_owned(),
    ] {
        let team = Team::create(&made);
        let hers = completed(&mut team.session(0), "'rows', 'csv'");
        let mut ben = team.session(1);
        assert!(column(&mut ben, "SELECT job_id::text FROM acct_export_jobs").contains(&hers), "{made}");
        assert!(!file(&mut ben, &hers).is_empty());
    }
}

/// A companion and a dataset that names are looked up in count as well.
#[test]
fn companions_that_depend_on_the_login_count() {
    let team = Team::create("CREATE TABLE notes (id int PRIMARY KEY, owner text)");
    team.superuser()
        .batch_execute(
            "ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON notes USING (owner = session_user);
             SELECT acct_export_register('notes', 'notes', 'id');
             SELECT acct_export_alter('rows', companions => '{notes}')",
        )
        .unwrap();
    let (mut anna, mut ben) = (team.session(0), team.session(1));
    let alone = completed(&mut anna, "'rows', 'csv'");
    let both = completed(&mut anna, "'rows', 'csv', include => '{notes}'");
    let listed = column(&mut ben, "SELECT job_id::text FROM acct_export_jobs");
    assert!(listed.contains(&alone) && !listed.contains(&both), "{listed:?}");
}
