"""The ways to export that are compared. Each is a function of the database and of what is read, and runs once."""

import os
import subprocess
import tempfile
from typing import Callable

from database import Database, Outcome
from programs import Program
from reading import Reading

Way = Callable[[Database, Reading], Outcome]


def copy_query(database: Database, reading: Reading, query: str, form: str, purpose: str) -> Outcome:
    session = database.session(reading.session, purpose)
    pid = session.info.backend_pid
    command = f"COPY ({query}) TO '/dev/null' {form}"
    return database.measured(lambda: pid, lambda: session.execute(command).rowcount)


def copy_csv(database: Database, reading: Reading) -> Outcome:
    return copy_query(database, reading, reading.query, "(FORMAT csv, HEADER)", "COPY")


def copy_row_to_json(database: Database, reading: Reading) -> Outcome:
    return copy_query(database, reading, f"SELECT row_to_json(a) FROM ({reading.query}) AS a", "", "COPY")


def stream(form: str, **options: object) -> Way:
    """One of ours, read by COPY in the server as well: what is compared is the making of the lines."""

    def run(database: Database, reading: Reading) -> Outcome:
        query = f"SELECT acct_export_{form}('{reading.shape.dataset}', {reading.arguments(**options)})"
        outcome = copy_query(database, reading, query, "", f"stream {form}")
        outcome.rows -= form == "csv"  # the header
        return outcome

    return run


def _program(database: Database, command: list) -> Outcome:
    """A program of the client; the last word that it says is the number of rows."""
    running: list = []

    def work() -> int:
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        said, _ = running[0].communicate()
        if running[0].returncode:
            raise SystemExit(f"{command[0]} failed")
        return int(said.split()[-1])

    return database.measured(lambda: running[0].pid if running else None, work)


def psql_copy(database: Database, reading: Reading) -> Outcome:
    """psql's \\copy into a file of the client."""
    with tempfile.NamedTemporaryFile() as file:
        command = f"\\copy ({reading.query}) TO '{file.name}' (FORMAT csv, HEADER)"
        outcome = _program(database, ["psql", "-XAt", "-c", reading.session, "-c", command])
        outcome.bytes = os.path.getsize(file.name)
        return outcome


def file_by(program: Program, keep: Callable[[str], object] = lambda _: None) -> Way:
    """A program that writes a file from a query."""

    def run(database: Database, reading: Reading) -> Outcome:
        with tempfile.TemporaryDirectory() as directory:
            file = os.path.join(directory, f"accounts.{program.form}")
            outcome = _program(database, [*program.command, reading.session, reading.query, file])
            outcome.bytes = os.path.getsize(file)
            keep(file)
            return outcome

    return run


def job(form: str, anonymise: bool = False, keep: Callable[[Database, str], object] = lambda *_: None, **options: object) -> Way:
    """An export in the background, from asking to the stored file."""

    def run(database: Database, reading: Reading) -> Outcome:
        session = database.session(reading.session)
        jobs: list = []
        sizes: list = []

        def work() -> int:
            arguments = reading.arguments(anonymise, **options)
            start = f"SELECT acct_export_start('{reading.shape.dataset}', '{form}', {arguments})"
            jobs.append(session.execute(start).fetchone()[0])
            wait = "SELECT status, error, rows_done, bytes_done FROM acct_export_wait(%s)"
            status, error, rows, size = session.execute(wait, jobs).fetchone()
            if status != "completed":
                raise SystemExit(f"the {form} job is {status}: {error}")
            sizes.append(size)
            return rows

        outcome = database.measured(lambda: database.worker(jobs[0] if jobs else None), work)
        outcome.bytes = sizes[0]
        keep(database, jobs[0])
        session.execute("SELECT acct_export_delete(%s)", jobs)
        return outcome

    return run
