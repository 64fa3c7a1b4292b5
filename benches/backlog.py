"""`make bench-queue`: many tenants and small jobs. Requests a second, and jobs a second of a backlog, beside one-row inserts and the SELECT
of the same rows. By benches/run."""

import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import load
import report
from database import HERE, Database, psql
from goals import Goal, table
from latency import committing, milliseconds
from load import TENANT_ID, TENANTS, Load

JOBS = int(os.environ.get("BENCH_JOBS", "20"))  # of each tenant
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
LEGEND = f"""\
{TENANTS} tenants with 100 accounts of 14 columns each, under row security; csv; two workers. Medians of {RUNS} interleaved runs of
{SECONDS} seconds by pgbench, whose sessions belong to one role and to a tenant by chance. "Paused": `acct_export.max_workers = 0`; "at work":
two workers export meanwhile, on the same processors. A start is `acct_export_start` with its commit; the insert is one row with its
commit. The backlog: {JOBS} jobs of each tenant, asked for during a pause, from its end to the last `completed`. Waits are
times between two starts of jobs of a tenant, from the end of the pause on; the fair share is the time of one job of each tenant.
"When idle": no worker is there, and one is started for the job. A claim: the statements by which a worker takes a job, by
pg_stat_statements, all of the backlog divided by its jobs. The list of turns, of which a worker takes jobs for 200 ms: its query with all
of the backlog queued, in a session that has its plan."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def set_workers(database: Database, number: int) -> None:
    database.watcher.execute(f"ALTER SYSTEM SET acct_export.max_workers = {number}")
    database.watcher.execute("SELECT pg_reload_conf()")
    while int(database.value("SHOW acct_export.max_workers")) != number:
        time.sleep(0.01)


def forget(database: Database) -> None:
    """Removes what was asked for only to be asked for, once no worker is left."""
    set_workers(database, 0)
    while database.value("SELECT count(*) FROM acct_export.job WHERE status = 'running'"):
        time.sleep(0.05)
    database.watcher.execute("DELETE FROM acct_export.job WHERE status = 'queued'")
    database.watcher.execute("VACUUM ANALYZE acct_export.job")
    database.watcher.execute("CHECKPOINT")


@dataclass
class Asking:
    start: Load
    insert: Load


def middle(runs: list[Load]) -> Load:
    return Load(*(median(getattr(run, part) for run in runs) for part in ("rate", "middle", "p99")))


def asking(database: Database, sessions: int, workers: int) -> Asking:
    starts, inserts = [], []
    for turn in range(RUNS):
        set_workers(database, workers)
        inserts.append(load.run(load.INSERT, sessions, SECONDS))
        starts.append(load.run(load.START, sessions, SECONDS))
        say(f"{turn + 1}/{RUNS} {sessions} sessions, {workers} workers: {starts[-1]}, {inserts[-1]}")
        forget(database)
    return Asking(middle(starts), middle(inserts))


def fill(database: Database) -> None:
    """The backlog."""
    set_workers(database, 0)
    database.looker.execute("SET ROLE acct_bench_admin")
    for tenant in range(1, TENANTS + 1):
        database.looker.execute(f"SELECT set_config('app.tenant_id', {TENANT_ID.format(tenant)}, false)")
        start = "SELECT acct_export_start('accounts', 'csv', reason => n::text) FROM generate_series(1, %s) AS n"
        database.looker.execute(start, (JOBS,))
    database.looker.execute("RESET ROLE")


def next_job(database: Database, calls: int = 50) -> float:
    """Milliseconds of the query in src/job/turn.rs, planned as there."""
    source = Path(HERE, "../src/job/turn.rs").read_text()
    query = re.search(r'const WAITING: &str = "(.*?)(?<!\\)"', source, re.DOTALL).group(1).replace('\\"', '"')
    session = database.session("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off", "look")
    session.execute("SET plan_cache_mode = force_generic_plan")
    session.execute(f"PREPARE next_job (bigint, boolean, text) AS {query}")
    return median(milliseconds(session, "EXECUTE next_job (2, false, acct_export.here())") for _ in range(calls))


# The statements of src/job/turn.rs and src/job/queue.rs by which a worker takes a job.
CLAIMING = ("RECURSIVE waiting AS", "s.started_at DESC LIMIT%FILTER", "BETWEEN%SKIP LOCKED", "WITH next AS (")


def claiming(database: Database) -> float:
    """Milliseconds that these took since the last reset, all together."""
    total = 0.0
    for part in CLAIMING:
        took = database.value("SELECT sum(total_exec_time) FROM pg_stat_statements WHERE query LIKE %s", (f"%{part}%",))
        if took is None:
            raise SystemExit(f"no statement has {part} in it")
        total += took
    return total


@dataclass
class Backlog:
    rate: float
    claim: float
    longest_wait: float
    fair_share: float
    late: float


def work_off(database: Database) -> Backlog:
    total = TENANTS * JOBS
    begin = database.value("SELECT clock_timestamp()")
    started = time.perf_counter()
    set_workers(database, 2)
    done = "SELECT count(*) FROM acct_export.job WHERE status = 'completed' AND created_at > %s::timestamptz - interval '1 hour'"
    before = int(database.value(done, (begin,)))
    database.value("SELECT pg_stat_statements_reset()::text")
    late = 0.0
    while (count := int(database.value(done, (begin,))) - before) < total:
        if not late and count > total / 2:
            late = small_job(database, TENANTS + 1)
            total += 1
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    claim = claiming(database) / total
    waits = """SELECT extract(epoch FROM max(started_at - before)) FROM (
        SELECT started_at, lag(started_at, 1, %s::timestamptz) OVER (PARTITION BY tenant ORDER BY started_at) AS before
          FROM acct_export.job WHERE started_at > %s::timestamptz AND tenant <> %s) AS started"""
    last = database.value(f"SELECT {TENANT_ID.format(TENANTS + 1)}")
    return Backlog(total / seconds, claim, float(database.value(waits, (begin, begin, last))), seconds / JOBS, late)


def small_job(database: Database, tenant: int) -> float:
    """Milliseconds from asking to completed."""
    session = database.session("SET ROLE acct_bench_admin", "small")
    session.execute(f"SELECT set_config('app.tenant_id', {TENANT_ID.format(tenant)}, false)")
    started = time.perf_counter()
    ask = "SELECT acct_export_start('accounts', 'csv', reason => clock_timestamp()::text)"
    job = session.execute(ask).fetchone()[0]
    status = session.execute("SELECT status FROM acct_export_wait(%s)", (job,)).fetchone()[0]
    if status != "completed":
        raise SystemExit(f"a job of a hundred rows is {status}")
    return (time.perf_counter() - started) * 1000


def idle_job(database: Database, runs: int = 30) -> float:
    set_workers(database, 2)
    small_job(database, 1)
    times = []
    for turn in range(runs):
        # No worker is left over from the one before.
        while database.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_acctexport worker'"):
            time.sleep(0.01)
        times.append(small_job(database, turn + 1))
    return median(times)


def following_job(database: Database, runs: int = 30) -> float:
    """One after the other: the worker of the one before is still there."""
    return median(small_job(database, turn + 1) for turn in range(runs))


def text_of(machine: str, measured: dict) -> list[str]:
    paused, many, busy = measured["paused"], measured["many"], measured["busy"]
    backlog, selected = measured["backlog"], measured["selected"]
    goals = [
        Goal("starts a second, 8 sessions, paused", 500, 1000, paused.start.rate),
        Goal("the same, × one-row inserts", None, None, paused.start.rate / paused.insert.rate),
        Goal("starts a second, 8 sessions, at work", None, None, busy.start.rate),
        Goal("the same, × one-row inserts", None, None, busy.start.rate / busy.insert.rate),
        Goal("99 of 100 starts of 64 sessions, paused", 250, None, many.start.p99, unit=" ms", most=True),
        Goal("the same, × one-row inserts", None, None, many.start.p99 / many.insert.p99),
        Goal(f"a claim, of {TENANTS * JOBS:,} queued", 2, None, backlog.claim, unit=" ms", most=True),
        Goal("the list of turns, with all of them queued", None, None, measured["next"], unit=" ms"),
        Goal("jobs a second of the backlog", 100, 150, backlog.rate),
        Goal("longest wait, × fair share", 2, None, backlog.longest_wait / backlog.fair_share, most=True),
        Goal("a job of a tenant that comes in the midst of it", None, None, backlog.late, unit=" ms"),
        Goal("100 rows, from start to completed, when idle", 25, None, measured["idle"], unit=" ms", most=True),
        Goal("the same, × SELECT of these rows", None, None, measured["idle"] / selected.middle),
        Goal("100 rows, from start to completed, one job after another", None, None, measured["following"], unit=" ms"),
    ]

    def line(name: str, loads: Load) -> str:
        return f"| {name} | {loads.rate:,.0f} | {loads.middle:.2f} | {loads.p99:.2f} |"

    return [
        "# Small jobs of many tenants",
        "",
        f"Made by `make bench-queue`, {machine}.",
        "",
        "## Goals",
        "",
        *table(goals, besides=False),
        LEGEND,
        "",
        "## Beside what the same sessions do otherwise",
        "",
        "| | a second | median ms | 99 of 100, ms |",
        "|---|---|---|---|",
        line("**start**, 8 sessions, paused", paused.start),
        line("insert, 8 sessions", paused.insert),
        line("**start**, 8 sessions, at work", busy.start),
        line("insert, 8 sessions, at work", busy.insert),
        line("**start**, 64 sessions, paused", many.start),
        line("insert, 64 sessions", many.insert),
        line("SELECT of 100 rows, 1 session", selected),
        "",
        f"- backlog: {backlog.rate:.1f} jobs a second; longest wait {backlog.longest_wait:.2f} s, fair share {backlog.fair_share:.2f} s",
        f"- a commit of a few bytes: {measured['commit']:.2f} ms",
    ]


def main() -> None:
    psql("accounts.sql")
    psql("rows.sql", **{"from": 1, "to": TENANTS * 100})
    psql("backlog.sql")
    database = Database()
    machine = report.machine(database)
    measured: dict = {"commit": committing(database)}
    measured["idle"] = idle_job(database)
    measured["following"] = following_job(database)
    measured["selected"] = load.run(load.SELECT, 1, SECONDS)
    measured["paused"] = asking(database, 8, 0)
    measured["many"] = asking(database, 64, 0)
    measured["busy"] = asking(database, 8, 2)
    say("filling the backlog")
    fill(database)
    measured["next"] = next_job(database)
    measured["backlog"] = work_off(database)
    text = "\n".join(text_of(machine, measured))
    print(text)
    if not {"BENCH_JOBS", "BENCH_RUNS", "BENCH_SECONDS"} & set(os.environ):
        (HERE / "QUEUE.md").write_text(text + "\n")


main()
