//! Warnings of registration, which `acct_export_advice` repeats: policies that read a setting for each row, indexes
//! that are not there. Who may ask for it.

use postgres::Client;
use support::asking::{column, refusal, refused};
use support::common::{shared, unique, TwoTenants};

/// Advice and hint. What is said of exports that are refused is a matter of tests/habits.
fn advice(client: &mut Client, dataset: &str) -> Vec<(String, String)> {
    let sql = "SELECT advice, hint FROM acct_export_advice($1) WHERE advice !~ 'refused$'";
    let rows = client.query(sql, &[&dataset]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn hints(client: &mut Client, dataset: &str) -> Vec<String> {
    advice(client, dataset).into_iter().map(|(_, hint)| hint).collect()
}

const ONCE: &str = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)";

/// Tables of more than 10,000 rows, whose policy reads the setting once.
fn large() -> TwoTenants {
    let app = TwoTenants::create(shared(), 5500);
    app.superuser().batch_execute(&format!("ALTER POLICY tenant ON app.users USING ({ONCE})")).unwrap();
    app
}

#[test]
fn registration_warns_until_the_advice_was_taken() {
    let app = TwoTenants::create(shared(), 5500);
    let output = shared().psql(
        &["-q", "-v", "VERBOSITY=verbose", "-d", &app.db],
        "SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id',
             created_column => 'created_at', updated_column => 'updated_at', replace => true);",
    );
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let mut superuser = app.superuser();
    let found = advice(&mut superuser, "users");
    let messages: Vec<&str> = found.iter().map(|(advice, _)| advice.as_str()).collect();
    assert_eq!(
        messages,
        [
            "policy \"tenant\" on table app.users calls current_setting once per row",
            "table app.users has no index on the tenant column \"tenant_id\"",
            "table app.users has no index on column \"created_at\", which a period selects on",
            "table app.users has no index on column \"updated_at\", which a period selects on",
        ]
    );
    assert_eq!(told.matches("WARNING:").count(), 4, "{told}");
    for (advice, hint) in &found {
        let warning = format!("WARNING:  01000: {advice}\nHINT:  {hint}\n");
        assert!(told.contains(&warning), "{warning} is not in\n{told}");
    }
    // The hints are what helps.
    for (_, hint) in &found {
        superuser.batch_execute(hint).unwrap();
    }
    assert_eq!(advice(&mut superuser, "users"), []);
}

#[test]
fn policies_that_read_a_setting_for_each_row() {
    let app = TwoTenants::create(shared(), 5);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "ALTER POLICY tenant ON app.users USING ({ONCE});
             CREATE TABLE app.teams (id int PRIMARY KEY, tenant_id uuid, lead bigint);
             CREATE TABLE app.off (id int PRIMARY KEY, tenant_id uuid);
             ALTER TABLE app.teams ENABLE ROW LEVEL SECURITY;
             CREATE POLICY slow ON app.off USING (tenant_id = current_setting('app.tenant_id')::uuid);
             CREATE VIEW app.leads WITH (security_invoker) AS
                SELECT u.id, u.tenant_id, t.id AS team FROM app.users u JOIN app.teams t ON t.lead = u.id JOIN app.off o ON o.id = t.id;
             CREATE VIEW app.named WITH (security_invoker) AS SELECT * FROM app.leads;
             INSERT INTO app.teams SELECT n, tenant, n FROM app.tenants AS t(tenant), generate_series(1, 9) AS n WHERE t.tenant = (SELECT min(id::text)::uuid FROM app.tenants);
             INSERT INTO app.off SELECT n, tenant_id FROM app.teams AS t(n) WHERE n < 5;
             GRANT SELECT ON app.teams, app.off TO PUBLIC;
             SELECT acct_export_register('d', 'app.named', 'id', tenant_column => 'tenant_id')"
        ))
        .unwrap();
    assert_eq!(advice(&mut superuser, "d"), []);
    let call = "current_setting('app.tenant_id', true)";
    for (slow, policy) in [
        (true, format!("USING (tenant_id = {call}::uuid)")),
        (true, format!("AS RESTRICTIVE USING (lead > 0 AND {call} <> '')")),
        (true, format!("FOR SELECT TO {} USING (tenant_id::text IN ('x', {call}))", app.login)),
        (
            true,
            format!(
                "USING (EXISTS (SELECT FROM app.off o WHERE o.id = teams.id AND o.tenant_id::text = {call}))"
            ),
        ),
        (false, "USING (tenant_id = (SELECT current_setting('app.tenant_id')::uuid))".to_owned()),
        (false, format!("USING (tenant_id IN (SELECT id FROM app.tenants WHERE id = {call}::uuid))")),
        (false, format!("FOR UPDATE USING (tenant_id = {call}::uuid)")),
        (false, format!("FOR INSERT WITH CHECK (tenant_id = {call}::uuid)")),
        (false, "USING (tenant_id::text = 'current_setting' OR lead = 1)".to_owned()),
    ] {
        superuser.batch_execute(&format!("CREATE POLICY \"My policy\" ON app.teams {policy}")).unwrap();
        let found = advice(&mut superuser, "d");
        let message = "policy \"My policy\" on table app.teams calls current_setting once per row";
        let expected: &[&str] = if slow { &[message] } else { &[] };
        assert_eq!(found.iter().map(|(advice, _)| advice.as_str()).collect::<Vec<_>>(), expected, "{policy}");
        if let Some((_, hint)) = found.first() {
            // The hint keeps the policy's own condition, and is all that is needed.
            let rows = "SELECT id::text FROM app.teams ORDER BY id";
            let mut reader = app.session(&app.login, 0);
            let before = column(&mut reader, rows);
            superuser.batch_execute(hint).unwrap();
            assert_eq!(advice(&mut superuser, "d"), [], "{hint}");
            assert_eq!(column(&mut reader, rows), before, "{hint}");
        }
        superuser.batch_execute("DROP POLICY \"My policy\" ON app.teams").unwrap();
    }
}

#[test]
fn indexes_that_do_not_serve() {
    let app = large();
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', replace => true)",
        )
        .unwrap();
    let wanted = "CREATE INDEX ON app.users (tenant_id, id);";
    assert_eq!(hints(&mut superuser, "users"), [wanted]);
    // An index that could not be built to its end stays behind, invalid.
    let error = superuser.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON app.users (tenant_id)");
    assert!(error.is_err());
    assert_eq!(
        column(
            &mut superuser,
            "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'app.broken'::regclass"
        ),
        ["false"]
    );
    for index in [
        "ON app.users (tenant_id) WHERE status = 'active'",
        "ON app.users ((tenant_id::text))",
        "ON app.users (status, tenant_id)",
        "ON app.users (status) INCLUDE (tenant_id)",
        "ON app.users USING brin (tenant_id)",
    ] {
        superuser.batch_execute(&format!("CREATE INDEX {index}")).unwrap();
        assert_eq!(hints(&mut superuser, "users"), [wanted], "{index}");
    }
    superuser.batch_execute("CREATE INDEX ON app.users USING hash (tenant_id)").unwrap();
    assert_eq!(advice(&mut superuser, "users"), []);
    // A key in another order than its column's is none.
    superuser
        .batch_execute(
            "CREATE UNIQUE INDEX en ON app.users (email COLLATE \"POSIX\");
             SELECT acct_export_register('users', 'app.users', 'email', tenant_column => 'tenant_id', replace => true)",
        )
        .unwrap();
    assert_eq!(hints(&mut superuser, "users"), ["CREATE INDEX ON app.users (tenant_id, email);"]);
    superuser.batch_execute("CREATE INDEX ON app.users (email)").unwrap();
    assert_eq!(advice(&mut superuser, "users"), []);
}

#[test]
fn views_partitions_and_expressions() {
    let app = large();
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE VIEW app.renamed WITH (security_invoker) AS
                SELECT id AS \"No\", tenant_id AS \"Tenant\", created_at AS since FROM app.users WHERE status <> 'gone';
             CREATE VIEW app.made WITH (security_invoker) AS
                SELECT id + 0 AS id, tenant_id || '' AS tenant, created_at + '1 day' AS created FROM app.users;
             CREATE VIEW app.joined WITH (security_invoker) AS
                SELECT u.id, u.tenant_id, u.created_at FROM app.users u JOIN app.tenants t ON t.id = u.tenant_id;
             CREATE TABLE app.parts (LIKE app.users) PARTITION BY LIST (status);
             CREATE TABLE app.part_a PARTITION OF app.parts FOR VALUES IN ('active');
             CREATE TABLE app.part_b PARTITION OF app.parts DEFAULT;
             INSERT INTO app.parts SELECT * FROM app.users;
             SELECT acct_export_register('renamed', 'app.renamed', 'No', tenant_column => 'Tenant', created_column => 'since');
             SELECT acct_export_register('made', 'app.made', 'id', tenant_column => 'tenant', created_column => 'created');
             SELECT acct_export_register('joined', 'app.joined', 'id', tenant_column => 'tenant_id', created_column => 'created_at');
             SELECT acct_export_register('parts', 'app.parts', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
    // A join with a unique key gives each row once, and the columns are still those of the table.
    for dataset in ["renamed", "joined"] {
        assert_eq!(
            hints(&mut superuser, dataset),
            [
                "CREATE INDEX ON app.users (tenant_id, id);",
                "CREATE INDEX ON app.users (tenant_id, created_at);"
            ],
            "{dataset}"
        );
    }
    assert_eq!(advice(&mut superuser, "made"), []);
    // An index of one partition is none of the table's.
    superuser.batch_execute("CREATE INDEX ON app.part_a (tenant_id, id)").unwrap();
    let wanted = ["CREATE INDEX ON app.parts (tenant_id, id);"];
    assert_eq!(hints(&mut superuser, "parts"), wanted);
    superuser.batch_execute("CREATE INDEX whole ON ONLY app.parts (tenant_id, id)").unwrap();
    assert_eq!(hints(&mut superuser, "parts"), wanted);
    superuser.batch_execute(&format!("DROP INDEX app.whole; {}", wanted[0])).unwrap();
    assert_eq!(advice(&mut superuser, "parts"), []);
}

#[test]
fn small_tables_need_no_index() {
    let app = large();
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "SET work_mem = '64MB';
             CREATE TABLE app.grows (id int NOT NULL, note text) WITH (autovacuum_enabled = false);
             CREATE TABLE app.unseen (LIKE app.grows) WITH (autovacuum_enabled = false);
             INSERT INTO app.grows SELECT n, repeat('x', 300) FROM generate_series(1, 9000) n; ANALYZE app.grows;
             INSERT INTO app.unseen SELECT n, repeat('x', 300) FROM generate_series(1, 100) n;
             SELECT acct_export_register('grows', 'app.grows', 'id');
             SELECT acct_export_register('unseen', 'app.unseen', 'id')",
        )
        .unwrap();
    for dataset in ["grows", "unseen"] {
        assert_eq!(advice(&mut superuser, dataset), [], "{dataset}");
    }
    // The statistics are old, or there are none.
    for table in ["grows", "unseen"] {
        let more =
            format!("INSERT INTO app.{table} SELECT -n, repeat('x', 300) FROM generate_series(1, 9000) n");
        superuser.batch_execute(&more).unwrap();
        assert_eq!(hints(&mut superuser, table), [format!("CREATE INDEX ON app.{table} (id);")]);
    }
    superuser.batch_execute("TRUNCATE app.grows; TRUNCATE app.unseen").unwrap();
    for dataset in ["grows", "unseen"] {
        assert_eq!(advice(&mut superuser, dataset), [], "{dataset}");
    }
}

#[test]
fn the_demo_and_the_bench_have_taken_it() {
    let root = support::project().display();
    for (name, sql, dataset) in [
        ("demo", "CREATE EXTENSION pg_acctexport;\n\\ir sql/demo.sql", "users_raw"),
        (
            "bench",
            "\\set from 1\n\\set to 20000\n\\ir benches/accounts.sql\n\\ir benches/rows.sql",
            "accounts",
        ),
    ] {
        let db = shared().create_database(name);
        let sql = sql.replace("\\ir ", &format!("\\i {root}/"));
        let output = shared().psql(&["-q", "-d", &db], &sql);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && !told.contains("WARNING"), "{name}: {told}");
        assert_eq!(advice(&mut shared().connect(&db, "postgres"), dataset), [], "{name}");
    }
}

#[test]
fn advice_is_for_owners() {
    let app = TwoTenants::create(shared(), 5);
    let (owner, stranger, exporters) = (unique("owner"), unique("stranger"), unique("exporters"));
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {owner} LOGIN; CREATE ROLE {stranger} LOGIN; CREATE ROLE {exporters};
             GRANT {exporters} TO {login}; GRANT USAGE ON SCHEMA app TO {owner}; ALTER TABLE app.users OWNER TO {owner};
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', required_roles => '{{{exporters}}}', replace => true)",
            login = app.login
        ))
        .unwrap();
    let found = advice(&mut shared().connect(&app.db, &owner), "users");
    assert_eq!(found.len(), 1, "{found:?}");
    // login may export, nologin may read the table and lacks the role; the stranger has neither, or the role alone.
    superuser.batch_execute(&format!("GRANT {exporters} TO {stranger}")).unwrap();
    refused(
        &mut shared().connect(&app.db, &app.login),
        "SELECT * FROM acct_export_advice('users')",
        "42501",
        "permission denied for dataset \"users\"",
        "the owner of its source",
    );
    for role in [&app.nologin, &stranger] {
        let mut client = app.superuser();
        client.batch_execute(&format!("SET ROLE {role}")).unwrap();
        let error = refusal(&mut client, "SELECT * FROM acct_export_advice('users')");
        assert_eq!(error.sqlstate, "42501");
        for name in ["app.users", "tenant", "\"id\"", "policy", "index"] {
            assert!(!format!("{error:?}").contains(name), "{name}: {error:?}");
        }
    }
    refused(&mut superuser, "SELECT * FROM acct_export_advice('nothing')", "22023", "\"nothing\"", "users");
    refused(
        &mut superuser,
        "SELECT * FROM acct_export_advice(NULL)",
        "22023",
        "dataset",
        "acct_export_datasets",
    );
}

/// Rows that a policy keeps apart are one tenant's only where the dataset says so.
#[test]
fn a_dataset_without_a_tenant_column_is_told() {
    let app = TwoTenants::create(shared(), 5);
    let mut superuser = app.superuser();
    superuser
        .batch_execute("SELECT acct_export_register('users', 'app.users', 'id', replace => true)")
        .unwrap();
    let told = "dataset \"users\" has no tenant column, though table app.users has row security";
    assert!(advice(&mut superuser, "users").iter().any(|(advice, _)| advice.starts_with(told)));
    superuser
        .batch_execute(
            "SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', replace => true)",
        )
        .unwrap();
    assert!(!advice(&mut superuser, "users").iter().any(|(advice, _)| advice.starts_with(told)));
}
