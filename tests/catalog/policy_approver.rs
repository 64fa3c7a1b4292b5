//! The approvers, and requesters who try to approve their own jobs.

use postgres::Client;
use support::approval::{approve, state, Approval};
use support::asking::{column, refused, start, text, wait_for_status};
use support::common::{shared, unique};

/// Refused, and told of; the job still waits.
#[track_caller]
fn not_by(client: &mut Client, job: &str, sqlstate: &str) {
    let error = refused(client, &approve(job), sqlstate, job, "");
    let listed =
        column(client, "SELECT job_id::text FROM acct_export_jobs WHERE status = 'awaiting_approval'");
    if sqlstate == "P0002" {
        assert!(!listed.contains(&job.to_owned()), "{error:?}");
        refused(client, &format!("SELECT acct_export_job('{job}')"), "P0002", job, "");
    }
}

/// The last event of the trail: who was refused what.
fn last_denied(superuser: &mut Client) -> String {
    let sql =
        "SELECT format('%s %s %s', role, detail->>'action', detail->>'error_code') FROM acct_export_audit
                WHERE event = 'user.bulk_export.denied' ORDER BY id DESC LIMIT 1";
    text(superuser, sql).unwrap()
}

#[test]
fn members_of_the_approver_roles_of_the_jobs_tenant() {
    let scene = Approval::above(shared(), 0);
    let (app, mut superuser) = (&scene.app, scene.app.superuser());
    let colleague = unique("colleague");
    superuser.batch_execute(&format!("CREATE ROLE {colleague} LOGIN IN ROLE {}", app.login)).unwrap();
    let job = scene.waiting();
    // Of another tenant, of none, of no approver role.
    not_by(&mut app.session(&scene.officer, 1), &job, "P0002");
    not_by(&mut shared().connect(&app.db, &scene.officer), &job, "P0002");
    not_by(&mut app.session(&app.nologin, 0), &job, "P0002");
    assert_eq!(last_denied(&mut superuser), format!("{} approve P0002", app.nologin));
    // A role that sees the job is told the approver roles.
    let mut colleague_session = app.session(&colleague, 0);
    not_by(&mut colleague_session, &job, "42501");
    let error = refused(&mut colleague_session, &approve(&job), "42501", &colleague, &scene.officers);
    assert!(error.message.contains("may not approve"), "{error:?}");
    assert_eq!(last_denied(&mut superuser), format!("{colleague} approve 42501"));
    assert_eq!(state(&mut scene.requester(), &job), "awaiting_approval");
    scene.approver().batch_execute(&approve(&job)).unwrap();
}

/// Tried: the requester takes on another role, or comes as another one that is theirs.
#[test]
fn never_who_asked_in_whatever_role() {
    let scene = Approval::above(shared(), 0);
    let (app, mut superuser) = (&scene.app, scene.app.superuser());
    let (team, anna, twin) = (unique("team"), unique("anna"), unique("twin"));
    let (officers, officer) = (&scene.officers, &scene.officer);
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {team}; GRANT USAGE ON SCHEMA app TO {team}; GRANT SELECT ON app.users TO {team};
             CREATE ROLE {anna} LOGIN IN ROLE {team}, {officers};
             CREATE ROLE {twin} LOGIN IN ROLE {anna};
             CREATE FUNCTION app.approve(job uuid) RETURNS void LANGUAGE sql SECURITY DEFINER
                 SET search_path = public AS 'SELECT acct_export_approve(job)';
             ALTER FUNCTION app.approve OWNER TO {officer}"
        ))
        .unwrap();
    // As herself, as the role of the approvers, as the team, through a function of an approver's, as a role that is a member
    // of hers; and who is one of the team could have asked as the team.
    for asked_as in [&anna, &team] {
        let mut session = app.session(&anna, 0);
        session.batch_execute(&format!("SET ROLE {asked_as}")).unwrap();
        let job = start(&mut session, "'users', 'csv'");
        wait_for_status(&mut session, &job, "awaiting_approval");
        for acts_as in [&anna, officers] {
            session.batch_execute(&format!("SET ROLE {acts_as}")).unwrap();
            not_by(&mut session, &job, "42501");
        }
        session.batch_execute("RESET ROLE").unwrap();
        refused(&mut session, &format!("SELECT app.approve('{job}')"), "42501", &job, "second person");
        let mut other = app.session(&twin, 0);
        for acts_as in [&twin, &anna, officers] {
            other.batch_execute(&format!("SET ROLE {acts_as}")).unwrap();
            not_by(&mut other, &job, "42501");
        }
        assert_eq!(state(&mut session, &job), "awaiting_approval");
        scene.approver().batch_execute(&approve(&job)).unwrap();
    }
}

/// A session that may be anybody's tells by the role it has taken on.
#[test]
fn a_superusers_session_is_who_it_says() {
    let scene = Approval::above(shared(), 0);
    let mut session = scene.app.superuser();
    let role = |session: &mut Client, role: &str| session.batch_execute(&format!("SET ROLE {role}")).unwrap();
    session.batch_execute(&format!("SET app.tenant_id = '{}'", scene.app.tenants[0])).unwrap();
    role(&mut session, &scene.app.nologin);
    let job = start(&mut session, "'users', 'csv'");
    wait_for_status(&mut session, &job, "awaiting_approval");
    role(&mut session, "NONE");
    not_by(&mut session, &job, "42501");
    role(&mut session, &scene.officer);
    session.batch_execute(&approve(&job)).unwrap();
    // One who asked as superuser takes on nobody's role.
    role(&mut session, "NONE");
    session.batch_execute("SELECT acct_export_register('tenants', 'app.tenants', 'id')").unwrap();
    let policy = format!("'tenants', approve_above => 0, approver_roles => '{{{}}}'", scene.officers);
    session.batch_execute(&format!("SELECT acct_export_set_policy({policy})")).unwrap();
    let job = start(&mut session, "'tenants', 'csv'");
    wait_for_status(&mut session, &job, "awaiting_approval");
    role(&mut session, &scene.officer);
    not_by(&mut session, &job, "42501");
    scene.approver().batch_execute(&approve(&job)).unwrap();
}

#[test]
fn never_the_same_actor() {
    let scene = Approval::above(shared(), 0);
    let (mut requester, mut approver) = (scene.requester(), scene.approver());
    requester.batch_execute("SET app.user_id = 'anna'").unwrap();
    let job = start(&mut requester, "'users', 'csv'");
    wait_for_status(&mut requester, &job, "awaiting_approval");
    approver.batch_execute("SET app.user_id = 'anna'").unwrap();
    not_by(&mut approver, &job, "42501");
    let listed = "SELECT job_id::text FROM acct_export_jobs";
    assert_eq!(column(&mut approver, listed), Vec::<String>::new());
    approver.batch_execute("SET app.user_id = 'otto'").unwrap();
    assert_eq!(column(&mut approver, listed), std::slice::from_ref(&job));
    approver.batch_execute(&approve(&job)).unwrap();
    // Without actors the roles tell.
    let job = scene.waiting();
    approver.batch_execute("RESET app.user_id").unwrap();
    approver.batch_execute(&approve(&job)).unwrap();
}
