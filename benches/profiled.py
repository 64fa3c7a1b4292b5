"""`make bench-profile`: where the processor's time goes, per format. Started by benches/run; `make bench` has it as a section."""

import os
import sys
from collections import Counter

import perf
from cases import TENANT_ANY, TENANT_KEY, Section
from database import Database, psql
from stages import REST, STAGES, WHAT, stage_of

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
# The library's threads beside the one that reads.
HELPERS = "acct_export"


def profile(database: Database, section: Section, name: str) -> tuple[Counter, int, int]:
    """Samples by stage, all of them, and those of helper threads."""
    postmaster = int(str(database.value("SELECT pg_read_file('postmaster.pid')")).split()[0])
    way = section.ways[name]

    def work() -> None:
        # A stream's backend has to be forked meanwhile; a job's session would only be noise.
        way(database if "job" in name else Database(), section.reading)

    stages: Counter = Counter()
    helpers = 0
    for thread, stack in perf.stacks(postmaster, work):
        stages[stage_of(stack)] += 1
        helpers += thread.startswith(HELPERS)
    return stages, stages.total(), helpers


def lines(database: Database) -> list[str]:
    reason = perf.unusable()
    if reason:
        return [reason]
    ways = [(TENANT_ANY, name) for name in TENANT_ANY.ways if "stream" in name]
    ways += [(TENANT_KEY, name) for name in TENANT_KEY.ways if "job" in name and "anonymised" not in name]
    profiles = {}
    for section, name in ways:
        database.settle()
        profiles[name] = profile(database, section, name)
        print(f"profiled {name}: {profiles[name][1]} samples", file=sys.stderr, flush=True)

    def row(label: str, counts: list[int]) -> str:
        shares = (f"{100 * count / max(total, 1):.0f} %" for count, (_, total, _) in zip(counts, profiles.values()))
        return f"| {label} | {' | '.join(shares)} |"

    return [
        "Shares of the processor's time of the process that works, all its threads, by perf (997 samples per second).",
        WHAT,
        "",
        f"| | {' | '.join(name.replace('*', '') for name in profiles)} |",
        "|---" * (len(profiles) + 1) + "|",
        *(row(stage, [stages[stage] for stages, _, _ in profiles.values()]) for stage in (*STAGES, REST)),
        row("*of all, on helper threads*", [helpers for _, _, helpers in profiles.values()]),
        f"| *samples* | {' | '.join(str(total) for _, total, _ in profiles.values())} |",
    ]


def main() -> None:
    psql("accounts.sql")
    psql("rows.sql", **{"from": 1, "to": ROWS})
    database = Database()
    for section in (TENANT_ANY, TENANT_KEY):  # into the cache
        next(iter(section.ways.values()))(database, section.reading)
    print("\n".join(["## Where the time goes", "", *lines(database)]))


if __name__ == "__main__":
    main()
