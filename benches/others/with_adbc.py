"""What one writes today for a CSV: ADBC's record batches into pyarrow's CSV writer. Prints the number of rows."""

import sys

import pyarrow
from adbc_driver_postgresql import dbapi
from pyarrow.csv import CSVWriter

SESSION, QUERY, FILE = sys.argv[1:]


def text(field: pyarrow.Field) -> str:
    """The column as SQL. pyarrow's CSV has no lists, no numeric, no JSON and no UUID: the server makes them text."""
    if pyarrow.types.is_list(field.type):
        return f"array_to_string({field.name}, ', ') AS {field.name}"
    if isinstance(field.type, pyarrow.BaseExtensionType):
        return f"{field.name}::text"
    return field.name


number = 0
# The rest of the address is in the environment.
with dbapi.connect("postgresql://", autocommit=True) as connection, connection.cursor() as cursor:
    cursor.executescript(SESSION)
    cursor.execute(f"SELECT * FROM ({QUERY}) AS q LIMIT 0")
    columns = ", ".join(map(text, cursor.fetch_record_batch().schema))
    cursor.execute(f"SELECT {columns} FROM ({QUERY}) AS q")
    batches = cursor.fetch_record_batch()
    with CSVWriter(FILE, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            number += batch.num_rows
print(number)
