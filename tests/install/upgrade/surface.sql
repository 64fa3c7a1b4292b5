-- What users can name: functions with arguments, views with columns, foreign-data wrappers, settings.
SELECT line FROM (
    SELECT format('%s %s(%s)%s', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.proname, pg_get_function_arguments(p.oid),
                  ' returns ' || pg_get_function_result(p.oid)) AS line
      FROM pg_proc AS p
      JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
      JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'pg_acctexport'
     WHERE p.pronamespace = e.extnamespace
    UNION ALL
    SELECT format('view %s.%s %s', c.relname, to_char(row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), 'FM00'),
                  a.attname || ' ' || format_type(a.atttypid, a.atttypmod))
      FROM pg_class AS c
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
      JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'pg_acctexport'
     WHERE c.relnamespace = e.extnamespace
    UNION ALL
    SELECT format('foreign-data wrapper %s', w.fdwname) FROM pg_foreign_data_wrapper AS w WHERE w.fdwname ~ '^acct_export_'
    UNION ALL
    SELECT format('setting %s %s default %L context %s', s.name, s.vartype, s.boot_val, s.context)
      FROM pg_settings AS s WHERE s.name ~ '^acct_export\.'
) AS surface
 ORDER BY line COLLATE "C"
