"""Sessions of the bench and the ways to export that are compared; each runs once and says what it took."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import psycopg
from memory import Peak, Sampler

HERE = Path(__file__).parent
ROLE = "SET ROLE acct_bench_admin; SET app.tenant_id = 'a0000000-0000-4000-8000-000000000001'"
COLUMNS = """account_id, identifier, display_name, first_name, last_name, email, phone, profile, status, valid_until,
    created_at, last_login, tags, attributes"""
SELECT = f"SELECT {COLUMNS} FROM acct_bench.accounts"


@dataclass
class Outcome:
    seconds: float
    peak: Peak
    bytes: Optional[int] = None
    wal: Optional[int] = None


class Database:
    """`watcher` is a superuser's session, which measures; `role` is the one that exports, without log-in."""

    def __init__(self) -> None:
        self.watcher = psycopg.connect(autocommit=True)
        self.looker = psycopg.connect(autocommit=True)
        self.role = psycopg.connect(autocommit=True)
        self.role.execute(ROLE)

    def value(self, sql: str) -> object:
        return self.watcher.execute(sql).fetchone()[0]

    def settle(self) -> None:
        """What the run before left is done and out of the way."""
        self.watcher.execute("VACUUM acct_export.chunk")
        self.watcher.execute("CHECKPOINT")

    def measured(self, pid_of: Callable[[], Optional[int]], work: Callable[[], object]) -> Outcome:
        before = self.value("SELECT pg_current_wal_insert_lsn()")
        with Sampler(pid_of) as sampler:
            started = time.perf_counter()
            work()
            seconds = time.perf_counter() - started
        wal = int(self.value(f"SELECT pg_current_wal_insert_lsn() - '{before}'"))
        return Outcome(seconds, sampler.peak, wal=wal)

    def copy(self, query: str, form: str, superuser: bool = False) -> Outcome:
        """COPY (query) TO '/dev/null' in the server."""
        session = self.watcher if superuser else self.role
        pid = session.info.backend_pid
        return self.measured(lambda: pid, lambda: session.execute(f"COPY ({query}) TO '/dev/null' {form}"))

    def psql(self, query: str, form: str) -> Outcome:
        """psql's \\copy into a file of the client."""
        with tempfile.NamedTemporaryFile() as file:
            copy = f"\\copy ({' '.join(query.split())}) TO '{file.name}' {form}"
            outcome, _ = self._program(["psql", "-XqAt", "-c", ROLE, "-c", copy], None)
            outcome.bytes = os.path.getsize(file.name)
            return outcome

    def xlsxwriter(self, query: str) -> Outcome:
        with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
            outcome, said = self._program([sys.executable, HERE / "xlsx_with_python.py", file.name], query)
            outcome.bytes = os.path.getsize(file.name)
            resident = int(said)
            outcome.peak.resident = outcome.peak.own = resident
            return outcome

    def _program(self, command: list, stdin: Optional[str]) -> tuple[Outcome, str]:
        process: list = []
        said: list = []

        def work() -> None:
            pipe = subprocess.PIPE
            process.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
            said.append(process[0].communicate(stdin)[0])
            if process[0].returncode:
                raise SystemExit(f"{command[0]} failed")

        return self.measured(lambda: process[0].pid if process else None, work), said[0]

    def job(self, form: str, options: str) -> Outcome:
        """An export in the background, from asking to the stored file."""
        jobs: list = []

        def worker() -> Optional[int]:
            if not jobs:
                return None
            sql = "SELECT worker_pid FROM acct_export.job WHERE id = %s AND status = 'running'"
            row = self.looker.execute(sql, jobs).fetchone()
            return row[0] if row else None

        def work() -> None:
            start = "SELECT acct_export_start('accounts', %s, options => %s::jsonb)"
            jobs.append(self.role.execute(start, (form, options)).fetchone()[0])
            wait = "SELECT status, error, bytes_done FROM acct_export_wait(%s)"
            status, error, size = self.role.execute(wait, jobs).fetchone()
            if status != "completed":
                raise SystemExit(f"the {form} job is {status}: {error}")
            jobs.append(size)

        # `worker` gets the id only: what follows it in the list is the size.
        outcome = self.measured(lambda: worker() if len(jobs) == 1 else None, work)
        outcome.bytes = jobs[1]
        self.role.execute("SELECT acct_export_delete(%s)", jobs[:1])
        return outcome
