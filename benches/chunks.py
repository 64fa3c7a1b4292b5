"""The chunk streams, `acct_export_stream`: as a way, as a file, and how many rows that file has."""

import io

import openpyxl
from database import Database, Outcome
from reading import Reading
from ways import Way, copy_query


def _query(form: str, reading: Reading) -> str:
    return f"SELECT acct_export_stream('{reading.shape.dataset}', '{form}', {reading.arguments()})"


def chunk_stream(form: str) -> Way:
    """COPY in the server reads the chunks, in binary: as text they would be twice as long. It counts no rows."""

    def run(database: Database, reading: Reading) -> Outcome:
        outcome = copy_query(database, reading, _query(form, reading), "(FORMAT binary)", f"chunk stream {form}")
        outcome.rows = None
        return outcome

    return run


def fetch(database: Database, reading: Reading, form: str) -> bytes:
    """The whole file, at a client."""
    with database.session(reading.session).cursor(binary=True) as cursor:
        return b"".join(chunk for (chunk,) in cursor.stream(_query(form, reading)))


def rows_of(form: str, file: bytes) -> int:
    """Of the bench's shapes, whose values have no line breaks."""
    if form == "xlsx":
        info = openpyxl.load_workbook(io.BytesIO(file), read_only=True)["Export info"]
        return next(value for name, value, *_ in info.iter_rows(values_only=True) if name == "Rows")
    return file.count(b"\n") - (form == "csv")  # the header
