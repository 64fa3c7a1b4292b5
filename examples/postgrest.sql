-- Account exports over HTTP with PostgREST 12 or later: a schema of one's own to expose, to be changed as one likes.
--
--     POST /rpc/user_export_jobs   {"format": "xlsx", "period": "last_month"}   202, the job, and its Location
--     GET  /rpc/user_export_job?job=…                                           200, the job with its progress
--     POST /rpc/user_export_file   {"job": "…"}                                 200, the file
--     POST /rpc/user_export_url    {"job": "…"}                                 200, where to download it: of a file in a bucket
--
-- In postgrest.conf:
--
--     db-schemas     = "account_api"
--     db-pre-request = "account_api.enter"
--
-- File and URL are taken by POST: PostgREST runs a GET in a read-only transaction, and each download is written into the audit trail.
-- Roles that may use it: GRANT USAGE ON SCHEMA account_api TO …; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA account_api TO …;
CREATE SCHEMA account_api;
COMMENT ON SCHEMA account_api IS 'account exports over HTTP: what PostgREST exposes';

-- Whose token it is, for the policies and the audit trail. A request without the claim has no tenant and exports nothing.
CREATE FUNCTION account_api.enter() RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT set_config('app.tenant_id', coalesce(claims ->> 'tenant_id', ''), true),
           set_config('app.user_id', coalesce(claims ->> 'sub', ''), true)
      FROM (SELECT nullif(current_setting('request.jwt.claims', true), '')::json) AS token (claims);
END;
COMMENT ON FUNCTION account_api.enter() IS 'db-pre-request: tenant and actor of the token';

-- What PostgREST would answer with 500 (its own are 403 for 42501, 405 for 25006, 400 for most others).
CREATE FUNCTION account_api.http(code text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE code WHEN 'P0002' THEN 'PT404' -- no such job, or not yours
                         WHEN '55000' THEN 'PT409' -- not finished, failed
                         WHEN '55006' THEN 'PT409' -- the same export is under way
                         WHEN '54000' THEN 'PT413' -- too large for one answer
                         WHEN '53400' THEN 'PT429' -- too many exports under way
           END;
END;
COMMENT ON FUNCTION account_api.http(text) IS 'the SQLSTATE by which PostgREST answers with an HTTP status';

CREATE FUNCTION account_api.user_export_jobs(
    format text DEFAULT 'xlsx', period text DEFAULT NULL, start_date date DEFAULT NULL, end_date date DEFAULT NULL,
    filter jsonb DEFAULT NULL, fields text[] DEFAULT NULL, include text[] DEFAULT NULL, anonymise boolean DEFAULT false,
    destination text DEFAULT NULL, reason text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job uuid;
    told text; detail text; hint text;
BEGIN
    job := public.acct_export_start('users', format, period, start_date, end_date, filter => filter, fields => fields,
                                    include => include, anonymise => anonymise, destination => destination, reason => reason, options => options);
    PERFORM pg_catalog.set_config('response.status', '202', true),
            pg_catalog.set_config('response.headers', pg_catalog.json_build_array(
                pg_catalog.json_build_object('Location', '/rpc/user_export_job?job=' || job))::text, true);
    RETURN public.acct_export_job(job);
EXCEPTION WHEN SQLSTATE '55006' OR SQLSTATE '53400' THEN
    GET STACKED DIAGNOSTICS told = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE EXCEPTION USING ERRCODE = account_api.http(SQLSTATE), MESSAGE = told, DETAIL = detail, HINT = hint;
END
$$;
COMMENT ON FUNCTION account_api.user_export_jobs IS 'POST: asks for an export of the tenant''s users';

CREATE FUNCTION account_api.user_export_job(job uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told text; hint text;
BEGIN
    PERFORM pg_catalog.set_config('response.headers', '[{"Cache-Control": "no-store"}]', true);
    RETURN public.acct_export_job(job);
EXCEPTION WHEN SQLSTATE 'P0002' THEN
    GET STACKED DIAGNOSTICS told = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RAISE EXCEPTION USING ERRCODE = account_api.http(SQLSTATE), MESSAGE = told, HINT = hint;
END
$$;
COMMENT ON FUNCTION account_api.user_export_job(uuid) IS 'GET: an export with its progress';

-- A function that returns this answers with its bytes as they are, whatever is accepted.
CREATE DOMAIN account_api."*/*" AS bytea;
COMMENT ON DOMAIN account_api."*/*" IS 'PostgREST''s handler of any media type';

CREATE FUNCTION account_api.user_export_file(job uuid, file integer DEFAULT 1) RETURNS account_api."*/*"
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    content bytea;
    stored jsonb;
    told text; hint text;
BEGIN
    content := public.acct_export_file(job, file);
    SELECT f INTO stored FROM public.acct_export_status(job) AS s, pg_catalog.jsonb_array_elements(s.files) AS f
     WHERE (f ->> 'file')::integer = user_export_file.file;
    PERFORM pg_catalog.set_config('response.headers', pg_catalog.json_build_array(
        pg_catalog.json_build_object('Content-Type', stored ->> 'media_type'),
        -- RFC 6266. Names of files are letters, digits, hyphens and dots of ASCII: nothing to escape in either form.
        pg_catalog.json_build_object('Content-Disposition', pg_catalog.format(
            'attachment; filename="%1$s"; filename*=UTF-8''''%1$s', stored ->> 'name')),
        pg_catalog.json_build_object('X-Content-Type-Options', 'nosniff'),
        pg_catalog.json_build_object('Cache-Control', 'no-store'))::text, true);
    RETURN content;
EXCEPTION WHEN SQLSTATE 'P0002' OR SQLSTATE '55000' OR SQLSTATE '54000' THEN
    GET STACKED DIAGNOSTICS told = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RAISE EXCEPTION USING ERRCODE = account_api.http(SQLSTATE), MESSAGE = told, HINT = hint;
END
$$;
COMMENT ON FUNCTION account_api.user_export_file(uuid, integer) IS 'POST: the file of an export';

CREATE FUNCTION account_api.user_export_url(job uuid, file integer DEFAULT 1) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told text; hint text;
BEGIN
    PERFORM pg_catalog.set_config('response.headers', '[{"Cache-Control": "no-store"}]', true);
    RETURN public.acct_export_job(job)
           || pg_catalog.jsonb_build_object('download_url', public.acct_export_url(job, file, '10 minutes'));
EXCEPTION WHEN SQLSTATE 'P0002' OR SQLSTATE '55000' THEN
    GET STACKED DIAGNOSTICS told = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RAISE EXCEPTION USING ERRCODE = account_api.http(SQLSTATE), MESSAGE = told, HINT = hint;
END
$$;
COMMENT ON FUNCTION account_api.user_export_url(uuid, integer) IS 'POST: an export with a URL by which its file is downloaded within ten minutes';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA account_api FROM PUBLIC;
