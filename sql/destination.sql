SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- The targets of files and messages outside of the database. Nobody but superusers may make servers of these wrappers until they are
-- granted USAGE on a wrapper, as with any other; GRANT USAGE ON FOREIGN SERVER says whose exports may use a server.
CREATE FOREIGN DATA WRAPPER acct_export_s3 NO HANDLER VALIDATOR acct_export.s3_validator;
COMMENT ON FOREIGN DATA WRAPPER acct_export_s3 IS 'pg_acctexport: buckets of S3 and of servers that speak its protocol, for exports (acct_export_start, destination)';
CREATE FOREIGN DATA WRAPPER acct_export_gcs NO HANDLER VALIDATOR acct_export.gcs_validator;
COMMENT ON FOREIGN DATA WRAPPER acct_export_gcs IS 'pg_acctexport: buckets of Google Cloud Storage, for exports (acct_export_start, destination)';
CREATE FOREIGN DATA WRAPPER acct_export_azure NO HANDLER VALIDATOR acct_export.azure_validator;
COMMENT ON FOREIGN DATA WRAPPER acct_export_azure IS 'pg_acctexport: containers of Azure Blob Storage, for exports (acct_export_start, destination)';
CREATE FOREIGN DATA WRAPPER acct_export_smtp NO HANDLER VALIDATOR acct_export.smtp_validator;
COMMENT ON FOREIGN DATA WRAPPER acct_export_smtp IS 'pg_acctexport: mail servers, by which the outcome of exports is told (acct_export_start, notify_email)';
CREATE FOREIGN DATA WRAPPER acct_export_webhook NO HANDLER VALIDATOR acct_export.webhook_validator;
COMMENT ON FOREIGN DATA WRAPPER acct_export_webhook IS 'pg_acctexport: receivers of events by HTTP; one gets the events of exports of those who have USAGE on it';

COMMENT ON FUNCTION acct_export.s3_validator(text[], oid) IS 'checks the options of servers and user mappings of acct_export_s3';
COMMENT ON FUNCTION acct_export.gcs_validator(text[], oid) IS 'checks the options of servers and user mappings of acct_export_gcs';
COMMENT ON FUNCTION acct_export.azure_validator(text[], oid) IS 'checks the options of servers and user mappings of acct_export_azure';
COMMENT ON FUNCTION acct_export.smtp_validator(text[], oid) IS 'checks the options of servers and user mappings of acct_export_smtp';
COMMENT ON FUNCTION acct_export.webhook_validator(text[], oid) IS 'checks the options of servers and user mappings of acct_export_webhook';

SET LOCAL search_path TO @extschema@, pg_temp;
