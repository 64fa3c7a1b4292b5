//! The DBA's deliberate removal of old events: what it leaves behind, and that nothing else passes for it.

use postgres::Client;
use support::common::{done, error_of, shared, unique, TwoTenants};
use support::jobs::wait_until_idle;
use support::told::{assert_whole, completed, detail, text, told};

const ROWS: u32 = 3;

/// A chain of the dataset's registration and two events for each of `jobs`.
fn chain(jobs: usize) -> TwoTenants {
    let app = TwoTenants::with_users(shared(), ROWS);
    (0..jobs).for_each(|_| drop(completed(&app)));
    wait_until_idle(&mut app.superuser());
    app
}

/// The moment of an event, by its place from the first one that is left.
fn moment(superuser: &mut Client, place: i64) -> String {
    superuser
        .query_one("SELECT at::text FROM acct_export.audit ORDER BY seq OFFSET $1 LIMIT 1", &[&place])
        .unwrap()
        .get(0)
}

fn remove(client: &mut Client, before: &str, reason: &str) -> i64 {
    client
        .query_one("SELECT acct_export_audit_remove($1::text::timestamptz, $2)", &[&before, &reason])
        .unwrap()
        .get(0)
}

fn count(superuser: &mut Client) -> i64 {
    superuser.query_one("SELECT count(*) FROM acct_export_audit", &[]).unwrap().get(0)
}

#[test]
fn old_events_go_and_the_chain_stays_right() {
    let app = chain(4);
    let mut superuser = app.superuser();
    let before = moment(&mut superuser, 3);
    assert_eq!(remove(&mut superuser, &before, "three years are over"), 3);
    assert_whole(&mut superuser);
    let rows = told(&mut superuser, "audit_removed");
    let told_of = detail(&rows[0]);
    assert_eq!(text(&rows[0], "role"), Some("postgres"));
    assert_eq!((&told_of["count"], &told_of["last_seq"]), (&3.into(), &3.into()));
    assert_eq!(&told_of["reason"], "three years are over");
    assert!(told_of["before"].is_string() && told_of.get("broken_seq").is_none());
    // Nothing is left to remove; then some more; then all, and the chain goes on.
    assert_eq!(remove(&mut superuser, &before, "again"), 0);
    let before = moment(&mut superuser, 2);
    assert_eq!(remove(&mut superuser, &before, "more"), 2);
    assert_whole(&mut superuser);
    assert_eq!(remove(&mut superuser, "now", "all"), 6);
    assert_eq!(count(&mut superuser), 1);
    assert_whole(&mut superuser);
    completed(&app);
    wait_until_idle(&mut superuser);
    assert_eq!(count(&mut superuser), 3);
    assert_whole(&mut superuser);
    // Rolled back it has not been.
    superuser.batch_execute("BEGIN; SELECT acct_export_audit_remove(now(), 'oops'); ROLLBACK").unwrap();
    assert_eq!(count(&mut superuser), 3);
    // Twice in a transaction, and in one with an old snapshot.
    superuser
        .batch_execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT acct_export_audit_remove(now() - interval '1 hour', 'none');
             SELECT acct_export_audit_remove(now(), 'a'); SELECT acct_export_audit_remove(now(), 'b'); COMMIT",
        )
        .unwrap();
    assert_whole(&mut superuser);
    assert_eq!(told(&mut superuser, "audit_removed").len(), 1);
}

#[test]
fn superusers_with_a_reason_only() {
    let app = chain(1);
    let role = unique("dba");
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT EXECUTE ON FUNCTION acct_export_audit_remove(timestamptz, text) TO {role}"
        ))
        .unwrap();
    for user in [&role, &app.login] {
        let mut client = app.session(user, 0);
        let error = error_of(client.query("SELECT acct_export_audit_remove(now(), 'x')", &[]));
        assert_eq!(error.sqlstate, "42501", "{user}: {error:?}");
    }
    for arguments in [
        "NULL, 'x'",
        "now(), NULL",
        "now(), ''",
        "now(), ' '",
        "now() + interval '1 minute', 'x'",
        "'infinity', 'x'",
    ] {
        let error = error_of(superuser.query(&format!("SELECT acct_export_audit_remove({arguments})"), &[]));
        assert_eq!(error.sqlstate, "22023", "{arguments}: {error:?}");
    }
    assert_eq!(remove(&mut superuser, "-infinity", "none is so old"), 0);
    assert_eq!(count(&mut superuser), 3);
}

/// Anchors that no removal has made, and the traces of one that was meddled with.
#[test]
fn meddling_is_found() {
    let mut unnoticed = Vec::new();
    for deed in [
        "DELETE FROM acct_export.audit_anchor",
        "UPDATE acct_export.audit_anchor SET hash = sha256('x')",
        "UPDATE acct_export.audit_anchor SET seq = 1",
        "DELETE FROM acct_export.audit WHERE seq = 3",
        "DELETE FROM acct_export.audit WHERE seq = 3; DELETE FROM acct_export.audit_seal WHERE seq = 3",
        // As the function does it, without telling.
        "WITH e AS (DELETE FROM acct_export.audit WHERE seq = 3 RETURNING seq, hash)
         UPDATE acct_export.audit_anchor a SET seq = e.seq, hash = e.hash FROM e; DELETE FROM acct_export.audit_seal WHERE seq = 3",
        "UPDATE acct_export.audit SET detail = detail || '{\"reason\":\"better\"}' WHERE event LIKE '%audit_removed'",
        "DELETE FROM acct_export.audit WHERE event LIKE '%audit_removed'",
    ] {
        let app = chain(3);
        let mut superuser = app.superuser();
        let before = moment(&mut superuser, 2);
        assert_eq!(remove(&mut superuser, &before, "old"), 2);
        assert_whole(&mut superuser);
        superuser.batch_execute(&format!("SET session_replication_role = replica; {deed}; RESET session_replication_role")).unwrap();
        if superuser.query("SELECT FROM acct_export_audit_verify()", &[]).unwrap().is_empty() {
            unnoticed.push(deed);
        }
    }
    let app = chain(1);
    let mut superuser = app.superuser();
    for forged in ["SELECT 1, hash FROM acct_export.audit WHERE seq = 1", "SELECT 9, sha256('x')"] {
        superuser
            .batch_execute(&format!("BEGIN; INSERT INTO acct_export.audit_anchor (seq, hash) {forged}"))
            .unwrap();
        if superuser.query("SELECT FROM acct_export_audit_verify()", &[]).unwrap().is_empty() {
            unnoticed.push(forged);
        }
        superuser.batch_execute("ROLLBACK").unwrap();
    }
    assert!(unnoticed.is_empty(), "not found: {unnoticed:#?}");
}

/// A removal does not wash what was broken before.
#[test]
fn what_was_broken_is_told() {
    let app = chain(2);
    let mut superuser = app.superuser();
    superuser
        .batch_execute("SET session_replication_role = replica; UPDATE acct_export.audit SET actor = 'x' WHERE seq = 2; RESET session_replication_role")
        .unwrap();
    remove(&mut superuser, "now", "clean up");
    assert_eq!(detail(&told(&mut superuser, "audit_removed")[0])["broken_seq"], 2);
}

#[test]
fn a_dump_keeps_the_chain() {
    let app = chain(2);
    let mut superuser = app.superuser();
    let before = moment(&mut superuser, 2);
    remove(&mut superuser, &before, "old");
    let dump = done(shared().client("pg_dump").arg(&app.db)).stdout;
    let copy = shared().create_database("restored");
    let restored = shared().psql(&["-q", "-d", &copy], &String::from_utf8(dump).unwrap());
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let mut copy = shared().connect(&copy, "postgres");
    assert_eq!(count(&mut copy), 4);
    assert_whole(&mut copy);
    assert_eq!(remove(&mut copy, "now", "all"), 4);
    assert_whole(&mut copy);
}

/// Removals and writers at the same time.
#[test]
fn it_is_in_nobodys_way() {
    let app = chain(2);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let mut client = app.session(&app.login, 0);
            std::thread::spawn(move || {
                for _ in 0..15 {
                    client.query("SELECT acct_export_csv('users')", &[]).unwrap();
                }
            })
        })
        .collect();
    let removers: Vec<_> = (0..2)
        .map(|_| {
            let mut superuser = app.superuser();
            std::thread::spawn(move || {
                (0..10).for_each(|_| assert!(remove(&mut superuser, "now", "test") >= 0))
            })
        })
        .collect();
    writers.into_iter().chain(removers).for_each(|thread| thread.join().unwrap());
    assert_whole(&mut app.superuser());
}
