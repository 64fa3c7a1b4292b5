-- :views views upon each other over a table of :columns columns, and a short way to the accounts through five views.
CREATE SCHEMA acct_nested;
SELECT format('CREATE TABLE acct_nested.v0 (id int PRIMARY KEY, %s)', string_agg(format('c%s text', n), ', '))
  FROM generate_series(1, :columns - 1) AS n \gexec
SELECT format('CREATE VIEW acct_nested.v%s WITH (security_invoker) AS SELECT * FROM acct_nested.v%s', n, n - 1)
  FROM generate_series(1, :views) AS n \gexec
CREATE VIEW acct_bench.accounts_0 WITH (security_invoker) AS SELECT * FROM acct_bench.accounts;
SELECT format('CREATE VIEW acct_bench.accounts_%s WITH (security_invoker) AS SELECT * FROM acct_bench.accounts_%s', n, n - 1)
  FROM generate_series(1, 4) AS n \gexec
GRANT SELECT ON ALL TABLES IN SCHEMA acct_bench TO acct_bench_admin;
SELECT acct_export_register('accounts_v', 'acct_bench.accounts_4', key => 'account_id', tenant_column => 'tenant_id');
