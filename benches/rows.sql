-- Accounts :from to :to, with names in several scripts, emoji, NULLs, arrays and JSON; the same ones each time.
SELECT setseed(0.5);
INSERT INTO acct_bench.accounts
SELECT n, format('user.%s', n),
       CASE WHEN n % 50 > 0 THEN first || ' ' || last || CASE WHEN n % 30 = 0 THEN ' 👩‍💻' ELSE '' END END, first, last,
       CASE WHEN n % 20 > 0 THEN format('user.%s@%s.example', n, (ARRAY['acme', 'globex', 'initech'])[1 + n % 3]) END,
       CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '+33 6 ' || to_char(n % 100000000, 'FM00 00 00 00') ELSE '0044' || n END,
       (ARRAY['Employee', 'Contractor', 'Partner, external', 'Guest', 'Administrator'])[1 + n % 5],
       (ARRAY['active', 'active', 'active', 'invited', 'suspended'])[1 + (n / 7) % 5],
       CASE WHEN n % 3 = 0 THEN date '2027-01-01' + (n % 900)::integer END,
       timestamptz '2019-01-01 00:00Z' + n * interval '3 minutes 1.234567 seconds',
       CASE WHEN n % 5 > 0 THEN timestamptz '2026-01-01 00:00Z' + random() * interval '300 days' END,
       CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '{}'
            ELSE ARRAY['vip ⭐', 'région ' || n % 13, 'team "' || n % 40 || '"'] END,
       CASE WHEN n % 10 > 0 THEN jsonb_build_object('department', (ARRAY['Sales', 'Vertrieb', '営業部', 'Продажи'])[1 + n % 4],
            'cost_center', n % 500, 'manager', 'user.' || n / 10, 'remote', n % 2 = 0) END,
       'a0000000-0000-4000-8000-000000000001', n % 9 < 5
FROM generate_series(:from, :to) AS n
CROSS JOIN LATERAL (VALUES (
    (ARRAY['Zoë', 'John', 'Наталья', 'محمد', '美咲', 'आकाश', 'Ἀλέξανδρος', 'נועה', 'Anne-Sophie', 'Łukasz'])[1 + n % 10],
    (ARRAY['Müller-Lüdenscheidt', 'Smith', 'Ёлкина', 'عبد الرحمن', '佐藤', 'शर्मा', 'Παπαδόπουλος', 'כהן', 'O''Neill', 'de la Cruz'])
        [1 + n / 3 % 10])) AS name (first, last);
VACUUM (FREEZE, ANALYZE) acct_bench.accounts;
