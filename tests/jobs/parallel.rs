//! The settings of a job's read: parallel workers where the plan has them, and the requester's memory and workers.

use support::asking;

use std::collections::BTreeSet;

use postgres::Client;
use serde_json::Value;
use support::asking::{completed, file, objects, start};
use support::common::{shared, unique, wait_for_job};
use support::jobs::record;

/// Dataset `seen`: for each row the process that read it, and settings as they are there.
struct Seen {
    db: String,
    role: String,
}

impl Seen {
    fn create() -> Self {
        let this = Seen { db: shared().create_database_with_extension("parallel"), role: unique("reader") };
        let (db, role) = (&this.db, &this.role);
        this.superuser()
            .batch_execute(&format!(
                "CREATE ROLE {role} LOGIN;
                 CREATE TABLE t AS SELECT id, repeat('x', 100) AS pad FROM generate_series(1, 20000) AS id;
                 ALTER TABLE t ADD PRIMARY KEY (id);
                 CREATE FUNCTION process(id int) RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE AS
                     $$ BEGIN RETURN pg_backend_pid(); END $$;
                 CREATE FUNCTION setting(name text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS
                     $$ BEGIN RETURN current_setting(name); END $$;
                 CREATE VIEW seen WITH (security_invoker) AS
                     SELECT id, process(id) AS process, setting('work_mem') AS mem,
                            setting('max_parallel_workers_per_gather') AS workers FROM t;
                 GRANT SELECT ON t, seen TO {role};
                 SELECT acct_export_clean_function('process(int)', 'tells the process');
                 SELECT acct_export_clean_function('setting(text)', 'tells two settings');
                 SELECT acct_export_register('seen', 'seen', 'id');
                 ANALYZE t;
                 -- A small table is worth the effort.
                 ALTER DATABASE {db} SET parallel_setup_cost = 0;
                 ALTER DATABASE {db} SET parallel_tuple_cost = 0;
                 ALTER DATABASE {db} SET min_parallel_table_scan_size = 0;
                 ALTER DATABASE {db} SET parallel_leader_participation = off;
                 ALTER ROLE {role} SET work_mem = '7MB';
                 ALTER ROLE {role} SET max_parallel_workers_per_gather = 2"
            ))
            .unwrap();
        this
    }

    fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    fn requester(&self) -> Client {
        shared().connect(&self.db, &self.role)
    }
}

/// Values of a field of all rows.
fn values(rows: &[Value], field: &str) -> BTreeSet<String> {
    rows.iter().map(|row| row[field].to_string().trim_matches('"').to_owned()).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_job_is_read_by_parallel_workers_where_the_requester_has_them() {
    let seen = Seen::create();
    let mut client = seen.requester();
    // The plan is there to be had for the requester's own query.
    let plan = asking::column(&mut client, "EXPLAIN SELECT id, process FROM seen").join("\n");
    assert!(plan.contains("Workers Planned: 2"), "{plan}");
    for order in ["none", "key"] {
        let call = format!("'seen', 'ndjson', options => '{{\"order\":\"{order}\"}}'");
        let job = completed(&mut client, &call);
        let rows = objects(&file(&mut client, &job));
        assert_eq!(values(&rows, "id").len(), 20_000);
        assert_eq!((values(&rows, "mem"), values(&rows, "workers")), (set(&["7MB"]), set(&["2"])));
        let processes = values(&rows, "process");
        if order == "none" {
            // Both of them, and not the job's own one.
            assert_eq!(processes.len(), 2, "{processes:?}");
        }
        let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert!(order == "none" || ids.is_sorted());
    }
    // A requester without parallel workers reads alone.
    let mut superuser = seen.superuser();
    superuser
        .batch_execute(&format!("ALTER ROLE {} SET max_parallel_workers_per_gather = 0", seen.role))
        .unwrap();
    let job = completed(&mut seen.requester(), "'seen', 'ndjson', options => '{\"order\":\"none\"}'");
    let rows = objects(&file(&mut client, &job));
    assert_eq!((values(&rows, "process").len(), values(&rows, "workers")), (1, set(&["0"])));
}

/// The settings of the requesting session hold when the job runs, in any process: as set for the role, the database, or the
/// session; later changes do not.
#[test]
fn the_requesters_settings_hold_when_the_job_runs() {
    let seen = Seen::create();
    let mut superuser = seen.superuser();
    let mems = |client: &mut Client, job: &str| {
        let row = wait_for_job(client, job);
        assert_eq!(
            row.get::<_, String>("status"),
            "completed",
            "{:?}",
            row.get::<_, Option<String>>("error")
        );
        let rows = objects(&file(client, job));
        (values(&rows, "mem"), values(&rows, "workers"))
    };
    let few = "'seen', 'ndjson', filter => '{\"id\":{\"lt\":10}}'";
    let mut client = seen.requester();
    let job = start(&mut client, few);
    assert_eq!(mems(&mut client, &job), (set(&["7MB"]), set(&["2"])));
    // The session's own, also where it ends before the job runs.
    client.batch_execute("SET work_mem = '3MB'; SET max_parallel_workers_per_gather = 1").unwrap();
    let job = start(&mut client, few);
    assert_eq!(mems(&mut client, &job), (set(&["3MB"]), set(&["1"])));
    client.batch_execute("BEGIN; SET LOCAL work_mem = '4MB'").unwrap();
    let job = start(&mut client, few);
    client.batch_execute("COMMIT; SET work_mem = '5MB'").unwrap();
    assert_eq!(mems(&mut client, &job), (set(&["4MB"]), set(&["1"])));
    // Of the database, where the role has none.
    superuser
        .batch_execute(&format!(
            "ALTER ROLE {0} RESET ALL; ALTER DATABASE {1} SET work_mem = '9MB'",
            seen.role, seen.db
        ))
        .unwrap();
    let mut client = seen.requester();
    let job = start(&mut client, few);
    assert_eq!(mems(&mut client, &job).0, set(&["9MB"]));
    // The record says with what it was asked for, in kB.
    let kept = record(&mut superuser, &job, "context -> 'settings'").unwrap();
    assert!(kept.contains("[\"work_mem\", \"9216\"]"), "{kept}");
    // A worker that ran one job is none the richer for the next one's.
    let mut other = seen.superuser();
    other.batch_execute("SET work_mem = '11MB'").unwrap();
    let jobs = [start(&mut other, few), start(&mut client, &format!("{few}, reason => 'again'"))];
    assert_eq!(mems(&mut other, &jobs[0]).0, set(&["11MB"]));
    assert_eq!(mems(&mut client, &jobs[1]).0, set(&["9MB"]));
}

/// On few processors rows of parallel workers are dearer to a worker, but where somebody has set their cost.
#[test]
fn a_cost_that_was_set_holds() {
    let seen = Seen::create();
    let mut superuser = seen.superuser();
    let few = std::thread::available_parallelism().unwrap().get() < 4;
    superuser
        .batch_execute(
            "CREATE VIEW costs WITH (security_invoker) AS SELECT id, setting('parallel_tuple_cost') AS cost FROM t;
             SELECT acct_export_register('costs', 'costs', 'id')",
        )
        .unwrap();
    superuser.batch_execute(&format!("GRANT SELECT ON costs TO {}", seen.role)).unwrap();
    for (set, wanted) in [
        ("SET parallel_tuple_cost = 0.2", "0.2"),
        ("SET parallel_tuple_cost = 0.1", "0.1"),
        ("RESET parallel_tuple_cost", if few { "0.5" } else { "0.1" }),
    ] {
        superuser.batch_execute(&format!("ALTER DATABASE {} {set}", seen.db)).unwrap();
        let mut client = seen.requester();
        let call = format!("'costs', 'ndjson', filter => '{{\"id\":1}}', reason => '{wanted}'");
        let job = completed(&mut client, &call);
        assert_eq!(
            values(&objects(&file(&mut client, &job)), "cost"),
            BTreeSet::from([wanted.to_owned()]),
            "{set}"
        );
    }
}
