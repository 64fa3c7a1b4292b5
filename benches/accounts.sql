-- Accounts of one tenant, 14 columns of them exported, under row security as an application would have it, and the roles that
-- export them: one of the tenant, one of all tenants.
CREATE EXTENSION pg_acctexport;
CREATE SCHEMA acct_bench;
CREATE ROLE acct_bench_admin NOLOGIN;
CREATE ROLE acct_bench_auditor NOLOGIN BYPASSRLS;

CREATE TABLE acct_bench.accounts (
    account_id   bigint PRIMARY KEY,
    identifier   text NOT NULL,
    display_name text,
    first_name   text,
    last_name    text,
    email        text,
    phone        text,
    profile      text NOT NULL,
    status       text NOT NULL,
    valid_until  date,
    created_at   timestamptz NOT NULL,
    last_login   timestamptz,
    tags         text[],
    attributes   jsonb,
    tenant_id    uuid NOT NULL,
    verified     boolean NOT NULL
);

ALTER TABLE acct_bench.accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON acct_bench.accounts
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE INDEX ON acct_bench.accounts (tenant_id, account_id);
CREATE INDEX ON acct_bench.accounts (tenant_id, created_at);
GRANT USAGE ON SCHEMA acct_bench TO acct_bench_admin, acct_bench_auditor;
GRANT SELECT ON acct_bench.accounts TO acct_bench_admin, acct_bench_auditor;
-- COPY to /dev/null is a file to the server.
GRANT pg_write_server_files TO acct_bench_admin, acct_bench_auditor;

SELECT acct_export_register('accounts', 'acct_bench.accounts', key => 'account_id', tenant_column => 'tenant_id',
                            created_column => 'created_at');
SELECT acct_export_set_field('accounts', 'tenant_id', is_default => false);
SELECT acct_export_set_field('accounts', 'verified', is_default => false);
