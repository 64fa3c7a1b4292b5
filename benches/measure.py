"""Runs the ways of all sections in turn, several times over; each that says a number of rows has to say the right one."""

import sys
from statistics import median
from typing import Optional

from cases import Section
from database import Database, Outcome
from ways import Way


class Results:
    """What was measured, by section and name."""

    def __init__(self, sections: list[Section], counts: list[int]) -> None:
        self.outcomes: list[dict[str, list[Outcome]]] = [{} for _ in sections]
        self.sections = sections
        self.counts = counts

    def of(self, section: Section, name: str) -> list[Outcome]:
        for known, outcomes in zip(self.sections, self.outcomes):
            if known is section:
                return outcomes.get(name, [])
        return []

    def seconds(self, section: Section, name: str) -> Optional[float]:
        runs = self.of(section, name)
        return median(run.seconds for run in runs) if runs else None

    def speed(self, section: Section, name: str, base: Optional[float]) -> Optional[float]:
        """Times the rows per second of what takes `base` seconds."""
        took = self.seconds(section, name)
        return base / took if base and took else None


def measure(database: Database, sections: list[Section], runs: int, slow_runs: int = 0, only: str = "") -> Results:
    counts = [int(database.value(f"SELECT count(*) FROM {s.reading.source}")) for s in sections]
    results = Results(sections, counts)
    plan = [
        (place, name, way, times)
        for place, section in enumerate(sections)
        for ways, times in ((section.ways, runs), (section.slow, slow_runs))
        for name, way in ways.items()
        if only in name or name == next(iter(section.ways))
    ]
    for section in sections:  # everything is in the cache from here on
        next(iter(section.ways.values()))(database, section.reading)
    for turn in range(max(runs, slow_runs)):
        for place, name, way, times in plan:
            if turn < times:
                database.settle()
                outcome = _once(database, sections[place], name, way, counts[place])
                results.outcomes[place].setdefault(name, []).append(outcome)
                said = f"{turn + 1}/{times} {sections[place].title}: {name}: {outcome.seconds:.2f} s"
                print(said, file=sys.stderr, flush=True)
    return results


def _once(database: Database, section: Section, name: str, way: Way, count: int) -> Outcome:
    outcome = way(database, section.reading)
    if outcome.rows not in (None, count):
        raise SystemExit(f"{section.title}: {name} gave {outcome.rows} rows instead of {count}")
    return outcome
