//! Rows of hundreds of megabytes: they are exported, or end in an error; the server lives, and nothing is left behind.

use support::jobs;

use calamine::{Data, DataType};
use postgres::Client;
use support::asking::{completed, exported, file, refusal, start, text, Workbook};
use support::common::{shared, unique, wait_for_job, TwoTenants};
use support::jobs::{assert_nothing, assert_tidy, wait_until_held, wait_until_idle, Hold, Phase};

/// A database with a view for each kind of huge row, the second of three; made by the query (and not by its planner, as a
/// constant), nothing of it is stored.
fn views() -> (Client, Client) {
    let db = shared().create_database_with_extension("huge");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            r#"CREATE ROLE {role} LOGIN;
            CREATE TABLE t (id int PRIMARY KEY);
            INSERT INTO t VALUES (1), (2), (3);
            CREATE VIEW one_text WITH (security_invoker) AS
                SELECT id, CASE id WHEN 2 THEN repeat(repeat('0123456789', 20000), 500 * id) ELSE 'x' END AS note FROM t;
            CREATE VIEW five_texts WITH (security_invoker) AS
                SELECT id, n AS a, n AS b, n AS c, n AS d, n AS e
                FROM (SELECT id, CASE id WHEN 2 THEN repeat(repeat('0123456789', 20000), 100 * id) END AS n FROM t) AS s;
            CREATE VIEW document WITH (security_invoker) AS
                SELECT id, jsonb_build_object('n', CASE id WHEN 2 THEN repeat(repeat('0123456789', 20000), 500 * id) ELSE 'x' END) AS doc FROM t;
            CREATE VIEW six_texts WITH (security_invoker) AS
                SELECT id, n AS a, n AS b, n AS c, n AS d, n AS e, n AS f
                FROM (SELECT id, CASE id WHEN 2 THEN repeat(repeat('0123456789', 20000), 500 * id) END AS n FROM t) AS s;
            CREATE VIEW controls WITH (security_invoker) AS
                SELECT id, CASE id WHEN 2 THEN repeat(repeat(E'\x01', 20000), 5000 * id) END AS note FROM t;
            CREATE VIEW quotes WITH (security_invoker) AS
                SELECT id, n AS a, n AS b, n AS c FROM (SELECT id, CASE id WHEN 2 THEN repeat(repeat('"', 20000), 5000 * id) END AS n FROM t) AS s;
            GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
            SELECT acct_export_register(v, v::regclass, 'id')
            FROM unnest('{{t,one_text,five_texts,document,six_texts,controls,quotes}}'::text[]) AS v"#
        ))
        .unwrap();
    let requester = shared().connect(&db, &role);
    (superuser, requester)
}

/// Bytes and hash that status tells of a job's file.
fn told(client: &mut Client, job: &str) -> String {
    let sql = format!(
        "SELECT concat_ws(' ', f ->> 'bytes', f ->> 'sha256')
         FROM acct_export_status('{job}'), jsonb_array_elements(files) AS f"
    );
    text(client, &sql).unwrap()
}

#[test]
fn a_row_of_200_mb_is_exported() {
    let (mut superuser, mut client) = views();
    for (call, lines) in [
        (
            "'one_text', 'csv', options => '{\"line_ending\":\"lf\"}'",
            "'id,note' || E'\\n1,x\\n2,' || n || E'\\n3,x\\n'",
        ),
        (
            "'one_text', 'ndjson'",
            r#"E'{"id":1,"note":"x"}\n{"id":2,"note":"' || n || E'"}\n{"id":3,"note":"x"}\n'"#,
        ),
        (
            "'document', 'ndjson'",
            r#"E'{"id":1,"doc":{"n": "x"}}\n{"id":2,"doc":{"n": "' || n || E'"}}\n{"id":3,"doc":{"n": "x"}}\n'"#,
        ),
    ] {
        let job = completed(&mut client, call);
        let wanted = format!(
            "SELECT concat_ws(' ', octet_length(f), encode(sha256(f), 'hex'))
             FROM (SELECT convert_to({lines}, 'UTF8') AS f FROM repeat(repeat('0123456789', 20000), 1000) AS n) AS s"
        );
        assert_eq!(told(&mut client, &job), text(&mut superuser, &wanted).unwrap(), "{call}");
    }
    // Five columns make up as much; it comes out of the chunks as it went in.
    let bytes =
        exported(&mut client, "'five_texts', 'csv', options => '{\"header\":false,\"line_ending\":\"lf\"}'");
    let value = "0123456789".repeat(4_000_000);
    let row = [value.as_str(); 5].join(",");
    assert!(bytes == format!("1,,,,,\n2,{row}\n3,,,,,\n").as_bytes());
    // A workbook takes what a cell can hold, and counts the rest.
    for (view, cells) in [("one_text", 1), ("five_texts", 5), ("document", 1)] {
        let mut book = Workbook::open(exported(&mut client, &format!("'{view}', 'xlsx'")));
        let sheet = book.sheets().remove(0);
        let rows = book.rows(&sheet);
        assert_eq!((rows.len(), rows[2].len()), (4, cells + 1));
        for cell in &rows[2][1..] {
            let text = cell.get_string().unwrap();
            assert!(text.len() < 32_800 && text.contains("0123456789") && text.ends_with('…'));
        }
        let info = book.rows("Export info");
        let count = info.iter().find(|row| row[0] == Data::String("Truncated cells".into())).unwrap();
        assert_eq!(count[1], Data::Float(cells as f64));
    }
    // Streams: the length of all lines, as the server counts it.
    for (call, bytes) in [
        ("acct_export_csv('one_text')", "id,note1,x2,3,x".len() + 200_000_000),
        ("acct_export_ndjson('document')", 3 * "{\"id\":1,\"doc\":{\"n\": \"\"}}".len() + 2 + 200_000_000),
    ] {
        let sql = format!("SELECT sum(octet_length(line))::text FROM (SELECT {call} AS line) AS s");
        assert_eq!(text(&mut client, &sql), Some(bytes.to_string()), "{call}");
    }
    wait_until_idle(&mut superuser);
    assert_tidy(&mut superuser, shared());
}

#[test]
fn a_row_of_more_than_1_gb_is_an_error_and_no_crash() {
    let (mut superuser, mut client) = views();
    for (view, formats) in [
        ("six_texts", &["csv", "xlsx"][..]),
        // Not as it is read, but as it would be written: six bytes for one, two for one.
        ("controls", &["ndjson"]),
        ("quotes", &["csv"]),
    ] {
        for format in formats {
            let job = start(&mut client, &format!("'{view}', '{format}'"));
            let row = wait_for_job(&mut client, &job);
            let (status, code, error): (String, Option<String>, Option<String>) =
                (row.get("status"), row.get("error_code"), row.get("error"));
            let error = error.unwrap_or_default();
            assert_eq!(
                (status.as_str(), code.as_deref()),
                ("failed", Some("54000")),
                "{view} {format}: {error}"
            );
            assert!(error.contains("more than 1 GB") && error.contains("fields"), "{error}");
            assert_nothing(&mut superuser, &job);
        }
    }
    for call in ["acct_export_csv('six_texts')", "acct_export_ndjson('controls')"] {
        let error = refusal(&mut client, &format!("SELECT count(*) FROM (SELECT {call}) AS s"));
        assert_eq!(error.sqlstate, "54000", "{call}: {error:?}");
        assert!(error.message.contains("more than 1 GB") && error.hint.is_some(), "{call}: {error:?}");
    }
    // The rows beside it are exported, by the same sessions; a crash of any process would have ended them.
    let others = r#"filter => '{"id":{"in":[1,3]}}', options => '{"header":false}'"#;
    assert_eq!(exported(&mut client, &format!("'controls', 'csv', {others}")), b"1,\r\n3,\r\n");
    wait_until_idle(&mut superuser);
    assert_tidy(&mut superuser, shared());
}

/// An export fails where the system gives no more memory, and the process goes on.
#[test]
fn memory_that_is_not_there_is_an_error_and_no_crash() {
    let app: TwoTenants = jobs::app(shared(), 20);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    superuser
        .batch_execute(
            "UPDATE app.users SET name = repeat(repeat(E'\\x01', 60000), 1000), status = 'active' WHERE id = 40;
             UPDATE app.users SET custom = jsonb_build_object('api_key', 1, 'n', repeat(repeat('\"', 60000), 1000)), status = 'active' WHERE id = 38",
        )
        .unwrap();
    let hold = Hold::at(Phase::Reading, &app);
    let jobs = [
        start(&mut client, "'users', 'ndjson', fields => '{id,name}'"),
        start(&mut client, "'users', 'csv', fields => '{id,custom}'"),
    ];
    for job in &jobs {
        let worker = wait_until_held(&mut superuser, job, Phase::Reading);
        let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
        let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
        // Room for the value itself, as the server reads it, and not for what it becomes.
        let limit = (size << 10) + (300 << 20);
        // By the account of the server.
        let program = format!("COPY (SELECT 1) TO PROGRAM 'cat >&2; prlimit --pid {worker} --as={limit}'");
        superuser.batch_execute(&program).unwrap();
    }
    hold.release();
    for job in &jobs {
        let row = wait_for_job(&mut client, job);
        let (status, code, error): (String, Option<String>, Option<String>) =
            (row.get("status"), row.get("error_code"), row.get("error"));
        assert_eq!((status.as_str(), code.as_deref()), ("failed", Some("53200")), "{error:?}");
        assert!(error.is_some_and(|error| error.contains("memory")));
        assert_nothing(&mut superuser, job);
    }
    // Both workers ended their job by themselves, and the next one is made.
    wait_until_idle(&mut superuser);
    let job = completed(&mut client, "'users', 'csv', fields => '{id}'");
    assert_eq!(file(&mut client, &job).iter().filter(|byte| **byte == b'\n').count(), 20);
    assert_tidy(&mut superuser, shared());
}
