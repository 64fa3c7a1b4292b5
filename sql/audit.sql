-- The audit trail: append-only, each event sealed with the hash of the one before it.
CREATE TABLE acct_export.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq     bigint UNIQUE,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    event   text NOT NULL,
    job_id  uuid,
    actor   text,
    role    text NOT NULL,
    tenant  text,
    dataset text,
    detail  jsonb NOT NULL DEFAULT '{}',
    hash    bytea
);
COMMENT ON TABLE acct_export.audit IS 'who exported what; read it through acct_export_audit';
COMMENT ON COLUMN acct_export.audit.seq IS 'place in the chain, given when the event''s transaction commits';
COMMENT ON COLUMN acct_export.audit.hash IS 'SHA-256 over the hash of the event before and this event''s columns';
SELECT pg_catalog.pg_extension_config_dump('acct_export.audit', '');
SELECT pg_catalog.pg_extension_config_dump('acct_export.audit_id_seq', '');

CREATE TABLE acct_export.audit_seal (
    seq  bigint PRIMARY KEY,
    hash bytea NOT NULL
);
COMMENT ON TABLE acct_export.audit_seal IS 'the seals once more, so that the removal of the last events shows';
SELECT pg_catalog.pg_extension_config_dump('acct_export.audit_seal', '');

-- An event gets its place just before its transaction commits (src/audit.rs).
CREATE INDEX audit_unsealed ON acct_export.audit (id) WHERE hash IS NULL;

CREATE FUNCTION acct_export.audit_hash(before bytea, seq bigint, event acct_export.audit) RETURNS bytea
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT sha256(before || convert_to(jsonb_build_array(
        seq, extract(epoch FROM event.at), event.event, event.job_id, event.actor, event.role,
        event.tenant, event.dataset, event.detail)::text, 'UTF8'));
END;
COMMENT ON FUNCTION acct_export.audit_hash(bytea, bigint, acct_export.audit) IS 'hash of an audit event that follows the given one';

CREATE FUNCTION acct_export.audit_keep() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit' AND OLD.hash IS NULL AND NEW.hash IS NOT NULL
       AND (to_jsonb(OLD) - '{seq,hash}'::text[]) = (to_jsonb(NEW) - '{seq,hash}'::text[]) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege',
        HINT = 'A superuser can remove old events deliberately after ALTER TABLE acct_export.audit DISABLE TRIGGER keep.';
END
$$;
COMMENT ON FUNCTION acct_export.audit_keep() IS 'trigger: refuses to change or remove audit events';
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON acct_export.audit
    FOR EACH ROW EXECUTE FUNCTION acct_export.audit_keep();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON acct_export.audit_seal
    FOR EACH ROW EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep ON acct_export.audit_seal IS 'the trail is append-only';
CREATE TRIGGER keep_all BEFORE TRUNCATE ON acct_export.audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep_all ON acct_export.audit_seal IS 'the trail is append-only';
CREATE TRIGGER keep_all BEFORE TRUNCATE ON acct_export.audit
    FOR EACH STATEMENT EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep ON acct_export.audit IS 'the trail is append-only';
COMMENT ON TRIGGER keep_all ON acct_export.audit IS 'the trail is append-only';

CREATE VIEW acct_export_audit AS
    SELECT id, at, event, job_id, actor, role, tenant, dataset, detail, hash FROM acct_export.audit;
COMMENT ON VIEW acct_export_audit IS 'audit trail of all exports; GRANT SELECT on it to the role of your auditors';
REVOKE ALL ON acct_export_audit FROM PUBLIC;

CREATE FUNCTION acct_export_audit_verify() RETURNS SETOF acct_export_audit
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH event AS (
        SELECT e.*, lag(e.hash) OVER (ORDER BY e.seq) AS before, lag(e.seq) OVER (ORDER BY e.seq) AS seq_before
          FROM acct_export.audit e WHERE e.seq IS NOT NULL
    ), broken AS (
        -- Its hash is not what its place in the chain asks for, or the one before it was removed.
        SELECT e.seq AS place, e.id, e.at, e.event, e.job_id, e.actor, e.role, e.tenant, e.dataset, e.detail, e.hash
          FROM event e
         WHERE e.hash IS DISTINCT FROM acct_export.audit_hash(coalesce(e.before, '\x'::bytea), e.seq,
                   ROW(e.id, e.seq, e.at, e.event, e.job_id, e.actor, e.role, e.tenant, e.dataset, e.detail, e.hash)::acct_export.audit)
            OR e.seq <> coalesce(e.seq_before, 0) + 1
        UNION ALL
        -- Its seal was made and the event is gone or another: all that is left of it is the hash.
        SELECT s.seq, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, s.hash
          FROM acct_export.audit_seal s
         WHERE NOT EXISTS (SELECT FROM acct_export.audit e WHERE e.seq = s.seq AND e.hash = s.hash)
        UNION ALL
        -- It came in beside the chain: an event is sealed in its own transaction.
        SELECT NULL, e.id, e.at, e.event, e.job_id, e.actor, e.role, e.tenant, e.dataset, e.detail, e.hash
          FROM acct_export.audit e
         WHERE e.at < transaction_timestamp()
           AND NOT EXISTS (SELECT FROM acct_export.audit_seal s WHERE s.seq = e.seq AND s.hash = e.hash)
    )
    SELECT b.id, b.at, b.event, b.job_id, b.actor, b.role, b.tenant, b.dataset, b.detail, b.hash
      FROM broken b ORDER BY b.place, b.id LIMIT 1;
END;
COMMENT ON FUNCTION acct_export_audit_verify() IS 'first broken event of the audit trail, or no row: each event carries the hash of the one before it';
REVOKE ALL ON FUNCTION acct_export_audit_verify() FROM PUBLIC;
