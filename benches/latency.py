"""What has to be quick whatever the number of rows: asking, a small export, the first line of a stream."""

import time
from statistics import median

import psycopg
from database import ROLE, Database


def milliseconds(session: psycopg.Connection, sql: str) -> float:
    started = time.perf_counter()
    session.execute(sql).fetchall()
    return (time.perf_counter() - started) * 1000


def _pause_queue(database: Database, places: str) -> None:
    database.watcher.execute(f"ALTER SYSTEM {places}")
    database.watcher.execute("SELECT pg_reload_conf()")
    time.sleep(0.2)


def asking(database: Database, calls: int = 50) -> float:
    """acct_export_start with its commit, while no worker takes the jobs."""
    ask = """SELECT acct_export_start('accounts', 'csv', filter => '{"account_id": {"le": %s}}')"""
    _pause_queue(database, "SET acct_export.max_workers = 0")
    try:
        return median(milliseconds(database.role, ask % number) for number in range(calls))
    finally:
        database.role.execute("SELECT acct_export_cancel(job_id) FROM acct_export_jobs WHERE status = 'queued'")
        _pause_queue(database, "RESET acct_export.max_workers")


def small_export(database: Database, form: str, runs: int = 10) -> float:
    """100 rows, from asking to completed."""

    def once() -> float:
        filter = '{"account_id": {"le": 100}}'
        started = time.perf_counter()
        ask = "SELECT acct_export_start('accounts', %s, filter => %s::jsonb)"
        job = database.role.execute(ask, (form, filter)).fetchone()[0]
        wait = "SELECT status, rows_done FROM acct_export_wait(%s)"
        if database.role.execute(wait, (job,)).fetchone() != ("completed", 100):
            raise SystemExit(f"a {form} of 100 rows did not complete")
        return (time.perf_counter() - started) * 1000

    once()
    return median(once() for _ in range(runs))


def first_line(database: Database, form: str, runs: int = 10) -> float:
    """A stream's header and first row, through a cursor, as psql does with FETCH_COUNT."""

    def once() -> float:
        with psycopg.connect(autocommit=True) as session:
            session.execute(ROLE)
            session.execute("BEGIN")
            started = time.perf_counter()
            session.execute(f"DECLARE lines NO SCROLL CURSOR FOR SELECT acct_export_{form}('accounts')")
            session.execute("FETCH 2 FROM lines").fetchall()
            took = (time.perf_counter() - started) * 1000
            session.execute("ROLLBACK")
            return took

    return median(once() for _ in range(runs))
