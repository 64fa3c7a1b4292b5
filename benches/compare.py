"""`make bench`: loads a table of each shape in turn, runs every way on it, and prints goals and tables. Started by benches/run."""

import os
import sys

import cases
import checks
import goals
import latency
import profiled
import report
from database import HERE, Database, psql
from measure import Results, measure
from shape import ACCOUNTS, Shape, chosen
from verify import verify

RUNS = int(os.environ.get("BENCH_RUNS", "5"))
SLOW_RUNS = int(os.environ.get("BENCH_SLOW_RUNS", "1"))
ONLY = os.environ.get("BENCH_ONLY", "")
WHOLE = not ONLY and "BENCH_ROWS" not in os.environ
MOST_MEMORY = 256 * 1024 * 1024


def run(database: Database, shape: Shape) -> Results:
    print(f"loading {shape.rows} rows of {shape.table}", file=sys.stderr, flush=True)
    psql(shape.script, **{"from": 1, "to": shape.rows})
    verify(database, shape)
    return measure(database, cases.sections(shape), RUNS, SLOW_RUNS, ONLY)


def left_out(shape: Shape) -> list[str]:
    said = cases.left_out(shape)
    return [*said, *[""] * bool(said)]


def accounts(database: Database, results: Results, machine: str) -> list[str]:
    text = [f"# {ACCOUNTS.rows:,} accounts of {len(ACCOUNTS.columns)} columns", "", f"Made by `make bench`, {machine}.", ""]
    if not ONLY:
        quick = latency.measure(database)
        text += ["## Goals", "", *goals.table(goals.of_accounts(results, quick))]
        text += ["Memory and time per row up to 10,000,000 rows: [SCALE.md](SCALE.md), by `make bench-scale`.", ""]
    text += [report.LEGEND, "", *left_out(ACCOUNTS), *report.tables(results)]
    if not ONLY:
        text += ["## Whatever the number of rows", "", *quick.lines(), *checks.lines(database), ""]
        text += ["## Where the time goes", "", *profiled.lines(database)]
    return text


def other(shape: Shape, results: Results) -> list[str]:
    """A chapter of the report about the other shapes."""
    text = [f"## {shape.title}", "", *left_out(shape)]
    if not ONLY:
        text += ["### Goals", "", *goals.table(goals.of_shape(results, shape), besides=False)]
    return text + report.tables(results, "###")


def finish(text: list[str], file: str, whole: bool) -> None:
    print("\n".join(text), flush=True)
    if whole:
        (HERE / file).write_text("\n".join(text).rstrip("\n") + "\n")


def main() -> None:
    shapes = chosen()
    psql("accounts.sql")
    machine = report.machine(Database())
    measured: list[Results] = []
    others = ["# Tables of other shapes", "", f"Made by `make bench`, {machine}.", "", report.LEGEND, ""]
    for shape in shapes:
        database = Database()  # new sessions: no process shows the memory that another shape took
        measured.append(run(database, shape))
        if shape is ACCOUNTS:
            finish(accounts(database, measured[-1], machine), "RESULTS.md", WHOLE)
        else:
            others += other(shape, measured[-1])
        database.watcher.execute(f"TRUNCATE {shape.table}")  # all memory is for the next one
    if shapes != [ACCOUNTS]:
        finish(others, "SHAPES.md", WHOLE and len(shapes) > 1)
    jobs = (
        (run.peak.own, name)
        for results in measured
        for ways in results.outcomes
        for name, runs in ways.items()
        if "job" in name
        for run in runs
    )
    worst, name = max(jobs, default=(0, ""))
    if worst > MOST_MEMORY:
        raise SystemExit(f"{name} took {worst / 1e6:.0f} MB of its own, more than {MOST_MEMORY / 1e6:.0f}")


main()
