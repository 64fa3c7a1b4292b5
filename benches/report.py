"""The tables, and the machine that they were measured on."""

import os
import platform
import time
from statistics import median
from typing import Optional

from database import Database, Outcome
from measure import Results

HEAD = [
    "| | seconds (min - max) | n | rows/s | ratio | CPU s | file MB | peak RSS MB | of it not shared | anonymous | WAL MB |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
]
LEGEND = """\
Medians of interleaved runs; ratio: rows/s divided by those of the first line of the section, which reads the same rows in the
same order under the same policy. Memory: of the server process that works (of the client, for psql and other programs), looked
at every 20 ms, as is its CPU time, which matters where the machine has other work; "not shared" is without shared buffers.
MB: 10^6 bytes. WAL: what the whole server wrote meanwhile. A stream is read by COPY to /dev/null, its lines as text, its chunks in
binary; a job's time is from `acct_export_start` to the stored file, a program's from start to exit. Each run had to give the
number of rows that there are, but for chunk streams, whose file was fetched and its rows counted before. A small file of every
kind was read back and compared with the table first."""


def megabytes(size: Optional[float]) -> str:
    return "-" if size is None else f"{size / 1e6:.1f}"


def peak(runs: list[Outcome], part: str) -> float:
    return max(getattr(run.peak, part) for run in runs)


def _line(name: str, rows: int, runs: list[Outcome], base: float) -> str:
    seconds = [run.seconds for run in runs]
    middle = median(seconds)
    processor = median(run.peak.processor for run in runs)
    memory = (megabytes(peak(runs, part)) for part in ("resident", "own", "anonymous"))
    return (
        f"| {name} | {middle:.2f} ({min(seconds):.2f} - {max(seconds):.2f}) | {len(runs)} | {rows / middle / 1000:,.0f}k | "
        f"{base / middle:.3g} | {processor:.2f} | {megabytes(runs[0].bytes)} | {' | '.join(memory)} | "
        f"{megabytes(median(run.wal for run in runs))} |"
    )


def tables(results: Results, level: str = "##") -> list[str]:
    text = []
    for section, count, outcomes in zip(results.sections, results.counts, results.outcomes):
        base = median(run.seconds for run in next(iter(outcomes.values())))
        lines = (_line(name, count, runs, base) for name, runs in outcomes.items())
        text += [f"{level} {section.title}: {count:,} rows", "", *HEAD, *lines, ""]
    return text


def machine(database: Database) -> str:
    with open("/proc/meminfo") as meminfo:
        memory = int(meminfo.readline().split()[1]) / 1024 / 1024
    with open("/proc/cpuinfo") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    settings = ", ".join(
        f"{name} {database.value(f'SHOW {name}')}"
        for name in ("shared_buffers", "max_wal_size", "fsync", "synchronous_commit", "work_mem")
    )
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}; {models[0] if models else platform.machine()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB; PostgreSQL {str(database.value('SHOW server_version')).split()[0]} ({settings}); "
        f"load {os.getloadavg()[0]:.1f} when it began"
    )
