"""What was wanted, beside what was reached."""

from dataclasses import dataclass
from typing import Optional

from cases import ALL_ANY, ALL_KEY, COPY, ROW_TO_JSON, TENANT_ANY, TENANT_KEY, Section
from latency import Quick
from measure import Results
from programs import XLSXWRITER
from shape import ACCOUNTS, NARROW, Shape


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


@dataclass(frozen=True)
class Wanted:
    """Rows per second as a multiple of those of `base`."""

    path: str
    way: str
    least: Optional[float]
    aim: Optional[float]
    base: str = COPY
    by_key: bool = False


def wanted(shape: Shape) -> list[Wanted]:
    line = 0.75 if shape is NARROW else 0.95
    xlsx, xlsx_aim, compact = (0.48, 0.55, 0.75) if shape is ACCOUNTS else (0.4, None, 0.65)
    return [
        Wanted("CSV, stream of chunks, × COPY csv", "**chunk stream csv**", 1.0, 1.3),
        Wanted("NDJSON, stream of chunks, × COPY csv", "**chunk stream ndjson**", 1.0, 1.3),
        Wanted("NDJSON, stream of chunks, × COPY of row_to_json", "**chunk stream ndjson**", 2.2, None, ROW_TO_JSON),
        Wanted("xlsx, stream of chunks, × COPY csv", "**chunk stream xlsx**", None, None),
        Wanted("CSV, stream of lines, × COPY csv", "**stream csv**", line, 1.1),
        Wanted("NDJSON, stream of lines, × COPY csv", "**stream ndjson**", line, 1.1),
        Wanted("CSV job, × COPY csv", "**job csv**", 0.9, 1.1, by_key=True),
        Wanted("NDJSON job, × COPY csv", "**job ndjson**", 0.9, 1.1, by_key=True),
        Wanted("xlsx job, × COPY csv", "**job xlsx**", xlsx, xlsx_aim, by_key=True),
        Wanted("xlsx job, compact, × COPY csv", "**job xlsx**, compact", compact, None, by_key=True),
    ]


def speeds(results: Results, shape: Shape, any_order: Section, by_key: Section) -> list[Optional[float]]:
    """Beside `wanted`."""

    def speed(one: Wanted) -> Optional[float]:
        section = by_key if one.by_key else any_order
        return results.speed(section, one.way, results.seconds(section, one.base))

    return list(map(speed, wanted(shape)))


def of_shape(results: Results, shape: Shape) -> list[Goal]:
    """`results`: of the two sections of the shape."""
    measured = speeds(results, shape, *results.sections)
    return [Goal(one.path, one.least, one.aim, speed) for one, speed in zip(wanted(shape), measured)]


def size_against(results: Results, name: str) -> Optional[float]:
    ours, theirs = results.of(TENANT_KEY, name), results.of(TENANT_ANY, XLSXWRITER.name)
    return ours[0].bytes / theirs[0].bytes if ours and theirs and ours[0].bytes and theirs[0].bytes else None


def of_accounts(results: Results, quick: Quick) -> list[Goal]:
    def against_python(name: str) -> Optional[float]:
        return results.speed(TENANT_KEY, name, results.seconds(TENANT_ANY, XLSXWRITER.name))

    tenant, everyone = (speeds(results, ACCOUNTS, *both) for both in ((TENANT_ANY, TENANT_KEY), (ALL_ANY, ALL_KEY)))
    goals = [Goal(one.path, one.least, one.aim, *both) for one, *both in zip(wanted(ACCOUNTS), tenant, everyone)]
    for name, label, size, python in (
        ("**job xlsx**", "xlsx job", 1.2, 22),
        ("**job xlsx**, compact", "xlsx job, compact", 1.0, 28),
    ):
        goals += [
            Goal(f"{label}, file size, × XlsxWriter's", size, None, size_against(results, name), most=True),
            Goal(f"{label}, × XlsxWriter's rows/s", python, None, against_python(name)),
        ]
    return [
        *goals,
        Goal("`acct_export_start` returns after", 5, 2, quick.asking, unit=" ms", most=True),
        Goal("100 rows, slowest format, completed after", 100, 40, max(quick.small.values()), unit=" ms", most=True),
    ]
