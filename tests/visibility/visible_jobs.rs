//! Visible jobs: one's own, those of roles one is a member of, superusers all, and only within one's tenant. A job
//! that is not visible does not exist.

use support::asking;
use support::common;

use postgres::Client;
use support::asking::{column, completed, every_use_of, exported, file, objects, refused, start, text};
use support::common::{error_of, shared, unique, TwoTenants};

/// Nothing that takes a job finds this one, with the words for a job that never was; the list is without it.
#[track_caller]
fn unseen(client: &mut Client, job: &str) {
    for sql in every_use_of(&format!("'{job}'")) {
        let error = refused(client, &sql, "P0002", job, "acct_export_jobs");
        let never = "00000000-0000-4000-8000-000000000000";
        let other = refused(client, &sql.replace(job, never), "P0002", never, "");
        assert_eq!(error.message, other.message.replace(never, job), "{sql}");
        assert_eq!((error.detail, error.hint), (other.detail, other.hint), "{sql}");
    }
    assert!(!column(client, "SELECT job_id::text FROM acct_export_jobs").contains(&job.to_owned()));
}

/// It can be looked at and its file be taken.
#[track_caller]
fn seen(client: &mut Client, job: &str) {
    assert_eq!(asking::status(client, job).get::<_, String>("status"), "completed");
    assert!(text(client, &format!("SELECT acct_export_job('{job}')::text")).unwrap().contains(job));
    assert!(column(client, "SELECT job_id::text FROM acct_export_jobs").contains(&job.to_owned()));
    assert!(!file(client, job).is_empty());
}

#[test]
fn a_job_belongs_to_its_requester_and_tenant() {
    let app = TwoTenants::with_users(shared(), 5);
    let job = completed(&mut app.session(&app.login, 0), "'users', 'csv'");
    seen(&mut app.session(&app.login, 0), &job);
    // The other tenant's session of the very same role, and another role of the same tenant.
    unseen(&mut app.session(&app.login, 1), &job);
    unseen(&mut app.session(&app.nologin, 0), &job);
    unseen(&mut app.session(&app.nologin, 1), &job);
    // Without a tenant, or with an empty one, which is none.
    let mut client = app.session(&app.login, 0);
    for unset in ["RESET app.tenant_id", "SET app.tenant_id = ''"] {
        client.batch_execute(unset).unwrap();
        unseen(&mut client, &job);
    }
    // Nothing of what was tried has touched it.
    seen(&mut app.session(&app.login, 0), &job);
}

#[test]
fn roles_that_cannot_log_in_have_jobs_of_their_own() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.nologin, 1);
    let job = completed(&mut client, "'users', 'ndjson'");
    let row = asking::status(&mut client, &job);
    assert_eq!(row.get::<_, String>("requested_by"), app.nologin);
    assert_eq!(row.get::<_, Option<String>>("tenant").as_deref(), Some(app.tenants[1].as_str()));
    let rows = objects(&file(&mut client, &job));
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row["email"].as_str().unwrap().ends_with("@b.example")));
    unseen(&mut app.session(&app.login, 1), &job);
}

#[test]
fn members_of_the_requesting_role_see_its_jobs() {
    let app = TwoTenants::with_users(shared(), 5);
    let (group, member, indirect, shy) =
        (unique("team"), unique("member"), unique("indirect"), unique("noinherit"));
    app.superuser()
        .batch_execute(&format!(
            "CREATE ROLE {group} NOLOGIN; GRANT USAGE ON SCHEMA app TO {group}; GRANT SELECT ON app.users TO {group};
             CREATE ROLE {member} LOGIN IN ROLE {group};
             CREATE ROLE {indirect} LOGIN IN ROLE {member};
             CREATE ROLE {shy} LOGIN NOINHERIT IN ROLE {group};"
        ))
        .unwrap();
    let mut asking = app.session(&member, 0);
    asking.batch_execute(&format!("SET ROLE {group}")).unwrap();
    let job = completed(&mut asking, "'users', 'csv'");
    for role in [&member, &indirect, &shy] {
        let mut client = app.session(role, 0);
        assert_eq!(asking::status(&mut client, &job).get::<_, String>("requested_by"), group);
        assert!(column(&mut client, "SELECT job_id::text FROM acct_export_jobs").contains(&job));
        unseen(&mut app.session(role, 1), &job);
    }
    seen(&mut app.session(&member, 0), &job);
    seen(&mut app.session(&indirect, 0), &job);
    // Not the other way round: the group does not see what a member asked for.
    let own = completed(&mut app.session(&member, 0), "'users', 'csv'");
    unseen(&mut asking, &own);
    unseen(&mut app.session(&app.login, 0), &job);
    // A former member sees nothing more.
    app.superuser().batch_execute(&format!("REVOKE {group} FROM {member}")).unwrap();
    unseen(&mut app.session(&member, 0), &job);
    unseen(&mut app.session(&indirect, 0), &job);
}

#[test]
fn superusers_see_all_jobs() {
    let app = TwoTenants::with_users(shared(), 5);
    let jobs = [0, 1].map(|tenant| completed(&mut app.session(&app.login, tenant), "'users', 'csv'"));
    let mut superuser = app.superuser();
    for job in &jobs {
        seen(&mut superuser, job);
    }
    // Whatever tenant they have set.
    superuser.batch_execute(&format!("SET app.tenant_id = '{}'", app.tenants[0])).unwrap();
    seen(&mut superuser, &jobs[0]);
    seen(&mut superuser, &jobs[1]);
}

#[test]
fn the_list_is_newest_first_and_has_the_columns_of_the_status() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let jobs: Vec<String> = ["csv", "json", "ndjson"]
        .iter()
        .map(|format| completed(&mut client, &format!("'users', '{format}'")))
        .collect();
    completed(&mut app.session(&app.login, 1), "'users', 'csv'");
    completed(&mut app.session(&app.nologin, 0), "'users', 'csv'");
    let listed = column(&mut client, "SELECT job_id::text FROM acct_export_jobs");
    assert_eq!(listed, jobs.iter().rev().cloned().collect::<Vec<_>>());
    for job in &jobs {
        let sql = format!(
            "SELECT (to_jsonb(s) = to_jsonb(j))::text FROM acct_export_jobs AS j, acct_export_status(j.job_id) AS s
             WHERE j.job_id = '{job}'"
        );
        assert_eq!(text(&mut client, &sql).as_deref(), Some("true"));
    }
    let columns = column(
        &mut client,
        "SELECT attname::text || ' ' || format_type(atttypid, NULL) FROM pg_attribute
         WHERE attrelid = 'acct_export_jobs'::regclass AND attnum > 0 ORDER BY attnum",
    );
    let wanted = "job_id uuid, dataset text, format text, status text, stage text, percent integer, rows_done bigint, \
        rows_total bigint, bytes_done bigint, bytes_total bigint, seconds_left integer, message text, error text, \
        error_code text, attempts integer, requested_by text, actor text, tenant text, created_at timestamp with time zone, \
        started_at timestamp with time zone, finished_at timestamp with time zone, expires_at timestamp with time zone, \
        as_of timestamp with time zone, files jsonb";
    assert_eq!(columns.join(", "), wanted);
}

/// Not even by a function of one's own that runs before the view's own condition.
#[test]
fn the_list_does_not_leak_to_functions_in_the_query() {
    let app = TwoTenants::with_users(shared(), 5);
    let hidden = completed(&mut app.session(&app.login, 1), "'users', 'csv'");
    app.superuser()
        .batch_execute(&format!("CREATE SCHEMA own; GRANT ALL ON SCHEMA own TO {}", app.login))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    client
        .batch_execute(
            "CREATE FUNCTION own.peek(uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
             BEGIN IF $1 IS NOT NULL THEN RAISE EXCEPTION 'peeked at %', $1; END IF; RETURN true; END $$",
        )
        .unwrap();
    assert_eq!(
        column(&mut client, "SELECT job_id::text FROM acct_export_jobs WHERE own.peek(job_id)"),
        Vec::<String>::new()
    );
    let sql = format!("SELECT 1 / (job_id <> '{hidden}')::int FROM acct_export_jobs");
    assert_eq!(client.query(&sql, &[]).unwrap().len(), 0);
}

#[test]
fn the_tables_are_out_of_reach() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    for sql in [
        "SELECT * FROM acct_export.job",
        "SELECT data FROM acct_export.chunk",
        "SELECT * FROM acct_export.job_status",
        "SELECT key FROM acct_export.tenant_key",
        "INSERT INTO acct_export.job DEFAULT VALUES",
        "UPDATE acct_export.job SET requested_role = 'x'",
        "DELETE FROM acct_export.file",
        "SELECT acct_export.wait_for_end(NULL, NULL)",
        "SELECT acct_export.visible(0::oid, NULL)",
        "SELECT acct_export.register_dataset('{}')",
        "TABLE acct_export_audit",
        "SELECT acct_export_audit_verify()",
    ] {
        let error = error_of(client.query(sql, &[]));
        assert_eq!(error.sqlstate, "42501", "{sql}: {error:?}");
    }
    // True if it may purge or not: what has not expired stays.
    let _ = client.query("SELECT acct_export_purge()", &[]);
    seen(&mut client, &job);
}

/// One role for all tenants and pooled sessions: the tenant is in the setting only, often for one transaction.
#[test]
fn a_pool_of_one_role_keeps_tenants_apart() {
    let app = TwoTenants::with_users(shared(), 10);
    let mut pooled = common::shared().connect(&app.db, &app.login);
    let mut jobs = Vec::new();
    for round in 0..3 {
        for tenant in [0, 1] {
            let mut transaction = pooled.transaction().unwrap();
            transaction
                .execute("SELECT set_config('app.tenant_id', $1, true)", &[&app.tenants[tenant]])
                .unwrap();
            let filter = serde_json::json!({ "id": { "gt": round } });
            let sql = "SELECT acct_export_start('users', 'ndjson', filter => $1)::text";
            let job: String = transaction.query_one(sql, &[&filter]).unwrap().get(0);
            transaction.commit().unwrap();
            jobs.push((tenant, job));
        }
    }
    // Between transactions there is no tenant, and so there are no jobs.
    assert_eq!(column(&mut pooled, "SELECT job_id::text FROM acct_export_jobs"), Vec::<String>::new());
    for (tenant, job) in &jobs {
        unseen(&mut pooled, job);
        let mut own = app.session(&app.login, *tenant);
        assert_eq!(common::wait_for_job(&mut own, job).get::<_, String>("status"), "completed");
        let mark = ["@a.example", "@b.example"][*tenant];
        let rows = objects(&file(&mut own, job));
        assert!(!rows.is_empty() && rows.iter().all(|row| row["email"].as_str().unwrap().ends_with(mark)));
        assert!(rows.iter().all(|row| row["tenant_id"] == app.tenants[*tenant].as_str()));
        unseen(&mut app.session(&app.login, 1 - tenant), job);
    }
    for tenant in [0, 1] {
        let mut transaction = pooled.transaction().unwrap();
        transaction.execute("SELECT set_config('app.tenant_id', $1, true)", &[&app.tenants[tenant]]).unwrap();
        let listed: i64 = transaction.query_one("SELECT count(*) FROM acct_export_jobs", &[]).unwrap().get(0);
        assert_eq!(listed, 3);
    }
}

/// The other tenant's rows are in none of the formats and streams, whatever is filtered for.
#[test]
fn no_rows_of_another_tenant() {
    let app = TwoTenants::with_users(shared(), 12);
    let mut client = app.session(&app.login, 0);
    for filter in [
        "NULL".to_owned(),
        format!("'{{\"tenant_id\":\"{}\"}}'", app.tenants[1]),
        format!("'{{\"or\":[{{\"tenant_id\":\"{}\"}},{{\"id\":{{\"gt\":0}}}}]}}'", app.tenants[1]),
        format!("'{{\"not\":{{\"tenant_id\":\"{}\"}}}}'", app.tenants[0]),
    ] {
        for format in ["csv", "ndjson", "json"] {
            let arguments = format!("'users', '{format}', include_disabled => true, filter => {filter}");
            let text = String::from_utf8(exported(&mut client, &arguments)).unwrap();
            assert!(!text.contains("@b.example") && !text.contains(&app.tenants[1]), "{format} {filter}");
        }
        for twin in ["csv", "ndjson"] {
            let sql =
                format!("SELECT acct_export_{twin}('users', include_disabled => true, filter => {filter})");
            let text = column(&mut client, &sql).join("\n");
            assert!(!text.contains("@b.example") && !text.contains(&app.tenants[1]), "{sql}");
        }
    }
    // A job is asked for under one tenant; what the session does afterwards has no say.
    client.batch_execute("BEGIN").unwrap();
    let job = start(&mut client, "'users', 'ndjson', fields => '{id,email}'");
    client.batch_execute(&format!("SET LOCAL app.tenant_id = '{}'; COMMIT", app.tenants[1])).unwrap();
    common::wait_for_job(&mut client, &job);
    let rows = objects(&file(&mut client, &job));
    assert!(
        !rows.is_empty() && rows.iter().all(|row| row["email"].as_str().unwrap().ends_with("@a.example"))
    );
}
