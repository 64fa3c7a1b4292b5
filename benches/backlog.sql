-- The same accounts, a hundred for each of so many tenants, and the table of the one-row inserts.
UPDATE acct_bench.accounts
   SET tenant_id = format('a0000000-0000-4000-8000-%s', lpad(((account_id - 1) / 100 + 1)::text, 12, '0'))::uuid;
VACUUM (FULL, ANALYZE) acct_bench.accounts;

CREATE EXTENSION pg_stat_statements;
ALTER SYSTEM SET pg_stat_statements.track = 'all';
SELECT pg_reload_conf();

-- The requester has no right to write files on the server, which the other benchmarks need for COPY.
REVOKE pg_write_server_files FROM acct_bench_admin;

CREATE TABLE acct_bench.event (
    id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL
);
GRANT INSERT ON acct_bench.event TO acct_bench_admin;
