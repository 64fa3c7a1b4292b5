"""The table, and the machine that it was measured on."""

import os
import platform
import time
from statistics import median
from typing import Optional

from database import Database, Outcome

HEAD = "| | seconds (min - max) | n | rows/s | ratio | CPU s | file MB | peak RSS MB | of it not shared | anonymous | WAL MB |"
RULE = "|---|---|---|---|---|---|---|---|---|---|---|"


def _megabytes(size: Optional[float]) -> str:
    return "-" if size is None else f"{size / 1e6:.1f}"


def line(name: str, rows: int, runs: list[Outcome], base: float) -> str:
    seconds = [run.seconds for run in runs]
    middle = median(seconds)
    processor = median(run.peak.processor for run in runs)

    def peak(part: str) -> float:
        return max(getattr(run.peak, part) for run in runs)

    return (
        f"| {name} | {middle:.2f} ({min(seconds):.2f} - {max(seconds):.2f}) | {len(runs)} | {rows / middle / 1000:,.0f}k | "
        f"{base / middle:.2f} | {processor:.2f} | {_megabytes(runs[0].bytes)} | {_megabytes(peak('resident'))} | "
        f"{_megabytes(peak('own'))} | {_megabytes(peak('anonymous'))} | {_megabytes(median(run.wal for run in runs))} |"
    )


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
