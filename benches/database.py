"""Sessions of the bench, and how one run is measured."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import psycopg
from memory import Peak, Sampler
from reading import TENANT

HERE = Path(__file__).parent


@dataclass
class Outcome:
    seconds: float
    peak: Peak
    rows: Optional[int]  # None: the way does not say
    wal: int
    bytes: Optional[int] = None


class Database:
    """`watcher` and `looker` are a superuser's sessions: one measures, the other looks for workers meanwhile."""

    def __init__(self) -> None:
        self.watcher = psycopg.connect(autocommit=True)
        self.looker = psycopg.connect(autocommit=True)
        self._sessions: dict = {}

    def session(self, settings: str = TENANT, purpose: str = "ask") -> psycopg.Connection:
        """One of the role that `settings` set; COPY and our streams have their own, or each would show the other's memory."""
        if (settings, purpose) not in self._sessions:
            session = psycopg.connect(autocommit=True)
            session.execute(settings)
            self._sessions[settings, purpose] = session
        return self._sessions[settings, purpose]

    def value(self, sql: str, parameters: Optional[tuple] = None) -> object:
        return self.watcher.execute(sql, parameters).fetchone()[0]

    def settle(self) -> None:
        """What the run before left is done and out of the way."""
        self.watcher.execute("VACUUM acct_export.chunk")
        self.watcher.execute("CHECKPOINT")
        # A worker stays for a moment after its job, with the memory that it had.
        while self.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_acctexport worker'"):
            time.sleep(0.01)

    def worker(self, job: Optional[str]) -> Optional[int]:
        """The process that runs a job, once it does."""
        sql = "SELECT worker_pid FROM acct_export.job WHERE id = %s AND status = 'running'"
        row = self.looker.execute(sql, (job,)).fetchone() if job else None
        return row[0] if row else None

    def measured(self, pid_of: Callable[[], Optional[int]], work: Callable[[], int]) -> Outcome:
        """`work` returns the number of rows."""
        before = self.value("SELECT pg_current_wal_insert_lsn()")
        with Sampler(pid_of) as sampler:
            started = time.perf_counter()
            rows = work()
            seconds = time.perf_counter() - started
        wal = int(self.value("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", (before,)))
        return Outcome(seconds, sampler.peak, rows, wal)


def psql(script: str, **variables: object) -> None:
    """Runs one of our scripts as the superuser."""
    given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    command = ["psql", "-Xq", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", *given, "-f", HERE / script]
    subprocess.run(command, check=True)
