//! Reports on companions: the reason why each of them failed, the tenant of their rows, the dates that do not fit.

use support::asking;

use calamine::Data;
use postgres::Client;
use serde_json::{json, Value};
use support::asking::{refused, text, Workbook};
use support::common::shared;
use support::companion::{ended, file, values, Companions};

/// Companions of users that break when they are read, each in another way.
fn broken(app: &Companions) {
    let login = &app.0.login;
    app.0
        .superuser()
        .batch_execute(&format!(
            "CREATE VIEW app.rooted WITH (security_invoker = true) AS
                SELECT id, tenant_id, sqrt(-abs(id)) AS root FROM app.events;
             CREATE VIEW app.logged WITH (security_invoker = true) AS
                SELECT id, tenant_id, ln(0 * id) AS log FROM app.events;
             GRANT SELECT ON app.rooted, app.logged TO {login};
             SELECT acct_export_register('rooted', 'app.rooted', 'id', tenant_column => 'tenant_id', title => 'Roots');
             SELECT acct_export_register('logged', 'app.logged', 'id', tenant_column => 'tenant_id', title => 'Logs');
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id',
                status_column => 'status', disabled_values => '{{disabled}}',
                companions => '{{breaking,events,rooted,logged,other}}', replace => true)"
        ))
        .unwrap();
}

/// SQLSTATEs of the three: a division by zero, a root of and a logarithm of what has none.
const CODES: [&str; 3] = ["22012", "2201F", "2201E"];

#[test]
fn each_companion_that_failed_says_why() {
    let app = Companions::create();
    broken(&app);
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    let (job, row) = ended(&mut client, "'users', 'ndjson', include => '{breaking,events,rooted,logged}'");
    assert_eq!(row.get::<_, String>("message"), "Odd shares export failed");
    assert_eq!(row.get::<_, String>("error_code"), CODES[0]);
    let files: Value = row.get("files");
    let told = |files: &Value, key: &str| -> Vec<Value> {
        files.as_array().unwrap().iter().map(|file| file[key].clone()).collect()
    };
    assert_eq!(told(&files, "status"), ["stored", "failed", "stored", "failed", "failed"]);
    let codes = [Value::Null, json!(CODES[0]), Value::Null, json!(CODES[1]), json!(CODES[2])];
    assert_eq!(told(&files, "error_code"), codes);
    for (file, code) in [(1, CODES[0]), (3, CODES[1]), (4, CODES[2])] {
        let error = files[file]["error"].as_str().unwrap();
        assert!(error.contains(&format!("SQLSTATE {code}")), "{error}");
        let line = format!("did not complete: {error} ({code})");
        let log = shared().log();
        let line = log.lines().find(|found| found.contains(&job) && found.contains(&line)).map(str::to_owned);
        assert!(
            line.is_some_and(|line| line.contains(["Odd shares", "", "Roots", "Logs"][file - 1])),
            "{code}"
        );
    }
    // A file that is there says nothing of errors.
    assert!(files[0].get("error").is_none() && files[2].get("error_code").is_none());
    let sql = format!(
        "SELECT detail -> 'files' FROM acct_export_audit WHERE job_id = '{job}' AND event = 'user.bulk_export'"
    );
    let audited: Value = admin.query_one(&sql, &[]).unwrap().get(0);
    assert_eq!(
        (told(&audited, "error_code"), told(&audited, "error")),
        (codes.to_vec(), told(&files, "error"))
    );
    assert_eq!(values(&mut client, &job, 3, "id").len(), 60);
}

/// All that fail are found before it is made again.
#[test]
fn a_workbook_is_made_again_once() {
    let app = Companions::create();
    broken(&app);
    let off = format!("ALTER DATABASE {} SET acct_export.async = off", app.0.db);
    app.0.superuser().batch_execute(&off).unwrap();
    let mut client = app.requester();
    let mut scans = |include: &str| -> (String, i64) {
        let read = "SELECT coalesce(sum(seq_scan + idx_scan), 0)::bigint FROM pg_stat_xact_user_tables
                     WHERE relid = 'app.users'::regclass";
        let read = |client: &mut Client| -> i64 { client.query_one(read, &[]).unwrap().get(0) };
        let sql = format!(
            "SELECT acct_export_start('users', include => '{include}', options => '{{\"one_workbook\": true}}')::text"
        );
        client.batch_execute("BEGIN").unwrap();
        let before = read(&mut client);
        let job = text(&mut client, &sql).unwrap();
        let scans = read(&mut client) - before;
        client.batch_execute("COMMIT").unwrap();
        (job, scans)
    };
    let (_, once) = scans("{events,other}");
    assert!(once > 0);
    let (job, twice) = scans("{breaking,events,rooted,logged,other}");
    assert_eq!(twice, 2 * once);
    let mut client = app.requester();
    let row = asking::status(&mut client, &job);
    assert_eq!(row.get::<_, String>("error_code"), CODES[0]);
    assert_eq!(row.get::<_, i64>("rows_done"), 18 + 60 + 60);
    let mut book = Workbook::open(file(&mut client, &job, 1));
    assert_eq!(book.sheets(), ["Users", "State events", "State events (2)", "Export info"]);
    assert_eq!((book.rows("Users").len(), book.rows("State events (2)").len()), (19, 61));
    let info = book.rows("Export info");
    let failed: Vec<String> = info
        .iter()
        .filter(|row| row[0] == Data::String("Failed".into()))
        .map(|row| row[1].to_string())
        .collect();
    assert_eq!(failed.len(), 3);
    for (told, (title, code)) in failed.iter().zip([("Odd shares", 0), ("Roots", 1), ("Logs", 2)]) {
        assert!(told.starts_with(title) && told.contains(CODES[code]), "{told}");
    }
}

/// A sheet of some accounts' rows is not taken for all of the tenant's.
#[test]
fn the_info_sheet_tells_of_matching() {
    let app = Companions::create();
    let mut client = app.requester();
    let options = json!({ "one_workbook": true, "companions": { "events": { "match": "user_id" } } });
    let arguments = format!("'users', include => '{{events,other}}', options => '{options}'");
    let (job, _) = ended(&mut client, &arguments);
    let info = Workbook::open(file(&mut client, &job, 1)).rows("Export info");
    let told: Vec<String> = info
        .iter()
        .filter(|row| row[0] == Data::String("Rows of".into()))
        .map(|row| row[1].to_string())
        .collect();
    assert_eq!(told, ["the exported users, by user_id"]);
}

#[test]
fn dates_of_companions_that_do_not_fit() {
    let app = Companions::create();
    let mut client = app.requester();
    let with = |selection: Value| {
        let options = json!({ "companions": { "events": selection } });
        format!(
            "SELECT acct_export_start('users', 'csv', include => '{{events}}', options => '{options}')::text"
        )
    };
    for (key, value) in [
        ("since", "yesterweek"),
        ("start_date", "2025-02-30"),
        ("end_date", "5874897-12-31"),
        ("since", "01/02/2025"),
        ("start_date", "294277-01-01"),
    ] {
        let mut selection = json!({ "start_date": "2025-01-01" });
        selection[key] = value.into();
        for style in ["ISO, MDY", "SQL, DMY"] {
            client.batch_execute(&format!("SET datestyle = '{style}'")).unwrap();
            let error = refused(&mut client, &with(selection.clone()), "22023", "\"events\"", "since");
            let named = format!("selection \"{key}\" of companion \"events\" must be a date like 2025-01-31");
            assert_eq!(error.message, named, "{value}");
            assert!(!format!("{error:?}").contains(value), "{error:?}");
        }
    }
    // The session's style is its own.
    client.batch_execute("SET datestyle = 'SQL, DMY'").unwrap();
    let job = text(&mut client, &with(json!({ "since": "2025-01-02" }))).unwrap();
    assert_eq!(text(&mut client, "SHOW datestyle").as_deref(), Some("SQL, DMY"));
    let sql = format!(
        "SELECT context #>> '{{companions,events,since,date}}' FROM acct_export.job WHERE id = '{job}'"
    );
    assert_eq!(text(&mut app.0.superuser(), &sql).as_deref(), Some("2025-01-02"));
}
