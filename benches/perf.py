"""Stacks of what the server forks while something runs, by Linux' perf."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Iterator, Optional

# An odd rate, so that nothing periodic keeps step with it; enough of the stack for the SQL that stores a file.
RECORD = ["perf", "record", "--quiet", "-F", "997", "--call-graph", "dwarf,24576"]
PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")


def unusable() -> Optional[str]:
    """A sentence, where perf is of no use here."""
    if not shutil.which("perf"):
        return "perf is not installed (Debian: linux-perf), so there is no profile."
    with tempfile.NamedTemporaryFile() as file:
        tried = subprocess.run([*RECORD, "-o", file.name, "--", "true"], capture_output=True, text=True)
        if not tried.returncode:
            return None
    level = PARANOID.read_text().strip() if PARANOID.exists() else "unknown"
    return f"perf may not record here (kernel.perf_event_paranoid is {level}), so there is no profile."


def stacks(postmaster: int, work: Callable[[], object]) -> Iterator[tuple[str, list[str]]]:
    """Runs `work`, then gives each sample's thread and functions, innermost first.

    perf follows the postmaster and what it forks: a worker from its first instruction, and backends of new sessions."""
    with tempfile.NamedTemporaryFile(suffix=".data") as file:
        _record(postmaster, work, file.name)
        fields = "comm,pid,ip,sym"
        # Inlined functions would be looked up one by one, for minutes.
        script = ["perf", "script", "-i", file.name, "--no-inline", "-F", fields]
        said = subprocess.run(script, capture_output=True, text=True, errors="replace", check=True).stdout
    for sample in said.split("\n\n"):
        head, *frames = sample.strip("\n").split("\n")
        if not frames:
            continue
        thread, pid = head.rstrip().rsplit(None, 1)
        if int(pid) != postmaster:
            yield thread.strip(), [frame.split(None, 1)[-1] for frame in frames]


def _record(postmaster: int, work: Callable[[], object], file: str) -> None:
    # perf records for as long as `cat` runs, which it starts once it is ready: the echo says so.
    command = [*RECORD, "-p", str(postmaster), "-o", file, "--", "cat"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as perf:
        perf.stdin.write("ready\n")
        perf.stdin.flush()
        if perf.stdout.readline() != "ready\n":
            raise SystemExit(f"perf did not start: {perf.stderr.read()}")
        try:
            work()
        finally:
            _, said = perf.communicate()
    if perf.returncode:
        raise SystemExit(f"perf failed: {said}")
