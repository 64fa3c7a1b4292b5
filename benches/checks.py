"""What the checks cost: lineage, rights and the tenant guard, at registration, at a request, in a run."""

from statistics import median

import latency
from database import Database, psql

VIEWS, COLUMNS = 200, 1000


def registering(database: Database, runs: int = 5) -> float:
    """A view upon 200 views of 1,000 columns: each column traced down to the table."""
    call = f"SELECT acct_export_register('nested', 'acct_nested.v{VIEWS}', 'id', replace => true)"
    return median(latency.milliseconds(database.watcher, call) for _ in range(runs))


def reading_nothing(database: Database, dataset: str, runs: int = 50) -> float:
    """A stream without rows: the request's checks and the run's, one after the other, and an empty scan of the key's index."""
    nothing = '{"account_id": {"lt": 0}}'
    call = f"SELECT acct_export_csv('{dataset}', filter => '{nothing}', options => '{{\"header\": false}}')"
    return median(latency.milliseconds(database.session(), call) for _ in range(runs))


def lines(database: Database) -> list[str]:
    psql("nested.sql", views=VIEWS, columns=COLUMNS)
    table, views = (reading_nothing(database, dataset) for dataset in ("accounts", "accounts_v"))
    registered = registering(database)
    # Clients that read the whole catalog are measured afterwards.
    database.watcher.execute("SELECT acct_export_unregister('nested')")
    database.watcher.execute("DROP SCHEMA acct_nested CASCADE")
    database.watcher.execute("VACUUM")
    return [
        f"- a stream that finds no row, which is all checks of a request and of a run: {table:.1f} ms of a table, "
        f"{views:.1f} ms of a view upon four others",
        f"- registration of a view upon {VIEWS} views of {COLUMNS:,} columns: {registered:.0f} ms",
    ]
