-- A small multi-tenant application and the datasets that its administrators may export.
--
--   createdb demo
--   psql -d demo -c 'CREATE EXTENSION pg_acctexport' -f sql/demo.sql       (as a superuser)
--
-- Three tenants, 21,000 users with groups, subscriptions and state events, 230 administrators. Every value comes from a hash of its row's number, so two
-- loads give the same rows. Dates count back from `today`, a fixed day unless one is given:
--
--   psql -d demo -v today="$(date +%F)" -f sql/demo.sql        for periods such as last_month to find rows
--
-- All or nothing: one transaction. Only roles outlive the database (they belong to the cluster).

\set ON_ERROR_STOP on
\encoding UTF8
\if :{?today} \else \set today 2026-06-01 \endif

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';     -- days and instants must not depend on who loads the demo

DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the demo needs a database in UTF8, this one is in %', current_setting('server_encoding')
            USING HINT = 'Create one with: createdb -T template0 -E UTF8 demo';
    END IF;
END $$;


-- 1. Tables ---------------------------------------------------------------------------------------------------
-- Every table carries tenant_id, and every foreign key includes it: no row can point into another tenant.

CREATE SCHEMA acct_demo;
COMMENT ON SCHEMA acct_demo IS 'Demo of pg_acctexport: accounts of three tenants';

CREATE TABLE acct_demo.tenants (
    tenant_id   uuid PRIMARY KEY,
    slug        text NOT NULL UNIQUE,
    name        text NOT NULL
);
COMMENT ON TABLE acct_demo.tenants IS 'Customers of the platform, one row each';

CREATE TABLE acct_demo.profiles (
    tenant_id   uuid NOT NULL REFERENCES acct_demo.tenants,
    profile_id  uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('user', 'administrator')),
    name        text NOT NULL,
    PRIMARY KEY (tenant_id, profile_id)
);
COMMENT ON TABLE acct_demo.profiles IS 'What an account may do: one profile per user or administrator';

CREATE TABLE acct_demo.groups (
    tenant_id   uuid NOT NULL REFERENCES acct_demo.tenants,
    group_id    uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('user', 'administrator')),
    name        text NOT NULL,
    PRIMARY KEY (tenant_id, group_id)
);
COMMENT ON TABLE acct_demo.groups IS 'Groups of users, and the groups (tags) that administrators look after';

CREATE TABLE acct_demo.teams (
    tenant_id   uuid NOT NULL REFERENCES acct_demo.tenants,
    team_id     uuid NOT NULL,
    name        text NOT NULL,
    PRIMARY KEY (tenant_id, team_id)
);
COMMENT ON TABLE acct_demo.teams IS 'Teams of administrators';

CREATE TABLE acct_demo.sponsors (
    tenant_id   uuid NOT NULL REFERENCES acct_demo.tenants,
    sponsor_id  uuid NOT NULL,
    name        text NOT NULL,
    PRIMARY KEY (tenant_id, sponsor_id)
);
COMMENT ON TABLE acct_demo.sponsors IS 'Employees who vouch for guests and contractors';

CREATE TABLE acct_demo.locations (
    tenant_id   uuid NOT NULL REFERENCES acct_demo.tenants,
    location_id uuid NOT NULL,
    name        text NOT NULL,
    postal_code text,           -- text: 01000 is not 1000
    country     text NOT NULL,
    PRIMARY KEY (tenant_id, location_id)
);
COMMENT ON TABLE acct_demo.locations IS 'Sites of a tenant';

CREATE TABLE acct_demo.users (
    user_id          uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES acct_demo.tenants,
    identifier       text NOT NULL UNIQUE,  -- what one logs in with; the log-in page does not ask for the tenant
    display_name     text NOT NULL,
    first_name       text,
    last_name        text,
    email            text,
    email_verified   boolean NOT NULL,
    phone            text,
    profile_id       uuid NOT NULL,
    sponsor_id       uuid,
    location_id      uuid,
    status           text NOT NULL CHECK (status IN ('active', 'invited', 'disabled', 'suspended', 'expired')),
    valid_from       date,
    valid_until      date,
    locale           text NOT NULL,
    picture_url      text,
    employee_number  text,
    crm_id           text,
    attributes       jsonb NOT NULL DEFAULT '{}',
    tags             text[],
    notes            text,
    mfa_enabled      boolean NOT NULL,
    mfa_factor_count integer NOT NULL,
    password_hash    text,
    api_token        text,
    totp_secret      text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    last_login       timestamptz,
    UNIQUE (tenant_id, user_id),
    FOREIGN KEY (tenant_id, profile_id)  REFERENCES acct_demo.profiles,
    FOREIGN KEY (tenant_id, sponsor_id)  REFERENCES acct_demo.sponsors,
    FOREIGN KEY (tenant_id, location_id) REFERENCES acct_demo.locations
);
-- A comment on a column becomes its label when the relation is registered, so these are short.
COMMENT ON TABLE  acct_demo.users IS 'Accounts of a tenant''s people';
COMMENT ON COLUMN acct_demo.users.employee_number IS 'Employee number';
COMMENT ON COLUMN acct_demo.users.crm_id          IS 'CRM id';
COMMENT ON COLUMN acct_demo.users.password_hash   IS 'Password hash: never leaves';
COMMENT ON COLUMN acct_demo.users.api_token       IS 'API token: never leaves';
COMMENT ON COLUMN acct_demo.users.totp_secret     IS 'TOTP secret: never leaves';

CREATE TABLE acct_demo.administrators (
    administrator_id uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES acct_demo.tenants,
    name             text NOT NULL,
    email            text NOT NULL UNIQUE,
    phone            text,
    profile_id       uuid NOT NULL,
    main_group_id    uuid NOT NULL,
    enabled          boolean NOT NULL,
    password_hash    text NOT NULL,
    api_token        text,
    totp_secret      text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    UNIQUE (tenant_id, administrator_id),
    FOREIGN KEY (tenant_id, profile_id)    REFERENCES acct_demo.profiles,
    FOREIGN KEY (tenant_id, main_group_id) REFERENCES acct_demo.groups
);
COMMENT ON TABLE acct_demo.administrators IS 'Accounts of those who administer a tenant';

CREATE TABLE acct_demo.subscriptions (
    subscription_id uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES acct_demo.tenants,
    user_id         uuid NOT NULL,
    product         text NOT NULL,
    seats           integer NOT NULL,
    price           numeric(10,2) NOT NULL,
    currency        text NOT NULL,
    auto_renew      boolean NOT NULL,
    starts_on       date NOT NULL,
    ends_on         date,
    created_at      timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES acct_demo.users (tenant_id, user_id) ON DELETE CASCADE
);
COMMENT ON TABLE acct_demo.subscriptions IS 'What users have bought (grants), none to three each';

CREATE TABLE acct_demo.identities (
    user_id             uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL,
    public_id           text NOT NULL UNIQUE,   -- what other systems know: usr_01H…
    user_store          text NOT NULL CHECK (user_store IN ('customers', 'employees', 'partners')),
    seq_no              bigint NOT NULL,        -- counts a tenant's registrations
    tracking_id         uuid NOT NULL,
    registration_tenant text NOT NULL,          -- tenant and site: acme|web
    extended_profiles   jsonb NOT NULL DEFAULT '{}',
    FOREIGN KEY (tenant_id, user_id) REFERENCES acct_demo.users (tenant_id, user_id) ON DELETE CASCADE
);
COMMENT ON TABLE acct_demo.identities IS 'What the identity store adds to a user, one row each';

CREATE TABLE acct_demo.state_events (
    event_id    uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    from_state  text,                           -- NULL: the account was made
    to_state    text NOT NULL,
    happened_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES acct_demo.users (tenant_id, user_id) ON DELETE CASCADE
);
COMMENT ON TABLE acct_demo.state_events IS 'Changes of the state of an account, one to three each';

CREATE TABLE acct_demo.user_groups (
    tenant_id uuid NOT NULL,
    user_id   uuid NOT NULL,
    group_id  uuid NOT NULL,
    joined_on date NOT NULL,
    PRIMARY KEY (tenant_id, user_id, group_id),
    FOREIGN KEY (tenant_id, user_id)  REFERENCES acct_demo.users (tenant_id, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, group_id) REFERENCES acct_demo.groups
);
COMMENT ON TABLE acct_demo.user_groups IS 'Which groups a user is in';

CREATE TABLE acct_demo.administrator_groups (
    tenant_id        uuid NOT NULL,
    administrator_id uuid NOT NULL,
    group_id         uuid NOT NULL,
    PRIMARY KEY (tenant_id, administrator_id, group_id),
    FOREIGN KEY (tenant_id, administrator_id)
        REFERENCES acct_demo.administrators (tenant_id, administrator_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, group_id) REFERENCES acct_demo.groups
);
COMMENT ON TABLE acct_demo.administrator_groups IS 'An administrator''s groups beside the main one';

CREATE TABLE acct_demo.administrator_teams (
    tenant_id        uuid NOT NULL,
    administrator_id uuid NOT NULL,
    team_id          uuid NOT NULL,
    PRIMARY KEY (tenant_id, administrator_id, team_id),
    FOREIGN KEY (tenant_id, administrator_id)
        REFERENCES acct_demo.administrators (tenant_id, administrator_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, team_id) REFERENCES acct_demo.teams
);
COMMENT ON TABLE acct_demo.administrator_teams IS 'Which teams an administrator is in';


-- 2. Rows -----------------------------------------------------------------------------------------------------

-- Ids that follow from names, so that rows can refer to each other without a look-up.
CREATE FUNCTION pg_temp.demo_id(VARIADIC parts text[]) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$ SELECT md5(array_to_string(parts, ':'))::uuid $$;

INSERT INTO acct_demo.tenants (tenant_id, slug, name) VALUES
    ('aaaaaaaa-0000-4000-8000-000000000001', 'acme',    'Acme Corporation'),
    ('bbbbbbbb-0000-4000-8000-000000000002', 'globex',  'Globex S.A.'),
    ('cccccccc-0000-4000-8000-000000000003', 'initech', 'Initech "Software", Inc.');

INSERT INTO acct_demo.profiles (tenant_id, profile_id, kind, name)
SELECT tenant_id, pg_temp.demo_id(slug, kind, 'profile', i::text), kind, p.name
FROM acct_demo.tenants,
     (VALUES ('user', 0, 'Employee'), ('user', 1, 'Contractor'), ('user', 2, 'Guest'), ('user', 3, 'Visiteur invité'),
             ('administrator', 0, 'Super Administrator'), ('administrator', 1, 'Administrator'),
             ('administrator', 2, 'Help Desk'), ('administrator', 3, 'Auditor (read only)')) AS p (kind, i, name);

INSERT INTO acct_demo.groups (tenant_id, group_id, kind, name)
SELECT tenant_id, pg_temp.demo_id(slug, kind, 'group', i::text), kind, g.name
FROM acct_demo.tenants,
     (VALUES ('user', 0, 'Engineering'), ('user', 1, 'Beta Testers'), ('user', 2, 'Sales, EMEA'), ('user', 3, '日本'),
             ('user', 4, 'Café "Le Comptoir"'), ('administrator', 0, 'Europe'), ('administrator', 1, 'France'),
             ('administrator', 2, 'Spain'), ('administrator', 3, 'Deutschland'), ('administrator', 4, 'Ελλάδα'),
             ('administrator', 5, 'Americas'), ('administrator', 6, '日本')) AS g (kind, i, name);

INSERT INTO acct_demo.teams (tenant_id, team_id, name)
SELECT tenant_id, pg_temp.demo_id(slug, 'team', i::text), t.name
FROM acct_demo.tenants,
     (VALUES (0, 'EMEA'), (1, 'Support'), (2, 'Identity & Access'), (3, 'Sales, Nordics'), (4, '夜勤')) AS t (i, name);

INSERT INTO acct_demo.sponsors (tenant_id, sponsor_id, name)
SELECT tenant_id, pg_temp.demo_id(slug, 'sponsor', i::text), s.name
FROM acct_demo.tenants,
     (VALUES (0, 'Héloïse d''Aubigné'), (1, 'Søren Ødegård'), (2, 'Ольга Кузнецова'), (3, 'محمد الفارسي'),
             (4, 'Smith, "Bob" Jr.'), (5, '佐藤 花子')) AS s (i, name);

INSERT INTO acct_demo.locations (tenant_id, location_id, name, postal_code, country)
SELECT tenant_id, pg_temp.demo_id(slug, 'location', i::text), l.name, l.postal_code, l.country
FROM acct_demo.tenants,
     (VALUES (0, 'Paris, La Défense', '92060', 'FR'), (1, 'Bourg-en-Bresse', '01000', 'FR'), (2, 'Boston', '02108', 'US'),
             (3, 'München', '80331', 'DE'), (4, 'Αθήνα', '105 57', 'GR'), (5, 'Київ', '01001', 'UA'),
             (6, '東京', '100-0005', 'JP'), (7, 'Dublin', NULL, 'IE')) AS l (i, name, postal_code, country);

-- Names as people write them and, after the slash, as their mailbox does. Sixteen pools; in the pattern
-- %1$s is the first and %2$s the last name.
CREATE TEMPORARY TABLE name_pool (i integer, locale text, dial text, pattern text, first text, last text) ON COMMIT DROP;
INSERT INTO name_pool VALUES
    ( 0, 'fr-FR', '+33 6',   '%1$s %2$s', 'Amélie/amelie Zoé/zoe François/francois Loïc/loic Aïcha/aicha', 'Lefèvre/lefevre Gonçalves/goncalves d''Arc/d''arc Nuñez/nunez'),
    ( 1, 'fr-FR', '+33 7',   '%1$s %2$s', 'Maëlys/maelys Jérôme/jerome Chloé/chloe Noël/noel', 'Müller/muller Bâtard/batard L''Hôpital/l''hopital Œuvrard/oeuvrard Ÿ/y'),
    ( 2, 'de-DE', '+49 151', '%1$s %2$s', 'Jürgen/juergen Käthe/kaethe Björn/bjoern Anneliese/anneliese', 'Groß/gross Schäfer/schaefer Weiß/weiss Özdemir/oezdemir Müller-Lüdenscheidt/mueller-luedenscheidt'),
    ( 3, 'es-ES', '+34 61',  '%1$s %2$s', 'José/jose Iñigo/inigo Begoña/begona Ángel/angel', 'Muñoz/munoz Peña/pena Güell/guell Ibáñez/ibanez'),
    ( 4, 'pl-PL', '+48 60',  '%1$s %2$s', 'Łukasz/lukasz Małgorzata/malgorzata Żaneta/zaneta', 'Wójcik/wojcik Źrebięć/zrebiec Brzęczyszczykiewicz/brzeczyszczykiewicz'),
    ( 5, 'cs-CZ', '+420 60', '%1$s %2$s', 'Jiří/jiri Šárka/sarka Ondřej/ondrej', 'Dvořák/dvorak Šťastný/stastny Nováková/novakova'),
    ( 6, 'en-IE', '+353 87', '%1$s %2$s', 'Siobhán/siobhan Seán/sean Mary-Jane/mary-jane', 'O''Brien/o''brien Ó''Súilleabháin/osullivan Null/null True/true'),
    ( 7, 'en-US', '+1 555',  '%1$s %2$s', 'John/john Grace/grace Nguyễn/nguyen Renée/renee', 'Smith/smith Hopper/hopper Văn/van Nuñez-Smith/nunez-smith'),
    ( 8, 'ru-RU', '+7 91',   '%1$s %2$s', 'Анна/anna Дмитрий/dmitri Ольга/olga', 'Иванова/ivanova Щербаков/shcherbakov Ёлкин/yolkin'),
    ( 9, 'el-GR', '+30 69',  '%1$s %2$s', 'Αλέξανδρος/alexandros Ελένη/eleni Γιώργος/giorgos', 'Παπαδόπουλος/papadopoulos Αγγελοπούλου/angelopoulou'),
    (10, 'ar-EG', '+20 10',  '%1$s %2$s', 'فاطمة/fatima أحمد/ahmed ليلى/layla', 'السيد/elsayed المصري/elmasry'),
    (11, 'he-IL', '+972 5',  '%1$s %2$s', 'נועה/noa דוד/david שירה/shira', 'כהן/cohen לוי/levi'),
    (12, 'hi-IN', '+91 98',  '%1$s %2$s', 'अनीता/anita प्रिया/priya राहुल/rahul', 'सिंह/singh शर्मा/sharma'),
    (13, 'zh-CN', '+86 13',  '%2$s%1$s',  '伟/wei 秀英/xiuying 𠮷/ji', '王/wang 李/li 欧阳/ouyang'),
    (14, 'ja-JP', '+81 90',  '%2$s %1$s', '太郎/taro 花子/hanako さくら/sakura', '山田/yamada 髙橋/takahashi'),
    (15, 'ko-KR', '+82 10',  '%2$s%1$s',  '민준/minjun 서연/seoyeon 하은/haeun', '김/kim 이/lee 박/park');

-- One row per person to be. `h` is the only source of chance: 32 bytes that depend on nothing but the
-- tenant, the kind of account and its number.
CREATE TEMPORARY TABLE people ON COMMIT DROP AS
SELECT t.tenant_id, t.slug, x.kind, x.n, x.h, p.locale,
       split_part(x.first, '/', 1) AS first_name,
       split_part(x.last, '/', 1) AS last_name,
       format(p.pattern, split_part(x.first, '/', 1), split_part(x.last, '/', 1)) AS display_name,
       split_part(x.first, '/', 2) AS first_ascii,
       split_part(x.last, '/', 2) AS last_ascii,
       p.dial || ' ' || regexp_replace(x.serial::text, '(..)(..)(..)(..)', '\1 \2 \3 \4') AS phone,
       date_trunc('second', :'today'::timestamptz - interval '2200 days' * x.age * x.age) AS created_at, -- most are recent
       get_byte(x.h, 6) / 256.0::float8 AS login_at,                        -- share of the account's life
       get_byte(x.h, 7) / 256.0::float8 AS update_at
FROM (VALUES ('acme', 'user', 12000, 0), ('globex', 'user', 7500, 12000), ('initech', 'user', 1500, 19500),
             ('acme', 'administrator', 140, 21000), ('globex', 'administrator', 60, 21140),
             ('initech', 'administrator', 30, 21200)) AS want (slug, kind, many, before)
JOIN acct_demo.tenants t USING (slug)
CROSS JOIN LATERAL generate_series(1, want.many) AS n
CROSS JOIN LATERAL (SELECT sha256(convert_to(concat_ws(':', t.slug, want.kind, n), 'UTF8')) AS h) AS hash
JOIN name_pool p ON p.i = get_byte(hash.h, 0) % 16
CROSS JOIN LATERAL (
    SELECT want.kind, n, hash.h,
           (string_to_array(p.first, ' '))[1 + get_byte(hash.h, 1) % cardinality(string_to_array(p.first, ' '))] AS first,
           (string_to_array(p.last, ' '))[1 + get_byte(hash.h, 2) % cardinality(string_to_array(p.last, ' '))] AS last,
           12345678 + (want.before + n - 1) * 3571 AS serial,               -- eight digits, no two alike
           (get_byte(hash.h, 3) * 65536 + get_byte(hash.h, 4) * 256 + get_byte(hash.h, 5)) / 16777216.0::float8 AS age
) AS x;

INSERT INTO acct_demo.users
SELECT pg_temp.demo_id(slug, 'user', n::text), tenant_id,
       CASE n % 10 WHEN 3 THEN replace(phone, ' ', '')                      -- some log in by phone, some by name
                   WHEN 7 THEN slug || '.' || left(first_ascii, 1) || last_ascii || n
                   ELSE mailbox END,
       CASE WHEN n % 499 = 0 THEN (ARRAY['=HYPERLINK("http://phish.example","Click")', '+Plus One', '-1 + 1',
                                         '@handle', E'Tab\there', '"Quoted", Comma'])[1 + n / 499 % 6]
            WHEN n % 211 = 0 THEN display_name || ' 👩🏽‍💻🦊'
            ELSE display_name END,
       first_name,
       CASE WHEN n % 173 <> 0 THEN last_name END,                           -- not everybody has two names
       CASE WHEN n % 30 <> 3 THEN mailbox END,
       get_byte(h, 8) < 220,
       CASE WHEN n % 10 = 6 THEN NULL
            WHEN n % 13 = 0 THEN regexp_replace(phone, '^\+\d+ ', '0')      -- as dialled at home: 06 12 34 56 78
            ELSE phone END,
       pg_temp.demo_id(slug, 'user', 'profile', (get_byte(h, 9) % 4)::text),
       CASE WHEN get_byte(h, 10) < 100 THEN pg_temp.demo_id(slug, 'sponsor', (get_byte(h, 10) % 6)::text) END,
       CASE WHEN get_byte(h, 11) < 240 THEN pg_temp.demo_id(slug, 'location', (get_byte(h, 11) % 8)::text) END,
       state.status,
       CASE WHEN n % 17 <> 0 THEN created_at::date END,
       state.valid_until,
       locale,
       CASE WHEN n % 4 = 0 THEN format('https://img.%s.example/%s.png?size=96&v=2', slug, n) END,
       CASE WHEN get_byte(h, 9) % 4 = 0 THEN lpad(n::text, 6, '0') END,     -- employees only: 000123
       lpad((n * 37 % 100000)::text, 8, '0'),
       jsonb_build_object(
           'department', (ARRAY['Engineering', 'Sales', 'Finance', 'Research, Development & "Blue Sky"', 'Vertrieb Süd',
                                '人事部', NULL])[1 + get_byte(h, 14) % 7],
           'job_title', (ARRAY['Analyst', 'Developer', 'Director', 'Ingénieure'])[1 + get_byte(h, 15) % 4],
           'cost_center', jsonb_build_object('code', lpad((get_byte(h, 16) % 90)::text, 4, '0'), 'shared', n % 2 = 0),
           'languages', jsonb_build_array(left(locale, 2), 'en'),
           -- Applications do keep such things in JSON; an export leaves the token out and keeps the subject.
           'sso', CASE WHEN n % 3 = 0 THEN jsonb_build_object('provider', 'oidc', 'subject', lpad(n::text, 21, '10'),
                                                              'refresh_token', 'demo-secret-' || encode(h, 'hex')) END),
       CASE WHEN n % 5 = 0 THEN ARRAY['vip', 'remote, EU'] WHEN n % 5 = 1 THEN ARRAY['new;hire'] WHEN n % 5 = 2 THEN '{}' END,
       CASE WHEN slug = 'initech' AND n = 42 THEN repeat('TPS report, long. ', 2500)   -- longer than a cell may be
            WHEN get_byte(h, 17) < 60 THEN (ARRAY[
                'Called on Monday,' || E'\n' || 'call back "soon".', '=1+1', '+33 is the prefix', '-', '@home on Fridays',
                E'Line one\r\nLine two\r\n', 'Prefers e-mail 📧', E'Pasted\x01control\x1fcharacters', '  spaces around  ',
                'C:\new\table', '0049', '1e5', '', 'مرحبا, "שלום"'])[1 + get_byte(h, 17) % 14] END,
       factors > 0, factors,
       CASE WHEN state.status <> 'invited' THEN '$argon2id$v=19$m=65536,t=3,p=4$demo-secret-' || encode(h, 'hex') END,
       CASE WHEN n % 6 = 0 THEN 'demo-secret-token-' || encode(h, 'hex') END,
       CASE WHEN factors > 0 THEN 'demo-secret-totp-' || encode(h, 'hex') END,
       created_at,
       date_trunc('second', created_at + (:'today'::timestamptz - created_at) * update_at),
       CASE WHEN state.status <> 'invited' AND n % 23 <> 0
            THEN date_trunc('second', created_at + (:'today'::timestamptz - created_at) * login_at) END
FROM people
CROSS JOIN LATERAL (
    SELECT first_ascii || '.' || last_ascii || CASE WHEN n % 67 = 0 THEN '+trial' ELSE '.' END || n
               || '@' || slug || '.example' AS mailbox,
           get_byte(h, 13) % 3 AS factors,
           CASE WHEN get_byte(h, 12) < 180
                THEN greatest(created_at::date + 30, :'today'::date - 60 + get_byte(h, 12) * 4) END AS valid_until
) AS draft
CROSS JOIN LATERAL (
    SELECT draft.valid_until,
           CASE WHEN draft.valid_until < :'today'::date THEN 'expired' WHEN get_byte(h, 18) < 205 THEN 'active'
                WHEN get_byte(h, 18) < 225 THEN 'invited' WHEN get_byte(h, 18) < 245 THEN 'disabled'
                ELSE 'suspended' END AS status
) AS state
WHERE kind = 'user'
ORDER BY tenant_id, n;      -- the same rows in the same places, too

INSERT INTO acct_demo.administrators
SELECT pg_temp.demo_id(slug, 'administrator', n::text), tenant_id, display_name,
       first_ascii || '.' || last_ascii || '.adm' || n || '@' || slug || '.example',
       CASE WHEN n % 8 <> 5 THEN phone END,
       pg_temp.demo_id(slug, 'administrator', 'profile', (get_byte(h, 9) % 4)::text),
       pg_temp.demo_id(slug, 'administrator', 'group', (get_byte(h, 10) % 7)::text),
       get_byte(h, 11) < 210,
       '$argon2id$v=19$m=65536,t=3,p=4$demo-secret-' || encode(h, 'hex'),
       CASE WHEN n % 2 = 0 THEN 'demo-secret-token-' || encode(h, 'hex') END,
       'demo-secret-totp-' || encode(h, 'hex'),
       created_at,
       date_trunc('second', created_at + (:'today'::timestamptz - created_at) * update_at)
FROM people
WHERE kind = 'administrator';

INSERT INTO acct_demo.administrator_groups (tenant_id, administrator_id, group_id)
SELECT DISTINCT tenant_id, pg_temp.demo_id(slug, 'administrator', n::text),
       pg_temp.demo_id(slug, 'administrator', 'group', ((get_byte(h, 10) + step) % 7)::text)
FROM people, generate_series(1, get_byte(h, 12) % 4) AS step                 -- none to three, never the main one
WHERE kind = 'administrator';

INSERT INTO acct_demo.administrator_teams (tenant_id, administrator_id, team_id)
SELECT DISTINCT tenant_id, pg_temp.demo_id(slug, 'administrator', n::text),
       pg_temp.demo_id(slug, 'team', ((get_byte(h, 13) + step) % 5)::text)
FROM people, generate_series(1, get_byte(h, 13) % 3) AS step
WHERE kind = 'administrator';

-- The administrator whom the documentation shows: let the first of Acme be him.
UPDATE acct_demo.administrators
SET name = 'John Smith', email = 'john.smith@acme.example', phone = '+33 6 12 34 56 78', enabled = true,
    profile_id = pg_temp.demo_id('acme', 'administrator', 'profile', '0'),
    main_group_id = pg_temp.demo_id('acme', 'administrator', 'group', '0'),
    created_at = '2025-10-24 09:30+00', updated_at = '2026-05-22 16:05+00'
WHERE administrator_id = pg_temp.demo_id('acme', 'administrator', '1');
DELETE FROM acct_demo.administrator_groups WHERE administrator_id = pg_temp.demo_id('acme', 'administrator', '1');
DELETE FROM acct_demo.administrator_teams  WHERE administrator_id = pg_temp.demo_id('acme', 'administrator', '1');
INSERT INTO acct_demo.administrator_groups
SELECT tenant_id, pg_temp.demo_id('acme', 'administrator', '1'), group_id
FROM acct_demo.groups JOIN acct_demo.tenants USING (tenant_id)
WHERE slug = 'acme' AND groups.kind = 'administrator' AND groups.name IN ('France', 'Spain');
INSERT INTO acct_demo.administrator_teams
SELECT tenant_id, pg_temp.demo_id('acme', 'administrator', '1'), team_id
FROM acct_demo.teams JOIN acct_demo.tenants USING (tenant_id)
WHERE slug = 'acme' AND teams.name IN ('EMEA', 'Support');

-- The user whom the documentation shows: let the first of Acme be her.
UPDATE acct_demo.users
SET identifier = 'anita@acme.example', display_name = 'Anita Singh', first_name = 'Anita', last_name = 'Singh',
    email = 'anita@acme.example', email_verified = true, status = 'active', valid_until = NULL,
    created_at = '2026-01-15 10:00+00', updated_at = '2026-05-17 08:00+00', last_login = '2026-05-17 08:00+00'
WHERE user_id = pg_temp.demo_id('acme', 'user', '1');

INSERT INTO acct_demo.user_groups (tenant_id, user_id, group_id, joined_on)
SELECT tenant_id, pg_temp.demo_id(slug, 'user', n::text),
       pg_temp.demo_id(slug, 'user', 'group', ((get_byte(h, 19) + step) % 5)::text), created_at::date + step
FROM people, generate_series(1, get_byte(h, 19) % 4) AS step
WHERE kind = 'user' AND (slug, n) <> ('acme', 1);
INSERT INTO acct_demo.user_groups
SELECT tenant_id, pg_temp.demo_id('acme', 'user', '1'), group_id,
       CASE groups.name WHEN 'Engineering' THEN date '2026-01-15' ELSE '2026-03-02' END
FROM acct_demo.groups JOIN acct_demo.tenants USING (tenant_id)
WHERE slug = 'acme' AND groups.kind = 'user' AND groups.name IN ('Engineering', 'Beta Testers');

INSERT INTO acct_demo.identities
SELECT pg_temp.demo_id(slug, 'user', n::text), tenant_id, 'usr_01H' || upper(left(encode(h, 'hex'), 23)),
       (ARRAY['customers', 'customers', 'employees', 'partners'])[1 + get_byte(h, 26) % 4], 16 + n,
       pg_temp.demo_id(slug, 'tracking', n::text), slug || '|' || (ARRAY['web', 'app', 'demosite'])[1 + get_byte(h, 27) % 3],
       CASE WHEN n % 2 = 0 THEN jsonb_build_object('newsletter',
           jsonb_build_object('topics', jsonb_build_array('news', 'sport, culture'), 'weekly', n % 4 = 0)) ELSE '{}' END
FROM people
WHERE kind = 'user'
ORDER BY tenant_id, n;

-- Made, then perhaps taken up, then perhaps what it is now.
INSERT INTO acct_demo.state_events
SELECT pg_temp.demo_id('state event', user_id::text, step::text), tenant_id, user_id, from_state, to_state, happened_at
FROM acct_demo.users
CROSS JOIN LATERAL (VALUES
    (1, NULL, 'invited', created_at),
    (2, 'invited', 'active', date_trunc('second', created_at + (updated_at - created_at) / 2)),
    (3, 'active', status, updated_at)) AS change (step, from_state, to_state, happened_at)
WHERE step = 1 OR (step = 2 AND status <> 'invited') OR (step = 3 AND status NOT IN ('invited', 'active'))
ORDER BY tenant_id, user_id, step;

INSERT INTO acct_demo.subscriptions
SELECT pg_temp.demo_id(slug, 'subscription', n::text, step::text), tenant_id, pg_temp.demo_id(slug, 'user', n::text),
       (ARRAY['Digital', 'Print & Digital', 'Archiv', '電子版'])[1 + (get_byte(h, 20) + step) % 4],
       1 + get_byte(h, 21) % 5, 4.90 + get_byte(h, 22) % 40, (ARRAY['EUR', 'USD', 'JPY'])[1 + get_byte(h, 23) % 3],
       n % 2 = 0, created_at::date + step, CASE WHEN n % 3 > 0 THEN created_at::date + step + 365 END,
       created_at + step * interval '1 hour'
FROM people, generate_series(1, get_byte(h, 24) % 4) AS step
WHERE kind = 'user' AND get_byte(h, 25) < 100;

DROP FUNCTION pg_temp.demo_id;


-- 3. Indexes that the application itself needs; an export in key order walks the first one -------------------
CREATE INDEX ON acct_demo.users (tenant_id, identifier);
CREATE INDEX ON acct_demo.users (tenant_id, created_at);
CREATE INDEX ON acct_demo.users (tenant_id, updated_at);
CREATE INDEX ON acct_demo.users (tenant_id, email);
CREATE INDEX ON acct_demo.administrators (tenant_id, email);
CREATE INDEX ON acct_demo.administrators (tenant_id, created_at);
CREATE INDEX ON acct_demo.subscriptions (tenant_id, user_id);
CREATE INDEX ON acct_demo.subscriptions (tenant_id, created_at);
CREATE INDEX ON acct_demo.identities (tenant_id, public_id);
CREATE INDEX ON acct_demo.identities (tenant_id, user_store);
CREATE INDEX ON acct_demo.state_events (tenant_id, user_id);
CREATE INDEX ON acct_demo.state_events (tenant_id, happened_at);
ANALYZE acct_demo.tenants, acct_demo.profiles, acct_demo.groups, acct_demo.teams, acct_demo.sponsors,
        acct_demo.locations, acct_demo.users, acct_demo.identities, acct_demo.administrators, acct_demo.subscriptions,
        acct_demo.state_events, acct_demo.user_groups, acct_demo.administrator_groups, acct_demo.administrator_teams;


-- 4. Row security: on every table, and FORCEd, so that it binds the owner too --------------------------------
-- No tenant set means no rows: NULL equals nothing. The sub-select makes the planner read the setting once per
-- query instead of once per row.
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'acct_demo'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY tenant_isolation ON %s USING '
                       '(tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', relation);
    END LOOP;
END $$;


-- 5. What may be exported: views that read as the caller ------------------------------------------------------
-- security_invoker: the caller's rights and row security count, not those of the view's owner. No secret
-- column, no whole row (u.*) and no function of our own: the extension can prove where each field comes from.

CREATE VIEW acct_demo.user_accounts WITH (security_invoker = true) AS
SELECT u.identifier, u.display_name, u.first_name, u.last_name, u.email, u.phone,
       p.name AS profile,
       s.name AS sponsor,
       CASE WHEN u.valid_from IS NOT NULL AND u.valid_until IS NOT NULL
                THEN to_char(u.valid_from, 'YYYY-MM-DD') || ' – ' || to_char(u.valid_until, 'YYYY-MM-DD')
            WHEN u.valid_from IS NOT NULL THEN 'from ' || to_char(u.valid_from, 'YYYY-MM-DD')
            WHEN u.valid_until IS NOT NULL THEN 'until ' || to_char(u.valid_until, 'YYYY-MM-DD')
       END AS validity_period,
       u.created_at, u.last_login,
       l.name AS location,
       u.status,
       u.employee_number,
       u.attributes ->> 'department' AS department,
       u.attributes ->> 'job_title' AS job_title,
       u.attributes #>> '{cost_center,code}' AS cost_center,
       u.locale, u.picture_url,
       l.postal_code, l.country,
       u.valid_from, u.valid_until, u.updated_at,
       u.email_verified, u.mfa_enabled, u.mfa_factor_count,
       u.tags, u.notes, u.attributes,
       ARRAY(SELECT g.name
             FROM acct_demo.user_groups ug
             JOIN acct_demo.groups g ON g.tenant_id = ug.tenant_id AND g.group_id = ug.group_id
             WHERE ug.tenant_id = u.tenant_id AND ug.user_id = u.user_id
             ORDER BY g.name) AS groups,
       u.user_id, u.crm_id, u.tenant_id
FROM acct_demo.users u
JOIN acct_demo.profiles p ON p.tenant_id = u.tenant_id AND p.profile_id = u.profile_id
LEFT JOIN acct_demo.sponsors s ON s.tenant_id = u.tenant_id AND s.sponsor_id = u.sponsor_id
LEFT JOIN acct_demo.locations l ON l.tenant_id = u.tenant_id AND l.location_id = u.location_id;
COMMENT ON VIEW acct_demo.user_accounts IS 'Users as they may be exported';

CREATE VIEW acct_demo.administrator_accounts WITH (security_invoker = true) AS
SELECT a.name, a.email, a.phone,
       p.name AS profile,
       m.name AS main_group,
       ARRAY(SELECT g.name
             FROM acct_demo.administrator_groups ag
             JOIN acct_demo.groups g ON g.tenant_id = ag.tenant_id AND g.group_id = ag.group_id
             WHERE ag.tenant_id = a.tenant_id AND ag.administrator_id = a.administrator_id
             ORDER BY g.name) AS secondary_groups,
       ARRAY(SELECT t.name
             FROM acct_demo.administrator_teams at
             JOIN acct_demo.teams t ON t.tenant_id = at.tenant_id AND t.team_id = at.team_id
             WHERE at.tenant_id = a.tenant_id AND at.administrator_id = a.administrator_id
             ORDER BY t.name) AS teams,
       (a.created_at AT TIME ZONE 'UTC')::date AS created_on,               -- the same day for every reader
       (a.updated_at AT TIME ZONE 'UTC')::date AS updated_on,
       CASE WHEN a.enabled THEN 'Enabled' ELSE 'Disabled' END AS status,
       a.administrator_id, a.tenant_id
FROM acct_demo.administrators a
JOIN acct_demo.profiles p ON p.tenant_id = a.tenant_id AND p.profile_id = a.profile_id
JOIN acct_demo.groups m ON m.tenant_id = a.tenant_id AND m.group_id = a.main_group_id;
COMMENT ON VIEW acct_demo.administrator_accounts IS 'Administrators as they may be exported';

-- The choices in administrators' workbooks.
CREATE VIEW acct_demo.administrator_profiles WITH (security_invoker = true) AS
SELECT p.name, p.tenant_id FROM acct_demo.profiles p WHERE p.kind = 'administrator';
COMMENT ON VIEW acct_demo.administrator_profiles IS 'Profiles that an administrator may have';

CREATE VIEW acct_demo.administrator_tags WITH (security_invoker = true) AS
SELECT g.name, g.tenant_id FROM acct_demo.groups g WHERE g.kind = 'administrator';
COMMENT ON VIEW acct_demo.administrator_tags IS 'Groups (tags) that administrators look after';

CREATE VIEW acct_demo.user_subscriptions WITH (security_invoker = true) AS
SELECT s.subscription_id, u.identifier, s.product, s.seats, s.price, s.currency, s.auto_renew,
       s.starts_on, s.ends_on, s.created_at, s.tenant_id
FROM acct_demo.subscriptions s
JOIN acct_demo.users u ON u.tenant_id = s.tenant_id AND u.user_id = s.user_id;
COMMENT ON VIEW acct_demo.user_subscriptions IS 'One row per subscription of a user';

CREATE VIEW acct_demo.user_state_events WITH (security_invoker = true) AS
SELECT e.event_id, u.identifier, e.user_id, e.from_state, e.to_state, e.happened_at, e.tenant_id
FROM acct_demo.state_events e
JOIN acct_demo.users u ON u.tenant_id = e.tenant_id AND u.user_id = e.user_id;
COMMENT ON VIEW acct_demo.user_state_events IS 'One row per change of the state of a user';

-- The same users in the terms of other products: an identity store with grants, one row per purchase, and a directory.
CREATE VIEW acct_demo.stored_users WITH (security_invoker = true) AS
SELECT u.user_id, u.email AS email_address, u.email_verified, i.tracking_id, u.created_at AS registered,
       i.registration_tenant, i.seq_no,
       u.attributes, i.extended_profiles,
       jsonb_build_object('crm_id', u.crm_id, 'employee_number', u.employee_number) AS foreign_keys,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('entitlement', s.product, 'seats', s.seats,
                                                     'start', s.starts_on, 'end', s.ends_on)
                                  ORDER BY s.starts_on, s.subscription_id), '[]')
        FROM acct_demo.subscriptions s
        WHERE s.tenant_id = u.tenant_id AND s.user_id = u.user_id) AS grants,
       i.user_store, u.status, u.updated_at, u.tenant_id
FROM acct_demo.users u
JOIN acct_demo.identities i ON i.user_id = u.user_id;
COMMENT ON VIEW acct_demo.stored_users IS 'Users as an identity store exports them';

CREATE VIEW acct_demo.user_purchases WITH (security_invoker = true) AS
SELECT s.subscription_id, u.user_id, u.email AS email_address, u.display_name, u.status, u.created_at AS registered,
       i.user_store, s.product, s.seats, s.price, s.currency, s.auto_renew, s.created_at AS purchased_at,
       s.starts_on, s.ends_on,
       u.attributes ->> 'department' AS department, u.locale, u.attributes, i.extended_profiles,
       u.crm_id, u.employee_number, s.tenant_id
FROM acct_demo.subscriptions s
JOIN acct_demo.users u ON u.tenant_id = s.tenant_id AND u.user_id = s.user_id
JOIN acct_demo.identities i ON i.user_id = s.user_id;
COMMENT ON VIEW acct_demo.user_purchases IS 'One row per subscription, with its user';

CREATE VIEW acct_demo.directory_users WITH (security_invoker = true) AS
SELECT i.public_id AS user_id, u.email, u.display_name AS name, u.first_name AS given_name, u.last_name AS family_name,
       u.status AS state, u.email_verified, u.created_at, u.last_login AS last_signed_in_at,
       ARRAY(SELECT g.name
             FROM acct_demo.user_groups ug
             JOIN acct_demo.groups g ON g.tenant_id = ug.tenant_id AND g.group_id = ug.group_id
             WHERE ug.tenant_id = u.tenant_id AND ug.user_id = u.user_id
             ORDER BY ug.joined_on, g.name) AS groups,
       u.picture_url AS picture, u.locale, u.attributes AS custom_attributes,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('group', g.name, 'since', ug.joined_on)
                                  ORDER BY ug.joined_on, g.name), '[]')
        FROM acct_demo.user_groups ug
        JOIN acct_demo.groups g ON g.tenant_id = ug.tenant_id AND g.group_id = ug.group_id
        WHERE ug.tenant_id = u.tenant_id AND ug.user_id = u.user_id) AS group_memberships,
       u.mfa_factor_count, replace(u.phone, ' ', '') AS mfa_phone, u.updated_at, u.tenant_id
FROM acct_demo.users u
JOIN acct_demo.identities i ON i.user_id = u.user_id;
COMMENT ON VIEW acct_demo.directory_users IS 'Users as a directory exports them';


-- 6. Roles ----------------------------------------------------------------------------------------------------
-- None can log in: the application connects as a role of its own, then SET ROLE and SET app.tenant_id per request.
--   data_protection, identities_management, view_administrators   permissions, named by the datasets
--   acct_demo_reader                                              may read what is no secret
--   acct_demo_{acme,globex,initech}_admin                         a reader with all three permissions
--   acct_demo_helpdesk                                            a reader with none: sees accounts, exports nothing
DO $$
DECLARE
    wanted name;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['data_protection', 'identities_management', 'view_administrators', 'acct_demo_reader',
                                  'acct_demo_acme_admin', 'acct_demo_globex_admin', 'acct_demo_initech_admin',
                                  'acct_demo_helpdesk'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END $$;

GRANT acct_demo_reader TO acct_demo_acme_admin, acct_demo_globex_admin, acct_demo_initech_admin, acct_demo_helpdesk;
GRANT data_protection, identities_management, view_administrators
    TO acct_demo_acme_admin, acct_demo_globex_admin, acct_demo_initech_admin;

GRANT USAGE ON SCHEMA acct_demo TO acct_demo_reader;
GRANT SELECT ON acct_demo.tenants, acct_demo.profiles, acct_demo.groups, acct_demo.teams, acct_demo.sponsors,
                acct_demo.locations, acct_demo.identities, acct_demo.subscriptions, acct_demo.state_events,
                acct_demo.user_groups, acct_demo.administrator_groups, acct_demo.administrator_teams,
                acct_demo.user_accounts, acct_demo.administrator_accounts,
                acct_demo.administrator_profiles, acct_demo.administrator_tags, acct_demo.user_subscriptions,
                acct_demo.user_state_events, acct_demo.stored_users, acct_demo.user_purchases, acct_demo.directory_users
    TO acct_demo_reader;
-- Column by column: a reader cannot select a secret even by hand, and a new column stays hidden until granted.
GRANT SELECT (user_id, tenant_id, identifier, display_name, first_name, last_name, email, email_verified, phone,
              profile_id, sponsor_id, location_id, status, valid_from, valid_until, locale, picture_url,
              employee_number, crm_id, attributes, tags, notes, mfa_enabled, mfa_factor_count,
              created_at, updated_at, last_login)
    ON acct_demo.users TO acct_demo_reader;
GRANT SELECT (administrator_id, tenant_id, name, email, phone, profile_id, main_group_id, enabled, created_at, updated_at)
    ON acct_demo.administrators TO acct_demo_reader;


-- 7. Datasets: requesters name these, never relations ---------------------------------------------------------
DO $$
BEGIN
    PERFORM acct_export_register('subscriptions', 'acct_demo.user_subscriptions', key => 'subscription_id',
        tenant_column => 'tenant_id', created_column => 'created_at',
        required_roles => '{data_protection,identities_management}', title => 'Subscriptions');
    PERFORM acct_export_register('state_events', 'acct_demo.user_state_events', key => 'event_id',
        tenant_column => 'tenant_id', created_column => 'happened_at',
        required_roles => '{data_protection,identities_management}', title => 'State events');

    PERFORM acct_export_register('users', 'acct_demo.user_accounts', key => 'identifier',
        tenant_column => 'tenant_id', created_column => 'created_at', updated_column => 'updated_at',
        required_roles => '{data_protection,identities_management}', title => 'Users',
        companions => '{subscriptions,state_events}');
    -- By this field their rows belong to a user: an export of some users has the rows of these, and acct_export_subject those of one.
    PERFORM acct_export_set_companion('users', companion, match => 'identifier')
    FROM unnest('{subscriptions,state_events}'::text[]) AS companion;

    -- An identity store's export of users, and its export of their purchases, which takes one user store at a time.
    PERFORM acct_export_register('stored_users', 'acct_demo.stored_users', key => 'user_id',
        tenant_column => 'tenant_id', created_column => 'registered', updated_column => 'updated_at',
        required_roles => '{data_protection,identities_management}', title => 'User export',
        companions => '{state_events}');
    PERFORM acct_export_register('purchases', 'acct_demo.user_purchases', key => 'subscription_id',
        tenant_column => 'tenant_id', created_column => 'purchased_at',
        required_roles => '{data_protection,identities_management}', title => 'User details',
        companions => '{state_events}');
    PERFORM acct_export_set_policy('purchases', require_filter => '{user_store}');

    -- A directory's: exact names of fields, everyday ones by default.
    PERFORM acct_export_register('directory', 'acct_demo.directory_users', key => 'user_id',
        tenant_column => 'tenant_id', created_column => 'created_at', updated_column => 'updated_at',
        required_roles => '{data_protection,identities_management}', title => 'Directory');

    -- Disabled administrators are exported on request only: include_disabled => true.
    PERFORM acct_export_register('administrators', 'acct_demo.administrator_accounts', key => 'email',
        tenant_column => 'tenant_id', created_column => 'created_on', updated_column => 'updated_on',
        status_column => 'status', disabled_values => '{Disabled}',
        required_roles => '{view_administrators}', title => 'Administrators');
    PERFORM acct_export_register(dataset, source, key => key, tenant_column => 'tenant_id',
        required_roles => '{view_administrators}', title => title)
    FROM (VALUES
        ('administrator_profiles', 'acct_demo.administrator_profiles'::regclass, 'name', 'Administrator Profiles'),
        ('administrator_groups', 'acct_demo.administrator_tags', 'name', 'Administrator Groups'),
        ('teams', 'acct_demo.teams', 'team_id', 'Teams')) AS d (dataset, source, key, title);

    -- The bare table, to see that its secrets are barred without anybody saying so:
    --   SELECT field, barred FROM acct_export_fields WHERE dataset = 'users_raw' AND barred IS NOT NULL;
    PERFORM acct_export_register('users_raw', 'acct_demo.users', key => 'user_id',
        tenant_column => 'tenant_id', created_column => 'created_at', updated_column => 'updated_at',
        required_roles => '{data_protection,identities_management}', title => 'Users (raw table)');
END $$;

-- Columns, headers and order. The first thirteen are what an export holds that names no fields; the others come
-- with include => '{attributes}' and its like, or when they are named. (POSITION is a word of SQL's grammar: as the
-- name of an argument it needs its quotes.)
DO $$
BEGIN
    PERFORM acct_export_set_field('users', field, label, position, is_default => position < 100,
                                  in_group => CASE WHEN position > 300 THEN 'foreign_keys' WHEN position > 200 THEN 'groups'
                                                   WHEN position > 100 THEN 'attributes' END)
    FROM (VALUES
        (1, 'identifier', 'Identifier'), (2, 'display_name', 'Display Name'), (3, 'first_name', 'First Name'),
        (4, 'last_name', 'Last Name'), (5, 'email', 'Email address'), (6, 'phone', 'Phone Number'),
        (7, 'profile', 'Profile'), (8, 'sponsor', 'Sponsor'), (9, 'validity_period', 'Validity Period'),
        (10, 'created_at', 'Creation Date'), (11, 'last_login', 'Last Login'), (12, 'location', 'Location'),
        (13, 'status', 'Account Status'),
        (101, 'employee_number', 'Employee Number'), (102, 'department', 'Department'), (103, 'job_title', 'Job Title'),
        (104, 'cost_center', 'Cost Center'), (105, 'locale', 'Locale'), (106, 'picture_url', 'Picture'),
        (107, 'postal_code', 'Postal Code'), (108, 'country', 'Country'), (109, 'valid_from', 'Valid From'),
        (110, 'valid_until', 'Valid Until'), (111, 'updated_at', 'Last Update'),
        (112, 'email_verified', 'Email Verified'), (113, 'mfa_enabled', 'MFA Enabled'),
        (114, 'mfa_factor_count', 'MFA Factors'), (115, 'tags', 'Tags'), (116, 'notes', 'Notes'),
        (117, 'attributes', 'Attributes'),
        (201, 'groups', 'Groups'),
        (301, 'user_id', 'User ID'), (302, 'crm_id', 'CRM ID')) AS f (position, field, label);
    PERFORM acct_export_set_field('users', 'tenant_id', "position" => 401, is_default => false);

    PERFORM acct_export_set_field('administrators', field, label, position, is_default => true)
    FROM (VALUES
        (1, 'name', 'Name'), (2, 'email', 'Administrator email address'), (3, 'phone', 'Phone'),
        (4, 'profile', 'Profile'), (5, 'main_group', 'Main group'), (6, 'secondary_groups', 'Secondary groups'),
        (7, 'teams', 'Teams'), (8, 'created_on', 'Creation date'), (9, 'updated_on', 'Last update'),
        (10, 'status', 'Status')) AS f (position, field, label);
    -- Their workbooks list what there is to choose from, and so can be edited and imported again.
    PERFORM acct_export_set_field(dataset, 'tenant_id', is_default => false),
            acct_export_set_field(dataset, 'name', label => 'Name', on_anonymise => 'keep')
       FROM unnest(ARRAY['administrator_profiles', 'administrator_groups', 'teams']) AS dataset;
    PERFORM acct_export_set_reference('administrators', field, ref_dataset, 'name')
    FROM (VALUES
        ('profile', 'administrator_profiles'), ('main_group', 'administrator_groups'),
        ('secondary_groups', 'administrator_groups'), ('teams', 'teams')) AS r (field, ref_dataset);
    PERFORM acct_export_set_field('administrators', 'administrator_id', "position" => 101, is_default => false);
    PERFORM acct_export_set_field('administrators', 'tenant_id', "position" => 102, is_default => false);
    PERFORM acct_export_set_field('subscriptions', 'tenant_id', is_default => false);
    PERFORM acct_export_set_field('users_raw', 'tenant_id', is_default => false);

    PERFORM acct_export_set_field('state_events', 'tenant_id', is_default => false);

    -- Toggled: include => '{attributes,extended_profiles,foreign_keys,grants}'.
    PERFORM acct_export_set_field(dataset, field, is_default => false, in_group => toggle)
    FROM (VALUES
        ('stored_users', 'attributes', 'attributes'), ('stored_users', 'extended_profiles', 'extended_profiles'),
        ('stored_users', 'foreign_keys', 'foreign_keys'), ('stored_users', 'grants', 'grants'),
        ('stored_users', 'user_store', NULL), ('stored_users', 'status', NULL), ('stored_users', 'updated_at', NULL),
        ('stored_users', 'tenant_id', NULL),
        ('purchases', 'department', 'attributes'), ('purchases', 'locale', 'attributes'),
        ('purchases', 'attributes', 'attributes'), ('purchases', 'extended_profiles', 'extended_profiles'),
        ('purchases', 'crm_id', 'foreign_keys'), ('purchases', 'employee_number', 'foreign_keys'),
        ('purchases', 'starts_on', 'grants'), ('purchases', 'ends_on', 'grants'), ('purchases', 'tenant_id', NULL),
        ('directory', 'picture', 'picture'), ('directory', 'locale', 'locale'),
        ('directory', 'custom_attributes', 'custom_attributes'),
        ('directory', 'group_memberships', 'group_memberships'),
        ('directory', 'mfa_factor_count', 'mfa_factor_counts'), ('directory', 'mfa_phone', 'mfa_factor_counts'),
        ('directory', 'updated_at', NULL), ('directory', 'tenant_id', NULL)) AS f (dataset, field, toggle);

    PERFORM acct_export_set_field('stored_users', 'seq_no', label => 'seq-no');

    -- The number of a second factor by its end only, whoever asks.
    PERFORM acct_export_set_field('directory', 'mfa_phone', mask => 'last4');

    -- In JSON and NDJSON: {"user": {"user_id": …, "identifiers": {"email_address": …}, …}, "seq-no": 17, "grants": […]}
    PERFORM acct_export_set_field('stored_users', field, json_path => path)
    FROM (VALUES
        ('user_id', 'user.user_id'), ('email_address', 'user.identifiers.email_address'),
        ('email_verified', 'user.email_verified'), ('tracking_id', 'user.tracking_id'),
        ('registered', 'user.registered'), ('registration_tenant', 'user.registration_tenant'), ('seq_no', 'seq-no'),
        ('attributes', 'user.attributes'), ('extended_profiles', 'user.extended_profiles'),
        ('foreign_keys', 'user.foreign_keys'), ('user_store', 'user.user_store')) AS f (field, path);

    -- In JSON and NDJSON: {"identifier": …, "identifiers": {"email_address": …, "phone_number": …}, …}
    PERFORM acct_export_set_field('users', 'email', json_path => 'identifiers.email_address');
    PERFORM acct_export_set_field('users', 'phone', json_path => 'identifiers.phone_number');

    -- anonymise => true redacts what is named like a name, an e-mail address or a phone number. What only the
    -- owner of the data can know: identifiers are mostly e-mail addresses (a pseudonym keeps rows apart and the
    -- files of one request joinable), sponsors are people, and notes may hold anything.
    PERFORM acct_export_set_field(dataset, field, on_anonymise => treatment)
    FROM (VALUES
        ('users', 'identifier', 'pseudonymise'), ('users', 'employee_number', 'pseudonymise'),
        ('users', 'sponsor', 'redact'), ('users', 'notes', 'drop'), ('users', 'picture_url', 'drop'),
        ('users_raw', 'identifier', 'pseudonymise'), ('users_raw', 'employee_number', 'pseudonymise'),
        ('users_raw', 'notes', 'drop'), ('users_raw', 'picture_url', 'drop'),
        ('subscriptions', 'identifier', 'pseudonymise'), ('state_events', 'identifier', 'pseudonymise'),
        ('stored_users', 'tracking_id', 'pseudonymise'), ('purchases', 'employee_number', 'pseudonymise'),
        ('directory', 'picture', 'drop'),
        ('administrators', 'email', 'pseudonymise')) AS f (dataset, field, treatment);
END $$;

COMMIT;
