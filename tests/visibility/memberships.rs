//! Memberships from PostgreSQL 16 on: a grant WITH INHERIT FALSE, SET FALSE, and the one that CREATEROLE gets of a role that it makes,
//! give no right.

use postgres::Client;
use support::approval::{approve, Approval};
use support::asking::{completed, every_use_of, refusal, refused, start, text, version, wait_for_status};
use support::common::{error_of, shared, unique, TwoTenants};

/// Members of a role, by the options of their grants; true where these let them act as the role.
struct Members(Vec<(String, bool)>);

impl Members {
    fn of(superuser: &mut Client, role: &str) -> Members {
        let mut all = vec![("IN ROLE", true), ("NOINHERIT IN ROLE", true)];
        if version(superuser) >= 16 {
            all.extend([
                ("INHERIT TRUE, SET FALSE", true),
                ("INHERIT FALSE, SET TRUE", true),
                ("INHERIT FALSE, SET FALSE", false),
                ("ADMIN TRUE, INHERIT FALSE, SET FALSE", false),
            ]);
        }
        let made = all.into_iter().map(|(options, may)| {
            let member = unique("member");
            let statement = if options.ends_with("IN ROLE") {
                format!("CREATE ROLE {member} LOGIN {options} {role}")
            } else {
                format!("CREATE ROLE {member} LOGIN; GRANT {role} TO {member} WITH {options}")
            };
            superuser.batch_execute(&statement).unwrap();
            (member, may)
        });
        Members(made.collect())
    }
}

#[test]
fn required_roles_are_held_by_those_who_may_act_as_them() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    let required = unique("exporters");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {required}; SELECT acct_export_alter('users', required_roles => '{{{required}}}')"
        ))
        .unwrap();
    for (member, may) in Members::of(&mut superuser, &required).0 {
        superuser
            .batch_execute(&format!(
                "GRANT USAGE ON SCHEMA app TO {member}; GRANT SELECT ON app.users TO {member}"
            ))
            .unwrap();
        let mut client = app.session(&member, 0);
        if may {
            completed(&mut client, "'users', 'csv'");
            continue;
        }
        for sql in ["SELECT acct_export_start('users', 'csv')", "SELECT acct_export_csv('users')"] {
            assert_eq!(refusal(&mut client, sql).sqlstate, "42501", "{sql}");
        }
        let check = "SELECT ok::text FROM acct_export_check('users') WHERE check_name = 'required_roles'";
        assert_ne!(text(&mut client, check).as_deref(), Some("true"));
    }
}

#[test]
fn jobs_are_seen_by_those_who_may_act_as_the_requester() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    let job = completed(&mut app.session(&app.login, 0), "'users', 'csv'");
    for (member, may) in Members::of(&mut superuser, &app.login).0 {
        let mut client = app.session(&member, 0);
        let found = client.query("SELECT FROM acct_export_jobs WHERE job_id::text = $1", &[&job]).unwrap();
        assert_eq!(found.len(), usize::from(may), "{member}");
        if !may {
            for sql in every_use_of(&format!("'{job}'")) {
                refused(&mut client, &sql, "P0002", &job, "acct_export_jobs");
            }
        }
    }
}

/// A role that may create roles sees nothing of those that it has made.
#[test]
fn who_makes_a_role_does_not_see_its_jobs() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    if version(&mut superuser) < 16 {
        return;
    }
    let (creator, made) = (unique("creator"), unique("made"));
    superuser.batch_execute(&format!("CREATE ROLE {creator} LOGIN CREATEROLE")).unwrap();
    app.session(&creator, 0).batch_execute(&format!("CREATE ROLE {made} LOGIN")).unwrap();
    superuser
        .batch_execute(&format!("GRANT USAGE ON SCHEMA app TO {made}; GRANT SELECT ON app.users TO {made}"))
        .unwrap();
    let job = completed(&mut app.session(&made, 0), "'users', 'csv'");
    let mut client = app.session(&creator, 0);
    for sql in every_use_of(&format!("'{job}'")) {
        refused(&mut client, &sql, "P0002", &job, "acct_export_jobs");
    }
    // It can give itself the role, which is a statement of its own.
    client.batch_execute(&format!("GRANT {made} TO {creator} WITH SET TRUE")).unwrap();
    assert!(text(&mut client, &format!("SELECT acct_export_job('{job}')::text")).is_some());
}

/// A grant that gives no right to approve still makes its holder a member of the requester.
#[test]
fn approvers_act_as_the_approver_role_and_are_no_members_of_the_requester() {
    let scene = Approval::above(shared(), 0);
    let (app, mut superuser) = (&scene.app, scene.app.superuser());
    for (member, may) in Members::of(&mut superuser, &scene.officers).0 {
        let job = start(&mut scene.requester(), "'users', 'csv'");
        wait_for_status(&mut scene.requester(), &job, "awaiting_approval");
        let mut client = app.session(&member, 0);
        let tried = client.batch_execute(&approve(&job));
        assert_eq!(tried.is_ok(), may, "{member}: {tried:?}");
        if !may {
            scene.approver().batch_execute(&approve(&job)).unwrap();
        }
        support::common::wait_for_job(&mut scene.requester(), &job);
    }
    // However a member of the requester was made one.
    for (member, _) in Members::of(&mut superuser, &app.login).0 {
        superuser.batch_execute(&format!("GRANT {} TO {member}", scene.officers)).unwrap();
        let job = start(&mut scene.requester(), "'users', 'csv'");
        wait_for_status(&mut scene.requester(), &job, "awaiting_approval");
        let error = error_of(app.session(&member, 0).batch_execute(&approve(&job)));
        assert_eq!(error.sqlstate, "42501", "{member}: {error:?}");
        scene.approver().batch_execute(&approve(&job)).unwrap();
        support::common::wait_for_job(&mut scene.requester(), &job);
    }
}
