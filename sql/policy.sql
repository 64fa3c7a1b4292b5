SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- The rules of a dataset for its requests beside rights. The arguments have types that only SQL spells out (name[]); the work is
-- done in Rust (src/catalog/policy.rs).
CREATE FUNCTION @extschema@.acct_export_set_policy(
    dataset        text,
    approve_above  bigint  DEFAULT NULL,
    approver_roles name[]  DEFAULT NULL,
    require_filter text[]  DEFAULT NULL,
    max_rows       bigint  DEFAULT NULL,
    max_active     integer DEFAULT NULL,
    reset          text[]  DEFAULT '{}'
) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT acct_export.set_policy(dataset, jsonb_build_object(
        'approve_above', approve_above, 'approver_roles', approver_roles, 'require_filter', require_filter,
        'max_rows', max_rows, 'max_active', max_active, 'reset', reset));
END;
COMMENT ON FUNCTION @extschema@.acct_export_set_policy(text, bigint, name[], text[], bigint, integer, text[])
    IS 'changes what exports of a dataset need: approval above so many rows, filters, limits; NULL keeps a rule, reset takes it away';

CREATE VIEW @extschema@.acct_export_policies WITH (security_barrier) AS
SELECT d.dataset, d.approve_above, nullif(d.approver_roles, '{}') AS approver_roles,
       nullif(d.require_filter, '{}') AS require_filter, d.max_rows, d.max_active
  FROM acct_export.dataset d
 WHERE acct_export.may_know(d.source::oid, d.required_roles)
 ORDER BY d.dataset;
COMMENT ON VIEW @extschema@.acct_export_policies IS 'policies of the datasets that the caller may export (acct_export_set_policy)';
GRANT SELECT ON @extschema@.acct_export_policies TO PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
