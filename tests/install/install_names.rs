//! Names that the extension resolves: objects that others made in the schema that it is installed into, or in the temporary schema,
//! are never run, neither by CREATE EXTENSION nor by anything later.
//!
//! The traps are made from the install script, the sources and the catalogue, not from a list: every function and operator that is
//! named there gets twins that fit more exactly, by type, than the server's own. A trap writes a line to the server's log and raises.

use std::collections::BTreeSet;
use std::path::Path;

use postgres::Client;
use support::common::{error_of, shared, unique};

/// First column of every row, as text.
fn column(client: &mut Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// The installed script.
fn script(client: &mut Client) -> String {
    client
        .query_one(
            "SELECT pg_read_file(setting || '/extension/pg_acctexport--' || default_version || '.sql')
               FROM pg_config, pg_available_extensions e WHERE pg_config.name = 'SHAREDIR' AND e.name = 'pg_acctexport'",
            &[],
        )
        .unwrap()
        .get(0)
}

/// All texts of Rust files below a directory.
fn sources(dir: &Path, all: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, all);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&std::fs::read_to_string(&entry).unwrap());
        }
    }
}

/// Identifiers, in lower case.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Runs of the characters that operators are made of, and every part of them that begins or ends one: `=-` is `=` and `-`.
fn operators(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for run in text.split(|c: char| !"+-*/<>=~!@#%^&|`?".contains(c)).filter(|run| !run.is_empty()) {
        for begin in 0..run.len() {
            for end in begin + 1..=run.len().min(begin + 4) {
                found.insert(run[begin..end].to_owned());
            }
        }
    }
    // Written as words: IN, NOT IN, IS DISTINCT FROM, BETWEEN, LIKE, ILIKE, SIMILAR TO.
    found.extend(["=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*", "~", "!~"].map(str::to_owned));
    found
}

/// Makes the traps in schema `public`, as the current user. Needs the table `wanted(kind, name)`.
///
/// A call of a server's function is taken over by one of the same name with exactly the types of the call. So for each function each
/// parameter is replaced by every type that is coerced to its own without being asked, and polymorphic ones by every type.
const TRAPS: &str = r##"
-- Not caught by what is laid here.
SET search_path = pg_catalog, pg_temp;
-- A type of the trapper's own, to which the server's types are coerced: its functions fit where nothing else does.
CREATE TYPE public.snare AS (content text);
CREATE FUNCTION public.to_snare(bigint) RETURNS public.snare LANGUAGE plpgsql AS
    'BEGIN RAISE LOG ''TRAP cast in % as %'', current_database(), current_user; RAISE EXCEPTION ''trap''; END';
CREATE FUNCTION public.to_snare(text) RETURNS public.snare LANGUAGE plpgsql AS
    'BEGIN RAISE LOG ''TRAP cast in % as %'', current_database(), current_user; RAISE EXCEPTION ''trap''; END';
CREATE CAST (bigint AS public.snare) WITH FUNCTION public.to_snare(bigint) AS IMPLICIT;
CREATE CAST (text AS public.snare) WITH FUNCTION public.to_snare(text) AS IMPLICIT;

CREATE FUNCTION public.sprung(what text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
    'BEGIN RAISE LOG ''TRAP % in % as %'', what, current_database(), current_user; RAISE EXCEPTION ''trap %'', what; END';

CREATE TABLE public.trap_types AS
    SELECT t::regtype AS type FROM unnest('{text,varchar,name,"\"char\"",int2,int4,int8,numeric,float8,bool,uuid,json,jsonb,bytea,oid,
        regclass,regproc,regprocedure,xid8,pg_lsn,date,timestamp,timestamptz,interval,text[],name[],int4[],int2vector,oidvector,
        jsonb[],bytea[],pg_node_tree,public.snare}'::text[]) t;
CREATE TABLE public.fitting AS -- declared type and what may stand for it
    SELECT p.oid::regtype AS declared, t.type
      FROM pg_type p CROSS JOIN public.trap_types t
     WHERE p.oid = t.type OR t.type = 'public.snare'::regtype
        OR EXISTS (SELECT FROM pg_cast c WHERE c.castsource = t.type AND c.casttarget = p.oid AND c.castcontext = 'i')
        OR p.typname IN ('any', 'anyelement', 'anycompatible', 'anynonarray')
        OR (p.typname IN ('anyarray', 'anycompatiblearray') AND t.type::text LIKE '%[]')
        OR p.typname = 'anyenum' AND t.type = 'text'::regtype;
CREATE INDEX ON public.fitting (declared);

CREATE FUNCTION public.lay_function(name text, types text) RETURNS int LANGUAGE plpgsql AS $lay$
BEGIN
    EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS text LANGUAGE plpgsql AS %L', name, types,
        format('BEGIN PERFORM public.sprung(%L); RETURN NULL; END', name || '(' || types || ')'));
    RETURN 1;
EXCEPTION WHEN duplicate_function OR invalid_function_definition OR ambiguous_function THEN RETURN 0;
END $lay$;

DO $do$
DECLARE
    f record;
    combination text;
BEGIN
    SET LOCAL check_function_bodies = off;
    FOR f IN
        SELECT DISTINCT p.proname::text AS name, a.types
          FROM pg_proc p JOIN public.wanted w ON w.kind = 'function' AND w.name = p.proname
          CROSS JOIN LATERAL (
                SELECT array_agg(CASE WHEN n > p.pronargs THEN p.provariadic ELSE
                           CASE WHEN p.provariadic <> 0 AND n = p.pronargs THEN p.provariadic ELSE p.proargtypes[n - 1] END END ORDER BY n) AS types
                  FROM generate_series(p.pronargs - p.pronargdefaults, p.pronargs + CASE WHEN p.provariadic <> 0 THEN 2 ELSE 0 END) AS arity,
                       generate_series(1, arity) AS n
                 GROUP BY arity) a
         WHERE p.pronamespace = 'pg_catalog'::regnamespace AND cardinality(a.types) BETWEEN 1 AND 5 AND p.prokind <> 'w'
           AND NOT ('internal'::regtype = ANY (p.proargtypes::oid[]) OR 'cstring'::regtype = ANY (p.proargtypes::oid[]))
    LOOP
        FOR combination IN
            -- All combinations where they are few; else one parameter is replaced at a time, and all by the same.
            SELECT format('%s', a.type) FROM public.fitting a WHERE cardinality(f.types) = 1 AND a.declared = f.types[1]
            UNION
            SELECT format('%s, %s', a.type, b.type) FROM public.fitting a, public.fitting b
             WHERE cardinality(f.types) = 2 AND a.declared = f.types[1] AND b.declared = f.types[2]
               AND (SELECT count(*) FROM public.fitting x WHERE x.declared = f.types[1])
                 * (SELECT count(*) FROM public.fitting y WHERE y.declared = f.types[2]) <= 200
            UNION
            SELECT (SELECT string_agg(CASE WHEN o.n = r.n THEN r.type::text ELSE coalesce(d.type, 'text'::regtype)::text END, ', ' ORDER BY o.n)
                      FROM unnest(f.types) WITH ORDINALITY AS o (type, n)
                      LEFT JOIN public.trap_types d ON d.type = o.type)
              FROM (SELECT o.n, fit.type FROM unnest(f.types) WITH ORDINALITY AS o (type, n) JOIN public.fitting fit ON fit.declared = o.type) r
             WHERE cardinality(f.types) > 1
            UNION
            SELECT (SELECT string_agg(t.type::text || left(o::text, 0), ', ') FROM unnest(f.types) o) FROM public.trap_types t
             WHERE cardinality(f.types) > 1 AND NOT EXISTS (SELECT FROM unnest(f.types) o (type)
                WHERE NOT EXISTS (SELECT FROM public.fitting x WHERE x.declared = o.type AND x.type = t.type))
        LOOP
            PERFORM public.lay_function(f.name, combination);
        END LOOP;
    END LOOP;
END $do$;

-- Operators: each name with each two types that are not in the same category by chance only.
CREATE TABLE public.operand AS SELECT type FROM public.trap_types
 WHERE type::text IN ('text', 'name', '"char"', 'smallint', 'integer', 'bigint', 'numeric', 'double precision', 'boolean', 'uuid', 'jsonb', 'bytea',
     'oid', 'regclass', 'regprocedure', 'timestamp with time zone', 'interval', 'text[]', 'public.snare', 'character varying');
DO $do$
DECLARE
    o record;
BEGIN
    SET LOCAL check_function_bodies = off;
    FOR o IN SELECT l.type AS l, r.type AS r FROM public.operand l, public.operand r LOOP
        EXECUTE format('CREATE FUNCTION public.trap_operator(%s, %s) RETURNS boolean LANGUAGE plpgsql AS %L', o.l, o.r,
            format('BEGIN PERFORM public.sprung(%L); RETURN NULL; END', format('operator(%s, %s)', o.l, o.r)));
    END LOOP;
    FOR o IN SELECT w.name, l.type AS l, r.type AS r FROM public.wanted w, public.operand l, public.operand r WHERE w.kind = 'operator' LOOP
        EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.trap_operator, LEFTARG = %s, RIGHTARG = %s)', o.name, o.l, o.r);
    END LOOP;
    FOR o IN SELECT r.type AS r FROM public.operand r LOOP
        EXECUTE format('CREATE FUNCTION public.trap_operator(%s) RETURNS boolean LANGUAGE plpgsql AS %L', o.r,
            format('BEGIN PERFORM public.sprung(%L); RETURN NULL; END', format('operator(%s)', o.r)));
    END LOOP;
    FOR o IN SELECT DISTINCT w.name, r.type AS r FROM public.wanted w JOIN pg_operator p ON p.oprname = w.name AND p.oprkind = 'l', public.operand r
              WHERE w.kind = 'operator' LOOP
        EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.trap_operator, RIGHTARG = %s)', o.name, o.r);
    END LOOP;
END $do$;

-- Types of the same names.
DO $do$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT t.typname::text FROM pg_type t JOIN public.wanted w ON w.kind = 'function' AND w.name = t.typname
              WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' LOOP
        EXECUTE format('CREATE DOMAIN public.%I AS pg_catalog.text CHECK (public.sprung(%L) IS NULL)', t, 'type ' || t);
    END LOOP;
END $do$;
"##;

/// Relations and types in the temporary schema, of names that are used.
const TEMPORARY: &str = "
SET search_path = pg_catalog, pg_temp;
DO $do$
DECLARE
    r text;
BEGIN
    FOR r IN SELECT c.relname::text FROM pg_catalog.pg_class c JOIN public.wanted w ON w.kind = 'function' AND w.name = c.relname
              WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v') LOOP
        BEGIN
            EXECUTE format('CREATE TEMPORARY VIEW %I AS SELECT t.*, public.sprung(%L) IS NULL AS sprung FROM pg_catalog.%I t', r, 'relation ' || r, r);
        EXCEPTION WHEN invalid_table_definition THEN NULL; -- a column of a pseudo-type
        END;
    END LOOP;
    FOR r IN SELECT t.typname::text FROM pg_type t JOIN public.wanted w ON w.kind = 'function' AND w.name = t.typname
              WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' LOOP
        EXECUTE format('CREATE DOMAIN pg_temp.%I AS pg_catalog.text CHECK (public.sprung(%L) IS NULL)', r, 'type ' || r);
    END LOOP;
END $do$;
RESET search_path";

/// A database that belongs to an ordinary role, who has laid the traps; its name and the role's.
fn trapped(base: &str) -> (String, String) {
    let plain = shared().create_database_with_extension("names_plain");
    let mut client = shared().connect(&plain, "postgres");
    let mut text = script(&mut client);
    sources(&support::project().join("src"), &mut text);
    sources(&support::project().join("core/src"), &mut text);
    // And what the stored expressions and queries call, whatever they were written as.
    const TREES: &str = "
        WITH trees (tree) AS (
            SELECT prosqlbody::text FROM pg_proc WHERE prosqlbody IS NOT NULL
            UNION ALL SELECT ev_action::text FROM pg_rewrite UNION ALL SELECT conbin::text FROM pg_constraint
            UNION ALL SELECT adbin::text FROM pg_attrdef UNION ALL SELECT indexprs::text FROM pg_index
            UNION ALL SELECT indpred::text FROM pg_index)";
    let functions = column(
        &mut client,
        &format!("{TREES} SELECT DISTINCT p.proname::text FROM trees, regexp_matches(tree, ':(?:funcid|aggfnoid|winfnoid) (\\d+)', 'g') m
                   JOIN pg_proc p ON p.oid = m[1]::oid WHERE p.pronamespace = 'pg_catalog'::regnamespace"),
    );
    let used = column(
        &mut client,
        &format!(
            "{TREES} SELECT DISTINCT o.oprname::text FROM trees, regexp_matches(tree, ':opno (\\d+)', 'g') m
                   JOIN pg_operator o ON o.oid = m[1]::oid"
        ),
    );
    assert!(functions.len() > 40 && used.len() > 10, "{functions:?} {used:?}");
    // Others of the names that the extension's own functions have, with a type changed and with one more.
    let overloads = column(
        &mut client,
        "SELECT DISTINCT format('CREATE FUNCTION public.%I(%s) RETURNS text LANGUAGE plpgsql AS %L', p.proname, a.types,
                    format('BEGIN PERFORM public.sprung(%L); RETURN NULL; END', p.proname || '(' || a.types || ')'))
           FROM pg_proc p CROSS JOIN LATERAL (
                SELECT string_agg(CASE WHEN n = 1 THEN 'public.snare' ELSE format_type(t, NULL) END, ', ' ORDER BY n)
                  FROM unnest(p.proargtypes) WITH ORDINALITY AS o (t, n)
                UNION ALL SELECT concat_ws(', ', nullif(oidvectortypes(p.proargtypes), ''), 'integer')) a (types)
          WHERE p.pronamespace = 'public'::regnamespace AND a.types IS NOT NULL AND a.types !~ 'acct_export'",
    );
    assert!(overloads.len() > 40, "{overloads:#?}");
    let functions: BTreeSet<String> = words(&text).into_iter().chain(functions).collect();
    let operators: BTreeSet<String> = operators(&text).into_iter().chain(used).collect();

    let owner = unique("trapper");
    let db = shared().create_database(base);
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!("CREATE ROLE {owner} LOGIN; ALTER DATABASE {db} OWNER TO {owner}"))
        .unwrap();
    let mut trapper = shared().connect(&db, &owner);
    trapper.batch_execute("CREATE TABLE public.wanted (kind text, name text)").unwrap();
    let known = "INSERT INTO public.wanted SELECT DISTINCT $1, n FROM unnest($2::text[]) n";
    trapper.execute(known, &[&"function", &Vec::from_iter(functions)]).unwrap();
    trapper
        .execute(
            &format!("{known} WHERE n IN (SELECT oprname::text FROM pg_operator)"),
            &[&"operator", &Vec::from_iter(operators)],
        )
        .unwrap();
    trapper.batch_execute(TRAPS).unwrap();
    trapper.batch_execute(&overloads.join(";")).unwrap();
    let laid: i64 = trapper
        .query_one("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace", &[])
        .unwrap()
        .get(0);
    let operators: i64 = trapper
        .query_one("SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace", &[])
        .unwrap()
        .get(0);
    println!("{laid} functions and {operators} operators");
    assert!(laid > 3000 && operators > 3000, "{laid} functions and {operators} operators");
    (db, owner)
}

/// Lines of the log that traps in this database have written.
fn sprung(db: &str) -> Vec<String> {
    let mark = format!(" in {db} as ");
    shared()
        .log()
        .lines()
        .filter(|line| line.contains("TRAP ") && line.contains(&mark))
        .map(str::to_owned)
        .collect()
}

/// Everything that a member of the extension, or a part of one, is made with, and that is neither the server's own nor of the extension.
const STRANGERS: &str = "
WITH RECURSIVE own (classid, objid) AS (
    SELECT d.classid, d.objid FROM pg_depend d
     WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
       AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_acctexport')
    UNION -- rules, constraints, defaults, indexes, types of relations
    SELECT d.classid, d.objid FROM pg_depend d JOIN own o ON d.refclassid = o.classid AND d.refobjid = o.objid
     WHERE d.deptype IN ('i', 'a', 'P', 'S')
)
SELECT pg_describe_object(o.classid, o.objid, 0) || ' depends on ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
  FROM own o JOIN pg_depend d USING (classid, objid)
 WHERE (d.refclassid, d.refobjid) NOT IN (SELECT classid, objid FROM own)
   AND d.refobjid >= 16384
   AND NOT (d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_acctexport'))
   -- the schema that holds the functions
   AND NOT (d.refclassid = 'pg_namespace'::regclass AND d.refobjid = (SELECT extnamespace FROM pg_extension WHERE extname = 'pg_acctexport'))
 ORDER BY 1";

/// A table of two tenants and a role that may read it. No operator of the tour's own is looked up where the traps are.
fn application(db: &str, role: &str) {
    let mut superuser = shared().connect(db, "postgres");
    superuser
        .batch_execute(&format!(
            "SET search_path = pg_catalog;
             CREATE ROLE {role} LOGIN;
             CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO {role};
             CREATE TABLE app.teams (id bigint PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL);
             CREATE TABLE app.people (id bigint PRIMARY KEY, tenant_id text NOT NULL, email text, status text NOT NULL, extra jsonb,
                 team text, created_at timestamptz NOT NULL DEFAULT now(), password_hash text);
             INSERT INTO app.teams VALUES (1, 'a', 'red'), (2, 'a', 'blue'), (3, 'b', 'green');
             INSERT INTO app.people SELECT n, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, 'p' || n || '@example.org', 'active',
                 jsonb_build_object('room', n), 'red' FROM generate_series(1, 40) n;
             ALTER TABLE app.people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             ALTER TABLE app.teams ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY t ON app.people USING (tenant_id = current_setting('app.tenant_id'));
             CREATE POLICY t ON app.teams USING (tenant_id = current_setting('app.tenant_id'));
             CREATE FUNCTION app.tidy(text) RETURNS text IMMUTABLE RETURN upper($1);
             GRANT SELECT ON app.people, app.teams TO {role}; ANALYZE app.people"
        ))
        .unwrap();
}

/// Runs statements one by one in a session whose path has the traps first; what each returns is read to its end.
fn tour(client: &mut Client, statements: &[&str]) {
    for statement in statements {
        client.simple_query(statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

/// One value of a simple query, which prepares nothing (and so looks up no type).
fn one(client: &mut Client, sql: &str) -> String {
    let found = client.simple_query(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    found
        .iter()
        .find_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .unwrap_or_else(|| panic!("no row: {sql}"))
}

#[test]
fn nothing_that_others_made_is_run() {
    let (db, owner) = trapped("names_trapped");
    // The traps work: a session that has them in its path springs one.
    let mut fool = shared().connect(&db, "postgres");
    error_of(fool.simple_query("SELECT public.cardinality('{a}'::pg_catalog.text[])"));
    error_of(fool.simple_query("SELECT '1'::pg_catalog.int8 OPERATOR(public./) '2'::pg_catalog.numeric"));
    let before = sprung(&db).len();
    assert_eq!(before, 2, "{:#?}", sprung(&db));

    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute(TEMPORARY).unwrap();
    superuser
        .batch_execute("CREATE EXTENSION pg_acctexport")
        .unwrap_or_else(|e| panic!("{e:?}; {:#?}", sprung(&db)));
    let mut onlooker = shared().connect(&db, "postgres");
    onlooker.batch_execute("SET search_path = pg_catalog").unwrap();
    let strangers = column(&mut onlooker, STRANGERS);
    assert!(strangers.is_empty(), "{strangers:#?}");

    let role = unique("names_reader");
    application(&db, &role);
    let hostile = "SET search_path = public, pg_temp, pg_catalog";
    superuser.batch_execute(hostile).unwrap();
    tour(
        &mut superuser,
        &[
            "SELECT public.acct_export_register('teams'::pg_catalog.text, 'app.teams'::pg_catalog.regclass, 'id'::pg_catalog.text,
                 tenant_column => 'tenant_id'::pg_catalog.text)",
            "SELECT public.acct_export_register('people'::pg_catalog.text, 'app.people'::pg_catalog.regclass, 'id'::pg_catalog.text,
                 tenant_column => 'tenant_id'::pg_catalog.text, created_column => 'created_at'::pg_catalog.text,
                 status_column => 'status'::pg_catalog.text, disabled_values => '{disabled}'::pg_catalog.text[],
                 companions => '{teams}'::pg_catalog.text[])",
            "SELECT public.acct_export_set_field('people', 'email', label => 'Mail')",
            "SELECT public.acct_export_expand('people', 'extra')",
            "SELECT public.acct_export_set_reference('people', 'team', 'teams', 'name')",
            "SELECT public.acct_export_set_policy('people'::pg_catalog.text, max_rows => '1000'::pg_catalog.int8)",
            "SELECT public.acct_export_alter('people'::pg_catalog.text, title => 'People'::pg_catalog.text)",
            "SELECT public.acct_export_set_companion('people'::pg_catalog.text, 'teams'::pg_catalog.text)",
            "SELECT public.acct_export_refresh('people')",
            "SELECT public.acct_export_definition('people')",
            "SELECT public.acct_export_check('people'::pg_catalog.text)",
            "SELECT public.acct_export_secret_name('shibboleth'::pg_catalog.text, 'test'::pg_catalog.text)",
            "SELECT public.acct_export_secret_column('app.people'::pg_catalog.regclass, 'team'::pg_catalog.text, 'test'::pg_catalog.text)",
            "SELECT public.acct_export_secret_column('app.people'::pg_catalog.regclass, 'team'::pg_catalog.text, NULL::pg_catalog.text)",
            "SELECT public.acct_export_exempt_column('app.people'::pg_catalog.regclass, 'password_hash'::pg_catalog.text, 'test'::pg_catalog.text)",
            "SELECT public.acct_export_exempt_column('app.people'::pg_catalog.regclass, 'password_hash'::pg_catalog.text, NULL::pg_catalog.text)",
            "SELECT public.acct_export_shared_table('app.teams'::pg_catalog.regclass, 'test'::pg_catalog.text)",
            "SELECT public.acct_export_clean_function('app.tidy(pg_catalog.text)'::pg_catalog.regprocedure, 'test'::pg_catalog.text)",
            "SELECT public.acct_export_set_template('failed', 'It failed')",
            "SELECT public.acct_export_advice('people')",
            "ALTER TABLE app.people RENAME COLUMN team TO squad",
            "ALTER TABLE app.people RENAME COLUMN squad TO team",
            "ALTER TABLE app.people ADD COLUMN later pg_catalog.text",
            "ALTER TABLE app.people DROP COLUMN later",
            "TABLE public.acct_export_declarations",
            "TABLE public.acct_export_templates",
        ],
    );
    let mut reader = shared().connect(&db, &role);
    reader.batch_execute(&format!("{hostile}; SET app.tenant_id = 'a'")).unwrap();
    tour(
        &mut reader,
        &[
            "TABLE public.acct_export_datasets",
            "TABLE public.acct_export_fields",
            "TABLE public.acct_export_policies",
            "TABLE public.acct_export_references",
            "SELECT public.acct_export_scim('email ew \"example.org\"')",
            "SELECT public.acct_export_csv('people')",
            "SELECT public.acct_export_ndjson('people', period => 'last_week', filter => '{\"email\":{\"co\":\"p\",\"ci\":true}}')",
            "SELECT public.acct_export_preview('people', options => '{\"count\":true}')",
            "CALL public.acct_export_run('people'::pg_catalog.text, 'csv'::pg_catalog.text)",
            "CALL public.acct_export_run('people'::pg_catalog.text, 'xlsx'::pg_catalog.text, include => '{teams}'::pg_catalog.text[],
                 anonymise => true)",
            "TABLE public.acct_export_messages",
        ],
    );
    let mut jobs = Vec::new();
    for arguments in [
        "'people', 'ndjson'",
        "'people', 'ndjson', filter => '{\"id\":{\"lt\":20}}'",
        "'people', 'csv', include => '{teams}'",
    ] {
        let job = one(&mut reader, &format!("SELECT public.acct_export_start({arguments})"));
        let state = one(
            &mut reader,
            &format!("SELECT (public.acct_export_wait('{job}'::pg_catalog.uuid, '1 minute'::pg_catalog.interval)).status"),
        );
        assert_eq!(state, "completed", "{arguments}: {:#?}", sprung(&db));
        jobs.push(job);
    }
    let (first, second) = (&jobs[0], &jobs[1]);
    for statement in [
        "TABLE public.acct_export_jobs".to_owned(),
        format!("SELECT public.acct_export_status('{first}'::pg_catalog.uuid)"),
        format!("SELECT public.acct_export_job('{first}'::pg_catalog.uuid)"),
        format!("SELECT public.acct_export_file('{first}'::pg_catalog.uuid)"),
        format!("SELECT public.acct_export_chunks('{first}'::pg_catalog.uuid)"),
        format!("SELECT public.acct_export_large_object('{first}'::pg_catalog.uuid)"),
        format!("SELECT public.acct_export_diff('{first}'::pg_catalog.uuid, '{second}'::pg_catalog.uuid)"),
        format!("SELECT public.acct_export_cancel('{first}'::pg_catalog.uuid)"),
        format!("SELECT public.acct_export_delete('{second}'::pg_catalog.uuid)"),
    ] {
        tour(&mut reader, &[&statement]);
    }
    // In the session itself, without a worker.
    superuser.batch_execute(&format!("ALTER ROLE {role} SET acct_export.async = off")).unwrap();
    let mut reader = shared().connect(&db, &role);
    reader.batch_execute(&format!("{hostile}; SET app.tenant_id = 'b'")).unwrap();
    tour(&mut reader, &["SELECT public.acct_export_start('people', 'json')"]);
    // The audit trail, housekeeping, the end.
    tour(
        &mut superuser,
        &[
            "TABLE public.acct_export_audit",
            "SELECT public.acct_export_audit_verify()",
            "SELECT public.acct_export_purge()",
            "SELECT public.acct_export_audit_remove('2000-01-01'::pg_catalog.timestamptz, 'test')",
            "SELECT public.acct_export_set_policy('people'::pg_catalog.text)",
            "SELECT public.acct_export_set_reference('people', 'team', NULL)",
            "SELECT public.acct_export_unregister('people')",
            "SELECT public.acct_export_unregister('teams')",
        ],
    );
    let ran = sprung(&db);
    assert_eq!(ran.len(), before, "{ran:#?}");

    superuser.batch_execute("DROP EXTENSION pg_acctexport").unwrap();
    // And the role that laid them gained nothing.
    let mut trapper = shared().connect(&db, &owner);
    assert_eq!(
        column(&mut trapper, "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user"),
        ["false"]
    );
}

#[test]
fn the_script_names_the_schema_of_all_it_creates() {
    let mut client = shared().connect("postgres", "postgres");
    let script = script(&mut client);
    let path = script.find("SET LOCAL search_path TO pg_catalog, pg_temp;").expect("the path is set");
    assert!(
        !script[..path].lines().any(|line| line.starts_with("CREATE ")),
        "something is created before the path is set"
    );
    assert!(
        script.is_ascii(),
        "the script has to be readable in every encoding, to be refused with a reason"
    );
    // Functions of pgrx have no schema: they are created with @extschema@ first in the path, and are written in C.
    let mut generated = false;
    let mut loose = Vec::new();
    for line in script.lines() {
        if let Some(path) = line.strip_prefix("SET LOCAL search_path TO ") {
            generated = path.starts_with("@extschema@, pg_temp;");
            assert!(generated || path.starts_with("pg_catalog, pg_temp;"), "{line}");
        }
        let mut words = line.split_whitespace().filter(|word| !["OR", "REPLACE"].contains(word));
        let creates = words.next() == Some("CREATE")
            && [
                "FUNCTION",
                "PROCEDURE",
                "VIEW",
                "TABLE",
                "TYPE",
                "AGGREGATE",
                "OPERATOR",
                "DOMAIN",
                "SEQUENCE",
            ]
            .contains(&words.next().unwrap_or_default());
        let qualified = words
            .next()
            .is_some_and(|name| name.starts_with("acct_export.") || name.starts_with("@extschema@."));
        if creates && !qualified && !(generated && line.starts_with("CREATE  FUNCTION \"")) {
            loose.push(line);
        }
    }
    // Of those, nothing but the names of types is looked up.
    let defaults: Vec<&str> =
        script.lines().filter(|line| line.starts_with("\t\"") && line.contains(" DEFAULT ")).collect();
    assert!(
        !defaults.is_empty()
            && defaults.iter().all(|line| !line.split("/*").next().unwrap_or_default().contains('(')),
        "{defaults:#?}"
    );
    assert!(loose.is_empty(), "without a schema: {loose:#?}");
}

/// Bodies that are parsed when they run, and those that run with other rights, have a path of their own. One procedure cannot: it
/// commits.
#[test]
fn bodies_in_text_have_a_path_of_their_own() {
    let db = shared().create_database_with_extension("names_paths");
    let mut client = shared().connect(&db, "postgres");
    let members = "FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid JOIN pg_language l ON l.oid = p.prolang
         WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
           AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_acctexport')
           AND (p.prosecdef OR (l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL))";
    let pinned = "coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)";
    let loose = column(&mut client, &format!("SELECT p.proname::text {members} AND NOT {pinned} ORDER BY 1"));
    assert_eq!(loose, ["acct_export_run"]);
    assert!(column(&mut client, &format!("SELECT p.proname::text {members} AND {pinned}")).len() > 1);
}

#[test]
fn a_schema_with_an_odd_name_will_do() {
    for schema in ["we ird", "Ünïcode", "select", "a.b", "0day", "x; y"] {
        let db = shared().create_database("names_odd");
        let mut client = shared().connect(&db, "postgres");
        client
            .batch_execute(&format!(
                "CREATE SCHEMA \"{schema}\"; CREATE EXTENSION pg_acctexport SCHEMA \"{schema}\";
                 CREATE TABLE public.people (id bigint PRIMARY KEY, name text);
                 INSERT INTO public.people VALUES (1, 'Ada');
                 SELECT \"{schema}\".acct_export_register('people', 'public.people', 'id')"
            ))
            .unwrap_or_else(|error| panic!("{schema}: {error:?}"));
        tour(&mut client, &[&format!("CALL \"{schema}\".acct_export_run('people', 'csv')")]);
        let states = column(&mut client, &format!("SELECT status FROM \"{schema}\".acct_export_jobs"));
        assert_eq!(states, ["completed"], "{schema}");
        let strangers = column(&mut client, STRANGERS);
        assert!(strangers.is_empty(), "{schema}: {strangers:#?}");
    }
}

#[test]
fn a_database_that_is_not_utf8_is_refused() {
    for encoding in ["LATIN1", "SQL_ASCII", "EUC_JP"] {
        let db = unique("names_encoding");
        let mut client = shared().connect("postgres", "postgres");
        client
            .batch_execute(&format!(
                "CREATE DATABASE {db} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
            ))
            .unwrap();
        let error =
            error_of(shared().connect(&db, "postgres").batch_execute("CREATE EXTENSION pg_acctexport"));
        assert_eq!(error.sqlstate, "0A000", "{error:?}");
        assert!(error.message.contains("UTF8") && error.message.contains(encoding), "{error:?}");
        assert!(error.hint.is_some_and(|hint| hint.contains("ENCODING 'UTF8'")));
        let mut client = shared().connect(&db, "postgres");
        assert!(column(&mut client, "SELECT nspname::text FROM pg_namespace WHERE nspname = 'acct_export'")
            .is_empty());
    }
}
