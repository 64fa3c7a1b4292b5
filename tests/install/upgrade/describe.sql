-- The members of the extension as sorted text, one fact a line: what two installations of one version have to have in common.
WITH extension AS (
    SELECT e.oid, e.extversion, e.extnamespace, e.extconfig, e.extcondition FROM pg_extension AS e WHERE e.extname = 'pg_acctexport'
), member AS (
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
      FROM pg_depend AS d JOIN extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
     WHERE d.deptype = 'e'
), relation AS (
    SELECT m.name, c.* FROM member AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
), acl AS (
    -- NULL is the default.
    SELECT m.name, coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl, acldefault('n', n.nspowner) AS usual, m.classid, m.objid, 0 AS sub
      FROM member AS m JOIN pg_namespace AS n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
    UNION ALL
    SELECT m.name, coalesce(p.proacl, acldefault('f', p.proowner)), acldefault('f', p.proowner), m.classid, m.objid, 0
      FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    UNION ALL
    SELECT r.name, coalesce(r.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, r.relowner)),
           acldefault(CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, r.relowner), 'pg_class'::regclass, r.oid, 0
      FROM relation AS r
    UNION ALL
    SELECT m.name, coalesce(w.fdwacl, acldefault('F', w.fdwowner)), acldefault('F', w.fdwowner), m.classid, m.objid, 0
      FROM member AS m JOIN pg_foreign_data_wrapper AS w ON m.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = m.objid
), sorted AS (
    SELECT a.name, a.classid, a.objid,
           (SELECT string_agg(x::text, ' ' ORDER BY x::text COLLATE "C") FROM unnest(a.acl) AS x) AS acl,
           (SELECT string_agg(x::text, ' ' ORDER BY x::text COLLATE "C") FROM unnest(a.usual) AS x) AS usual,
           (SELECT string_agg(x::text, ' ' ORDER BY x::text COLLATE "C")
              FROM pg_init_privs AS i, unnest(i.initprivs) AS x
             WHERE i.classoid = a.classid AND i.objoid = a.objid AND i.objsubid = 0) AS initial
      FROM acl AS a
), line AS (
    SELECT 'extension ' || extversion AS line FROM extension
    UNION ALL
    SELECT 'dumped ' || c.config::regclass || ' ' || coalesce(nullif(c.condition, ''), 'all')
      FROM extension AS e, unnest(e.extconfig, e.extcondition) AS c(config, condition)
    UNION ALL
    SELECT 'member ' || name FROM member
    UNION ALL
    SELECT name || ' comment ' || coalesce(obj_description(objid, classid::regclass::name), '-') FROM member
    UNION ALL
    SELECT name || ' privileges ' || acl FROM sorted
    UNION ALL
    SELECT name || ' privileges of the extension ' || initial FROM sorted WHERE initial <> usual
    UNION ALL
    SELECT m.name || ' owner ' || p.proowner::regrole || E'\n' || pg_get_functiondef(p.oid)
      FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    UNION ALL
    SELECT r.name || ' kind ' || r.relkind::text || ' owner ' || r.relowner::regrole || ' options ' || coalesce(r.reloptions::text, '-')
           || ' row security ' || r.relrowsecurity || ' ' || r.relforcerowsecurity || ' replica identity ' || r.relreplident::text
      FROM relation AS r
    UNION ALL
    SELECT r.name || E' definition\n' || pg_get_viewdef(r.oid) FROM relation AS r WHERE r.relkind = 'v'
    UNION ALL
    SELECT r.name || ' column ' || to_char(row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum), 'FM000') || ' '
           || concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                        'default ' || pg_get_expr(d.adbin, d.adrelid), 'identity ' || nullif(a.attidentity::text, ''),
                        'generated ' || nullif(a.attgenerated::text, ''), 'storage ' || a.attstorage::text, 'collation ' || a.attcollation::regcollation,
                        'privileges ' || a.attacl::text, 'comment ' || col_description(a.attrelid, a.attnum))
      FROM relation AS r
      JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT r.name || ' constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid) || CASE WHEN c.convalidated THEN '' ELSE ' not valid' END
      FROM relation AS r JOIN pg_constraint AS c ON c.conrelid = r.oid
    UNION ALL
    SELECT r.name || ' index ' || pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END
      FROM relation AS r JOIN pg_index AS i ON i.indrelid = r.oid
    UNION ALL
    SELECT r.name || ' trigger ' || pg_get_triggerdef(t.oid) || ' enabled ' || t.tgenabled::text || ' comment '
           || coalesce(obj_description(t.oid, 'pg_trigger'), '-')
      FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT r.name || ' policy ' || p.polname FROM relation AS r JOIN pg_policy AS p ON p.polrelid = r.oid
    UNION ALL
    SELECT m.name || ' on ' || t.evtevent || ' ' || coalesce(t.evttags::text, '-') || ' enabled ' || t.evtenabled::text || ' function '
           || t.evtfoid::regprocedure || ' owner ' || t.evtowner::regrole
      FROM member AS m JOIN pg_event_trigger AS t ON m.classid = 'pg_event_trigger'::regclass AND t.oid = m.objid
    UNION ALL
    SELECT m.name || ' handler ' || w.fdwhandler || ' validator ' || w.fdwvalidator::regproc || ' options '
           || coalesce(w.fdwoptions::text, '-') || ' owner ' || w.fdwowner::regrole
      FROM member AS m JOIN pg_foreign_data_wrapper AS w ON m.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = m.objid
)
SELECT line FROM line ORDER BY line COLLATE "C"
