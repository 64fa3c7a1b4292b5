"""Which rows are read, by whom and in which order: once as a query, once as the arguments of an export."""

import json
from dataclasses import dataclass

from shape import ACCOUNTS, Shape

FILTER = {"email": {"sw": "user."}, "verified": True}

# What a session begins with: under row security, or past it.
TENANT = "SET ROLE acct_bench_admin; SET app.tenant_id = 'a0000000-0000-4000-8000-000000000001'"
EVERYONE = "SET ROLE acct_bench_auditor"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Reading:
    session: str = TENANT
    ordered: bool = False
    filtered: bool = False  # of accounts only
    below: int = 0  # only rows numbered up to this, for a check
    shape: Shape = ACCOUNTS

    @property
    def _last(self) -> str:
        return self.shape.numbered.format(self.below)

    @property
    def source(self) -> str:
        """With the condition."""
        conditions = ["email LIKE 'user.%' AND verified"] * self.filtered
        conditions += [f"{self.shape.number} <= {literal(self._last)}"] * bool(self.below)
        return self.shape.source + (" WHERE " + " AND ".join(conditions) if conditions else "")

    def select(self, columns: tuple[str, ...]) -> str:
        order = f" ORDER BY {self.shape.key}" if self.ordered else ""
        return f"SELECT {', '.join(columns)} FROM {self.source}{order}"

    @property
    def query(self) -> str:
        return self.select(self.shape.columns)

    def arguments(self, anonymise: bool = False, **options: object) -> str:
        """Those that follow the dataset and the format."""
        order = "key" if self.ordered else "none"
        named = {"options": literal(json.dumps({"order": order, **options}))}
        filter = dict(FILTER) if self.filtered else {}
        if self.below:
            filter[self.shape.number] = {"le": self._last}
        if filter:
            named["filter"] = literal(json.dumps(filter))
        if self.session == EVERYONE:
            named["all_tenants"] = "true"
        if anonymise:
            named["anonymise"] = "true"
        return ", ".join(f"{name} => {value}" for name, value in named.items())
