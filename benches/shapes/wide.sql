-- Accounts :from to :to of one tenant, with 60 columns to export and a third of the values NULL. The same ones each time.
CREATE TEMPORARY TABLE wide_column AS
SELECT format('%s_%s', family, number) AS name, type, value, row_number() OVER (ORDER BY place, number) AS place
  FROM (VALUES
    (1, 'amount', 'numeric(14,2)', 10, '(n * 7919 * %1$s %% 100000000)::numeric / 100'),
    (2, 'moment', 'timestamptz', 8,
     'timestamptz ''2016-01-01 00:00Z'' + n * %1$s %% 20000000 * interval ''10.234567 seconds'''),
    (3, 'document', 'jsonb', 5,
     'jsonb_build_object(''plan'', ''p'' || n * %1$s %% 50, ''limits'', jsonb_build_array(n %% 7, n * %1$s %% 997, 2.5), '
     '''region'', (ARRAY[''Île-de-France'', ''Köln "Süd"'', ''東京''])[1 + (n + %1$s) %% 3], ''trial'', n %% 2 = 0)'),
    (4, 'reference', 'uuid', 6, 'md5(n || '':%1$s'')::uuid'),
    (5, 'ratio', 'float8', 10, '(n * %1$s %% 1000003)::float8 / 997'),
    (6, 'note', 'text', 20,
     '(ARRAY[''short'', ''Straße '' || n * %1$s %% 9973, ''a, "b" and c'', ''日本語の値 '' || n * %1$s %% 997, '
     '''a note of some length that says nothing about '' || n * %1$s])[1 + (n / 3 + %1$s) %% 5]')
  ) AS family (place, family, type, columns, value)
 CROSS JOIN LATERAL generate_series(1, columns) AS number;

SELECT format('CREATE TABLE acct_bench.wide_accounts (account_id bigint PRIMARY KEY, %s, tenant_id uuid NOT NULL)',
              string_agg(format('%s %s', name, type), ', ' ORDER BY place))
  FROM wide_column \gexec
SELECT format('INSERT INTO acct_bench.wide_accounts SELECT n, %s, ''a0000000-0000-4000-8000-000000000001''
                 FROM generate_series(%s::bigint, %s) AS n',
              string_agg(format('CASE WHEN (n / %s + n) %% 3 > 0 THEN %s END', place, format(value, place)), ', ' ORDER BY place),
              :from, :to)
  FROM wide_column \gexec
\set table acct_bench.wide_accounts
\ir tenant.sql
SELECT acct_export_register('wide_accounts', 'acct_bench.wide_accounts', key => 'account_id', tenant_column => 'tenant_id');
SELECT acct_export_set_field('wide_accounts', 'tenant_id', is_default => false);
