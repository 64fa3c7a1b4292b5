SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- For people in psql: start, commit, show progress, end with the outcome.
CREATE FUNCTION @extschema@.acct_export_progress_bar(job @extschema@.acct_export_jobs) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- A title may be older than the rule that it has no control characters.
    SELECT regexp_replace(format('[%s%s] %s%%  %s', repeat('#', b.filled), repeat('-', 24 - b.filled), lpad(job.percent::text, 3),
        CASE job.status
            WHEN 'queued' THEN 'queued'
            WHEN 'running' THEN
                CASE job.stage
                    WHEN 'storing' THEN job.message
                    WHEN 'reading' THEN concat_ws('  ',
                        to_char(job.rows_done, 'FM999,999,999,999,990')
                            || CASE WHEN job.rows_done < job.rows_total
                                    THEN ' of about ' || to_char(job.rows_total, 'FM999,999,999,999,990') ELSE '' END || ' rows',
                        to_char(job.rows_done / nullif(b.elapsed, 0), 'FM999,999,990') || ' rows/s',
                        CASE WHEN job.rows_done < job.rows_total
                             THEN (job.seconds_left / 60) || ':' || lpad((job.seconds_left % 60)::text, 2, '0') || ' left' END)
                    ELSE 'preparing' END
            WHEN 'completed' THEN concat_ws('  ', job.message,
                        to_char(job.rows_done, 'FM999,999,999,999,990') || ' rows',
                        to_char(job.bytes_done / 1e6, 'FM999,999,990.0') || ' MB',
                        to_char(b.elapsed, 'FM999,990.0') || ' s')
            ELSE job.message END), '[\u0001-\u001f\u007f-\u009f]', '?', 'g')
      FROM (SELECT least(24, greatest(0, job.percent * 24 / 100)) AS filled,
                   extract(epoch FROM coalesce(job.finished_at, clock_timestamp()) - job.started_at) AS elapsed) b;
END;
COMMENT ON FUNCTION @extschema@.acct_export_progress_bar(@extschema@.acct_export_jobs) IS 'a job''s progress as one line of text with a bar';

CREATE PROCEDURE @extschema@.acct_export_run(
    dataset          text,
    format           text        DEFAULT 'xlsx',
    period           text        DEFAULT NULL,
    start_date       date        DEFAULT NULL,
    end_date         date        DEFAULT NULL,
    period_field     text        DEFAULT NULL,
    since            timestamptz DEFAULT NULL,
    filter           jsonb       DEFAULT NULL,
    fields           text[]      DEFAULT NULL,
    include          text[]      DEFAULT NULL,
    include_disabled boolean     DEFAULT NULL,
    anonymise        boolean     DEFAULT false,
    all_tenants      boolean     DEFAULT false,
    destination      text        DEFAULT NULL,
    notify_email     text        DEFAULT NULL,
    reason           text        DEFAULT NULL,
    options          jsonb       DEFAULT '{}',
    INOUT job        uuid        DEFAULT NULL
)
LANGUAGE plpgsql AS $$
-- A procedure that commits can have no SET clause: the caller's search_path is in force, so every name and operator has its schema,
-- and what takes operators from the path (IN, IS DISTINCT FROM, CASE with a value) is not used.
DECLARE
    state @extschema@.acct_export_jobs;
    bar   pg_catalog.text;
    shown pg_catalog.text := '';
BEGIN
    job := @extschema@.acct_export_start(dataset, format, period, start_date, end_date, period_field, since, filter, fields,
        include, include_disabled, anonymise, all_tenants, destination, notify_email, reason, options);
    COMMIT;
    LOOP
        -- Half a second at most, so that the bar moves; a transaction each, so that no snapshot is held.
        state := @extschema@.acct_export_wait(job, '0.5 seconds'::pg_catalog.interval);
        bar := @extschema@.acct_export_progress_bar(state);
        IF bar OPERATOR(pg_catalog.<>) shown THEN
            RAISE INFO '%', bar;
            shown := bar;
        END IF;
        COMMIT;
        EXIT WHEN state.finished_at IS NOT NULL OR state.status OPERATOR(pg_catalog.=) 'awaiting_approval'::pg_catalog.text;
    END LOOP;
    state.message := pg_catalog.regexp_replace(state.message, '[\u0001-\u001f\u007f-\u009f]'::pg_catalog.text, '?'::pg_catalog.text,
        'g'::pg_catalog.text);
    state.error := pg_catalog.regexp_replace(state.error, '[\u0001-\u001f\u007f-\u009f]'::pg_catalog.text, '?'::pg_catalog.text,
        'g'::pg_catalog.text);
    IF state.status OPERATOR(pg_catalog.=) 'awaiting_approval'::pg_catalog.text THEN -- for hours, perhaps: nothing to wait for here
        RAISE INFO 'export job % waits for the approval of a second person, until %', job, state.expires_at
            USING HINT = pg_catalog.format('SELECT acct_export_approve(%L) approves it, by somebody whom the dataset''s policy names; acct_export_cancel gives it up.'::pg_catalog.text, job);
        RETURN;
    END IF;
    IF state.status OPERATOR(pg_catalog.=) 'completed_with_errors'::pg_catalog.text THEN
        RAISE WARNING '%', state.error
            USING ERRCODE = state.error_code,
                  DETAIL = pg_catalog.format('%s: the other files of export job %s are there.'::pg_catalog.text, state.message, job);
    ELSIF state.status OPERATOR(pg_catalog.<>) 'completed'::pg_catalog.text THEN
        RAISE EXCEPTION '%', coalesce(state.error, state.message)
            USING ERRCODE = coalesce(state.error_code, 'query_canceled'),
                  DETAIL = pg_catalog.format('Export job %s is %s.'::pg_catalog.text, job, state.status);
    END IF;
END
$$;
COMMENT ON PROCEDURE @extschema@.acct_export_run(text, text, text, date, date, text, timestamptz, jsonb, text[], text[], boolean, boolean, boolean, text, text, text, jsonb, uuid) IS 'acct_export_start for people in psql: starts, commits, shows a progress bar and ends with the job''s outcome';

SET LOCAL search_path TO @extschema@, pg_temp;
