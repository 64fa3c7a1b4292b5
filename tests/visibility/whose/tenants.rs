//! A tenant is a value of its column's type: however it is written, it is one for rows, jobs, limits and pseudonyms.

use postgres::Client;
use support::asking::{column, completed, objects, refusal, refused, start, status, text};
use support::common::{shared, unique};

/// A type of tenant columns, and one tenant written in several ways.
struct Kind {
    column: &'static str,
    spellings: &'static [&'static str],
    other: &'static str,
    /// The type that the application's policy casts the setting to.
    cast: &'static str,
}

const KINDS: &[Kind] = &[
    Kind { column: "integer", spellings: &["1", " 1", "01", "+1 "], other: "10", cast: "::integer" },
    Kind { column: "smallint", spellings: &["7", "007"], other: "70", cast: "::smallint" },
    Kind { column: "bigint", spellings: &["9000000000", " 09000000000"], other: "1", cast: "::bigint" },
    Kind { column: "numeric(10,2)", spellings: &["1.5", "1.50", "01.500"], other: "15", cast: "::numeric" },
    Kind {
        column: "uuid",
        spellings: &[
            "a0000000-0000-4000-8000-00000000000a",
            "A0000000-0000-4000-8000-00000000000A",
            "{A0000000000040008000-00000000000a}",
        ],
        other: "b0000000-0000-4000-8000-00000000000b",
        cast: "::uuid",
    },
    Kind { column: "citext", spellings: &["Acme", "ACME", "acme"], other: "acme2", cast: "::citext" },
    Kind { column: "text COLLATE ci", spellings: &["Acme", "ACME", "acme"], other: "acme2", cast: "" },
    Kind { column: "char(8)", spellings: &["ab", "ab  "], other: "abc", cast: "::char(8)" },
    Kind { column: "inet", spellings: &["10.0.0.1", "10.0.0.1/32"], other: "10.0.0.2", cast: "::inet" },
    Kind { column: "number", spellings: &["1", " 01"], other: "2", cast: "::integer" },
    Kind { column: "folded", spellings: &["Acme", "aCME"], other: "acme2", cast: "::citext" },
    Kind { column: "plan", spellings: &["gold"], other: "silver", cast: "::plan" },
    Kind { column: "paid", spellings: &["gold"], other: "silver", cast: "::plan" },
    Kind { column: "text", spellings: &["acme"], other: " acme", cast: "" },
    Kind { column: "varchar(20)", spellings: &["acme"], other: "ACME", cast: "" },
];

struct App {
    db: String,
    role: String,
}

impl App {
    fn create() -> App {
        let this = App { db: shared().create_database_with_extension("spellings"), role: unique("speller") };
        this.superuser()
            .batch_execute(&format!(
                "CREATE ROLE {} LOGIN;
                 CREATE EXTENSION citext;
                 CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                 CREATE TYPE plan AS ENUM ('gold', 'silver');
                 CREATE DOMAIN paid AS plan;
                 CREATE DOMAIN number AS integer CHECK (VALUE > 0);
                 CREATE DOMAIN folded AS citext;",
                this.role
            ))
            .unwrap();
        this
    }

    fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    fn session(&self, setting: &str, tenant: &str) -> Client {
        let mut client = shared().connect(&self.db, &self.role);
        client.execute("SELECT set_config($1, $2, false)", &[&setting, &tenant]).unwrap();
        client
    }

    /// A table with three rows of the one tenant and two of the other, and a dataset of it.
    fn table(&self, name: &str, kind: &Kind, setting: &str) {
        let Kind { column, spellings, other, cast } = kind;
        let (role, first) = (&self.role, spellings[0]);
        // The server has no equality for a domain over an enum.
        let own = if *column == "paid" { "tenant::plan" } else { "tenant" };
        self.superuser()
            .batch_execute(&format!(
                "CREATE TABLE {name} (id int PRIMARY KEY, tenant {column} NOT NULL, note text);
                 INSERT INTO {name} SELECT n, '{first}', 'mine' FROM generate_series(1, 3) AS n;
                 INSERT INTO {name} SELECT n, '{other}', 'theirs' FROM generate_series(4, 5) AS n;
                 ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
                 CREATE POLICY own ON {name} USING ({own} = nullif(current_setting('{setting}', true), ''){cast});
                 GRANT SELECT ON {name} TO {role};
                 SELECT acct_export_register('{name}', '{name}', 'id', tenant_column => 'tenant');
                 SELECT acct_export_set_field('{name}', 'note', on_anonymise => 'pseudonymise');
                 SELECT acct_export_set_policy('{name}', max_active => 1)"
            ))
            .unwrap_or_else(|e| panic!("{column}: {e:?}"));
    }
}

#[test]
fn one_tenant_however_it_is_written() {
    let app = App::create();
    for (place, kind) in KINDS.iter().enumerate() {
        let (name, column_type) = (format!("t{place}"), kind.column);
        app.table(&name, kind, "app.tenant_id");
        let mut first: Option<(String, Vec<String>)> = None;
        for spelling in kind.spellings {
            let mut client = app.session("app.tenant_id", spelling);
            let what = format!("{column_type} {spelling:?}");
            // The rows are those of the requester's own SELECT.
            let own = column(&mut client, &format!("SELECT id::text FROM {name} ORDER BY id"));
            assert_eq!(own, ["1", "2", "3"], "{what}");
            let streamed = objects(
                column(&mut client, &format!("SELECT acct_export_ndjson('{name}')")).join("\n").as_bytes(),
            );
            assert_eq!(streamed.len(), 3, "{what}");
            let job = completed(&mut client, &format!("'{name}', 'ndjson'"));
            let rows = objects(&support::asking::file(&mut client, &job));
            assert_eq!(rows, streamed, "{what}");
            let pseudonyms =
                column(&mut client, &format!("SELECT acct_export_ndjson('{name}', anonymise => true)"));
            let tenant: Option<String> = status(&mut client, &job).get("tenant");
            match &first {
                None => first = Some((job, pseudonyms)),
                Some((job, before)) => {
                    assert_eq!(&pseudonyms, before, "{what}");
                    // Its own job, though it was asked for in other letters.
                    let row = status(&mut client, job);
                    assert_eq!(row.get::<_, Option<String>>("tenant"), tenant, "{what}");
                    assert!(
                        column(&mut client, "SELECT job_id::text FROM acct_export_jobs").contains(job),
                        "{what}"
                    );
                    client.query(&format!("SELECT acct_export_file('{job}')"), &[]).unwrap();
                }
            }
        }
        let (job, pseudonyms) = first.unwrap();
        let mut other = app.session("app.tenant_id", kind.other);
        let hidden = refusal(&mut other, &format!("SELECT acct_export_file('{job}')"));
        assert_eq!(hidden.sqlstate, "P0002", "{column_type}");
        let theirs = column(&mut other, &format!("SELECT acct_export_ndjson('{name}', anonymise => true)"));
        assert!(
            theirs.len() == 2 && !pseudonyms[0].contains(theirs[0].split("note").last().unwrap()),
            "{column_type}"
        );
        limits(&app, &name, kind);
        let audited = column(
            &mut app.superuser(),
            &format!("SELECT DISTINCT tenant FROM acct_export_audit WHERE dataset = '{name}' AND tenant IS NOT NULL"),
        );
        assert_eq!(audited.len(), 2, "{column_type}: {audited:?}");
    }
}

/// A transaction that has asked and not committed is counted, and is a twin.
fn limits(app: &App, name: &str, kind: &Kind) {
    let mut one = app.session("app.tenant_id", kind.spellings[0]);
    one.batch_execute("BEGIN").unwrap();
    start(&mut one, &format!("'{name}', 'csv'"));
    for spelling in kind.spellings {
        let mut client = app.session("app.tenant_id", spelling);
        let twin = refusal(&mut client, &format!("SELECT acct_export_start('{name}', 'csv')"));
        assert_eq!(twin.sqlstate, "55006", "{} {spelling:?}", kind.column);
        let more = refusal(&mut client, &format!("SELECT acct_export_start('{name}', 'json')"));
        assert_eq!(more.sqlstate, "53400", "{} {spelling:?}", kind.column);
    }
    let mut other = app.session("app.tenant_id", kind.other);
    other.batch_execute("BEGIN").unwrap();
    start(&mut other, &format!("'{name}', 'csv'"));
    other.batch_execute("ROLLBACK").unwrap();
    one.batch_execute("ROLLBACK").unwrap();
}

#[test]
fn what_is_no_value_of_the_type_is_told_without_it() {
    let app = App::create();
    for (place, column_type) in
        ["integer", "uuid", "plan", "paid", "inet", "numeric(10,2)", "smallint", "number"].iter().enumerate()
    {
        let kind = KINDS.iter().find(|kind| kind.column == *column_type).unwrap();
        let name = format!("t{place}");
        app.table(&name, kind, "app.tenant_id");
        for call in ["acct_export_start", "acct_export_csv", "acct_export_ndjson", "acct_export_preview"] {
            let mut client = app.session("app.tenant_id", "N0VALUE");
            let error = refused(
                &mut client,
                &format!("SELECT {call}('{name}')::text"),
                "22023",
                "\"app.tenant_id\"",
                "SET app.tenant_id",
            );
            assert!(!format!("{error:?}").contains("N0VALUE"), "{error:?}");
        }
        // Neither is it an error where jobs are listed or looked for.
        let job =
            completed(&mut app.session("app.tenant_id", kind.spellings[0]), &format!("'{name}', 'csv'"));
        let mut client = app.session("app.tenant_id", "N0VALUE");
        assert_eq!(column(&mut client, "SELECT job_id::text FROM acct_export_jobs"), Vec::<String>::new());
        assert_eq!(refusal(&mut client, &format!("SELECT acct_export_status('{job}')")).sqlstate, "P0002");
    }
}

#[test]
fn companions_have_tenants_of_other_types() {
    let app = App::create();
    let [number, name] = [&KINDS[0], &KINDS[13]];
    app.table("accounts", number, "app.tenant_id");
    app.table("events", &Kind { spellings: &["1"], other: "10", ..*name }, "app.tenant_id");
    app.superuser()
        .batch_execute("UPDATE acct_export.dataset SET companions = '{events}' WHERE dataset = 'accounts'")
        .unwrap();
    let asked = "'accounts', 'ndjson', include => '{events}'";
    let rows_of = |client: &mut Client, job: &str| {
        let sql = format!(
            "SELECT jsonb_path_query_array(files, '$[*].rows')::text FROM acct_export_status('{job}')"
        );
        text(client, &sql)
    };
    let mut plain = app.session("app.tenant_id", "1");
    let job = completed(&mut plain, asked);
    assert_eq!(rows_of(&mut plain, &job).as_deref(), Some("[3, 3]"));
    // Each is what the requester's own SELECT gives: ' 1' is another text, and the same number.
    let mut spaced = app.session("app.tenant_id", " 1");
    assert_eq!(column(&mut spaced, "SELECT id::text FROM events"), Vec::<String>::new());
    assert_eq!(refusal(&mut spaced, &format!("SELECT acct_export_status('{job}')")).sqlstate, "P0002");
    let other = completed(&mut spaced, asked);
    assert_eq!(rows_of(&mut spaced, &other).as_deref(), Some("[3, 0]"));
}

#[test]
fn a_dataset_names_the_setting_of_its_tenant() {
    let app = App::create();
    let number = &KINDS[0];
    app.table("accounts", number, "app.tenant_id");
    app.table("deals", number, "crm.org");
    app.superuser()
        .batch_execute(
            "UPDATE acct_export.dataset SET tenant_setting = 'crm.org' WHERE dataset = 'deals';
             UPDATE acct_export.dataset SET companions = '{deals}' WHERE dataset = 'accounts';",
        )
        .unwrap();
    let mut client = app.session("crm.org", "1");
    let job = completed(&mut client, "'deals', 'ndjson'");
    assert_eq!(status(&mut client, &job).get::<_, Option<String>>("tenant").as_deref(), Some("1"));
    assert_eq!(objects(&support::asking::file(&mut client, &job)).len(), 3);
    assert_eq!(column(&mut client, "SELECT acct_export_csv('deals')").len(), 4);
    refused(&mut client, "SELECT acct_export_csv('accounts')", "42501", "no tenant", "SET app.tenant_id");
    // It is visible by that setting, whatever the other one says.
    let mut again = app.session("crm.org", "01");
    again.batch_execute("SET app.tenant_id = '10'").unwrap();
    assert_eq!(status(&mut again, &job).get::<_, String>("status"), "completed");
    let mut other = app.session("crm.org", "10");
    assert_eq!(refusal(&mut other, &format!("SELECT acct_export_status('{job}')")).sqlstate, "P0002");
    let mut without = app.session("app.tenant_id", "1");
    refused(&mut without, "SELECT acct_export_start('deals')", "42501", "no tenant", "SET crm.org");
    without.batch_execute("SET crm.org = 'x'").unwrap();
    refused(&mut without, "SELECT acct_export_start('deals')", "22023", "\"crm.org\"", "SET crm.org");
    // A companion is read for the tenant of its own setting, which then decides too who sees the job.
    let mut both = app.session("app.tenant_id", "1");
    both.batch_execute("SET crm.org = '10'").unwrap();
    let job = completed(&mut both, "'accounts', 'ndjson', include => '{deals}'");
    let rows = "SELECT jsonb_path_query_array(files, '$[*].rows')::text FROM acct_export_jobs";
    assert_eq!(text(&mut both, &format!("{rows} WHERE job_id = '{job}'")).as_deref(), Some("[3, 2]"));
    both.batch_execute("SET crm.org = '1'").unwrap();
    assert_eq!(refusal(&mut both, &format!("SELECT acct_export_status('{job}')")).sqlstate, "P0002");
    // The tenant's setting may not change between asking and reading.
    both.batch_execute("BEGIN").unwrap();
    let job = start(&mut both, "'accounts', 'ndjson'");
    app.superuser()
        .batch_execute("UPDATE acct_export.dataset SET tenant_setting = 'crm.org' WHERE dataset = 'accounts'")
        .unwrap();
    both.batch_execute("COMMIT").unwrap();
    let row = support::common::wait_for_job(&mut both, &job);
    assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some("42501"));
}
