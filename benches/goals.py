"""What was wanted, beside what was reached."""

from dataclasses import dataclass
from typing import Optional

from cases import ALL_ANY, ALL_KEY, COPY, ROW_TO_JSON, TENANT_ANY, TENANT_KEY, XLSXWRITER, Section
from latency import Quick
from measure import Results

@dataclass
class Goal:
    path: str
    least: Optional[float]
    aim: Optional[float]
    measured: Optional[float]
    besides: Optional[float] = None  # the same without row security
    unit: str = ""
    most: bool = False  # the less, the better

    @property
    def verdict(self) -> str:
        if self.measured is None or self.least is None:
            return "not measured" if self.measured is None else ""
        sign = -1 if self.most else 1
        if self.aim is not None and sign * self.measured >= sign * self.aim:
            return "aim reached"
        return "reached" if sign * self.measured >= sign * self.least else "**missed**"

    def line(self, besides: bool) -> str:
        def shown(value: Optional[float], digits: str = "") -> str:
            return "-" if value is None else f"{value:{digits}}{self.unit}"

        sign = "" if self.least is None else "≤ " if self.most else "≥ "
        aim = "-" if self.aim is None else sign + shown(self.aim)
        cells = [self.path, sign + shown(self.least), aim, shown(self.measured, ".3g")]
        cells += [shown(self.besides, ".3g")] * besides + [self.verdict]
        return f"| {' | '.join(cells)} |"


def table(goals: list[Goal], besides: bool = True) -> list[str]:
    names = ["path", "wanted at least", "aim", "measured", *["past row security"] * besides, ""]
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|", *(goal.line(besides) for goal in goals), ""]


def size_against(results: Results, name: str) -> Optional[float]:
    ours, theirs = results.of(TENANT_KEY, name), results.of(TENANT_ANY, XLSXWRITER)
    return ours[0].bytes / theirs[0].bytes if ours and theirs and ours[0].bytes and theirs[0].bytes else None


def goals(results: Results, quick: Quick) -> list[Goal]:
    def speed(section: Section, name: str, base: str = COPY) -> Optional[float]:
        return results.speed(section, name, results.seconds(section, base))

    def ours(path: str, name: str, sections: tuple, least: Optional[float], aim: Optional[float], base: str = COPY) -> Goal:
        tenant, everyone = sections
        return Goal(path, least, aim, speed(tenant, name, base), speed(everyone, name, base))

    def against_python(name: str) -> Optional[float]:
        return results.speed(TENANT_KEY, name, results.seconds(TENANT_ANY, XLSXWRITER))

    any_order, by_key = (TENANT_ANY, ALL_ANY), (TENANT_KEY, ALL_KEY)
    wanted = [
        ours("CSV stream, × COPY csv", "**stream csv**", any_order, 0.85, 1.1),
        ours("NDJSON stream, × COPY csv", "**stream ndjson**", any_order, 0.8, 1.0),
        ours("NDJSON stream, × COPY of row_to_json", "**stream ndjson**", any_order, None, None, ROW_TO_JSON),
        ours("CSV job, × COPY csv", "**job csv**", by_key, 0.6, 0.75),
        ours("NDJSON job, × COPY csv", "**job ndjson**", by_key, 0.5, 0.7),
    ]
    for name, label, numbers in (
        ("**job xlsx**", "xlsx job", (0.35, 0.45, 1.2, 22)),
        ("**job xlsx**, compact", "xlsx job, compact", (0.45, 0.6, 1.0, 28)),
    ):
        least, aim, size, python = numbers
        wanted += [
            ours(f"{label}, × COPY csv", name, by_key, least, aim),
            Goal(f"{label}, file size, × XlsxWriter's", size, None, size_against(results, name), most=True),
            Goal(f"{label}, × XlsxWriter's rows/s", python, None, against_python(name)),
        ]
    return [
        *wanted,
        Goal("`acct_export_start` returns after", 5, 2, quick.asking, unit=" ms", most=True),
        Goal("100 rows, slowest format, completed after", 100, 40, max(quick.small.values()), unit=" ms", most=True),
    ]
