"""Loads the accounts, runs every case in turn, several times over, and prints one table. Started by benches/run."""

import os
import subprocess
import sys
from statistics import median

import checks
import latency
import report
from database import HERE, SELECT, Database

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
XLSXWRITER_RUNS = int(os.environ.get("BENCH_XLSXWRITER_RUNS", "1"))
ONLY = os.environ.get("BENCH_ONLY", "")
MOST_MEMORY = 256 * 1024 * 1024
CSV = "(FORMAT csv, HEADER)"
ORDERED = f"{SELECT} ORDER BY account_id"
JSON = f"SELECT row_to_json(a) FROM ({SELECT}) AS a"
BASE = "COPY csv to /dev/null, superuser, no row security"

# Name, and how it is run once. What follows the first runs as the role, under row security.
CASES = {
    BASE: lambda d: d.copy(SELECT, CSV, superuser=True),
    "COPY csv to /dev/null": lambda d: d.copy(SELECT, CSV),
    "COPY csv to /dev/null, ORDER BY key": lambda d: d.copy(ORDERED, CSV),
    "psql \\copy csv to a file": lambda d: d.psql(SELECT, CSV),
    "COPY row_to_json to /dev/null": lambda d: d.copy(JSON, ""),
    "**stream csv** (COPY (SELECT acct_export_csv) to /dev/null)": lambda d: d.copy("SELECT acct_export_csv('accounts')", ""),
    "**stream ndjson** (the same)": lambda d: d.copy("SELECT acct_export_ndjson('accounts')", ""),
    "**job csv**": lambda d: d.job("csv", "{}"),
    "**job csv**, order none": lambda d: d.job("csv", '{"order": "none"}'),
    "**job csv**, gzip": lambda d: d.job("csv", '{"compression": "gzip"}'),
    "**job ndjson**": lambda d: d.job("ndjson", "{}"),
    "**job ndjson**, gzip": lambda d: d.job("ndjson", '{"compression": "gzip"}'),
    "**job json**": lambda d: d.job("json", "{}"),
    "**job xlsx**": lambda d: d.job("xlsx", "{}"),
    "**job xlsx**, compact": lambda d: d.job("xlsx", '{"compact": true}'),
}
PYTHON = "Python: psycopg + XlsxWriter, constant_memory"


def measure(database: Database) -> dict:
    cases = dict(CASES)
    cases[PYTHON] = lambda d: d.xlsxwriter(SELECT)
    times = {name: XLSXWRITER_RUNS if name == PYTHON else RUNS for name in cases if ONLY in name or name == BASE}
    outcomes: dict = {name: [] for name, count in times.items() if count}
    database.copy(SELECT, CSV)  # everything is in the cache from here on
    for turn in range(max(times.values())):
        for name in outcomes:
            if turn < times[name]:
                database.settle()
                outcomes[name].append(cases[name](database))
                print(f"{turn + 1}/{times[name]} {name}: {outcomes[name][-1].seconds:.2f} s", file=sys.stderr)
    return outcomes


def quick(database: Database) -> list[str]:
    asking = latency.asking(database)
    small = [latency.small_export(database, form) for form in ("csv", "xlsx")]
    first = [latency.first_line(database, form) for form in ("csv", "ndjson")]
    return [
        f"- `acct_export_start` itself, with its commit (median of 50): {asking:.1f} ms",
        f"- 100 rows, from `acct_export_start` to `completed`: csv {small[0]:.0f} ms, xlsx {small[1]:.0f} ms",
        f"- first row of a stream of all rows: csv {first[0]:.1f} ms, ndjson {first[1]:.1f} ms",
        *checks.lines(database),
    ]


def main() -> None:
    print(f"loading {ROWS} accounts", file=sys.stderr)
    load = ["psql", "-Xq", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", "-v", f"rows={ROWS}", "-f", HERE / "accounts.sql"]
    subprocess.run(load, check=True)
    database = Database()
    machine = report.machine(database)
    outcomes = measure(database)
    base = median(run.seconds for run in outcomes[BASE])
    text = [
        f"# {ROWS:,} accounts of 14 columns",
        "",
        f"Made by `make bench`, {machine}.",
        "",
        "Medians of interleaved runs; ratio: rows/s divided by those of the first line. Memory: of the server process that works",
        "(of the client, for psql and Python), looked at every 20 ms, as is its CPU time, which matters where the machine has other",
        "work; \"not shared\" is without shared buffers. MB: 10^6 bytes.",
        "A job's time is from `acct_export_start` to the stored file; it is sorted by the key unless said otherwise.",
        "",
        report.HEAD,
        report.RULE,
        *(report.line(name, ROWS, runs, base) for name, runs in outcomes.items()),
        "",
        *([] if ONLY else quick(database)),
    ]
    print("\n".join(text))
    if not ONLY:
        (HERE / "RESULTS.md").write_text("\n".join(text) + "\n")
    jobs = [(run.peak.own, name) for name, runs in outcomes.items() if "job" in name for run in runs]
    worst, name = max(jobs, default=(0, ""))
    if worst > MOST_MEMORY:
        raise SystemExit(f"{name} took {worst / 1e6:.0f} MB of its own, more than {MOST_MEMORY / 1e6:.0f}")


main()
