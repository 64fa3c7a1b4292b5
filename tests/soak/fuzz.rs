//! Mutated arguments and mutated files: an error that is documented, or a result that holds nothing of others; never a crash, an internal
//! error, a call without an end or memory without a bound.

mod document;
pub mod mutate;

use std::fs;

use postgres::types::ToSql;
use postgres::Client;
use support::admins::Admins;
use support::asking::{column, exported};
use support::common::{shared, TwoTenants, SECRET};

use crate::campaign::Campaign;
use crate::documented::{sqlstates, Outcomes};
use crate::server_log::{assert_clean, Caused, PREFIX};
use document::mutated_document;
use mutate::{mutated_bytes, mutated_text, mutated_workbook};

const ARGUMENTS: usize = 10_000;
const FILES: usize = 10_000;
const ROWS: u32 = 20;
/// More than a workbook or a filter of these sizes can need.
const MOST_MEMORY_KB: u64 = 256 * 1024;

const FILTERS: [&str; 8] = [
    r#"{"status": ["active", "invited"], "created_at": {"ge": "2020-01-01"}}"#,
    r#"{"or": [{"email": {"ew": "@a.example", "ci": true}}, {"custom.department": "D1"}], "not": {"name": null}}"#,
    r#"{"id": {"gt": 3, "le": 9223372036854775807}, "tags": {"co": "x"}}"#,
    r#"{"created_after": "2025-01-02T03:04:05+02:00", "updated_before": "2026-01-01"}"#,
    r#"{"custom": {"any": {"n": {"ge": 1.5e0}}}, "last_login": {"pr": false}}"#,
    r#"{"and": [{"phone": {"sw": "00"}}, {"phone": {"does_not_contain": "7"}}, {"tenant_id": {"ne": null}}]}"#,
    r#"{"email": {"in": ["a", "b"]}, "status": {"is_unknown": true}}"#,
    r#"{"api_token": {"sw": "S3"}}"#,
];
const OPTIONS: [&str; 6] = [
    r#"{"order": ["created_at desc nulls last", "\"name\" asc"], "time_zone": "Europe/Paris", "timestamps": "local"}"#,
    r#"{"delimiter": ";", "bom": true, "header": true, "null_as": "NULL", "line_ending": "crlf", "formula_guard": false}"#,
    r#"{"labels": {"email": "E-mail", "custom.department": "Town"}, "multi_value_separator": ", ", "lists": "json"}"#,
    r#"{"decimal": ",", "order": "none"}"#,
    r#"{"order": ["last_login nulls first", "email"], "labels": {}}"#,
    r#"{"time_zone": "America/St_Johns", "decimal": ".", "order": "key"}"#,
];
const SCIM: [&str; 5] = [
    r#"status eq "active" and not (email co "example.org" or id gt 17)"#,
    r#"emails[type eq "work" and value ew "@a.example"] or name pr"#,
    r#"meta.lastModified ge "2025-01-01T00:00:00Z""#,
    r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
    r#"id eq -1.5e3 and active eq true and nickName eq null"#,
];
const PERIODS: [&str; 5] = ["last_3_months", "previous_quarter", "2025-Q3", "2025-10", "2025"];
const FIELDS: [&str; 3] = ["{id,email,custom.department}", "{*}", r#"{"name",tags,created_at,NULL}"#];
const CRONS: [&str; 5] =
    ["*/5 1-3,7 15W JAN-MAR MON#2", "0 0 L * *", "@weekly", "30 2 * * 0-7/2", "59 23 31 DEC FRI"];
const KEYS: [&str; 3] = ["2", "40", "a0000000-0000-4000-8000-000000000001"];

/// Statements with the seeds of their one argument.
const CALLS: [(&str, &[&str]); 10] = [
    ("SELECT acct_export_ndjson('users', filter => $1::text::jsonb)", &FILTERS),
    ("SELECT acct_export_csv('users', options => $1::text::jsonb)", &OPTIONS),
    ("SELECT sample::text FROM acct_export_preview('users', filter => $1::text::jsonb, options => '{\"count\":true}')", &FILTERS),
    ("SELECT acct_export_scim($1)::text", &SCIM),
    ("SELECT acct_export_ndjson('users', filter => acct_export_scim($1))", &SCIM),
    ("SELECT acct_export_csv('users', period => $1)", &PERIODS),
    ("SELECT acct_export_ndjson('users', fields => $1::text::text[])", &FIELDS),
    ("SELECT acct_export_start('users', 'csv', options => $1::text::jsonb)::text", &OPTIONS),
    ("SELECT acct_export_schedule('fuzz', $1)::text", &CRONS),
    ("SELECT acct_export_subject('users', $1)::text", &KEYS),
];

/// One session whose process must live through the campaign.
struct Target {
    client: Client,
    pid: i32,
}

impl Target {
    fn new(mut client: Client) -> Self {
        // Far more than any call takes: a call that does not end is an error (57014).
        client.batch_execute("SET statement_timeout = '60s'").unwrap();
        let pid = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        Self { client, pid }
    }

    /// Runs a statement in a transaction that is rolled back; the first column of its rows, which are texts.
    fn run(
        &mut self,
        sql: &str,
        argument: &(dyn ToSql + Sync),
    ) -> Result<Vec<Option<String>>, postgres::Error> {
        let mut transaction = self.client.transaction()?;
        let rows = transaction.query(sql, &[argument])?;
        transaction.rollback()?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The most memory that the process has had, in KiB, without what it shares with others.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = |name: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        line("VmHWM:").saturating_sub(line("RssShmem:"))
    }
}

/// SQLSTATEs that fuzzed calls may end with: no stop, no limit of time, no lock is in their way.
fn outcomes() -> Outcomes {
    let mut allowed = sqlstates();
    for code in ["57014", "57P01", "40001", "40P01", "55P03", "53200"] {
        allowed.remove(code);
    }
    Outcomes::new(allowed)
}

fn finish(mut campaign: Campaign, target: &Target, outcomes: &Outcomes, inputs: usize) {
    campaign.figure("mutated inputs", inputs);
    for (sqlstate, count) in outcomes.assert_documented() {
        campaign.figure(&format!("calls that ended with {sqlstate}"), count);
    }
    let memory = target.memory();
    campaign.figure("memory of the session, at most, MB", memory / 1024);
    assert!(memory < MOST_MEMORY_KB, "{memory} KiB");
    assert_clean(shared(), Caused::default());
}

#[test]
fn arguments() {
    let mut campaign = Campaign::begin("fuzz, arguments");
    let mut random = campaign.random.branch();
    campaign.watch(shared()).set("log_line_prefix", PREFIX);
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut session = app.session(&app.login, 0);
    session.batch_execute("SELECT acct_export_save('fuzz', 'users', 'csv')").unwrap();
    let mut target = Target::new(session);
    let outcomes = outcomes();
    let inputs = campaign.size(ARGUMENTS);
    for _ in 0..inputs {
        let (sql, seeds) = *random.of(&CALLS);
        let seed = random.text(seeds);
        let document = if random.chance(70) { mutated_document(seed, &mut random) } else { None };
        let argument = document.unwrap_or_else(|| mutated_text(seed, &mut random));
        let result = target.run(sql, &argument);
        let call = || format!("{sql} with {argument:?}");
        outcomes.record(&result, call);
        for text in result.into_iter().flatten().flatten() {
            assert!(!text.contains(SECRET), "a secret: {text}\n{}", call());
            // The requester's tenant is the other one. The argument may name it, as acct_export_scim shows.
            let shows_rows = !sql.contains("SELECT acct_export_scim");
            assert!(
                !shows_rows || !text.contains("@b.example"),
                "a row of another tenant: {text}\n{}",
                call()
            );
        }
    }
    finish(campaign, &target, &outcomes, inputs);
}

#[test]
fn files() {
    let mut campaign = Campaign::begin("fuzz, files");
    let mut random = campaign.random.branch();
    campaign.watch(shared()).set("log_line_prefix", PREFIX);
    let admins = Admins::create(ROWS);
    let mut session = admins.session(1);
    let workbook = exported(&mut session, "'admins', 'xlsx'");
    let others: Vec<Vec<u8>> = [
        "'admins', 'csv'",
        "'admins', 'csv', options => '{\"delimiter\":\";\",\"bom\":true}'",
        "'admins', 'json'",
        "'admins', 'ndjson'",
    ]
    .map(|arguments| exported(&mut session, arguments))
    .to_vec();
    // Rows that a problem may quote are the caller's own.
    let hidden = column(&mut admins.superuser(), "SELECT email FROM app.admins WHERE tenant_id = 2");
    let mut target = Target::new(session);
    let outcomes = outcomes();
    let inputs = campaign.size(FILES);
    let mut problems = 0;
    for number in 0..inputs {
        let file = match random.below(10) {
            0 => mutated_bytes(&workbook, &mut random),
            1..=5 => mutated_workbook(&workbook, &mut random),
            _ => mutated_bytes(random.of::<Vec<u8>>(&others), &mut random),
        };
        let result = target.run("SELECT problem FROM acct_export_check_import('admins', $1)", &file);
        outcomes.record(&result, || format!("file {number} of {} bytes, of this seed", file.len()));
        for problem in result.into_iter().flatten().flatten() {
            assert!(
                !hidden.iter().any(|email| problem.contains(email)),
                "a row of another tenant: {problem}"
            );
            problems += 1;
        }
    }
    campaign.figure("problems told", problems);
    finish(campaign, &target, &outcomes, inputs);
}
