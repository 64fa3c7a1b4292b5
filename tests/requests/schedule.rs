//! Schedules of saved exports: who sets them, when and as whom they start an export, and what disables them.

use postgres::Client;
use support::asking::{column, file, refused, text};
use support::common::{unique, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{self, wait_until_idle, Hold, Phase, LIMIT};
use support::told::{assert_whole, detail, only, told};
use support::PerSuite;

/// A server without a launcher: nothing is started unless a test calls for it.
fn server() -> &'static Cluster {
    static SERVER: PerSuite<Cluster> = PerSuite::new();
    SERVER.get_or_init(|| Cluster::start(ClusterOptions::default()))
}

/// Saves an export of `users` and has it started at three o'clock.
#[track_caller]
fn scheduled(client: &mut Client, name: &str, more: &str) {
    client
        .batch_execute(&format!(
            "SELECT acct_export_save('{name}', 'users', 'csv'{more}); SELECT acct_export_schedule('{name}', '0 3 * * *', 'Europe/Berlin')"
        ))
        .unwrap();
}

/// Makes all schedules due, as if their time had come two hours ago.
fn make_due(superuser: &mut Client) {
    // A worker that has just started would look at schedules as well.
    wait_until_idle(superuser);
    set_due(superuser);
}

fn set_due(superuser: &mut Client) {
    superuser
        .batch_execute("UPDATE acct_export.saved SET next_run_at = now() - interval '2 hours' WHERE enabled")
        .unwrap();
}

#[track_caller]
fn run_due(client: &mut Client) -> i32 {
    client.query_one("SELECT acct_export_run_due()", &[]).unwrap().get(0)
}

#[track_caller]
fn last_job(superuser: &mut Client, name: &str) -> String {
    text(superuser, &format!("SELECT last_job::text FROM acct_export_saved WHERE name = '{name}'")).unwrap()
}

/// Has what is due started, by this call or by a worker that came first: the job of the saved export, another one than `before`.
#[track_caller]
fn started(superuser: &mut Client, name: &str, before: &str) -> String {
    assert!(run_due(superuser) <= 1);
    let mut job = String::new();
    let sql = format!("SELECT coalesce(last_job::text, '') FROM acct_export_saved WHERE name = '{name}'");
    wait_until(LIMIT, "a job was started", || {
        job = text(superuser, &sql).unwrap();
        !job.is_empty() && job != before
    });
    job
}

fn disabled_reason(superuser: &mut Client, name: &str) -> Option<String> {
    let sql = format!("SELECT disabled_reason FROM acct_export_saved WHERE name = '{name}' AND NOT enabled AND next_run_at IS NULL");
    superuser.query_opt(&sql, &[]).unwrap().and_then(|row| row.get(0))
}

#[test]
fn it_is_started_as_its_owner_in_the_session_that_saved_it() {
    let app = TwoTenants::with_users(server(), 5);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET app.user_id = 'zoe'").unwrap();
    scheduled(&mut client, "nightly", ", fields => '{id,email}'");
    let shown = "SELECT concat_ws(' ', name, cron, time_zone, enabled, (next_run_at AT TIME ZONE 'Europe/Berlin')::time,
                        next_run_at BETWEEN now() AND now() + interval '25 hours', disabled_reason) FROM acct_export_saved";
    assert_eq!(column(&mut client, shown), ["nightly 0 3 * * * Europe/Berlin t 03:00:00 t"]);
    let mut superuser = app.superuser();
    assert_eq!(run_due(&mut superuser), 0, "nothing is due");
    make_due(&mut superuser);
    // Nothing of the caller's session reaches the start, and nothing of the start stays in it.
    superuser
        .batch_execute(&format!(
            "SET app.tenant_id = '{}'; SET app.user_id = 'mallory'; SET datestyle = 'German'; SET search_path = app;
             SET ROLE {}",
            app.tenants[1], app.nologin
        ))
        .unwrap();
    superuser.batch_execute("RESET ROLE").unwrap();
    let session = "SELECT concat_ws(' ', current_setting('app.tenant_id'), current_setting('app.user_id'), current_setting('datestyle'),
                          current_setting('search_path'), current_user, session_user)";
    let before = text(&mut superuser, session);
    superuser.batch_execute("SET search_path = app, public").unwrap();
    assert_eq!(run_due(&mut superuser), 1);
    superuser.batch_execute("SET search_path = app").unwrap();
    assert_eq!(text(&mut superuser, session), before);
    let mut superuser = app.superuser();
    let job = last_job(&mut superuser, "nightly");
    assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
    let by = format!(
        "SELECT concat_ws(' ', requested_role, login, actor, tenant) FROM acct_export.job WHERE id = '{job}'"
    );
    let expected = format!("{login} {login} zoe {}", app.tenants[0], login = app.login);
    assert_eq!(text(&mut superuser, &by), Some(expected));
    let bytes = String::from_utf8(file(&mut client, &job)).unwrap();
    assert_eq!(bytes.lines().count() as u32, 1 + jobs::exported(5));
    assert!(bytes.contains("@a.example") && !bytes.contains("@b.example"), "{bytes}");
    let event = only(&mut superuser, "schedule_started");
    assert_eq!((event.get::<_, String>("job"), event.get::<_, &str>("role")), (job, app.login.as_str()));
    assert_eq!(detail(&event)["name"], "nightly");
    assert_eq!(column(&mut client, shown), ["nightly 0 3 * * * Europe/Berlin t 03:00:00 t"]);
    assert_eq!(run_due(&mut superuser), 0);
    // A change of the saved export keeps its schedule, and the schedule goes with it.
    client.batch_execute("SELECT acct_export_save('nightly', 'users', 'json', replace => true)").unwrap();
    assert_eq!(column(&mut client, shown).len(), 1);
    assert_eq!(text(&mut client, "SELECT cron FROM acct_export_saved").as_deref(), Some("0 3 * * *"));
    client.batch_execute("SELECT acct_export_drop_saved('nightly')").unwrap();
    assert_eq!(run_due(&mut superuser), 0);
    assert_whole(&mut superuser);
}

#[test]
fn roles_without_login_have_schedules() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.nologin, 1);
    scheduled(&mut client, "weekly", "");
    let mut superuser = app.superuser();
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 1);
    let job = last_job(&mut superuser, "weekly");
    assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
    let by = format!("SELECT requested_role FROM acct_export.job WHERE id = '{job}'");
    assert_eq!(text(&mut superuser, &by).as_deref(), Some(app.nologin.as_str()));
    assert!(String::from_utf8(file(&mut client, &job)).unwrap().contains("@b.example"));
    // The login that saved it may go, unless the rows depend on it.
    let (owner, login) = (unique("owner"), unique("helper"));
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {owner} NOLOGIN; CREATE ROLE {login} LOGIN; GRANT {owner} TO {login};
             GRANT USAGE ON SCHEMA app TO {owner}; GRANT SELECT ON app.users TO {owner}; DELETE FROM acct_export.saved"
        ))
        .unwrap();
    let mut helper = app.session(&login, 0);
    helper.batch_execute(&format!("SET ROLE {owner}")).unwrap();
    scheduled(&mut helper, "shared", "");
    drop(helper);
    superuser.batch_execute(&format!("DROP ROLE {login}")).unwrap();
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 1);
    let job = last_job(&mut superuser, "shared");
    assert_eq!(wait_for_job(&mut superuser, &job).get::<_, &str>("status"), "completed");
    superuser
        .batch_execute(
            "ALTER POLICY tenant ON app.users USING (tenant_id::text = current_setting('app.tenant_id', true) AND session_user <> 'x')",
        )
        .unwrap();
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 0);
    assert!(disabled_reason(&mut superuser, "shared").unwrap().contains(&login));
}

#[test]
fn expressions_zones_and_names_are_checked() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.login, 0);
    client
        .batch_execute("SELECT acct_export_save('all', 'users', 'csv'); SET TimeZone = 'Asia/Tokyo'")
        .unwrap();
    for (cron, hint) in [
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("", "five fields"),
        ("61 * * * *", "Field minute"),
        ("0 25 * * *", "Field hour"),
        ("0 0 0 * *", "Field day of month"),
        ("0 0 * jam *", "Field month"),
        ("0 0 * * 9", "Field day of week"),
        ("@every 1s", "@daily"),
        ("0 0 30 2 *", "30 February"),
    ] {
        refused(&mut client, &format!("SELECT acct_export_schedule('all', '{cron}')"), "22023", "cron", hint);
    }
    for zone in ["", "Mars/Olympus", "UTC+3", "posixrules"] {
        let call = format!("SELECT acct_export_schedule('all', '0 0 * * *', '{zone}')");
        refused(&mut client, &call, "22023", "time zone", "pg_timezone_names");
    }
    for name in ["'none'", "'ALL'"] {
        refused(
            &mut client,
            &format!("SELECT acct_export_schedule({name}, '@daily')"),
            "P0002",
            "saved export",
            "",
        );
    }
    refused(&mut client, "SELECT acct_export_schedule(NULL, '@daily')", "22023", "name", "");
    client.batch_execute("BEGIN READ ONLY").unwrap();
    refused(&mut client, "SELECT acct_export_schedule('all', '@daily')", "25006", "read-only", "");
    client.batch_execute("ROLLBACK").unwrap();
    let shown =
        "SELECT concat_ws(' ', cron, time_zone, enabled, next_run_at IS NOT NULL) FROM acct_export_saved";
    assert_eq!(column(&mut client, shown), ["f"], "nothing of it was kept");
    // The zone of the session; a name of a zone in any case.
    client.batch_execute("SELECT acct_export_schedule('all', ' @daily ')").unwrap();
    assert_eq!(column(&mut client, shown), ["@daily Asia/Tokyo t t"]);
    client
        .batch_execute("SELECT acct_export_schedule('all', '0 0 * * *', 'europe/paris', enabled => false)")
        .unwrap();
    assert_eq!(column(&mut client, shown), ["0 0 * * * Europe/Paris f f"]);
    // Twice: without a schedule there is none to remove.
    for _ in 0..2 {
        client.batch_execute("SELECT acct_export_schedule('all', NULL)").unwrap();
        assert_eq!(column(&mut client, shown), ["f"]);
    }
    let mut superuser = app.superuser();
    assert_eq!(told(&mut superuser, "schedule_set").len(), 2);
    assert_eq!(detail(&only(&mut superuser, "schedule_removed"))["name"], "all");
}

#[test]
fn others_neither_see_nor_schedule_it() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SELECT acct_export_save('all', 'users', 'csv')").unwrap();
    let member = unique("member");
    app.superuser()
        .batch_execute(&format!("CREATE ROLE {member} LOGIN; GRANT {} TO {member}", app.login))
        .unwrap();
    for (role, tenant) in [(&app.login, 1), (&app.nologin, 0), (&member, 1)] {
        let mut other = app.session(role, tenant);
        refused(
            &mut other,
            "SELECT acct_export_schedule('all', '@daily')",
            "P0002",
            "saved export \"all\" does not exist",
            "",
        );
    }
    let mut member = app.session(&member, 0);
    member.batch_execute("SELECT acct_export_schedule('all', '@daily', 'UTC')").unwrap();
    assert_eq!(text(&mut client, "SELECT cron FROM acct_export_saved").as_deref(), Some("@daily"));
    // Superusers run what is due, and roles that a DBA grants it to.
    let runner = unique("runner");
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("CREATE ROLE {runner} LOGIN")).unwrap();
    make_due(&mut superuser);
    let mut runner_session = app.session(&runner, 1);
    assert_eq!(
        support::asking::refusal(&mut runner_session, "SELECT acct_export_run_due()").sqlstate,
        "42501"
    );
    superuser.batch_execute(&format!("GRANT EXECUTE ON FUNCTION acct_export_run_due() TO {runner}")).unwrap();
    runner_session.batch_execute("BEGIN READ ONLY").unwrap();
    refused(&mut runner_session, "SELECT acct_export_run_due()", "25006", "read-only", "");
    runner_session.batch_execute("ROLLBACK").unwrap();
    assert_eq!(run_due(&mut runner_session), 1);
    let job = last_job(&mut superuser, "all");
    wait_for_job(&mut client, &job);
    assert!(String::from_utf8(file(&mut client, &job)).unwrap().contains("@a.example"));
    let seen = format!("SELECT acct_export_file('{job}')");
    assert_eq!(support::asking::refusal(&mut runner_session, &seen).sqlstate, "P0002");
}

#[test]
fn what_is_gone_disables_one_and_the_others_start() {
    let app = TwoTenants::with_users(server(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE SERVER mail FOREIGN DATA WRAPPER acct_export_smtp OPTIONS (host '127.0.0.1', port '1', from 'no-reply@example.com');
             GRANT USAGE ON FOREIGN SERVER mail TO {}",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    scheduled(&mut client, "lost", ", notify_email => 'zoe@example.com'");
    scheduled(&mut client, "barred", ", fields => '{id,phone}'");
    scheduled(&mut client, "fine", ", fields => '{id,email}'");
    let dropped = unique("dropped");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {dropped} LOGIN; GRANT USAGE ON SCHEMA app TO {dropped}; GRANT SELECT ON app.users TO {dropped}"
        ))
        .unwrap();
    scheduled(&mut app.session(&dropped, 0), "orphan", ", notify_email => NULL");
    superuser
        .batch_execute(&format!(
            "SELECT acct_export_secret_column('app.users', 'phone', 'private now');
             DROP OWNED BY {dropped}; DROP ROLE {dropped};
             REVOKE SELECT ON app.users FROM {login}; GRANT SELECT (id, tenant_id, email, status, created_at, updated_at) ON app.users TO {login}",
            login = app.login
        ))
        .unwrap();
    // The first one asks for all fields, those that the role may not read among them.
    superuser
        .batch_execute("UPDATE acct_export.saved SET request = jsonb_set(request, '{fields}', '[\"id\", \"name\"]') WHERE name = 'lost'")
        .unwrap();
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 1);
    for (name, named) in [("lost", "name"), ("barred", "phone"), ("orphan", dropped.as_str())] {
        let reason =
            disabled_reason(&mut superuser, name).unwrap_or_else(|| panic!("{name} is not disabled"));
        assert!(reason.contains(named), "{name}: {reason}");
        let failed = format!(
            "SELECT concat_ws(' ', j.status, j.error_code) FROM acct_export.saved AS s JOIN acct_export.job AS j ON j.id = s.last_job
              WHERE s.name = '{name}'"
        );
        assert_eq!(text(&mut superuser, &failed).as_deref(), Some("failed 42501"), "{name}: {reason}");
    }
    assert_eq!(disabled_reason(&mut superuser, "fine"), None);
    let job = last_job(&mut superuser, "fine");
    assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
    let events = told(&mut superuser, "schedule_disabled");
    let names: Vec<String> =
        events.iter().map(|event| detail(event)["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    // The mail about the failure waits for its server.
    let mails = "SELECT concat_ws(' ', recipient, event) FROM acct_export_messages";
    assert_eq!(column(&mut superuser, mails), ["zoe@example.com failed"]);
    // The owner sees the failed job, and its reason.
    let seen = "SELECT error_code FROM acct_export_jobs JOIN acct_export_saved ON last_job = job_id WHERE name = 'lost'";
    assert_eq!(column(&mut client, seen), ["42501"]);
    // It stays so until its schedule is set again.
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 1, "the fine one");
    superuser.batch_execute(&format!("GRANT SELECT ON app.users TO {}", app.login)).unwrap();
    client.batch_execute("SELECT acct_export_schedule('lost', '@daily', 'UTC')").unwrap();
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 2);
    // The dataset goes.
    superuser.batch_execute("SELECT acct_export_unregister('users')").unwrap();
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 0);
    assert!(disabled_reason(&mut superuser, "fine").unwrap().contains("\"users\""));
    assert_whole(&mut superuser);
}

#[test]
fn a_setting_that_counts_since_then_disables_it() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.login, 0);
    scheduled(&mut client, "all", "");
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.session_settings = 'app.org'", app.db))
        .unwrap();
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 0);
    assert!(disabled_reason(&mut superuser, "all").unwrap().contains("settings"));
}

#[test]
fn one_that_is_active_is_left_out() {
    let app = jobs::app(server(), 8);
    let mut client = app.session(&app.login, 0);
    scheduled(&mut client, "all", "");
    let mut superuser = app.superuser();
    let hold = Hold::at(Phase::Reading, &app);
    set_due(&mut superuser);
    let job = started(&mut superuser, "all", "");
    // Its worker has looked at schedules by then.
    jobs::wait_until_held(&mut superuser, &job, Phase::Reading);
    set_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 0);
    let state = "SELECT concat_ws(' ', enabled, next_run_at > now(), disabled_reason) FROM acct_export_saved";
    assert_eq!(column(&mut superuser, state), ["t t"]);
    assert_eq!(last_job(&mut superuser, "all"), job);
    hold.release();
    assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
    // A limit passes: it is tried again soon.
    superuser
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_active_per_role = 1", app.db))
        .unwrap();
    wait_until_idle(&mut superuser);
    let hold = Hold::at(Phase::Reading, &app);
    let running = jobs::start(&mut client, "json", "");
    jobs::wait_until_held(&mut superuser, &running, Phase::Reading);
    set_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 0);
    let soon = "SELECT concat_ws(' ', enabled, next_run_at BETWEEN now() AND now() + interval '6 minutes', disabled_reason)
                  FROM acct_export_saved";
    assert_eq!(text(&mut superuser, soon).as_deref(), Some("t t"));
    hold.release();
    superuser
        .batch_execute(&format!("ALTER DATABASE {} RESET acct_export.max_active_per_role", app.db))
        .unwrap();
    wait_until_idle(&mut superuser);
    // A lock on the source is waited for by the job, not by the start.
    let mut locker = app.superuser();
    locker.batch_execute("BEGIN; LOCK TABLE app.users").unwrap();
    set_due(&mut superuser);
    let job = started(&mut superuser, "all", &job);
    locker.batch_execute("COMMIT").unwrap();
    assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
}

#[test]
fn code_that_decides_on_requests_cannot_leave_the_owners_role() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.login, 0);
    scheduled(&mut client, "all", "");
    let mut superuser = app.superuser();
    // Whoever owns the source brings such a function; here it tries to become a superuser, and to refuse.
    for (attempt, sqlstate) in [
        ("PERFORM set_config('role', 'none', false)", "42501"),
        ("PERFORM set_config('session_authorization', 'postgres', false)", "42501"),
        ("IF current_user <> session_user OR current_user = 'postgres' THEN RETURN false; END IF; INSERT INTO app.tenants DEFAULT VALUES", "42501"),
        ("RAISE insufficient_privilege USING MESSAGE = 'not on Sundays'", "42501"),
    ] {
        superuser
            .batch_execute(&format!(
                "CREATE OR REPLACE FUNCTION app.decide(request jsonb) RETURNS boolean LANGUAGE plpgsql AS
                 $$ BEGIN {attempt}; RETURN true; END $$;
                 SELECT acct_export_alter('users', authorize => 'app.decide(jsonb)')"
            ))
            .unwrap();
        client.batch_execute("SELECT acct_export_schedule('all', '@daily', 'UTC')").unwrap();
        make_due(&mut superuser);
        assert_eq!(run_due(&mut superuser), 0, "{attempt}");
        assert!(disabled_reason(&mut superuser, "all").is_some(), "{attempt}");
        let code = "SELECT j.error_code FROM acct_export.saved AS s JOIN acct_export.job AS j ON j.id = s.last_job";
        assert_eq!(text(&mut superuser, code).as_deref(), Some(sqlstate), "{attempt}");
    }
    assert!(disabled_reason(&mut superuser, "all").unwrap().contains("not on Sundays"));
}

#[test]
fn a_standby_runs_none_until_it_is_promoted() {
    let app = TwoTenants::with_users(server(), 3);
    scheduled(&mut app.session(&app.login, 0), "all", "");
    make_due(&mut app.superuser());
    let standby = server().standby();
    let mut superuser = standby.connect(&app.db, "postgres");
    refused(&mut superuser, "SELECT acct_export_run_due()", "25006", "read-only", "standby");
    superuser.batch_execute("SELECT pg_promote()").unwrap();
    assert_eq!(run_due(&mut superuser), 1);
    let job = last_job(&mut superuser, "all");
    assert_eq!(wait_for_job(&mut superuser, &job).get::<_, &str>("status"), "completed");
}

#[test]
fn a_rollback_keeps_what_was_started_and_two_callers_start_each_once() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.login, 0);
    for number in 0..8 {
        scheduled(&mut client, &format!("number {number}"), &format!(", reason => '{number}'"));
    }
    let mut superuser = app.superuser();
    let requested = "SELECT count(*)::text FROM acct_export.job";
    make_due(&mut superuser);
    let started: Vec<i32> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2).map(|_| scope.spawn(|| run_due(&mut app.superuser()))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(started.iter().sum::<i32>(), 8, "{started:?}");
    assert_eq!(text(&mut superuser, requested).as_deref(), Some("8"));
    make_due(&mut superuser);
    let mut caller = app.superuser();
    caller.batch_execute("BEGIN").unwrap();
    assert_eq!(run_due(&mut caller), 8);
    caller.batch_execute("ROLLBACK").unwrap();
    assert_eq!(text(&mut superuser, requested).as_deref(), Some("16"));
    assert_eq!(run_due(&mut superuser), 0);
}

#[test]
fn clocks_that_are_changed() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SELECT acct_export_save('all', 'users', 'csv')").unwrap();
    // The next day that lacks 02:30 (next in March), and the next one that has it twice.
    let days = "SELECT to_char(d, 'FMDD FMMM') FROM generate_series(current_date + 2, current_date + 400, '1 day') AS d
                 WHERE ((d + interval '1 day')::date::timestamp AT TIME ZONE 'Europe/Berlin') - (d::date::timestamp AT TIME ZONE 'Europe/Berlin')
                       = interval '{} hours' LIMIT 1";
    for (hours, local) in [("23", "03:00:00"), ("25", "02:30:00")] {
        let day = text(&mut client, &days.replace("{}", hours)).unwrap();
        client
            .batch_execute(&format!("SELECT acct_export_schedule('all', '30 2 {day} *', 'Europe/Berlin')"))
            .unwrap();
        let shown = "SELECT concat_ws(' ', (next_run_at AT TIME ZONE 'Europe/Berlin')::time, (next_run_at AT TIME ZONE 'UTC')::time)
                       FROM acct_export_saved";
        // Of the two the first one: summer time.
        let utc = if hours == "23" { "01:00:00" } else { "00:30:00" };
        assert_eq!(text(&mut client, shown), Some(format!("{local} {utc}")), "{day}");
    }
}

#[test]
fn a_copy_of_the_database_runs_none() {
    let app = TwoTenants::with_users(server(), 3);
    scheduled(&mut app.session(&app.login, 0), "all", "");
    let mut superuser = app.superuser();
    make_due(&mut superuser);
    drop(superuser);
    let copy = unique("copy");
    wait_until(LIMIT, "the database can be copied", || {
        let mut elsewhere = server().connect("postgres", "postgres");
        elsewhere.batch_execute(&format!("CREATE DATABASE {copy} TEMPLATE {}", app.db)).is_ok()
    });
    let mut superuser = server().connect(&copy, "postgres");
    assert_eq!(run_due(&mut superuser), 0);
    let shown = "SELECT concat_ws(' ', next_run_at IS NULL, disabled_reason) FROM acct_export_saved";
    assert_eq!(column(&mut superuser, shown), ["t the schedule was set in another cluster or database"]);
    superuser.batch_execute("SELECT acct_export_schedule('all', '@daily', 'UTC')").unwrap();
    assert_eq!(column(&mut superuser, shown), ["f"]);
    assert_eq!(run_due(&mut app.superuser()), 1, "the original runs its own");
    let job = last_job(&mut app.superuser(), "all");
    wait_for_job(&mut app.superuser(), &job);
    // One that takes the place of its original adopts what is due.
    let next = unique("next");
    wait_until(LIMIT, "the database can be copied", || {
        let mut elsewhere = server().connect("postgres", "postgres");
        elsewhere.batch_execute(&format!("CREATE DATABASE {next} TEMPLATE {}", app.db)).is_ok()
    });
    let mut superuser = server().connect(&next, "postgres");
    superuser.batch_execute("SELECT acct_export_adopt()").unwrap();
    make_due(&mut superuser);
    // A worker that the adoption has woken may be faster.
    wait_until(LIMIT, "it is started", || {
        superuser.batch_execute("SELECT acct_export_run_due()").unwrap();
        text(&mut superuser, "SELECT count(*)::text FROM acct_export.job").as_deref() == Some("2")
    });
}

#[test]
fn the_launcher_starts_what_is_due_and_makes_up_for_an_outage_once() {
    let cluster: &'static Cluster =
        Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded().set("acct_export.max_workers", "0"))));
    let app = TwoTenants::with_users(cluster, 3);
    let mut client = app.session(&app.login, 0);
    client
        .batch_execute("SELECT acct_export_save('all', 'users', 'csv'); SELECT acct_export_schedule('all', '* * * * *', 'UTC')")
        .unwrap();
    let mut superuser = app.superuser();
    superuser.batch_execute("UPDATE acct_export.saved SET next_run_at = now() - interval '3 days'").unwrap();
    assert_eq!(run_due(&mut superuser), 0, "it is paused");
    drop((client, superuser));
    cluster.restart();
    let mut superuser = app.superuser();
    assert_eq!(text(&mut superuser, "SELECT last_job::text FROM acct_export_saved"), None);
    // Once a year from here on: this is the one run.
    superuser
        .batch_execute(
            "UPDATE acct_export.saved SET cron = '@yearly', next_run_at = now() - interval '3 days'",
        )
        .unwrap();
    // A reload starts a round.
    cluster.set("acct_export.max_workers", "2");
    wait_until(LIMIT, "the launcher starts it", || {
        text(&mut superuser, "SELECT last_job::text FROM acct_export_saved").is_some()
    });
    let job = last_job(&mut superuser, "all");
    assert_eq!(wait_for_job(&mut superuser, &job).get::<_, &str>("status"), "completed");
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM acct_export.job").as_deref(), Some("1"));
    assert_eq!(
        text(&mut superuser, "SELECT (next_run_at > now())::text FROM acct_export_saved").as_deref(),
        Some("true")
    );
}

#[test]
fn many_that_are_due_at_one_time_all_start_once() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.login, 0);
    let tenants = 30;
    for tenant in 0..tenants {
        client.batch_execute(&format!("SET app.tenant_id = 'c0000000-0000-4000-8000-{tenant:012}'")).unwrap();
        client
            .batch_execute("SELECT acct_export_save('all', 'users', 'csv'); SELECT acct_export_schedule('all', '0 12 * * *', 'UTC')")
            .unwrap();
    }
    // After an outage of days there is one start of each.
    let mut superuser = app.superuser();
    superuser.batch_execute("UPDATE acct_export.saved SET next_run_at = now() - interval '3 days'").unwrap();
    assert_eq!(run_due(&mut superuser), tenants);
    wait_until(LIMIT, "all are done", || {
        let done = "SELECT concat_ws(' ', count(*), count(DISTINCT tenant)) FROM acct_export_jobs WHERE status = 'completed'";
        text(&mut superuser, done).unwrap() == format!("{tenants} {tenants}")
    });
    assert_eq!(
        text(&mut superuser, "SELECT count(*)::text FROM acct_export.job").unwrap(),
        tenants.to_string()
    );
}

/// So many that they are spread over the minute.
#[test]
fn a_crowd_is_spread_over_the_minute() {
    let app = TwoTenants::with_users(server(), 3);
    let mut client = app.session(&app.login, 0);
    let tenants = 120;
    for tenant in 0..tenants {
        client.batch_execute(&format!("SET app.tenant_id = 'd0000000-0000-4000-8000-{tenant:012}'")).unwrap();
        client
            .batch_execute("SELECT acct_export_save('all', 'users', 'csv'); SELECT acct_export_schedule('all', '0 12 1 1 *', 'UTC')")
            .unwrap();
    }
    let mut superuser = app.superuser();
    wait_until_idle(&mut superuser);
    superuser.batch_execute("UPDATE acct_export.saved SET next_run_at = now()").unwrap();
    let due = text(&mut superuser, "SELECT min(next_run_at)::text FROM acct_export.saved").unwrap();
    assert_eq!(run_due(&mut superuser), tenants);
    let started = format!(
        "SELECT extract(epoch FROM created_at - '{due}')::int AS second FROM acct_export.job ORDER BY 1"
    );
    let seconds: Vec<i32> = superuser.query(&started, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(seconds.len(), tenants as usize);
    // None waits beyond the minute, and no ten seconds have more than a third of them.
    assert!(seconds.iter().all(|second| (0..=63).contains(second)), "{seconds:?}");
    for from in 0..54 {
        let within = seconds.iter().filter(|second| (from..from + 10).contains(*second)).count();
        assert!(within <= tenants as usize / 3, "{seconds:?}");
    }
}

/// A start is broken off after 20 seconds. A yearly schedule is tried again in five minutes, without a word; one of each minute is told of.
#[test]
fn a_start_that_takes_too_long_holds_up_nobody_for_long() {
    let app = TwoTenants::with_users(server(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE FUNCTION app.decide(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(300); RETURN true; END $$;
             SELECT acct_export_register('others', 'app.users', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    scheduled(&mut client, "yearly", ", fields => '{id}'");
    scheduled(&mut client, "each minute", ", fields => '{id,email}'");
    client
        .batch_execute(
            "SELECT acct_export_schedule('each minute', '* * * * *', 'UTC');
             SELECT acct_export_save('fine', 'others', 'csv'); SELECT acct_export_schedule('fine', '@yearly', 'UTC');
             SELECT acct_export_schedule('yearly', '@yearly', 'UTC')",
        )
        .unwrap();
    superuser.batch_execute("SELECT acct_export_alter('users', authorize => 'app.decide(jsonb)')").unwrap();
    make_due(&mut superuser);
    assert_eq!(run_due(&mut superuser), 1, "the fine one");
    let state = |superuser: &mut Client, name: &str| {
        let sql = format!(
            "SELECT concat_ws(' ', s.enabled, s.next_run_at < now() + interval '6 minutes', j.error_code)
               FROM acct_export.saved AS s LEFT JOIN acct_export.job AS j ON j.id = s.last_job WHERE s.name = '{name}'"
        );
        text(superuser, &sql).unwrap()
    };
    assert_eq!(state(&mut superuser, "yearly"), "t t");
    assert_eq!(state(&mut superuser, "each minute"), "t t 57014");
    assert_eq!(state(&mut superuser, "fine"), "t f");
}

#[test]
fn a_start_that_fails_is_told_and_the_schedule_goes_on() {
    let app = TwoTenants::with_users(server(), 3);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    let since = support::asking::completed(&mut client, r#"'users', 'csv', options => '{"digests": true}'"#);
    let options = format!(r#", options => '{{"changes_since": "{since}"}}'"#);
    scheduled(&mut client, "since", &options);
    client.execute("SELECT acct_export_delete($1::text::uuid)", &[&since]).unwrap();
    // The same is told about once in an hour, and audited each time.
    let hours = "UPDATE acct_export.job SET finished_at = finished_at - interval '56 minutes' WHERE status = 'failed'";
    for (wait, failures) in [("", 1), ("", 1), (hours, 2)] {
        superuser.batch_execute(wait).unwrap();
        make_due(&mut superuser);
        assert_eq!(run_due(&mut superuser), 0);
        let job = last_job(&mut superuser, "since");
        let row = wait_for_job(&mut client, &job);
        assert_eq!((row.get::<_, &str>("status"), row.get::<_, &str>("error_code")), ("failed", "55000"));
        assert_eq!(
            text(&mut superuser, "SELECT count(*)::text FROM acct_export.job WHERE status = 'failed'")
                .unwrap(),
            failures.to_string()
        );
        let goes_on =
            "SELECT (enabled AND disabled_reason IS NULL AND next_run_at > now())::text FROM acct_export_saved";
        assert_eq!(text(&mut superuser, goes_on).as_deref(), Some("true"));
    }
    let events = told(&mut superuser, "failed");
    assert!(
        events.len() == 3 && events.iter().all(|event| detail(event)["schedule"] == "since"),
        "{events:?}"
    );
    assert_whole(&mut superuser);
}
