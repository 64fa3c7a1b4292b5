//! Values of settings: what makes no sense is refused by the statement that sets it, and a wrong line of postgresql.conf
//! changes nothing.

use support::common::{
    error_of, shared, unique, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants,
};
use support::jobs::{start, text, LIMIT};

use postgres::Client;

/// Setting, wrong value, a part of the DETAIL.
const WRONG: &[(&str, &str, &str)] = &[
    ("retention", "banana", "not an interval"),
    ("retention", "", "not an interval"),
    ("retention", "7 dayz", "not an interval"),
    ("retention", "infinity", "not an interval"),
    ("retention", "-1", "negative"),
    ("retention", "-1 day", "negative"),
    ("retention", "1 month -40 days", "negative"),
    ("retention", "5000 years", "longer than 1000 years"),
    ("history", "a while", "not an interval"),
    ("history", "P-1D", "negative"),
    ("history", "300000000 months", "longer than 1000 years"),
    ("history", "50000000 weeks", "longer than 1000 years"),
    ("tenant_setting", "tenant", "not a valid name of a custom setting"),
    ("tenant_setting", "role", "not a valid name of a custom setting"),
    ("tenant_setting", "app.tenant id", "not a valid name of a custom setting"),
    ("tenant_setting", "app.tenant_id;", "not a valid name of a custom setting"),
    ("tenant_setting", "acct_export.max_rows", "not a valid name of a custom setting"),
    ("actor_setting", "app.", "not a valid name of a custom setting"),
    ("actor_setting", "app.1st", "not a valid name of a custom setting"),
    ("session_settings", "app.a app.b", "app.a app.b"),
    ("session_settings", "app.a,,app.b", "not a valid name of a setting"),
    ("session_settings", "app.a, nosuch", "nosuch"),
    ("session_settings", "acct_export.retention", "acct_export.retention"),
    ("spool_directory", "spool", "absolute path"),
    ("spool_directory", "/no/such/place", "does not exist"),
    ("spool_directory", "/proc", "cannot create files"),
    ("mail_server", "a_name_of_more_than_sixty_three_bytes_that_no_object_can_have_at_all", "63 bytes"),
];

/// Values that the server takes, though they look unusual.
const RIGHT: &[(&str, &str)] = &[
    ("retention", "0"),
    ("retention", "P3DT12H"),
    ("retention", "1 year 2 mons 3 days 04:05:06.7"),
    ("retention", "1000 years"),
    ("retention", "  36 hours "),
    ("history", "0"),
    ("tenant_setting", ""),
    ("tenant_setting", "request.jwt.claim.sub"),
    ("actor_setting", "App.User_ID"),
    ("session_settings", ""),
    ("session_settings", " app.a ,app.b, application_name"),
    ("spool_directory", ""),
    ("spool_directory", "/tmp"),
    ("mail_server", "not_yet_made"),
];

/// The ways to set: what a value is appended to.
fn ways(app: &TwoTenants) -> [String; 4] {
    [
        "SET acct_export.".to_owned(),
        "ALTER SYSTEM SET acct_export.".to_owned(),
        format!("ALTER DATABASE {} SET acct_export.", app.db),
        format!("ALTER ROLE {} SET acct_export.", app.login),
    ]
}

fn shown(client: &mut Client, setting: &str) -> String {
    client.query_one("SELECT current_setting($1)", &[&format!("acct_export.{setting}")]).unwrap().get(0)
}

#[test]
fn wrong_values_are_refused_where_they_are_set() {
    let app = TwoTenants::with_users(shared(), 1);
    let mut superuser = app.superuser();
    for (setting, value, detail) in WRONG {
        let before = shown(&mut superuser, setting);
        for way in ways(&app) {
            let sql = format!("{way}{setting} = '{value}'");
            let error = error_of(superuser.batch_execute(&sql));
            assert_eq!(error.sqlstate, "22023", "{sql}: {error:?}");
            assert!(error.message.contains(&format!("acct_export.{setting}")), "{sql}: {error:?}");
            assert!(error.detail.as_deref().is_some_and(|text| text.contains(detail)), "{sql}: {error:?}");
            assert!(error.hint.as_deref().is_some_and(|text| text.ends_with('.')), "{sql}: {error:?}");
        }
        assert_eq!(shown(&mut superuser, setting), before, "{setting} = '{value}'");
    }
    // Numbers are in the server's own hands.
    for wrong in
        ["max_workers = -1", "max_attempts = 0", "job_timeout = 'soon'", "job_timeout = -1", "max_rows = -1"]
    {
        let error = error_of(superuser.batch_execute(&format!("ALTER SYSTEM SET acct_export.{wrong}")));
        assert_eq!(error.sqlstate, "22023", "{wrong}");
    }
}

#[test]
fn unusual_values_are_taken() {
    let app = TwoTenants::with_users(shared(), 1);
    let mut superuser = app.superuser();
    for (setting, value) in RIGHT {
        for way in &ways(&app)[2..] {
            superuser.batch_execute(&format!("{way}{setting} = '{value}'")).unwrap();
            superuser.batch_execute(&format!("{way}{setting} TO DEFAULT")).unwrap();
        }
        superuser.batch_execute(&format!("SET acct_export.{setting} = '{value}'")).unwrap();
        assert_eq!(shown(&mut superuser, setting), *value);
        superuser.batch_execute(&format!("RESET acct_export.{setting}")).unwrap();
    }
}

/// A session in which a leading sign of an interval is that of all its parts.
#[test]
fn the_style_of_intervals_does_not_count() {
    let mut superuser = TwoTenants::with_users(shared(), 1).superuser();
    for style in ["sql_standard", "postgres", "iso_8601"] {
        superuser.batch_execute(&format!("SET IntervalStyle = {style}")).unwrap();
        superuser.batch_execute("SET acct_export.retention = '1 day 02:00:00'").unwrap();
        let error = error_of(superuser.batch_execute("SET acct_export.retention = '-1 day 02:00:00'"));
        assert_eq!(error.sqlstate, "22023", "{style}");
    }
}

fn completes(app: &TwoTenants) {
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", &format!(", reason => '{}'", unique("x")));
    let row = wait_for_job(&mut requester, &job);
    assert_eq!(text(&row, "status"), Some("completed"), "{:?}", text(&row, "error"));
    let days: String = requester
        .query_one("SELECT (expires_at - finished_at)::text FROM acct_export_status($1::text::uuid)", &[&job])
        .unwrap()
        .get(0);
    assert!(days.starts_with("7 days"), "{days}");
}

/// A reload keeps the last value and says why; a start goes on with the default.
#[test]
fn a_wrong_line_of_the_configuration_changes_nothing() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded())));
    let app = TwoTenants::with_users(cluster, 5);
    for (setting, value) in
        [("retention", "banana"), ("history", "-1"), ("session_settings", "a b"), ("spool_directory", "x")]
    {
        cluster.set(&format!("acct_export.{setting}"), value);
        let told = format!("invalid value for parameter \"acct_export.{setting}\": \"{value}\"");
        wait_until(LIMIT, &told, || cluster.log().contains(&told));
    }
    assert_eq!(shown(&mut app.superuser(), "retention"), "7 days");
    completes(&app);
    cluster.restart();
    assert_eq!(shown(&mut app.superuser(), "retention"), "7 days");
    completes(&app);
    assert!(!cluster.log().contains("PANIC"));
}

/// Without the library nobody can check; when it is loaded the default holds.
#[test]
fn a_value_of_before_the_library_was_loaded() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default())));
    let app = TwoTenants::with_users(cluster, 5);
    // The session that made the application has the library; this one has not.
    cluster
        .connect("postgres", "postgres")
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.retention = 'banana'", app.db))
        .unwrap();
    completes(&app);
    let mut superuser = app.superuser();
    superuser.batch_execute("LOAD 'pg_acctexport'").unwrap();
    assert_eq!(shown(&mut superuser, "retention"), "7 days");
}

/// A directory that is gone since it was set fails the export, with what mends it.
#[test]
fn a_directory_that_is_gone() {
    let app = TwoTenants::with_users(shared(), 5);
    let place = format!("/tmp/{}", unique("spool"));
    let mut superuser = app.superuser();
    let program = |command: &str| {
        format!("CREATE TEMP TABLE IF NOT EXISTS out (line text); COPY out FROM PROGRAM '{command}'")
    };
    superuser.batch_execute(&program(&format!("mkdir {place}"))).unwrap();
    superuser
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.spool_directory = '{place}'", app.db))
        .unwrap();
    completes(&app);
    superuser.batch_execute(&program(&format!("rmdir {place}"))).unwrap();
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", "");
    let row = wait_for_job(&mut requester, &job);
    assert_eq!((text(&row, "status"), text(&row, "error_code")), (Some("failed"), Some("22023")));
    assert!(text(&row, "error").is_some_and(|error| error.contains("acct_export.spool_directory")));
}
