"""Which accounts are read, by whom and in which order: once as a query, once as the arguments of an export."""

import json
from dataclasses import dataclass

COLUMNS = """account_id, identifier, display_name, first_name, last_name, email, phone, profile, status, valid_until,
    created_at, last_login, tags, attributes"""
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
    filtered: bool = False
    below: int = 0  # only keys up to this, for a check

    @property
    def where(self) -> str:
        conditions = ["email LIKE 'user.%' AND verified"] * self.filtered
        conditions += [f"account_id <= {self.below}"] * bool(self.below)
        return " WHERE " + " AND ".join(conditions) if conditions else ""

    @property
    def query(self) -> str:
        order = " ORDER BY account_id" if self.ordered else ""
        return f"SELECT {COLUMNS} FROM acct_bench.accounts{self.where}{order}"

    def arguments(self, anonymise: bool = False, **options: object) -> str:
        order = "key" if self.ordered else "none"
        named = {"options": literal(json.dumps({"order": order, **options}))}
        filter = dict(FILTER) if self.filtered else {}
        if self.below:
            filter["account_id"] = {"le": self.below}
        if filter:
            named["filter"] = literal(json.dumps(filter))
        if self.session == EVERYONE:
            named["all_tenants"] = "true"
        if anonymise:
            named["anonymise"] = "true"
        return ", ".join(f"{name} => {value}" for name, value in named.items())
