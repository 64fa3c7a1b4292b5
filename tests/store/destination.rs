//! Destinations without a bucket: what their options may be, who may use them, and where secrets are not seen.

use support::asking;
use support::common;
use support::told;

use postgres::Client;
use serde_json::Value;
use support::asking::{column, completed, refusal, refused, start, text};
use support::bucket::{destination, failed, mapping, objects, send, Keys, FAST};
use support::common::{shared, unique, TwoTenants};
use support::told::{detail, only};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn app() -> TwoTenants {
    let app = TwoTenants::with_users(shared(), 5);
    destination(&app, "exports", NOWHERE, FAST);
    app
}

/// Statements that the validator refuses: `(statement, SQLSTATE, in the message, in the hint)`.
const REFUSED: [(&str, &str, &str, &str); 24] = [
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3", "HV00J", "\"bucket\"", "bucket"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bukket 'b')", "HV00D", "\"bukket\"", "bucket, region, endpoint"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'My_Bucket')", "22023", "\"bucket\"", "3 to 63 lower-case"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'a/b')", "22023", "\"bucket\"", "3 to 63 lower-case"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', endpoint 's3.example.com')", "22023", "\"endpoint\"", "https://"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', endpoint 'ftp://h')", "22023", "\"endpoint\"", "https://"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', endpoint 'https://id:S3CR3T@h')", "22023", "\"endpoint\"", "user mapping"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', public_endpoint 'h:80')", "22023", "\"public_endpoint\"", "https://"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', request_timeout '-1')", "22023", "\"request_timeout\"", "from 1 to 604800"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', retry_timeout '0')", "22023", "\"retry_timeout\"", "from 1 to 604800"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', connect_timeout '1 min')", "22023", "\"connect_timeout\"", "seconds"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', prefix '../b')", "22023", "\"prefix\"", "slash"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', path_style 'maybe')", "22023", "\"path_style\"", "true or false"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', sslrootcert 'ca.pem')", "22023", "\"sslrootcert\"", "absolute path"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', sse 'yes')", "22023", "\"sse\"", "AES256"),
    ("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', secret_access_key 'S3CR3T')", "HV00D", "\"secret_access_key\"", "USER MAPPING"),
    ("ALTER SERVER exports OPTIONS (DROP bucket)", "HV00J", "\"bucket\"", "bucket"),
    ("ALTER SERVER exports OPTIONS (SET bucket 'B')", "22023", "\"bucket\"", "3 to 63 lower-case"),
    ("ALTER SERVER exports OPTIONS (ADD access_key_id 'S3CR3T')", "HV00D", "\"access_key_id\"", "USER MAPPING"),
    ("CREATE USER MAPPING FOR PUBLIC SERVER exports OPTIONS (access_key_id 'S3CR3T')", "HV00J", "\"secret_access_key\"", "access_key_id, secret_access_key"),
    ("CREATE USER MAPPING FOR PUBLIC SERVER exports OPTIONS (access_key_id 'S3CR3T', secret_access_key 'S3CR3T', region 'x')", "HV00D", "\"region\"", "ALTER SERVER"),
    ("CREATE USER MAPPING FOR PUBLIC SERVER exports OPTIONS (access_key_id 'S3CR3T', secret_access_key ' S3CR3T')", "22023", "\"secret_access_key\"", "without spaces"),
    ("ALTER FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (ADD bucket 'abc')", "HV00D", "\"bucket\"", "no valid options"),
    ("CREATE FOREIGN TABLE t (id int) SERVER exports", "42809", "no foreign tables", "acct_export_start"),
];

#[test]
fn options_are_checked_by_name_and_value() {
    let app = app();
    let mut superuser = app.superuser();
    for (sql, sqlstate, named, hint) in REFUSED {
        let error = refused(&mut superuser, sql, sqlstate, named, hint);
        assert!(!format!("{error:?}").contains("S3CR3T"), "{sql}: {error:?}");
    }
    let error = refusal(
        &mut superuser,
        "CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', sse 'AES256', sse_kms_key_id 'k')",
    );
    assert_eq!(error.sqlstate, "22023", "{error:?}");
    assert!(error.message.contains("aws:kms"), "{error:?}");
    // None of it was taken, and all of this is.
    let left = "SELECT (SELECT count(*) FROM pg_user_mapping)::text || ' ' || (SELECT count(*) FROM pg_foreign_server)";
    assert_eq!(text(&mut superuser, left).as_deref(), Some("0 1"));
    superuser
        .batch_execute(
            "CREATE SERVER y FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'a-b.c', region 'eu-west-1', endpoint 'https://[::1]:9000/s3',
                public_endpoint 'https://files.example.com', prefix 'a/b/', path_style 'off', storage_class 'STANDARD_IA', sse 'aws:kms',
                sse_kms_key_id 'k', sslrootcert '/etc/ca.pem', connect_timeout '1', request_timeout '604800', retry_timeout '60');
             CREATE USER MAPPING FOR CURRENT_USER SERVER y OPTIONS (access_key_id 'a=b', secret_access_key 'c=/+', session_token 't');
             ALTER USER MAPPING FOR CURRENT_USER SERVER y OPTIONS (DROP session_token)",
        )
        .unwrap();
    refused(
        &mut superuser,
        "ALTER USER MAPPING FOR CURRENT_USER SERVER y OPTIONS (DROP secret_access_key)",
        "HV00J",
        "\"secret_access_key\"",
        "access_key_id",
    );
}

#[test]
fn a_destination_that_is_none() {
    let app = app();
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE SERVER kept FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'kept');
             CREATE FOREIGN DATA WRAPPER other; CREATE SERVER theirs FOREIGN DATA WRAPPER other;
             CREATE SERVER mail FOREIGN DATA WRAPPER acct_export_smtp OPTIONS (host 'h', \"from\" 'a@example.com');
             GRANT USAGE ON FOREIGN SERVER theirs, mail TO PUBLIC",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let ask = |name: &str| format!("SELECT acct_export_start('users', destination => '{name}')");
    for (name, named) in [
        ("nowhere", "\"nowhere\" does not exist"),
        ("theirs", "\"theirs\" does not exist"),
        ("mail", "\"mail\" is not a destination"),
        ("", "\"\" does not exist"),
        ("EXPORTS", "\"EXPORTS\" does not exist"),
    ] {
        let error = refused(&mut client, &ask(name), "22023", named, "Known destinations: exports.");
        assert!(!error.hint.unwrap().contains("kept"));
    }
    refused(&mut superuser, &ask("nowhere"), "22023", "nowhere", "Known destinations: exports, kept.");
    superuser.batch_execute(&format!("REVOKE USAGE ON FOREIGN SERVER exports FROM {}", app.login)).unwrap();
    refused(&mut client, &ask("nowhere"), "22023", "nowhere", "CREATE SERVER");
    assert_eq!(column(&mut superuser, "SELECT id::text FROM acct_export.job"), Vec::<String>::new());
}

#[test]
fn who_lacks_usage_is_refused_and_told_of() {
    let app = app();
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("REVOKE USAGE ON FOREIGN SERVER exports FROM {}", app.login)).unwrap();
    let mut client = app.session(&app.login, 0);
    let ask = "SELECT acct_export_start('users', 'csv', destination => 'exports')";
    refused(&mut client, ask, "42501", "foreign server exports", "GRANT USAGE ON FOREIGN SERVER");
    let denied = only(&mut superuser, "denied");
    assert_eq!(told::text(&denied, "role"), Some(app.login.as_str()));
    let denied = detail(&denied);
    assert_eq!((&denied["action"], &denied["error_code"]), (&"start".into(), &"42501".into()));
    assert_eq!(&denied["request"]["destination"], "exports", "{denied}");
    assert_eq!(column(&mut superuser, "SELECT id::text FROM acct_export.job"), Vec::<String>::new());
}

/// Rights change between asking and running: each export is asked for in a transaction that is open meanwhile.
#[test]
fn rights_are_those_of_the_running() {
    let app = app();
    mapping(&app, &Keys { id: "id", secret: "secret" });
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    let login = &app.login;
    for (change, back, code, named) in [
        (
            format!("REVOKE USAGE ON FOREIGN SERVER exports FROM {login}"),
            format!("GRANT USAGE ON FOREIGN SERVER exports TO {login}"),
            "42501",
            "foreign server exports",
        ),
        (
            "ALTER SERVER exports RENAME TO moved".to_owned(),
            "ALTER SERVER moved RENAME TO exports".to_owned(),
            "22023",
            "does not exist",
        ),
        (
            "ALTER SERVER exports OPTIONS (ADD sslrootcert '/nowhere/ca.pem')".to_owned(),
            "ALTER SERVER exports OPTIONS (DROP sslrootcert)".to_owned(),
            "58P01",
            "sslrootcert",
        ),
    ] {
        client.batch_execute("BEGIN").unwrap();
        let job = send(&mut client, "'users', 'csv'");
        superuser.batch_execute(&change).unwrap();
        client.batch_execute("COMMIT").unwrap();
        let (error, found) = failed(&mut client, &job);
        assert!(found == code && error.contains(named), "{found}: {error}");
        // It was found before anything was begun.
        assert_eq!(objects(&mut superuser, &job), []);
        superuser.batch_execute(&back).unwrap();
    }
}

#[test]
fn urls_are_of_files_in_buckets() {
    let app = app();
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    let url = |arguments: &str| format!("SELECT acct_export_url({arguments})");
    let hint = "acct_export_file or acct_export_chunks";
    refused(&mut client, &url(&format!("'{job}'")), "55000", &job, hint);
    for time in ["0 seconds", "-1 second", "999 milliseconds", "7 days 1 second", "1 month", "-1 year"] {
        let sql = url(&format!("'{job}', valid_for => '{time}'"));
        refused(&mut client, &sql, "22023", "valid_for", "7 days at most");
    }
    assert_eq!(refusal(&mut client, &url("NULL")).sqlstate, "22023");
    for default in [format!("'{job}', NULL"), format!("'{job}', valid_for => NULL")] {
        assert_eq!(refusal(&mut client, &url(&default)).sqlstate, "55000", "{default}");
    }
    refused(&mut client, &url(&format!("'{job}', 2")), "22023", "no file 2", "count from 1");
    let unknown = "c0000000-0000-4000-8000-000000000003";
    refused(&mut client, &url(&format!("'{unknown}'")), "P0002", unknown, "acct_export_jobs");
    refused(&mut app.session(&app.login, 1), &url(&format!("'{job}'")), "P0002", &job, "tenant");
    client.batch_execute("BEGIN").unwrap();
    let job = start(&mut client, "'users', 'csv'");
    refused(&mut client, &url(&format!("'{job}'")), "55000", "not finished: queued", "acct_export_wait");
    client.batch_execute("ROLLBACK").unwrap();
    let downloads =
        "SELECT count(*)::text FROM acct_export_audit WHERE event = 'user.bulk_export.downloaded'";
    assert_eq!(text(&mut app.superuser(), downloads).as_deref(), Some("0"), "nothing has left");
}

#[test]
fn destinations_need_the_background() {
    let app = app();
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("ALTER DATABASE {} SET acct_export.async = off", app.db)).unwrap();
    let mut client = app.session(&app.login, 0);
    let ask = "SELECT acct_export_start('users', destination => 'exports')";
    refused(&mut client, ask, "0A000", "acct_export.async", "Leave destination out");
    // Without one it is made at once.
    completed(&mut client, "'users', 'csv'");
}

/// All rows of all that the extension keeps and shows, as text.
fn everything(superuser: &mut Client) -> String {
    let relations = column(
        superuser,
        "SELECT c.oid::regclass::text FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
          WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
            AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_acctexport') AND c.relkind IN ('r', 'v')",
    );
    assert!(relations.len() > 10 && relations.contains(&"acct_export.object".to_owned()), "{relations:?}");
    let rows: Vec<String> = relations
        .iter()
        .flat_map(|relation| column(superuser, &format!("SELECT r::text FROM {relation} AS r")))
        .collect();
    rows.join("\n")
}

#[test]
fn secrets_are_seen_nowhere() {
    let app = app();
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    let id = unique("AKIDS3CR3T");
    let secret = unique("hush/S3CR3T+");
    mapping(&app, &Keys { id: &id, secret: &secret });
    let keys = format!("access_key_id '{id}', secret_access_key '{secret}'");
    for wrong in [
        format!("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', {keys})"),
        format!("CREATE SERVER x FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', endpoint 'https://{id}:x@h')"),
        format!("ALTER SERVER exports OPTIONS (ADD secret_access_key '{secret}')"),
        format!("CREATE USER MAPPING FOR CURRENT_USER SERVER exports OPTIONS ({keys}, secret_acces_key '{secret}')"),
        format!("CREATE USER MAPPING FOR CURRENT_USER SERVER exports OPTIONS (access_key_id '{id}', secret_access_key '{secret} ')"),
        format!("ALTER USER MAPPING FOR PUBLIC SERVER exports OPTIONS (SET secret_access_key ' {secret}')"),
        format!("CREATE FOREIGN TABLE t (id int) SERVER exports OPTIONS ({keys})"),
        format!("DO $$ BEGIN CREATE USER MAPPING FOR CURRENT_USER SERVER exports OPTIONS ({keys}, key '{secret}'); END $$"),
        format!("DO $$ BEGIN EXECUTE $q$ CREATE USER MAPPING FOR CURRENT_USER SERVER exports OPTIONS ({keys}, key '{secret}') $q$; END $$"),
    ] {
        let error = refusal(&mut superuser, &wrong);
        let told = format!("{} {:?} {:?}", error.message, error.detail, error.hint);
        assert!(!told.contains("S3CR3T"), "{told}");
    }
    // The log has the errors, by what can be told of them; a later one is logged with its statement again.
    refusal(&mut superuser, "SELECT 1 / 0 AS after_the_secrets");
    let log = shared().log();
    assert!(log.contains("invalid option \"secret_acces_key\"") && log.contains("AS after_the_secrets"));

    let job = send(&mut client, "'users', 'csv'");
    let (error, code) = failed(&mut client, &job);
    assert_eq!(code, "HV00N", "{error}");
    let document = text(&mut client, &format!("SELECT acct_export_job('{job}')::text")).unwrap();
    let table = completed(&mut client, "'users', 'csv'");
    refusal(&mut client, &format!("SELECT acct_export_url('{table}')"));
    superuser.batch_execute("SELECT").unwrap();
    let activity = column(
        &mut superuser,
        "SELECT concat_ws(' ', query, application_name, backend_type) FROM pg_stat_activity",
    );
    let log = shared().log();
    for (what, text) in [
        ("log", log),
        ("job", format!("{error} {document}")),
        ("activity", activity.join("\n")),
        ("tables and views", everything(&mut superuser)),
    ] {
        let told: Vec<&str> =
            text.lines().filter(|line| line.contains(&id) || line.contains(&secret)).collect();
        assert!(told.is_empty(), "{what}: {told:#?}");
    }
    // Nor the process list.
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(&secret), "{:?}", process.path());
    }
}

/// The server's own catalogues show the mapping of PUBLIC to nobody but those who could change it.
#[test]
fn the_catalogues_keep_the_mapping() {
    let app = app();
    mapping(&app, &Keys { id: "AKIDS3CR3T", secret: "hush/S3CR3T" });
    let mut client = app.session(&app.login, 0);
    for view in ["pg_user_mappings", "information_schema.user_mapping_options", "pg_foreign_server"] {
        let rows = column(&mut client, &format!("SELECT v::text FROM {view} AS v"));
        assert!(!rows.is_empty() && rows.iter().all(|row| !row.contains("S3CR3T")), "{view}: {rows:?}");
    }
    assert_eq!(refusal(&mut client, "SELECT umoptions FROM pg_user_mapping").sqlstate, "42501");
    let seen = column(&mut app.superuser(), "SELECT v::text FROM pg_user_mappings AS v");
    assert!(seen.iter().any(|row| row.contains("S3CR3T")), "there is nothing to see: {seen:?}");
    let request: Value = serde_json::from_str(
        &text(&mut client, "SELECT to_jsonb(s)::text FROM pg_foreign_server s WHERE srvname = 'exports'")
            .unwrap(),
    )
    .unwrap();
    assert_eq!(request["srvname"], "exports");
}

/// A file of the server is named by who may read all of them, and has to be one.
#[test]
fn files_of_certificates() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!("GRANT USAGE ON FOREIGN DATA WRAPPER acct_export_s3 TO {}", app.login))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let file = "CREATE SERVER own FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', sslrootcert '/etc/ssl/ca.pem')";
    refused(&mut client, file, "42501", "sslrootcert", "pg_read_server_files");
    for (path, sqlstate) in [("/dev/zero", "58P01"), ("/nowhere.pem", "58P01"), ("/etc/hostname", "22023")] {
        superuser
            .batch_execute(&format!(
                "DROP SERVER IF EXISTS own CASCADE;
                 CREATE SERVER own FOREIGN DATA WRAPPER acct_export_s3 OPTIONS (bucket 'abc', region 'x', sslrootcert '{path}');
                 CREATE USER MAPPING FOR PUBLIC SERVER own OPTIONS (access_key_id 'x', secret_access_key 'y');
                 GRANT USAGE ON FOREIGN SERVER own TO {}",
                app.login
            ))
            .unwrap();
        let job = asking::start(&mut client, "'users', 'csv', destination => 'own'");
        let row = common::wait_for_job(&mut client, &job);
        assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some(sqlstate), "{path}");
    }
}
