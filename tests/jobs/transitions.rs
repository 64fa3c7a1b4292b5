//! The state of a job changes only in the ways that the core lists (core/src/model/status.rs).

use acctexport_core::model::JobStatus;
use support::approval::{approve, Approval, WITHOUT_POLICY};
use support::asking::{column, start};
use support::common::{shared, wait_for_job};
use support::jobs::{gate, wait_until_held, Hold, Phase};

/// A trigger of the superuser's that records each change.
const RECORD: &str = "
    CREATE TABLE public.change (was text, becomes text);
    CREATE FUNCTION public.record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.change VALUES (OLD.status, NEW.status);
        RETURN NULL;
    END $$;
    CREATE TRIGGER record_change AFTER UPDATE ON acct_export.job FOR EACH ROW
        WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION public.record_change();";

fn state(name: &str) -> JobStatus {
    JobStatus::parse(name).unwrap_or_else(|| panic!("unknown state {name}"))
}

#[test]
fn changes_are_those_of_the_table() {
    let scene = Approval::above(shared(), 3);
    let mut superuser = scene.app.superuser();
    superuser.batch_execute(RECORD).unwrap();
    let mut requester = scene.requester();
    let cancel = |job: &str| format!("SELECT acct_export_cancel('{job}')");

    // Approved, completed, deleted; cancelled while it waits; refused for its rows.
    let job = scene.waiting();
    scene.approver().batch_execute(&approve(&job)).unwrap();
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, &str>("status"), "completed");
    requester.batch_execute(&format!("SELECT acct_export_delete('{job}')")).unwrap();
    let job = scene.waiting();
    requester.batch_execute(&cancel(&job)).unwrap();
    scene.set("max_rows => 2");
    let job = start(&mut requester, "'users', 'json'");
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, &str>("status"), "failed");

    // Its worker is ended while it reads, then it is cancelled.
    superuser.batch_execute(WITHOUT_POLICY).unwrap();
    gate(&scene.app, 1);
    let hold = Hold::at(Phase::Reading, &scene.app);
    let job = start(&mut requester, "'users', 'csv'");
    wait_until_held(&mut superuser, &job, Phase::Reading);
    superuser
        .batch_execute(&format!(
            "SELECT pg_terminate_backend(worker_pid) FROM acct_export.job WHERE id = '{job}'"
        ))
        .unwrap();
    support::common::wait_until(support::jobs::LIMIT, "the job is queued again", || {
        // Looking at a job starts a worker, which finds it.
        support::asking::status(&mut requester, &job);
        !column(&mut superuser, "SELECT was FROM public.change WHERE was = 'running' AND becomes = 'queued'")
            .is_empty()
    });
    wait_until_held(&mut superuser, &job, Phase::Reading);
    requester.batch_execute(&cancel(&job)).unwrap();
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, &str>("status"), "cancelled");
    hold.release();

    let changes =
        column(&mut superuser, "SELECT DISTINCT was || ' ' || becomes FROM public.change ORDER BY 1");
    for change in &changes {
        let (was, becomes) = change.split_once(' ').unwrap();
        assert!(state(was).may_become(state(becomes)), "{change}");
    }
    assert_eq!(
        changes,
        [
            "awaiting_approval cancelled",
            "awaiting_approval queued",
            "completed expired",
            "queued running",
            "running awaiting_approval",
            "running cancelled",
            "running completed",
            "running failed",
            "running queued",
        ]
    );
}
