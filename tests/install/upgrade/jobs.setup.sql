SET ROLE old_reader;
SET app.tenant_id = 'a0000000-0000-4000-8000-000000000001';
SET app.user_id = 'ada';
SELECT acct_export_start('people', format => 'csv', include => '{plans}', reason => 'quarterly') AS completed \gset
SELECT status, error FROM acct_export_wait(:'completed', '1 minute');
SELECT length(acct_export_file(:'completed', 1));
SELECT acct_export_start('badges', format => 'ndjson') AS awaiting \gset
SELECT status, error FROM acct_export_wait(:'awaiting', '1 minute');
SELECT acct_export_start('logins', format => 'csv') AS plain \gset
SELECT status, error FROM acct_export_wait(:'plain', '1 minute');
RESET ROLE;
-- With acct_export.max_workers = 0:
SET ROLE old_reader;
SET app.tenant_id = 'a0000000-0000-4000-8000-000000000001';
SET app.user_id = 'ada';
SELECT acct_export_start('people', format => 'ndjson') AS queued \gset
SELECT acct_export_start('plans', format => 'json') AS cancelled \gset
SELECT acct_export_cancel(:'cancelled');
SET app.tenant_id = 'b0000000-0000-4000-8000-000000000002';
SELECT acct_export_start('people', format => 'csv') AS interrupted \gset
RESET ROLE;
UPDATE acct_export.job SET status = 'running', started_at = clock_timestamp(), attempts = 1, worker_pid = 1 WHERE id = :'interrupted';
