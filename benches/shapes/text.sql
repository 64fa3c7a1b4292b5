-- Accounts :from to :to, whose values are mostly text of many scripts, and a view of 14 columns that has no tenant. The same ones
-- each time.
CREATE TABLE acct_bench.people (
    user_id        text PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    identifier     text NOT NULL,
    display_name   text,
    first_name     text NOT NULL,
    last_name      text NOT NULL,
    email          text,
    phone          text,
    profile        text NOT NULL,
    sponsor        text,
    valid_from     date NOT NULL,
    valid_until    date,
    created_at     timestamptz NOT NULL,
    last_login     timestamptz,
    location       text NOT NULL,
    status         text NOT NULL,
    custom         jsonb NOT NULL,
    groups         text[],
    email_verified boolean NOT NULL,
    password_hash  text NOT NULL
);

INSERT INTO acct_bench.people
SELECT 'usr_' || upper(left(md5(n::text), 26)), 'a0000000-0000-4000-8000-000000000001', 'acct-' || lpad(n::text, 8, '0'),
       CASE WHEN n * 7 % 100 >= 3 THEN first || ' ' || last || CASE WHEN n * 11 % 20 = 0 THEN ' 🦊' ELSE '' END END, first, last,
       CASE WHEN n * 13 % 20 > 0 THEN format('person.%s@mail-%s.example', n, n * 17 % 50) END,
       CASE WHEN n * 19 % 10 >= 3 THEN format('+49 %s %s', to_char(n * 7919 % 1000, 'FM000'), to_char(n % 10000000, 'FM0000000')) END,
       (ARRAY['Employee', 'Contractor', 'External <Guest>', 'Partner', 'Administrator'])[1 + n * 3 % 5],
       CASE WHEN n * 23 % 10 >= 4 THEN 'acct-' || lpad((n / 7 + 1)::text, 8, '0') END,
       date '2015-01-01' + (n * 29 % 4000)::integer,
       CASE WHEN n * 31 % 10 >= 3 THEN date '2027-01-01' + (n * 37 % 1500)::integer END,
       timestamptz '2016-01-01 00:00Z' + n * interval '4 minutes 1.234567 seconds',
       CASE WHEN n * 41 % 10 >= 2 THEN timestamptz '2026-01-01 00:00Z' + n * 43 % 28000000 * interval '1 second' END,
       (ARRAY['Zürich', 'São Paulo', 'Kraków', '東京', 'Київ', 'London', 'Málaga', '서울'])[1 + n * 5 % 8],
       (ARRAY['active', 'invited', 'suspended', 'locked', 'disabled', 'pending'])[1 + n * 47 % 6],
       jsonb_build_object('department', (ARRAY['Sales', 'Forschung & Entwicklung', 'R"D', '営業部'])[1 + n * 53 % 4],
            'cost_center', n % 700, 'floor', n % 12, 'remark', CASE WHEN n % 4 = 0 THEN 'says "grüß Gott"' ELSE 'none' END),
       CASE n * 59 % 5 WHEN 0 THEN NULL WHEN 1 THEN '{}'
            ELSE (ARRAY['staff', 'team "' || n % 40 || '"', 'région ' || n % 13])[1:1 + n % 3] END,
       n % 3 > 0,
       '$argon2id$v=19$m=65536,t=3,p=4$' || left(md5('s' || n), 22) || '$' || left(md5('p' || n) || md5('q' || n), 43)
FROM generate_series(:from::bigint, :to) AS n
CROSS JOIN LATERAL (VALUES (
    (ARRAY['Zoë', 'Łukasz', 'Anne-Sophie', 'Jürgen', 'Søren', 'Chloé', 'Đorđe', 'Наталья', 'Дмитрий', 'Олена', 'محمد', 'فاطمة',
           'نور', '小明', '美玲', '伟', 'さくら', 'ハルカ', '지우', '민준'])[1 + n * 61 % 20],
    (ARRAY['Müller-Lüdenscheidt', 'O''Neill', 'Smith, Jr.', 'García "Lola" Núñez', 'Brown & Sons', 'Dvořák', 'Åkerström',
           'Ёлкина', 'Шевченко', 'Кузнецов', 'عبد الرحمن', 'الخطيب', 'حداد', '王', '欧阳', '李', 'さとう', 'ヤマダ', '김', '박'])
        [1 + (n / 20 + n * 3) % 20]
    )) AS name (first, last);
VACUUM (FREEZE, ANALYZE) acct_bench.people;

CREATE VIEW acct_bench.text_accounts WITH (security_invoker = true) AS
    SELECT user_id, identifier, display_name, first_name, last_name, email, phone, profile, valid_from, valid_until, created_at,
           status, custom ->> 'department' AS department, groups
      FROM acct_bench.people;
GRANT SELECT ON acct_bench.people, acct_bench.text_accounts TO acct_bench_admin;
SELECT acct_export_register('text_accounts', 'acct_bench.text_accounts', key => 'user_id');
