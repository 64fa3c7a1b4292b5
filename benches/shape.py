"""The tables that are exported: how each is made, its columns, and which of them a check compares."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """`rows.sql` and the scripts of shapes/ make the rows :from to :to of `table`."""

    name: str
    title: str
    usual_rows: int
    dataset: str  # read from the relation of this name in the schema acct_bench
    script: str
    columns: tuple[str, ...]
    texts: tuple[str, ...]  # compared by a check: all formats write these values alike
    days: tuple[str, ...]  # the same: the day of dates and moments
    key: str = "account_id"
    behind: str = ""  # the table that a view reads
    number: str = "account_id"  # the column that numbers the rows
    numbered: str = "{}"

    @property
    def rows(self) -> int:
        return int(os.environ.get("BENCH_ROWS", self.usual_rows))

    @property
    def source(self) -> str:
        return f"acct_bench.{self.dataset}"

    @property
    def table(self) -> str:
        return f"acct_bench.{self.behind}" if self.behind else self.source


ACCOUNTS = Shape(
    "accounts",
    "Accounts",
    1_000_000,
    "accounts",
    "rows.sql",
    ("account_id", "identifier", "display_name", "first_name", "last_name", "email", "phone", "profile", "status",
     "valid_until", "created_at", "last_login", "tags", "attributes"),
    ("account_id", "display_name", "first_name", "last_name", "email", "phone"),
    ("valid_until", "created_at"),
)  # fmt: skip
TEXT = Shape(
    "text",
    "Text: a view of 14 columns, no tenant",
    1_000_000,
    "text_accounts",
    "shapes/text.sql",
    ("user_id", "identifier", "display_name", "first_name", "last_name", "email", "phone", "profile", "valid_from",
     "valid_until", "created_at", "status", "department", "groups"),
    ("user_id", "identifier", "display_name", "first_name", "last_name", "email", "phone", "profile", "department"),
    ("valid_from", "valid_until", "created_at"),
    key="user_id",
    behind="people",
    number="identifier",
    numbered="acct-{:08}",
)  # fmt: skip
NARROW = Shape(
    "narrow",
    "Narrow: 4 columns, one tenant under row security",
    2_000_000,
    "narrow_accounts",
    "shapes/narrow.sql",
    ("account_id", "valid_until", "verified", "status"),
    ("account_id", "status"),
    ("valid_until",),
)


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in range(1, count + 1))


WIDE = Shape(
    "wide",
    "Wide: 60 columns, a third of the values NULL, one tenant under row security",
    200_000,
    "wide_accounts",
    "shapes/wide.sql",
    ("account_id", *_numbered("amount", 10), *_numbered("moment", 8), *_numbered("document", 5),
     *_numbered("reference", 6), *_numbered("ratio", 10), *_numbered("note", 20)),
    ("account_id", *_numbered("reference", 6), *_numbered("note", 20)),
    _numbered("moment", 8),
)  # fmt: skip
SHAPES = {shape.name: shape for shape in (ACCOUNTS, TEXT, NARROW, WIDE)}


def chosen() -> list[Shape]:
    """All, or the one of BENCH_SHAPE."""
    name = os.environ.get("BENCH_SHAPE")
    if name and name not in SHAPES:
        raise SystemExit(f"BENCH_SHAPE is one of: {', '.join(SHAPES)}")
    return [SHAPES[name]] if name else list(SHAPES.values())
