-- Row security for :table as that of the accounts, and the role that exports it.
ALTER TABLE :table ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON :table USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE INDEX ON :table (tenant_id, account_id);
GRANT SELECT ON :table TO acct_bench_admin;
VACUUM (FREEZE, ANALYZE) :table;
