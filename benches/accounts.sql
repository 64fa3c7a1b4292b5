-- :rows accounts of one tenant and the role that exports them: 14 columns with names in several scripts, NULLs, arrays
-- and JSON, under row security as an application would have it.
CREATE EXTENSION pg_acctexport;
CREATE SCHEMA acct_bench;
CREATE ROLE acct_bench_admin NOLOGIN;

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
    tenant_id    uuid NOT NULL
);

SELECT setseed(0.5);
INSERT INTO acct_bench.accounts
SELECT n, format('user.%s', n),
       CASE WHEN n % 50 > 0 THEN first || ' ' || last END, first, last,
       CASE WHEN n % 20 > 0 THEN format('user.%s@%s.example', n, (ARRAY['acme', 'globex', 'initech'])[1 + n % 3]) END,
       CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '+33 6 ' || to_char(n % 100000000, 'FM00 00 00 00') ELSE '0044' || n END,
       (ARRAY['Employee', 'Contractor', 'Partner, external', 'Guest', 'Administrator'])[1 + n % 5],
       (ARRAY['active', 'active', 'active', 'invited', 'suspended'])[1 + (n / 7) % 5],
       CASE WHEN n % 3 = 0 THEN date '2027-01-01' + (n % 900)::integer END,
       timestamptz '2019-01-01 00:00Z' + n * interval '3 minutes 1.234567 seconds',
       CASE WHEN n % 5 > 0 THEN timestamptz '2026-01-01 00:00Z' + random() * interval '300 days' END,
       CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '{}'
            ELSE ARRAY['vip', 'région ' || n % 13, 'team "' || n % 40 || '"'] END,
       CASE WHEN n % 10 > 0 THEN jsonb_build_object('department', (ARRAY['Sales', 'Vertrieb', '営業部', 'Продажи'])[1 + n % 4],
            'cost_center', n % 500, 'manager', 'user.' || n / 10, 'remote', n % 2 = 0) END,
       'a0000000-0000-4000-8000-000000000001'
FROM generate_series(1, :rows) AS n
CROSS JOIN LATERAL (VALUES (
    (ARRAY['Zoë', 'John', 'Наталья', 'محمد', '美咲', 'आकाश', 'Ἀλέξανδρος', 'Anne-Sophie'])[1 + n % 8],
    (ARRAY['Müller-Lüdenscheidt', 'Smith', 'Ёлкина', 'عبد الرحمن', '佐藤', 'शर्मा', 'Παπαδόπουλος', 'O''Neill', 'de la Cruz'])
        [1 + n % 9])) AS name (first, last);

ALTER TABLE acct_bench.accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON acct_bench.accounts
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE INDEX ON acct_bench.accounts (tenant_id, account_id);
CREATE INDEX ON acct_bench.accounts (tenant_id, created_at);
GRANT USAGE ON SCHEMA acct_bench TO acct_bench_admin;
GRANT SELECT ON acct_bench.accounts TO acct_bench_admin;
-- COPY to /dev/null is a file to the server.
GRANT pg_write_server_files TO acct_bench_admin;
VACUUM (FREEZE, ANALYZE) acct_bench.accounts;

SELECT acct_export_register('accounts', 'acct_bench.accounts', key => 'account_id', tenant_column => 'tenant_id',
                            created_column => 'created_at');
SELECT acct_export_set_field('accounts', 'tenant_id', is_default => false);
