"""`make bench-scale`: the table grows from size to size; time per row and memory of every format at each. By benches/run."""

import os
import sys
from statistics import median
from typing import Callable

import report
from cases import COPY, JOBS, STREAMS, Section
from database import HERE, Database, psql
from goals import Goal, table
from measure import Results, measure
from reading import Reading
from ways import copy_csv

SIZES = sorted(round(float(size) * 1_000_000) for size in os.environ.get("BENCH_SCALE", "0.1 1 3 10").split())
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SECTIONS = [
    Section("One tenant under row security, in any order", Reading(), {COPY: copy_csv, **STREAMS}),
    Section("One tenant under row security, ordered by the key", Reading(ordered=True), {COPY: copy_csv, **JOBS}),
]
FROM = 1_000_000  # what the largest size is set against

Measured = dict[int, Results]


def per_row(results: Results, section: Section, name: str) -> float:
    """Microseconds."""
    return results.seconds(section, name) / results.counts[0] * 1e6


def processor_per_row(results: Results, section: Section, name: str) -> float:
    return median(run.peak.processor for run in results.of(section, name)) / results.counts[0] * 1e6


def of_copy(results: Results, section: Section, name: str) -> float:
    return results.seconds(section, name) / results.seconds(section, COPY)


def growth(measured: Measured, section: Section, name: str, what: Callable = per_row) -> float:
    """What a row takes in the largest table against one in that of a million, or in the smallest if there is none."""
    sizes = list(measured)
    first = measured[FROM if FROM in sizes else sizes[0]]
    base = what(first, section, name)
    # A run that was over between two looks.
    return what(measured[sizes[-1]], section, name) / base if base else float("nan")


def anonymous(results: Results, section: Section, name: str) -> float:
    return report.peak(results.of(section, name), "anonymous") / 1e6


def rows(measured: Measured, cell: Callable[[Results, Section, str], str], last: Callable[[Section, str], str]) -> list[str]:
    heads = " | ".join(f"{size:,} rows" for size in measured)
    text = [f"| | {heads} | growth |", "|---|" + "---|" * (len(measured) + 1)]
    for section in SECTIONS:
        text.append(f"| *{section.title}* |" + " |" * (len(measured) + 1))
        for name in section.ways:
            cells = " | ".join(cell(results, section, name) for results in measured.values())
            text.append(f"| {name} | {cells} | {last(section, name)} |")
    return [*text, ""]


def goals(measured: Measured) -> list[Goal]:
    ours = [(section, name) for section in SECTIONS for name in section.ways if name != COPY]
    largest = list(measured)[-1]
    memory = max(anonymous(measured[largest], *way) for way in ours)
    slower = max(growth(measured, *way) for way in ours)
    than_copy = max(growth(measured, *way, of_copy) for way in ours)
    compared = f"time per row, slowest growth of a format, {largest:,} rows against {FROM if FROM in measured else min(measured):,}"
    return [
        Goal(f"anonymous memory at {largest:,} rows, most of any format", 48, 24, memory, unit=" MB", most=True),
        Goal(compared, 1.15, 1.0, slower, unit="×", most=True),
        Goal("the same, as a multiple of COPY's own growth", None, None, than_copy, unit="×"),
    ]


def text_of(measured: Measured, machine: str) -> list[str]:
    def seconds(results: Results, section: Section, name: str) -> str:
        return f"{per_row(results, section, name):.2f} ({of_copy(results, section, name):.2f})"

    def processor(results: Results, section: Section, name: str) -> str:
        return f"{processor_per_row(results, section, name):.2f}"

    def memory(results: Results, section: Section, name: str) -> str:
        runs = results.of(section, name)
        return f"{anonymous(results, section, name):.1f} ({report.megabytes(report.peak(runs, 'own'))})"

    def slower(section: Section, name: str) -> str:
        return f"{growth(measured, section, name):.2f}× ({growth(measured, section, name, of_copy):.2f}×)"

    def harder(section: Section, name: str) -> str:
        return f"{growth(measured, section, name, processor_per_row):.2f}×"

    def more(section: Section, name: str) -> str:
        few, many = (anonymous(measured[size], section, name) for size in (min(measured), max(measured)))
        return f"{many - few:+.1f}"

    return [
        "# As the table grows",
        "",
        f"Made by `make bench-scale`, {machine}.",
        "",
        "## Goals",
        "",
        *table(goals(measured), besides=False),
        f"Medians of {RUNS} interleaved runs at each size." if RUNS > 1 else "One run at each size.",
        "",
        "## Microseconds per row (in brackets: times those of COPY of the same query at the same size)",
        "",
        *rows(measured, seconds, slower),
        "## Microseconds of the processor per row, all threads of the process that works",
        "",
        *rows(measured, processor, harder),
        f"Growth: of the largest against {FROM:,} rows, or the smallest where that is not among the sizes.",
        "",
        "## Anonymous memory, MB (in brackets: all that is not shared), of the process that works",
        "",
        *rows(measured, memory, more),
        "Growth: of the largest against the smallest.",
    ]


def main() -> None:
    psql("accounts.sql")
    database = Database()
    machine = report.machine(database)
    measured: Measured = {}
    for before, size in zip([0, *SIZES], SIZES):
        print(f"loading accounts {before + 1} to {size}", file=sys.stderr, flush=True)
        psql("rows.sql", **{"from": before + 1, "to": size})
        measured[size] = measure(database, SECTIONS, RUNS)
    text = "\n".join(text_of(measured, machine))
    print(text)
    if "BENCH_SCALE" not in os.environ:
        (HERE / "SCALE.md").write_text(text + "\n")


main()
