"""A small export by every way that leaves a file or lines, read back and compared with the table."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Iterable

import cases
import chunks
import openpyxl
from database import Database
from reading import Reading
from shape import Shape
from ways import file_by, job

ROWS = 1000

Table = list[list[str]]


class Reader:
    """Of a file, those columns of a shape that all formats write alike."""

    def __init__(self, shape: Shape) -> None:
        self.names = [*shape.texts, *shape.days]
        self._days = len(shape.texts)  # from there on

    def picked(self, header: Iterable, records: Iterable) -> Table:
        """Labels are the names in words."""
        names = [str(name).lower().replace(" ", "_") for name in header]
        places = [names.index(name) for name in self.names]
        texts = (["" if record[place] is None else str(record[place]) for place in places] for record in records)
        return [[*row[: self._days], *(moment[:10] for moment in row[self._days :])] for row in texts]

    def csv(self, data: bytes) -> Table:
        header, *records = csv.reader(io.StringIO(data.decode(), newline=""))
        return self.picked(header, records)

    def json(self, data: bytes) -> Table:
        return self._objects(json.loads(data))

    def ndjson(self, data: bytes) -> Table:
        return self._objects([json.loads(line) for line in data.decode().splitlines()])

    def _objects(self, rows: list[dict]) -> Table:
        return self.picked(self.names, ([row.get(name) for name in self.names] for row in rows))

    def xlsx(self, data: bytes) -> Table:
        sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
        sheet.reset_dimensions()  # as written, not as announced
        header, *records = sheet.iter_rows(values_only=True)
        return self.picked(header, ([*record, *[None] * (len(header) - len(record))] for record in records))


def verify(database: Database, shape: Shape) -> None:
    """Ends the bench where a file is not what the table says."""
    small = Reading(ordered=True, below=ROWS, shape=shape)
    reader = Reader(shape)
    select = small.select(tuple(reader.names))
    expected = reader.picked(reader.names, database.session().execute(select).fetchall())
    if len(expected) != ROWS:
        raise SystemExit(f"{len(expected)} rows instead of {ROWS}")

    def same(name: str, form: str, data: bytes) -> None:
        got = getattr(reader, form)(data)
        if got != expected:
            wrong = next((pair for pair in zip(got, expected) if pair[0] != pair[1]), "")
            raise SystemExit(f"{shape.name}: {name}: {len(got)} rows, which are not the table's {len(expected)}: {wrong}")

    def stored(database: Database, job: str) -> bytes:
        rows = database.session().execute("SELECT data FROM acct_export_chunks(%s)", (job,), binary=True)
        return b"".join(data for (data,) in rows)

    for form, options in (
        ("csv", {}),
        ("csv", {"compression": "gzip"}),
        ("ndjson", {}),
        ("ndjson", {"compression": "gzip"}),
        ("json", {}),
        ("xlsx", {}),
        ("xlsx", {"compact": True}),
    ):
        unpacked = gzip.decompress if "compression" in options else bytes
        name = f"job {form} {options}"
        job(form, keep=lambda database, id: same(name, form, unpacked(stored(database, id))), **options)(database, small)
    for form in "csv", "ndjson":
        lines = database.session().execute(f"SELECT acct_export_{form}('{shape.dataset}', {small.arguments()})")
        same(f"stream {form}", form, "\n".join(line for (line,) in lines).encode())
    for form in "csv", "ndjson", "xlsx":
        same(f"chunk stream {form}", form, chunks.fetch(database, small, form))
    for program in cases.programs_of(shape):
        if not program.lacking(shape):
            file_by(program, lambda file: same(program.name, program.form, Path(file).read_bytes()))(database, small)
    count_chunked(database, shape)


def count_chunked(database: Database, shape: Shape) -> None:
    """COPY of a chunk stream says how many chunks there are, not how many rows."""
    everything = Reading(shape=shape)
    expected = database.value(f"SELECT count(*) FROM {everything.source}")
    for form in "csv", "ndjson", "xlsx":
        rows = chunks.rows_of(form, chunks.fetch(database, everything, form))
        if rows != expected:
            raise SystemExit(f"{shape.name}: chunk stream {form} gave {rows} rows instead of {expected}")
