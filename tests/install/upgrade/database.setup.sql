-- Roles
CREATE ROLE old_owner NOLOGIN; CREATE ROLE old_reader LOGIN; CREATE ROLE old_approver LOGIN; CREATE ROLE old_auditor NOLOGIN;
CREATE SCHEMA app AUTHORIZATION old_owner;
GRANT USAGE ON SCHEMA app TO old_reader, old_approver;
SET ROLE old_owner;
CREATE TABLE app.plans (plan text PRIMARY KEY, title text NOT NULL);
INSERT INTO app.plans VALUES ('free', 'Free'), ('pro', 'Professional');
CREATE TABLE app.people (
    id bigint PRIMARY KEY, tenant_id uuid NOT NULL, email text, name text, plan text, status text NOT NULL DEFAULT 'active',
    password_hash text, reset_code text, access_token text, api_key text, attributes jsonb, created_at timestamptz NOT NULL);
INSERT INTO app.people
SELECT n, CASE WHEN n % 2 = 0 THEN 'a0000000-0000-4000-8000-000000000001' ELSE 'b0000000-0000-4000-8000-000000000002' END::uuid,
       'user' || n || '@example.com', 'User ' || n, CASE WHEN n % 3 = 0 THEN 'pro' ELSE 'free' END,
       CASE WHEN n = 4 THEN 'disabled' ELSE 'active' END, 'S3CR3T-hash-' || n, 'S3CR3T-code-' || n, 'ref-' || n, 'key-' || n,
       jsonb_build_object('department', 'd' || n), timestamptz '2025-01-01 00:00:00+00' + n * interval '1 day'
  FROM generate_series(1, 8) AS n;
ALTER TABLE app.people ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.people FORCE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON app.people USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
CREATE FUNCTION app.badge(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(left($1, 1)) $$;
CREATE VIEW app.people_v WITH (security_invoker) AS
SELECT id, tenant_id, email, name, app.badge(name) AS badge, plan, api_key, created_at FROM app.people;
CREATE TABLE app.logins (id bigint PRIMARY KEY, person bigint NOT NULL, at timestamptz NOT NULL, device text);
INSERT INTO app.logins SELECT n, n, timestamptz '2025-02-01 00:00:00+00', 'S3CR3T-device-' || n FROM generate_series(1, 4) AS n;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO old_reader;
RESET ROLE;
CREATE EXTENSION pg_acctexport;
SELECT acct_export_exempt_column('app.people', 'access_token', 'a reference, no token');
SELECT acct_export_exempt_column('app.people_v', 'api_key', 'a public key');
SELECT acct_export_secret_column('app.logins', 'device', 'identifies a device');
SELECT acct_export_secret_name('reset_code', 'a code that lets in');
SELECT acct_export_clean_function('app.badge(text)', 'reads its argument only');
SELECT acct_export_shared_table('app.plans', 'the same for all tenants');
GRANT old_owner TO postgres;
GRANT EXECUTE ON FUNCTION acct_export_register(text, regclass, text, text, text, text, text, text[], name[], regproc, text, text[]) TO old_owner;
REVOKE EXECUTE ON FUNCTION acct_export_register(text, regclass, text, text, text, text, text, text[], name[], regproc, text, text[]) FROM PUBLIC;
GRANT SELECT ON acct_export_audit, acct_export_declarations TO old_auditor;
SET ROLE old_owner;
SELECT acct_export_register('plans', 'app.plans', 'plan');
SELECT acct_export_register('logins', 'app.logins', 'id', created_column => 'at');
SELECT acct_export_register('people', 'app.people', 'id', tenant_column => 'tenant_id', created_column => 'created_at',
    status_column => 'status', disabled_values => '{disabled}', title => 'People', companions => '{plans}');
SELECT acct_export_register('badges', 'app.people_v', 'id', tenant_column => 'tenant_id', created_column => 'created_at');
SELECT acct_export_set_field('people', 'email', label => 'E-mail', mask => 'last4', is_default => true);
SELECT acct_export_set_field('people', 'name', "position" => 1, json_path => 'profile.name');
SELECT acct_export_set_reference('people', 'plan', 'plans', 'plan');
SELECT acct_export_expand('people', 'attributes', '{department}', '{Department}');
SELECT acct_export_set_policy('badges', approve_above => 2, approver_roles => '{old_approver}', max_active => 5);
RESET ROLE;
SELECT acct_export_set_template('completed', 'Export {job} is ready', NULL);
CREATE SERVER hooks FOREIGN DATA WRAPPER acct_export_webhook OPTIONS (url 'http://127.0.0.1:9/hook');
CREATE USER MAPPING FOR PUBLIC SERVER hooks OPTIONS (secret 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
GRANT USAGE ON FOREIGN SERVER hooks TO old_reader;
CREATE VIEW app.my_jobs AS SELECT job_id, status FROM acct_export_jobs;
