SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

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
    hash    bytea,
    login   text,
    client_addr      inet,
    application_name text
);
COMMENT ON TABLE acct_export.audit IS 'who exported what; read it through acct_export_audit';
COMMENT ON COLUMN acct_export.audit.seq IS 'place in the chain; NULL: not sealed yet';
COMMENT ON COLUMN acct_export.audit.login IS 'session user, whatever role it had taken on';
COMMENT ON COLUMN acct_export.audit.client_addr IS 'address of the session''s client; NULL: a local socket';
COMMENT ON COLUMN acct_export.audit.hash IS 'SHA-256 over the hash of the event before and this event''s columns; of an event that is not sealed yet, over these alone';
SELECT pg_catalog.pg_extension_config_dump('acct_export.audit', '');
SELECT pg_catalog.pg_extension_config_dump('acct_export.audit_id_seq', '');

CREATE TABLE acct_export.audit_seal (
    seq  bigint PRIMARY KEY,
    hash bytea NOT NULL
);
COMMENT ON TABLE acct_export.audit_seal IS 'the seals once more, so that the removal of the last events shows';
SELECT pg_catalog.pg_extension_config_dump('acct_export.audit_seal', '');

CREATE TABLE acct_export.audit_anchor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq      bigint NOT NULL,
    hash     bytea NOT NULL
);
COMMENT ON TABLE acct_export.audit_anchor IS 'the last event that acct_export_audit_remove removed: the chain begins behind it';
SELECT pg_catalog.pg_extension_config_dump('acct_export.audit_anchor', '');

-- Events that wait for their place in the chain (src/audit/hash_chain.rs).
CREATE INDEX audit_unsealed ON acct_export.audit (id) WHERE seq IS NULL;

CREATE FUNCTION acct_export.audit_hash(before bytea, seq bigint, event acct_export.audit) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN -- not in SQL: sessions plan that anew for each statement
    RETURN sha256(before || convert_to((jsonb_build_array(
        seq, extract(epoch FROM event.at), event.event, event.job_id, event.actor, event.role,
        event.tenant, event.dataset, event.detail)
        -- Events of 0.1.0 have none of these. The length of the array tells the two forms apart.
        || CASE WHEN event.login IS NULL AND event.client_addr IS NULL AND event.application_name IS NULL THEN '[]'::jsonb
                ELSE jsonb_build_array(event.login, event.client_addr, event.application_name) END)::text, 'UTF8'));
END
$$;
COMMENT ON FUNCTION acct_export.audit_hash(bytea, bigint, acct_export.audit) IS 'hash of an audit event that follows the given one';

CREATE FUNCTION acct_export.audit_keep() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN -- by the extension, which acts as the owner, and by superusers, who restore a dump
        IF pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE') THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'only the extension writes to the audit trail' USING ERRCODE = 'insufficient_privilege',
            HINT = 'Events come from the acct_export_* functions.';
    END IF;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit' AND OLD.seq IS NULL AND NEW.seq IS NOT NULL
       AND (to_jsonb(OLD) - '{seq,hash}'::text[]) = (to_jsonb(NEW) - '{seq,hash}'::text[]) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege',
        HINT = 'A superuser can remove old events deliberately with acct_export_audit_remove(before, reason).';
END
$$;
COMMENT ON FUNCTION acct_export.audit_keep() IS 'trigger: refuses to change, remove or make up audit events';
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON acct_export.audit
    FOR EACH ROW EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep ON acct_export.audit IS 'the trail is append-only';
CREATE TRIGGER keep_all BEFORE TRUNCATE OR INSERT ON acct_export.audit
    FOR EACH STATEMENT EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep_all ON acct_export.audit IS 'the trail is append-only';
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON acct_export.audit_seal
    FOR EACH ROW EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep ON acct_export.audit_seal IS 'the trail is append-only';
CREATE TRIGGER keep_all BEFORE TRUNCATE OR INSERT ON acct_export.audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep_all ON acct_export.audit_seal IS 'the trail is append-only';
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON acct_export.audit_anchor
    FOR EACH ROW EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep ON acct_export.audit_anchor IS 'the trail is append-only';
CREATE TRIGGER keep_all BEFORE TRUNCATE OR INSERT ON acct_export.audit_anchor
    FOR EACH STATEMENT EXECUTE FUNCTION acct_export.audit_keep();
COMMENT ON TRIGGER keep_all ON acct_export.audit_anchor IS 'the trail is append-only';

CREATE VIEW @extschema@.acct_export_audit AS
    SELECT id, at, event, job_id, actor, role, tenant, dataset, detail, CASE WHEN seq IS NOT NULL THEN hash END AS hash, login,
           client_addr, application_name
      FROM acct_export.audit;
COMMENT ON VIEW @extschema@.acct_export_audit IS 'audit trail of all exports; GRANT SELECT on it to the role of your auditors';
REVOKE ALL ON @extschema@.acct_export_audit FROM PUBLIC;

-- The rule of an unbroken chain: since the anchor (or ever) no event was changed, removed, exchanged or put in between by
-- somebody who did not do the same to all later events, their seals and the anchor; and what was removed before it was
-- removed by acct_export_audit_remove, unless somebody made that event as well. A superuser who computes the whole chain anew,
-- or cuts off the last events together with their seals, is not found from inside the database: for that, keep the latest
-- hash, or the removal's event, in a place that this superuser cannot write to, and look for it here.
CREATE FUNCTION acct_export.audit_broken(OUT place bigint, OUT id bigint, OUT hash bytea) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH event AS (
        SELECT e AS whole, e.id, e.seq, e.hash,
               coalesce(lag(e.hash) OVER (ORDER BY e.seq), (SELECT a.hash FROM acct_export.audit_anchor a), '\x') AS before,
               coalesce(lag(e.seq) OVER (ORDER BY e.seq), (SELECT a.seq FROM acct_export.audit_anchor a), 0) AS seq_before
          FROM acct_export.audit e WHERE e.seq IS NOT NULL
    )
    -- Its hash is not what its place in the chain asks for, or the one before it was removed.
    SELECT e.seq, e.id, e.hash
      FROM event e
     WHERE e.hash IS DISTINCT FROM acct_export.audit_hash(e.before, e.seq, e.whole) OR e.seq <> e.seq_before + 1
    UNION ALL
    -- Its seal was made and the event is gone or another: all that is left of it is the hash.
    SELECT s.seq, NULL, s.hash
      FROM acct_export.audit_seal s
     WHERE NOT EXISTS (SELECT FROM acct_export.audit e WHERE e.seq = s.seq AND e.hash = s.hash)
    UNION ALL
    -- The anchor is not one that a removal has told of.
    SELECT a.seq, NULL, a.hash
      FROM acct_export.audit_anchor a
     WHERE NOT EXISTS (SELECT FROM acct_export.audit e
                        WHERE e.event = 'user.bulk_export.audit_removed' AND e.detail->>'last_seq' = a.seq::text
                          AND e.detail->>'last_hash' = encode(a.hash, 'hex'))
    UNION ALL
    -- It has a place that was never sealed.
    SELECT NULL, e.id, e.hash
      FROM acct_export.audit e
     WHERE e.seq IS NOT NULL AND NOT EXISTS (SELECT FROM acct_export.audit_seal s WHERE s.seq = e.seq AND s.hash = e.hash)
    UNION ALL
    -- It waits for its place, and was changed or put in by others than the extension.
    SELECT NULL, e.id, e.hash
      FROM acct_export.audit e
     WHERE e.seq IS NULL AND e.hash IS DISTINCT FROM acct_export.audit_hash('\x', 0, e)
     ORDER BY 1, 2
     LIMIT 1;
END;
COMMENT ON FUNCTION acct_export.audit_broken() IS 'place, id and hash of the first broken event; behind acct_export_audit_verify';

-- With the rights of the caller on the view: who may not read the trail is refused (42501).
CREATE FUNCTION @extschema@.acct_export_audit_verify() RETURNS SETOF @extschema@.acct_export_audit
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT b.id, e.at, e.event, e.job_id, e.actor, e.role, e.tenant, e.dataset, e.detail, b.hash,
           e.login, e.client_addr, e.application_name
      FROM acct_export.audit_broken() b LEFT JOIN @extschema@.acct_export_audit e ON e.id = b.id;
END;
COMMENT ON FUNCTION @extschema@.acct_export_audit_verify() IS 'first broken event of the audit trail, or no row: each event carries the hash of the one before it; for those who may read acct_export_audit';

SET LOCAL search_path TO @extschema@, pg_temp;
