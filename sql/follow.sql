SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- DDL on what fields and declarations are bound to. Bindings go by number and need none of this; the names do, which are kept for
-- objects that are gone and for a restore. A failure here is a warning and never stops the statement.
CREATE FUNCTION acct_export.keep_names() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE acct_export.field AS f SET column_name = a.attname::text
      FROM pg_attribute AS a
     WHERE f.attnum > 0::smallint AND a.attrelid = f.relation_oid AND a.attnum = f.attnum AND NOT a.attisdropped
       AND a.attname::text <> f.column_name;
    UPDATE acct_export.dataset AS d SET source_name = format('%I.%I', n.nspname, c.relname)
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = d.source::oid AND d.source_name <> format('%I.%I', n.nspname, c.relname);
    UPDATE acct_export.declaration AS d
       SET schema_name = s.schema_name, table_name = s.table_name, column_name = s.column_name,
           former_tables = CASE WHEN d.kind = 'secret_column'
               THEN array_remove(array_append(array_remove(d.former_tables, s.before), s.before), s.now)
               ELSE d.former_tables END
      FROM (SELECT o.id, n.nspname::text AS schema_name, c.relname::text AS table_name,
                   coalesce(a.attname::text, o.column_name) AS column_name,
                   o.relation_name AS before, format('%I.%I', n.nspname, c.relname) AS now
              FROM acct_export.declaration AS o
              JOIN pg_class AS c ON c.oid = o.relation::oid AND c.oid = o.relation_oid
              JOIN pg_namespace AS n ON n.oid = c.relnamespace
              LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = o.attnum AND a.attnum > 0::smallint
                    AND NOT a.attisdropped) AS s
     WHERE s.id = d.id
       AND (d.schema_name <> s.schema_name OR d.table_name <> s.table_name OR d.column_name <> s.column_name);
    -- A new name is in the text of a view that is the same.
    UPDATE acct_export.declaration AS d SET view_text = acct_export.view_text(d.relation::oid)
     WHERE d.kind = 'exempt_column' AND d.code IS NOT NULL AND d.attnum > 0::smallint
       AND d.view_text <> acct_export.view_text(d.relation::oid)
       AND d.code = acct_export.column_code(d.relation::oid, d.attnum);
END;
COMMENT ON FUNCTION acct_export.keep_names() IS 'keeps the names of what fields and declarations are bound to as they are now';

CREATE FUNCTION acct_export.keep_families() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent record;
BEGIN
    FOR parent IN
        SELECT o.id, o.column_name, o.reason, o.declared_by, o.declared_at, o.family,
               acct_export.descendants(o.relation::oid) AS family_now
          FROM acct_export.declaration AS o
         WHERE o.kind = 'secret_column' AND o.relation IS NOT NULL
           AND (o.family <> '{}'::oid[] OR EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = o.relation::oid))
    LOOP
        CONTINUE WHEN parent.family = parent.family_now;
        INSERT INTO acct_export.declaration (kind, relation, column_name, reason, declared_by, declared_at)
        SELECT 'secret_column', a.attrelid::regclass, parent.column_name, parent.reason, parent.declared_by, parent.declared_at
          FROM pg_attribute AS a
         WHERE a.attrelid = ANY (parent.family) AND a.attrelid <> ALL (parent.family_now)
           AND a.attname::text = parent.column_name AND a.attnum > 0::smallint AND NOT a.attisdropped
           AND NOT EXISTS (SELECT FROM acct_export.declared_column AS c
                            WHERE c.kind = 'secret_column' AND c.relation = a.attrelid AND c.attnum = a.attnum);
        UPDATE acct_export.declaration SET family = parent.family_now WHERE id = parent.id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION acct_export.keep_families() IS 'declares secret columns of partitions and children that were detached since';

CREATE FUNCTION acct_export.follow_names() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Temporary tables may be created often.
    IF TG_TAG NOT IN ('CREATE TABLE', 'CREATE FOREIGN TABLE') THEN
        PERFORM acct_export.keep_names();
    END IF;
    PERFORM acct_export.keep_families();
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'pg_acctexport could not record the new names of tables and columns'
        USING DETAIL = format('It failed with SQLSTATE %s.', SQLSTATE),
              HINT = 'Declared secrets hold as before. If the table is replaced by another one next, declare them again.';
END
$$;
COMMENT ON FUNCTION acct_export.follow_names() IS 'event trigger: keeps names of tables and columns, and declares secret columns of detached partitions';
CREATE EVENT TRIGGER acct_export_follow_names ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE', 'ALTER INDEX', 'ALTER TYPE',
                 'ALTER SCHEMA', 'ALTER EXTENSION', 'CREATE TABLE', 'CREATE FOREIGN TABLE')
    EXECUTE FUNCTION acct_export.follow_names();
-- In sessions that replicate, too.
ALTER EVENT TRIGGER acct_export_follow_names ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER acct_export_follow_names IS 'keeps the names of columns and tables that fields and declarations are bound to';

CREATE FUNCTION acct_export.follow_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() AS o
                    WHERE NOT o.is_temporary AND o.classid IN ('pg_class'::regclass::oid, 'pg_proc'::regclass::oid)) THEN
        RETURN;
    END IF;
    UPDATE acct_export.field AS f SET attnum = 0::smallint
      FROM pg_event_trigger_dropped_objects() AS o
     WHERE o.classid = 'pg_class'::regclass::oid AND o.objsubid > 0
       AND f.relation_oid = o.objid AND f.attnum::integer = o.objsubid;
    UPDATE acct_export.declaration AS d
       SET relation = CASE WHEN o.objsubid = 0 THEN NULL ELSE d.relation END,
           attnum = CASE WHEN o.objsubid > 0 THEN 0::smallint ELSE d.attnum END
      FROM pg_event_trigger_dropped_objects() AS o
     WHERE o.classid = 'pg_class'::regclass::oid AND d.relation::oid = o.objid AND d.relation_oid = o.objid
       AND (o.objsubid = 0 OR d.attnum::integer = o.objsubid);
    UPDATE acct_export.declaration AS d SET function = NULL
      FROM pg_event_trigger_dropped_objects() AS o
     WHERE o.classid = 'pg_proc'::regclass::oid AND d.function = o.objid;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'pg_acctexport could not record what was dropped'
        USING DETAIL = format('It failed with SQLSTATE %s.', SQLSTATE),
              HINT = 'Declarations of it hold no longer, except for secret columns, which hold by name.';
END
$$;
COMMENT ON FUNCTION acct_export.follow_drop() IS 'event trigger: marks fields and declarations whose columns, tables or functions were dropped';
CREATE EVENT TRIGGER acct_export_follow_drop ON sql_drop EXECUTE FUNCTION acct_export.follow_drop();
ALTER EVENT TRIGGER acct_export_follow_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER acct_export_follow_drop IS 'marks fields and declarations whose columns, tables or functions were dropped';

SET LOCAL search_path TO @extschema@, pg_temp;
