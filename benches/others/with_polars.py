"""The same with a table of polars, which connectorx reads: a csv by polars, or an xlsx by its XlsxWriter. Prints the number of rows."""

import os
import sys
from urllib.parse import quote

import polars
from polars import selectors

SESSION, QUERY, FILE = sys.argv[1:]
user, host, port, database = (quote(os.environ[name], safe="") for name in ("PGUSER", "PGHOST", "PGPORT", "PGDATABASE"))
address = f"postgresql://{user}@{host}:{port}/{database}"

table = polars.read_database_uri(QUERY, address, engine="connectorx", pre_execution_query=SESSION.split("; "))
table = table.with_columns(selectors.list().list.join(", "))  # a csv has no lists
if FILE.endswith(".csv"):
    table.write_csv(FILE)
else:
    moments = selectors.datetime(time_zone="*")  # a workbook has no time zones
    table.with_columns(moments.dt.replace_time_zone(None)).write_excel(FILE)
print(table.height)
