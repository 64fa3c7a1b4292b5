"""`make bench`: loads the accounts, runs every way in turn, and prints goals and tables. Started by benches/run."""

import os
import sys

import cases
import checks
import goals
import latency
import profiled
import report
from database import HERE, Database, psql
from measure import measure
from verify import verify

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
SLOW_RUNS = int(os.environ.get("BENCH_SLOW_RUNS", "1"))
ONLY = os.environ.get("BENCH_ONLY", "")
MOST_MEMORY = 256 * 1024 * 1024


def main() -> None:
    print(f"loading {ROWS} accounts", file=sys.stderr)
    psql("accounts.sql")
    psql("rows.sql", **{"from": 1, "to": ROWS})
    database = Database()
    machine = report.machine(database)
    left_out = cases.left_out()
    verify(database)
    results = measure(database, cases.SECTIONS, RUNS, SLOW_RUNS, ONLY)
    text = [f"# {ROWS:,} accounts of 14 columns", "", f"Made by `make bench`, {machine}.", ""]
    if not ONLY:
        quick = latency.measure(database)
        text += ["## Goals", "", *goals.table(goals.goals(results, quick))]
        text += ["Memory and time per row up to 10,000,000 rows: [SCALE.md](SCALE.md), by `make bench-scale`.", ""]
    text += [report.LEGEND, "", *left_out, *[""] * bool(left_out), *report.tables(results)]
    if not ONLY:
        text += ["## Whatever the number of rows", "", *quick.lines(), *checks.lines(database), ""]
        text += ["## Where the time goes", "", *profiled.lines(database)]
    print("\n".join(text))
    if not ONLY and "BENCH_ROWS" not in os.environ:
        (HERE / "RESULTS.md").write_text("\n".join(text) + "\n")
    jobs = [(run.peak.own, name) for ways in results.outcomes for name, runs in ways.items() if "job" in name for run in runs]
    worst, name = max(jobs, default=(0, ""))
    if worst > MOST_MEMORY:
        raise SystemExit(f"{name} took {worst / 1e6:.0f} MB of its own, more than {MOST_MEMORY / 1e6:.0f}")


main()
