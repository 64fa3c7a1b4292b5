//! A filter is served by the source's indexes: exports of 1,000 of 1,000,000 rows, by the plan that the worker ran and the
//! blocks that it touched, which auto_explain writes into the server's log.

use serde_json::Value;
use support::asking::{completed, status};
use support::common::{unique, Cluster, ClusterOptions};

const ROWS: &str = "
CREATE UNLOGGED TABLE accounts (id int, tenant_id int, batch int, code text, created_at timestamptz);
INSERT INTO accounts SELECT n, 1, n / 1000, 'c' || n / 1000, timestamptz '2025-01-01 00:00Z' + n * interval '1 second'
  FROM generate_series(0, 999999) AS n;
INSERT INTO accounts SELECT n, 2, 500, 'c500', '2025-01-06 20:00Z' FROM generate_series(1000000, 1000999) AS n;
ALTER TABLE accounts ADD PRIMARY KEY (id);
CREATE INDEX by_batch ON accounts (tenant_id, batch);
CREATE INDEX by_code ON accounts (tenant_id, code);
CREATE INDEX by_moment ON accounts (tenant_id, created_at);
VACUUM ANALYZE accounts;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON accounts USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::int));
CREATE VIEW shown WITH (security_invoker) AS SELECT id, tenant_id, batch, code, created_at AS made_at FROM accounts;
SELECT acct_export_register('accounts', 'accounts', 'id', tenant_column => 'tenant_id', created_column => 'created_at');
SELECT acct_export_register('shown', 'shown', 'id', tenant_column => 'tenant_id', created_column => 'made_at');
";

/// The plans of the exports' queries that the log tells of.
fn plans(log: &str) -> Vec<Value> {
    log.split(" plan:\n")
        .skip(1)
        .map(|rest| {
            let lines: Vec<&str> = rest.lines().take_while(|line| line.starts_with('\t')).collect();
            serde_json::from_str::<Value>(&lines.join("\n")).unwrap()
        })
        .filter(|told| told["Query Text"].as_str().unwrap().ends_with("ORDER BY s.\"id\""))
        .map(|told| told["Plan"].clone())
        .collect()
}

fn blocks(plan: &Value) -> u64 {
    ["Shared Hit Blocks", "Shared Read Blocks"].iter().map(|counter| plan[counter].as_u64().unwrap()).sum()
}

#[test]
fn a_filter_on_an_indexed_field_reads_less_than_a_hundredth() {
    let cluster = Cluster::start(
        ClusterOptions::default()
            .set("shared_preload_libraries", "pg_acctexport,auto_explain")
            .set("auto_explain.log_min_duration", "0")
            .set("auto_explain.log_analyze", "on")
            .set("auto_explain.log_buffers", "on")
            .set("auto_explain.log_timing", "off")
            .set("auto_explain.log_format", "json"),
    );
    let db = cluster.create_database_with_extension("indexed");
    let role = unique("reader");
    let mut superuser = cluster.connect(&db, "postgres");
    for statement in ROWS.split_inclusive(";\n") {
        superuser.batch_execute(statement).unwrap(); // one by one: VACUUM takes no transaction around it
    }
    superuser
        .batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON accounts, shown TO {role}"))
        .unwrap();
    let mut client = cluster.connect(&db, &role);
    client.batch_execute("SET app.tenant_id = '1'").unwrap();
    let mut plan = |arguments: &str, rows: i64| {
        let from = cluster.log().len();
        let job = completed(&mut client, arguments);
        assert_eq!(status(&mut client, &job).get::<_, i64>("rows_done"), rows, "{arguments}");
        let mut plans = plans(&cluster.log()[from..]);
        assert_eq!(plans.len(), 1, "{arguments}");
        plans.remove(0)
    };
    let whole = blocks(&plan("'accounts', 'csv'", 1_000_000));
    assert!(whole > 5_000, "{whole}");
    for (arguments, index) in [
        ("'accounts', 'csv', filter => '{\"batch\": 500}'", "by_batch"),
        ("'accounts', 'csv', filter => '{\"batch\": {\"gt\": 499, \"le\": 500}}'", "by_batch"),
        ("'accounts', 'csv', filter => '{\"batch\": [500, -1]}'", "by_batch"),
        ("'accounts', 'csv', filter => '{\"code\": \"c500\"}'", "by_code"),
        ("'accounts', 'csv', filter => acct_export_scim('batch eq 500 and id ge 0')", "by_batch"),
        (
            "'accounts', 'csv', filter => '{\"created_after\": \"2025-01-06 20:00Z\", \"created_before\": \"2025-01-06 20:16:40Z\"}'",
            "by_moment",
        ),
        ("'shown', 'csv', filter => '{\"code\": \"c500\"}'", "by_code"),
        ("'shown', 'csv', since => '2025-01-12 13:30Z'", "by_moment"),
    ] {
        let plan = plan(arguments, 1_000);
        let read = blocks(&plan);
        assert!(plan.to_string().contains(&format!("\"Index Name\":\"{index}\"")), "{arguments}: {plan:#}");
        assert!(read * 100 < whole, "{arguments}: {read} of {whole} blocks");
    }
}
