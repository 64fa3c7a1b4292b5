//! Errors of the server at each step of a job: what becomes of the job, with which SQLSTATE and after how many attempts.
//!
//! A superuser's triggers on the extension's tables raise them, and the policy of the source does while rows are read.

use postgres::Client;
use support::common::{shared, wait_for_job, wait_until, TwoTenants};
use support::jobs::{
    assert_nothing, assert_tidy, assert_whole, events, exported, record, start, text, wait_until_idle, LIMIT,
};

const ROWS: u32 = 50;

/// The steps of a job, by the statement that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Claim,
    Read,
    File,
    Chunk,
    Complete,
    Event,
}

const STEPS: [Step; 6] = [Step::Claim, Step::Read, Step::File, Step::Chunk, Step::Complete, Step::Event];

/// The SQLSTATEs that say nothing about the job, but about the moment.
const CODES: [&str; 8] = ["57014", "55P03", "40001", "40P01", "53100", "53200", "53300", "57P01"];

const FUNCTION: &str = "
    CREATE TABLE public.fault (code text, times bigint);
    CREATE SEQUENCE public.hits;
    CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE plan public.fault;
    BEGIN
        SELECT * INTO plan FROM public.fault;
        -- A sequence is not rolled back.
        IF pg_catalog.nextval('public.hits') OPERATOR(pg_catalog.<=) plan.times THEN
            RAISE EXCEPTION 'injected fault of the server' USING ERRCODE = plan.code;
        END IF;
        RETURN NEW;
    END $$;";

impl Step {
    /// Makes the step fail so many times.
    fn fail(self, superuser: &mut Client, code: &str, times: i64) {
        let trigger = match self {
            Step::Claim => "BEFORE UPDATE ON acct_export.job FOR EACH ROW WHEN (NEW.status = 'running')",
            Step::Read => {
                return superuser
                    .batch_execute(&format!(
                    "CREATE OR REPLACE FUNCTION app.refuse(id bigint) RETURNS boolean LANGUAGE plpgsql AS $$
                         BEGIN RAISE EXCEPTION 'secret row %', id USING ERRCODE = '{code}'; END $$;
                         CREATE POLICY fault ON app.users AS RESTRICTIVE USING (app.refuse(id))"
                ))
                    .unwrap()
            }
            Step::File => "BEFORE INSERT ON acct_export.file FOR EACH ROW",
            Step::Chunk => "BEFORE INSERT ON acct_export.chunk FOR EACH ROW",
            Step::Complete => "BEFORE UPDATE ON acct_export.job FOR EACH ROW WHEN (NEW.status = 'completed')",
            Step::Event => {
                "BEFORE INSERT ON acct_export.audit FOR EACH ROW WHEN (NEW.event = 'user.bulk_export')"
            }
        };
        superuser
            .batch_execute(&format!(
                "TRUNCATE public.fault; INSERT INTO public.fault VALUES ('{code}', {times}); SELECT setval('public.hits', 1, false);
                 CREATE TRIGGER fault {trigger} EXECUTE FUNCTION public.fail()"
            ))
            .unwrap();
    }

    fn mend(self, superuser: &mut Client) {
        let table = match self {
            Step::Claim | Step::Complete => "acct_export.job",
            Step::Read => return superuser.batch_execute("DROP POLICY fault ON app.users").unwrap(),
            Step::File => "acct_export.file",
            Step::Chunk => "acct_export.chunk",
            Step::Event => "acct_export.audit",
        };
        superuser.batch_execute(&format!("DROP TRIGGER fault ON {table}")).unwrap();
    }
}

fn is_passing(code: &str) -> bool {
    matches!(code, "55P03" | "40001" | "40P01")
}

/// One server error at one step, and what is to become of the job.
fn inject(app: &TwoTenants, step: Step, code: &str) {
    let case = format!("{step:?} {code}");
    let mut superuser = app.superuser();
    let mut requester = app.session(&app.login, 0);
    // Locks and other transactions go away: twice in the way, then no more.
    let passes = is_passing(code) && !matches!(step, Step::Claim | Step::Read);
    step.fail(&mut superuser, code, if passes { 2 } else { 1_000_000 });
    let job = start(&mut requester, "csv", &format!(", reason => '{case}'"));
    if step == Step::Claim {
        // It is not begun, and waits for the next worker.
        wait_until(LIMIT, "a worker has tried", || {
            let hits: bool = superuser.query_one("SELECT is_called FROM public.hits", &[]).unwrap().get(0);
            hits
        });
        wait_until_idle(&mut superuser);
        assert_eq!(record(&mut superuser, &job, "status").as_deref(), Some("queued"), "{case}");
        assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some("0"), "{case}");
        step.mend(&mut superuser);
        wait_for_job(&mut requester, &job);
        assert_whole(&mut superuser, &job, exported(ROWS));
    } else {
        let row = wait_for_job(&mut requester, &job);
        let (status, told) = (text(&row, "status"), text(&row, "error").unwrap_or_default().to_owned());
        if passes {
            assert_eq!(status, Some("completed"), "{case}: {told}");
            assert_whole(&mut superuser, &job, exported(ROWS));
        } else {
            assert_eq!((status, text(&row, "error_code")), (Some("failed"), Some(code)), "{case}: {told}");
            assert_nothing(&mut superuser, &job);
            assert_eq!(events(&mut superuser, &job, "user.bulk_export.failed"), 1, "{case}");
            assert!(!told.contains("injected") && !told.contains("secret row"), "{case}: {told}");
            if code != "57014" {
                let of_source = told.contains("Query the source as the requester");
                assert_eq!(of_source, step == Step::Read, "{case}: {told}");
                let of_storing = told.starts_with(&format!("storing the file failed, SQLSTATE {code}"));
                assert_eq!(of_storing, step != Step::Read, "{case}: {told}");
            }
        }
        step.mend(&mut superuser);
    }
    assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some("1"), "{case}");
}

#[test]
fn each_error_at_each_step() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    superuser.batch_execute(FUNCTION).unwrap();
    for step in STEPS {
        for code in CODES {
            inject(&app, step, code);
        }
    }
    wait_until_idle(&mut superuser);
    assert_tidy(&mut superuser, shared());
    // The log has the text of errors of our own tables, and none of a source.
    let log = shared().log();
    assert!(log.contains("injected fault of the server"));
    let lines = log.lines().filter(|line| line.contains("pg_acctexport: export"));
    assert!(!lines.clone().any(|line| line.contains("secret row")), "{:?}", lines.collect::<Vec<_>>());
    let full = "storing the file failed, SQLSTATE 53100 (See the server log for the error.) (53100): injected fault of the server";
    assert!(log.contains(full));
}

/// The failure itself meets a lock before it can be recorded.
#[test]
fn a_failure_is_recorded_when_the_lock_is_gone() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    superuser.batch_execute(FUNCTION).unwrap();
    for code in ["55P03", "40001", "57014"] {
        superuser
            .batch_execute(&format!(
                "CREATE POLICY fault ON app.users AS RESTRICTIVE USING (1 / 0 = 1);
                 TRUNCATE public.fault; INSERT INTO public.fault VALUES ('{code}', 2); SELECT setval('public.hits', 1, false);
                 CREATE TRIGGER fault BEFORE UPDATE ON acct_export.job FOR EACH ROW WHEN (NEW.status = 'failed')
                     EXECUTE FUNCTION public.fail()"
            ))
            .unwrap();
        let mut requester = app.session(&app.login, 0);
        let job = start(&mut requester, "csv", "");
        let row = wait_for_job(&mut requester, &job);
        assert_eq!(
            (text(&row, "status"), text(&row, "error_code")),
            (Some("failed"), Some("22012")),
            "{code}"
        );
        assert_eq!(row.get::<_, i32>("attempts"), 1);
        superuser
            .batch_execute("DROP POLICY fault ON app.users; DROP TRIGGER fault ON acct_export.job")
            .unwrap();
    }
}

/// A refusal is not made of a lock that was in the way.
#[test]
fn a_lock_is_no_answer() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE FUNCTION app.busy(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '55P03'; END $$;",
        )
        .unwrap();
    superuser.batch_execute("SELECT acct_export_alter('users', authorize => 'app.busy(jsonb)')").unwrap();
    superuser.batch_execute(&format!("GRANT EXECUTE ON FUNCTION app.busy TO {}", app.login)).unwrap();
    let mut requester = app.session(&app.login, 0);
    let error = support::common::error_of(requester.query("SELECT acct_export_start('users')", &[]));
    assert_eq!(error.sqlstate, "55P03", "{error:?}");
}
