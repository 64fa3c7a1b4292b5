SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Two exports compared. The server groups the rows of both files by key: whatever their order, within work_mem, the rest of it
-- in temporary files. Objects are made of rows that differ only.
CREATE FUNCTION @extschema@.acct_export_diff(job_a uuid, job_b uuid)
RETURNS TABLE (key text, change text, before jsonb, after jsonb)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT d.key, CASE WHEN d.old IS NULL THEN 'added' WHEN d.new IS NULL THEN 'removed' ELSE 'changed' END,
           CASE WHEN d.new IS NULL THEN d.old
                ELSE (SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(d.old) o WHERE o.value <> d.new -> o.key) END,
           CASE WHEN d.old IS NULL THEN d.new
                ELSE (SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(d.new) n WHERE n.value <> d.old -> n.key) END
      FROM (SELECT r.key, min(r.place) AS place,
                   -- One each: the key is unique.
                   (max(r.cells COLLATE "C") FILTER (WHERE NOT r.later))::jsonb AS old,
                   (max(r.cells COLLATE "C") FILTER (WHERE r.later))::jsonb AS new
              FROM acct_export.rows_of_both(job_a, job_b) r
             GROUP BY r.key
            HAVING acct_export.compared_once(count(*) FILTER (WHERE NOT r.later), count(*) FILTER (WHERE r.later))
               AND max(r.cells COLLATE "C") FILTER (WHERE NOT r.later)
                   IS DISTINCT FROM max(r.cells COLLATE "C") FILTER (WHERE r.later)) d
     ORDER BY d.place, d.key COLLATE "C";
END;
COMMENT ON FUNCTION @extschema@.acct_export_diff(uuid, uuid) IS 'what changed between two exports of a dataset: keys added, removed and changed, with the values that differ';
COMMENT ON FUNCTION acct_export.rows_of_both(uuid, uuid) IS 'behind acct_export_diff: the rows of both files';
COMMENT ON FUNCTION acct_export.compared_once(bigint, bigint) IS 'behind acct_export_diff: refuses files in which a key stands more than once';

SET LOCAL search_path TO @extschema@, pg_temp;
