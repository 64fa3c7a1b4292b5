"""What has to be quick whatever the number of rows: asking, a small export, the first line of a stream."""

import time
from dataclasses import dataclass
from statistics import median

import psycopg
from database import Database
from reading import TENANT


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
        return median(milliseconds(database.session(), ask % number) for number in range(calls))
    finally:
        database.session().execute("SELECT acct_export_cancel(job_id) FROM acct_export_jobs WHERE status = 'queued'")
        _pause_queue(database, "RESET acct_export.max_workers")


def committing(database: Database, calls: int = 50) -> float:
    """A commit with something to keep, which `asking` cannot be quicker than: what the disk takes."""
    write = "SELECT pg_logical_emit_message(true, 'bench', 'x')"
    return median(milliseconds(database.watcher, write) for _ in range(calls))


def small_export(database: Database, form: str, runs: int = 10) -> float:
    """100 rows, from asking to completed."""

    def once() -> float:
        filter = '{"account_id": {"le": 100}}'
        started = time.perf_counter()
        ask = "SELECT acct_export_start('accounts', %s, filter => %s::jsonb)"
        job = database.session().execute(ask, (form, filter)).fetchone()[0]
        wait = "SELECT status, rows_done FROM acct_export_wait(%s)"
        if database.session().execute(wait, (job,)).fetchone() != ("completed", 100):
            raise SystemExit(f"a {form} of 100 rows did not complete")
        return (time.perf_counter() - started) * 1000

    once()
    return median(once() for _ in range(runs))


def first_line(database: Database, form: str, runs: int = 10) -> float:
    """A stream's header and first row, through a cursor, as psql does with FETCH_COUNT."""

    def once() -> float:
        with psycopg.connect(autocommit=True) as session:
            session.execute(TENANT)
            session.execute("BEGIN")
            started = time.perf_counter()
            session.execute(f"DECLARE lines NO SCROLL CURSOR FOR SELECT acct_export_{form}('accounts')")
            session.execute("FETCH 2 FROM lines").fetchall()
            took = (time.perf_counter() - started) * 1000
            session.execute("ROLLBACK")
            return took

    return median(once() for _ in range(runs))


@dataclass
class Quick:
    """Milliseconds."""

    asking: float
    committing: float
    small: dict[str, float]
    first: dict[str, float]

    def lines(self) -> list[str]:
        small, first = (
            ", ".join(f"{form} {took:.{digits}f} ms" for form, took in times.items())
            for times, digits in ((self.small, 0), (self.first, 1))
        )
        return [
            f"- `acct_export_start` itself, with its commit (median of 50): {self.asking:.1f} ms; a commit of a few bytes: "
            f"{self.committing:.1f} ms",
            f"- 100 rows, from `acct_export_start` to `completed`: {small}",
            f"- first row of a stream of all rows: {first}",
        ]


def measure(database: Database) -> Quick:
    return Quick(
        asking(database),
        committing(database),
        {form: small_export(database, form) for form in ("csv", "ndjson", "json", "xlsx")},
        {form: first_line(database, form) for form in ("csv", "ndjson")},
    )
