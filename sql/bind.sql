SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Fields and declarations are bound to columns: by name when a row is inserted, which a registration, a declaration and the restore
-- of a dump do; by number from then on. Numbers and OIDs of a dump belong to the database that it was made of.
CREATE FUNCTION acct_export.descendants(relation oid) RETURNS oid[]
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE below(oid) AS (
        SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = relation
        UNION
        SELECT i.inhrelid FROM below JOIN pg_inherits AS i ON i.inhparent = below.oid)
    SELECT coalesce(array_agg(below.oid ORDER BY below.oid), '{}') FROM below;
END;
COMMENT ON FUNCTION acct_export.descendants(oid) IS 'partitions and children of a table, at every depth';

CREATE FUNCTION acct_export.view_text(relation oid) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE below(oid) AS (
        SELECT c.oid FROM pg_class AS c WHERE c.oid = relation
        UNION
        SELECT d.refobjid
          FROM below
          JOIN pg_rewrite AS r ON r.ev_class = below.oid AND r.ev_type = '1'
          JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                             AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class),
    view AS (SELECT c.oid, c.oid::regclass::text AS name FROM below JOIN pg_class AS c ON c.oid = below.oid WHERE c.relkind = 'v'),
    called AS (
        SELECT DISTINCT p.oid, p.oid::regprocedure::text AS name
          FROM view
          JOIN pg_rewrite AS r ON r.ev_class = view.oid
          JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_proc'::regclass
          JOIN pg_proc AS p ON p.oid = d.refobjid)
    SELECT encode(sha256(convert_to(
               (SELECT string_agg(view.name || ' ' || pg_get_viewdef(view.oid), '' ORDER BY view.name COLLATE "C") FROM view)
               || coalesce((SELECT string_agg(acct_export.function_hash(called.oid), '' ORDER BY called.name COLLATE "C") FROM called), ''),
           'UTF8')), 'hex')
     WHERE EXISTS (SELECT FROM view WHERE view.oid = relation);
END;
COMMENT ON FUNCTION acct_export.view_text(oid) IS 'hash of the text of a view, of the views that it reads and of the functions that they call';

CREATE FUNCTION acct_export.bind_dataset() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname) INTO name
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = NEW.source::oid;
    IF NEW.source_name IS NULL THEN
        NEW.source_name := name;
    ELSIF name IS DISTINCT FROM NEW.source_name THEN -- a dump has a number for a source that was gone
        NEW.source := 0::oid::regclass;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION acct_export.bind_dataset() IS 'trigger: keeps the name of the source, and restores no source that was gone';
CREATE TRIGGER bind BEFORE INSERT ON acct_export.dataset FOR EACH ROW EXECUTE FUNCTION acct_export.bind_dataset();
-- Subscribers of logical replication insert rows as replicas.
ALTER TABLE acct_export.dataset ENABLE ALWAYS TRIGGER bind;
COMMENT ON TRIGGER bind ON acct_export.dataset IS 'keeps the name of the source';

CREATE FUNCTION acct_export.bind_field() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source oid;
    col record;
BEGIN
    NEW.column_name := coalesce(NEW.column_name, NEW.field);
    SELECT d.source::oid INTO source FROM acct_export.dataset AS d WHERE d.dataset = NEW.dataset;
    SELECT a.attnum, format_type(a.atttypid, a.atttypmod) AS type INTO col
      FROM pg_attribute AS a
     WHERE a.attrelid = source AND a.attname::text = NEW.column_name AND a.attnum > 0::smallint AND NOT a.attisdropped;
    NEW.relation_oid := coalesce(source, 0::oid);
    IF NEW.attnum IS DISTINCT FROM 0::smallint THEN -- 0: the column was dropped, and another one of its name is not the same
        NEW.attnum := coalesce(col.attnum, 0::smallint);
    END IF;
    NEW.column_type := coalesce(NEW.column_type, col.type, '');
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION acct_export.bind_field() IS 'trigger: binds a new field to the column of its name';
CREATE TRIGGER bind BEFORE INSERT ON acct_export.field FOR EACH ROW EXECUTE FUNCTION acct_export.bind_field();
ALTER TABLE acct_export.field ENABLE ALWAYS TRIGGER bind;
COMMENT ON TRIGGER bind ON acct_export.field IS 'binds a new field to the column of its name';

CREATE FUNCTION acct_export.bind_declaration() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rel record;
BEGIN
    IF NEW.relation IS NOT NULL THEN -- regclass: the name in a dump is resolved by now
        SELECT c.oid, c.relname::text AS table_name, n.nspname::text AS schema_name INTO rel
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.oid = NEW.relation::oid;
        IF rel.oid IS NULL THEN
            NEW.relation := NULL;
        ELSE
            NEW.relation_oid := rel.oid;
            NEW.schema_name := rel.schema_name;
            NEW.table_name := rel.table_name;
        END IF;
    END IF;
    IF NEW.column_name IS NOT NULL AND NEW.attnum IS DISTINCT FROM 0::smallint THEN
        NEW.attnum := coalesce((
            SELECT a.attnum FROM pg_attribute AS a
             WHERE a.attrelid = NEW.relation::oid AND a.attname::text = NEW.column_name
               AND a.attnum > 0::smallint AND NOT a.attisdropped), 0::smallint);
    END IF;
    IF NEW.kind = 'exempt_column' AND NEW.attnum > 0::smallint AND acct_export.view_text(NEW.relation::oid) IS NOT NULL THEN
        -- A restored view is the same if its text is; a new declaration is about the view as it is.
        IF coalesce(NEW.view_text = acct_export.view_text(NEW.relation::oid), true) THEN
            NEW.view_text := acct_export.view_text(NEW.relation::oid);
            NEW.code := acct_export.column_code(NEW.relation::oid, NEW.attnum);
        END IF;
    END IF;
    IF NEW.kind = 'secret_column' THEN
        NEW.family := coalesce(acct_export.descendants(NEW.relation::oid), '{}');
    END IF;
    IF NEW.function IS NOT NULL THEN
        BEGIN
            NEW.function := to_regprocedure(NEW.function_name)::oid;
        EXCEPTION WHEN undefined_object THEN -- a type among its arguments is gone, and the function with it
            NEW.function := NULL;
        END;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION acct_export.bind_declaration() IS 'trigger: binds a new declaration to the object of its name';
CREATE TRIGGER bind BEFORE INSERT ON acct_export.declaration FOR EACH ROW EXECUTE FUNCTION acct_export.bind_declaration();
ALTER TABLE acct_export.declaration ENABLE ALWAYS TRIGGER bind;
COMMENT ON TRIGGER bind ON acct_export.declaration IS 'binds a new declaration to the object of its name';

-- The columns that declarations hold for now.
CREATE VIEW acct_export.declared_column AS
SELECT d.id, d.kind, d.definition, d.code, a.attrelid AS relation, a.attnum, a.attname::text AS column_name, false AS by_name
  FROM acct_export.declaration AS d
  JOIN pg_attribute AS a ON a.attrelid = d.relation::oid AND a.attnum > 0::smallint AND NOT a.attisdropped
   AND CASE WHEN d.relation::oid = d.relation_oid THEN a.attnum = d.attnum
            ELSE d.attnum > 0::smallint AND a.attname::text = d.column_name END -- a copy of a row of another database
 WHERE d.kind IN ('exempt_column', 'secret_column')
UNION ALL
-- A secret column that is gone, and one whose table gave its name to another, goes on being secret by its name.
SELECT d.id, d.kind, d.definition, d.code, a.attrelid, a.attnum, a.attname::text, true
  FROM acct_export.declaration AS d
  LEFT JOIN pg_class AS c ON c.oid = d.relation::oid
  LEFT JOIN pg_attribute AS own ON own.attrelid = c.oid AND own.attnum = d.attnum AND own.attnum > 0::smallint
        AND NOT own.attisdropped AND d.relation::oid = d.relation_oid
 CROSS JOIN LATERAL (
       SELECT d.relation_name AS name WHERE own.attnum IS NULL
       UNION ALL
       SELECT unnest(d.former_tables)) AS t
  JOIN pg_attribute AS a ON a.attrelid = to_regclass(t.name)::oid AND a.attname::text = d.column_name
                        AND a.attnum > 0::smallint AND NOT a.attisdropped
 WHERE d.kind = 'secret_column' AND (own.attnum IS NULL OR a.attrelid <> own.attrelid);
COMMENT ON VIEW acct_export.declared_column IS 'columns that declarations of columns hold for now, by number or, of secrets that are gone, by name';

SET LOCAL search_path TO @extschema@, pg_temp;
