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
    IF TG_OP = 'UPDATE' AND OLD.hash IS NULL AND NEW.hash IS NOT NULL
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
    -- The first event whose hash is not what its place in the chain asks for, or that was removed from its place.
    SELECT a.id, a.at, a.event, a.job_id, a.actor, a.role, a.tenant, a.dataset, a.detail, a.hash
      FROM (SELECT e.*, lag(e.hash) OVER (ORDER BY e.seq) AS before, lag(e.seq) OVER (ORDER BY e.seq) AS seq_before
              FROM acct_export.audit e WHERE e.seq IS NOT NULL) a
     WHERE a.hash IS DISTINCT FROM acct_export.audit_hash(coalesce(a.before, '\x'::bytea), a.seq,
               ROW(a.id, a.seq, a.at, a.event, a.job_id, a.actor, a.role, a.tenant, a.dataset, a.detail, a.hash)::acct_export.audit)
        OR a.seq <> coalesce(a.seq_before, 0) + 1
     ORDER BY a.seq
     LIMIT 1;
END;
COMMENT ON FUNCTION acct_export_audit_verify() IS 'first broken event of the audit trail, or no row: each event carries the hash of the one before it';
REVOKE ALL ON FUNCTION acct_export_audit_verify() FROM PUBLIC;
