"""`make bench-s3`: a csv of 2 GB goes to an S3 server on this machine, by a job, by the AWS CLI and by rclone in turn.
Started by benches/run."""

import filecmp
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import bucket
import report
from bucket import Bucket
from database import HERE, Database, Outcome, psql
from goals import Goal, table
from reading import Reading

ROWS = int(os.environ.get("BENCH_ROWS", "7000000"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
READING = Reading(ordered=True)
JOB, AWS, RCLONE = "**job csv**, storing", "`aws s3 cp`", "`rclone copyto`"
LEGEND = """\
Medians of interleaved runs; MB: 10^6 bytes. Each sent the same file, and the server's copy was compared with it byte for
byte. The job's time of storing is from the stage `storing` to the end of the job, looked at every 5 ms; that of the
programs is from start to exit, with the settings that they come with. Memory: what the kernel calls VmHWM, of the server
process that works or of the program; "not shared" is without shared buffers, looked at every 20 ms. WAL: what the whole
server wrote from asking for the job to its end. The S3 server checks every signature and every part; it is the same one."""


@dataclass
class Sent:
    """One upload. `whole`: the whole job, which for a program is the upload."""

    seconds: float
    whole: Outcome


def job(database: Database, target: Bucket) -> Sent:
    """The export with its upload, by what s3.sql made."""
    session = database.session(READING.session)
    jobs: list = []
    storing: list = []

    def work() -> int:
        start = f"SELECT acct_export_start('accounts', 'csv', {READING.arguments()}, destination => 'exports')"
        jobs.append(session.execute(start).fetchone()[0])
        while True:
            status = "SELECT status, stage, error, rows_done FROM acct_export_status(%s)"
            status, stage, error, rows = session.execute(status, jobs).fetchone()
            if stage == "storing" and not storing:
                storing.append(time.perf_counter())
            if status == "completed":
                storing.append(time.perf_counter())
                return rows
            if status not in ("queued", "running"):
                raise SystemExit(f"the job is {status}: {error}")
            time.sleep(0.005)

    outcome = database.measured(lambda: database.worker(jobs[0] if jobs else None), work)
    if outcome.rows != ROWS or len(storing) != 2:
        raise SystemExit(f"the job gave {outcome.rows} rows instead of {ROWS}, or its stage `storing` was not seen")
    outcome.bytes = target.only().stat().st_size
    return Sent(storing[1] - storing[0], outcome)


def program(database: Database, command: list) -> Sent:
    running: list = []

    def work() -> int:
        running.append(subprocess.Popen(command, env=bucket.environment()))
        if running[0].wait():
            raise SystemExit(f"{command[0]} failed")
        return ROWS

    outcome = database.measured(lambda: running[0].pid if running else None, work)
    return Sent(outcome.seconds, outcome)


def file_of(database: Database, target: Bucket, file: Path, ours: bool) -> None:
    """The file that is uploaded: the job's own, or, where there is none, one that COPY makes."""
    if ours:
        job(database, target)
        os.replace(target.only(), file)
    else:
        copy = f"\\copy ({' '.join(READING.query.split())}) TO '{file}' (FORMAT csv, HEADER)"
        subprocess.run(["psql", "-XAtq", "-c", READING.session, "-c", copy], check=True)
    target.empty()


def measure(database: Database, target: Bucket, file: Path, ours: bool) -> dict[str, list[Sent]]:
    ways = {AWS: lambda: program(database, target.aws(file)), RCLONE: lambda: program(database, target.rclone(file))}
    if ours:
        ways = {JOB: lambda: job(database, target), **ways}
    sent: dict[str, list[Sent]] = {}
    for turn in range(RUNS):
        for name, way in ways.items():
            database.settle()
            os.sync()  # what the run before left to be written is nobody's load
            once = way()
            if not filecmp.cmp(target.only(), file, shallow=False):
                raise SystemExit(f"{name}: what came to the server is another file")
            target.empty()
            sent.setdefault(name, []).append(once)
            print(f"{turn + 1}/{RUNS} {name}: {once.seconds:.2f} s", file=sys.stderr, flush=True)
    return sent


def goals(sent: dict[str, list[Sent]], speed: dict[str, float]) -> list[Goal]:
    ours = [one.whole for one in sent[JOB]]
    return [
        Goal("upload by the job, × aws s3 cp", 0.8, 1.0, speed[JOB] / speed[AWS]),
        Goal("upload by the job, × rclone copyto", 0.8, 1.0, speed[JOB] / speed[RCLONE]),
        Goal("memory of the job, not shared", 256, 64, report.peak(ours, "own") / 1e6, unit=" MB", most=True),
        Goal("WAL of the job", 1, 0.1, median(one.wal for one in ours) / 1e6, unit=" MB", most=True),
    ]


def line(name: str, runs: list[Sent], size: int) -> str:
    seconds = [one.seconds for one in runs]
    whole = [one.whole for one in runs]
    memory = " | ".join(report.megabytes(report.peak(whole, part)) for part in ("high", "own"))
    return (
        f"| {name} | {median(seconds):.2f} ({min(seconds):.2f} - {max(seconds):.2f}) | {len(runs)} | "
        f"{size / 1e6 / median(seconds):.0f} | {median(one.seconds for one in whole):.2f} | {memory} | "
        f"{report.megabytes(median(one.wal for one in whole))} |"
    )


def main() -> None:
    print(f"loading {ROWS} accounts", file=sys.stderr)
    psql("accounts.sql")
    psql("rows.sql", **{"from": 1, "to": ROWS})
    database = Database()
    machine = report.machine(database)
    target = Bucket(os.environ["BENCH_S3_SERVER"], Path(os.environ["BENCH_S3_DIRECTORY"]))
    try:
        wrapper = "SELECT EXISTS (SELECT FROM pg_foreign_data_wrapper WHERE fdwname = 'acct_export_s3')"
        ours = bool(database.value(wrapper))
        if ours:
            about = {"bucket": bucket.BUCKET, "region": bucket.REGION, "endpoint": target.endpoint}
            psql("s3.sql", **about, access_key=bucket.ACCESS_KEY, secret_key=bucket.SECRET_KEY)
        file = target.directory / "accounts.csv"
        file_of(database, target, file, ours)
        size = file.stat().st_size
        sent = measure(database, target, file, ours)
        memory = target.memory()
    finally:
        target.stop()
    text = [f"# A csv of {size / 1e9:.2f} GB to S3 on the same machine", "", f"Made by `make bench-s3`, {machine}.", ""]
    if ours:
        speed = {name: size / median(one.seconds for one in runs) for name, runs in sent.items()}
        text += ["## Goals", "", *table(goals(sent, speed), besides=False)]
    else:
        text += ["The extension was built without S3: the job is left out.", ""]
    head = "| | seconds (min - max) | n | MB/s | from asking to the end | peak VmHWM MB | not shared | WAL MB |"
    text += [LEGEND, f"It never took more than {report.megabytes(memory)} MB.", "", head, "|---|---|---|---|---|---|---|---|"]
    text += [line(name, runs, size) for name, runs in sent.items()]
    print("\n".join(text))
    if ours and "BENCH_ROWS" not in os.environ:
        (HERE / "S3.md").write_text("\n".join(text) + "\n")


main()
