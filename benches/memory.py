"""Peak memory and processor time of one process, by looking every 20 ms (Linux)."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Callable, Optional


@dataclass
class Peak:
    """Bytes: all that is resident, at most when looked at and at most ever; without shared buffers; what is anonymous (heap
    and stack). Seconds of the processor, which tell more than the clock where others use the machine."""

    resident: int = 0
    high: int = 0
    own: int = 0
    anonymous: int = 0
    processor: float = 0.0


class Sampler:
    """with Sampler(pid_of): …; then .peak. `pid_of` is asked until it knows the process; None: not yet."""

    def __init__(self, pid_of: Callable[[], Optional[int]]):
        self.peak = Peak()
        self._pid_of = pid_of
        self._before = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pid = None
        while not self._stop.is_set():
            pid = pid or self._pid_of()
            if pid:
                self._look(pid)
            time.sleep(0.02)

    def _look(self, pid: int) -> None:
        try:
            with open(f"/proc/{pid}/status") as status:
                lines = dict(line.split(":", 1) for line in status)
            resident, high, shared, anonymous = (
                int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM", "RssShmem", "RssAnon")
            )
            with open(f"/proc/{pid}/stat") as stat:  # the name in parentheses may have blanks
                ticks = sum(int(word) for word in stat.read().rsplit(")", 1)[1].split()[11:13])
        except (OSError, KeyError):  # it has ended
            return
        peak = self.peak
        self._before = ticks if self._before is None else self._before
        peak.processor = (ticks - self._before) / os.sysconf("SC_CLK_TCK")
        peak.resident = max(peak.resident, resident)
        peak.high = max(peak.high, high)
        peak.own = max(peak.own, resident - shared)
        peak.anonymous = max(peak.anonymous, anonymous)
