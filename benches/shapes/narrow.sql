-- Accounts :from to :to of one tenant, of which 4 columns are exported. The same ones each time.
CREATE TABLE acct_bench.narrow_accounts (
    account_id  bigint PRIMARY KEY,
    valid_until date,
    verified    boolean NOT NULL,
    status      text NOT NULL,
    tenant_id   uuid NOT NULL
);

INSERT INTO acct_bench.narrow_accounts
SELECT n, CASE WHEN n % 5 > 0 THEN date '2027-01-01' + (n * 37 % 1500)::integer END, n % 9 < 5,
       (ARRAY['active', 'invited', 'suspended', 'locked'])[1 + n * 7 % 4], 'a0000000-0000-4000-8000-000000000001'
FROM generate_series(:from::bigint, :to) AS n;
\set table acct_bench.narrow_accounts
\ir tenant.sql
SELECT acct_export_register('narrow_accounts', 'acct_bench.narrow_accounts', key => 'account_id', tenant_column => 'tenant_id');
SELECT acct_export_set_field('narrow_accounts', 'tenant_id', is_default => false);
