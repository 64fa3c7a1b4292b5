"""`make bench-changes`: exports with digests, and of what has changed, beside the plain export. By benches/run."""

import os
import sys
from statistics import median
from typing import Optional

import report
from database import HERE, Database, Outcome, psql
from goals import Goal, table
from reading import Reading
from ways import Way, copy_csv, job

ROWS = int(os.environ.get("BENCH_ROWS", "10000000"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
READING = Reading(ordered=True)
PLAIN, DIGESTS, NOTHING, SOME = "plain", "with digests", "changes, of which there are none", "changes of 0.75 % of the rows"
FORMS = ("csv", "ndjson")
CHANGE = """
UPDATE acct_bench.accounts SET status = 'moved' WHERE account_id % 200 = 3;
DELETE FROM acct_bench.accounts WHERE account_id % 1000 < 5 AND account_id % 200000 < 100000;
"""


def base(database: Database) -> str:
    """A job that has digests; its id."""
    session = database.session(READING.session)
    arguments = READING.arguments(digests=True)
    started = session.execute(f"SELECT acct_export_start('accounts', 'csv', {arguments})").fetchone()[0]
    status = session.execute("SELECT status FROM acct_export_wait(%s)", (started,)).fetchone()[0]
    if status != "completed":
        raise SystemExit(f"the job with digests is {status}")
    return str(started)


def measured(database: Database, ways: dict[str, Way]) -> dict[str, list[Outcome]]:
    outcomes: dict[str, list[Outcome]] = {name: [] for name in ways}
    for turn in range(RUNS):
        for name, way in ways.items():
            database.settle()
            outcomes[name].append(way(database, READING))
            print(f"{turn + 1}/{RUNS} {name}: {outcomes[name][-1].seconds:.2f} s", file=sys.stderr, flush=True)
    return outcomes


def seconds(outcomes: list[Outcome]) -> float:
    return median(run.seconds for run in outcomes)


def line(name: str, runs: list[Outcome], plain: Optional[list[Outcome]]) -> str:
    times = f"{seconds(runs) / seconds(plain):.2f}" if plain else "-"
    memory = report.megabytes(report.peak(runs, "anonymous"))
    processor = median(run.peak.processor for run in runs)
    return f"| {name} | {seconds(runs):.2f} | {times} | {runs[0].rows:,} | {processor:.2f} | {memory} |"


def main() -> None:
    psql("accounts.sql")
    psql("rows.sql", **{"from": 1, "to": ROWS})
    database = Database()
    machine = report.machine(database)
    since = base(database)
    ways: dict[str, Way] = {"COPY csv to /dev/null": copy_csv}
    for form in FORMS:
        ways[f"{form}, {PLAIN}"] = job(form)
        ways[f"{form}, {DIGESTS}"] = job(form, digests=True)
        ways[f"{form}, {NOTHING}"] = job(form, changes_since=since)
    outcomes = measured(database, ways)
    database.watcher.execute(CHANGE)
    database.watcher.execute("VACUUM ANALYZE acct_bench.accounts")
    outcomes |= measured(database, {f"{form}, {SOME}": job(form, changes_since=since) for form in FORMS})

    def plain(name: str) -> Optional[list[Outcome]]:
        return outcomes.get(f"{name.split(',')[0]}, {PLAIN}")

    ours = [name for name in outcomes if plain(name)]
    slowest = max(seconds(outcomes[name]) / seconds(plain(name) or []) for name in ours)
    memory = max(report.peak(outcomes[name], "anonymous") for name in ours) / 1e6
    goals = [
        Goal(f"{ROWS:,} rows with digests or changes, × the plain export, slowest", 1.3, 1.1, slowest, unit="×", most=True),
        Goal("anonymous memory of the worker, most", 24, 16, memory, unit=" MB", most=True),
    ]
    text = [
        "# What has changed",
        "",
        f"Made by `make bench-changes`, {machine}.",
        "",
        *table(goals, besides=False),
        f"Exports of {ROWS:,} accounts of one tenant under row security, in the order of the key; "
        + (f"medians of {RUNS} interleaved runs." if RUNS > 1 else "one run of each."),
        "",
        "| | seconds | × plain | rows written | CPU s | anonymous memory MB |",
        "|---|---|---|---|---|---|",
        *(line(name, runs, plain(name)) for name, runs in sorted(outcomes.items())),
    ]
    print("\n".join(text))
    if "BENCH_ROWS" not in os.environ:
        (HERE / "CHANGES.md").write_text("\n".join(text) + "\n")


main()
