-- What \df+ shows of the functions that are generated from Rust; grants.
COMMENT ON FUNCTION acct_export_start IS 'starts an export in the background; returns the job';
COMMENT ON FUNCTION acct_export_scim IS 'a SCIM filter string (RFC 7644) as a filter document';
COMMENT ON FUNCTION acct_export_retry IS 'asks again for the export of a job that failed, in whole or in part, or was cancelled; returns the new job';
COMMENT ON FUNCTION acct_export_ndjson IS 'streams an export as NDJSON lines; in a select list nothing is stored';
COMMENT ON FUNCTION acct_export_preview IS 'what an export would hold: columns, number of rows, five rows masked as they would be, fields left out, whose rows';
COMMENT ON FUNCTION acct_export_csv IS 'streams an export as CSV lines, header first; in a select list nothing is stored';
COMMENT ON FUNCTION acct_export_job IS 'an export job as one JSON document, with the request echoed';
COMMENT ON FUNCTION acct_export_cancel IS 'cancels an export job that is queued, running or awaiting approval';
COMMENT ON FUNCTION acct_export_approve IS 'lets an export job of somebody else go on that awaits approval';
COMMENT ON FUNCTION acct_export_delete IS 'deletes an export job''s files before their time';
COMMENT ON FUNCTION acct_export_purge IS 'deletes files and job records whose time is over; returns the number of files';
COMMENT ON FUNCTION acct_export_file IS 'an export''s file as one bytea';
COMMENT ON FUNCTION acct_export_chunks IS 'an export''s file in chunks of 1 MiB';
COMMENT ON FUNCTION acct_export_large_object IS 'an export''s file as a large object of the caller''s, for \lo_export';
COMMENT ON FUNCTION acct_export_audit_remove IS 'for superusers: removes the events of the audit trail before a moment, and tells why';
COMMENT ON FUNCTION acct_export_set_field IS 'changes how a field of a dataset is labelled, ordered, grouped and masked';
COMMENT ON FUNCTION acct_export_expand IS 'says whether csv and xlsx have a column for each key of a field of JSON objects, and for which keys';
COMMENT ON FUNCTION acct_export_advice IS 'what makes exports of a dataset slow, and what to do about it';
COMMENT ON FUNCTION acct_export_unregister IS 'forgets a dataset; its jobs and files stay until their time';
COMMENT ON FUNCTION acct_export.wait_for_end IS 'behind acct_export_wait';
COMMENT ON FUNCTION acct_export.wake IS 'starts a worker where jobs wait and none runs';
COMMENT ON FUNCTION acct_export.visible IS 'whether the caller may see a job of this role and tenant';
COMMENT ON FUNCTION acct_export.may_approve IS 'whether the caller may approve a job that awaits it';
COMMENT ON FUNCTION acct_export.set_policy IS 'behind acct_export_set_policy';
COMMENT ON FUNCTION acct_export.worker_progress IS 'progress counters of the worker that runs a job';
COMMENT ON FUNCTION acct_export.register_dataset IS 'behind acct_export_register';
COMMENT ON FUNCTION acct_export.declare IS 'behind acct_export_exempt_column and the other declarations';
COMMENT ON FUNCTION acct_export.may_know IS 'whether the caller may know of a dataset';
COMMENT ON FUNCTION acct_export.field_state IS 'type and bar of each field of a dataset';

-- Purging early deletes nothing that is not over, but it is the DBA's to run; the launcher and the workers do it anyway.
REVOKE ALL ON FUNCTION acct_export_purge() FROM PUBLIC;

-- The function refuses others than superusers itself, whoever was granted it.
REVOKE ALL ON FUNCTION acct_export_audit_remove(timestamptz, text) FROM PUBLIC;
