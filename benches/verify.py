"""A small export by every way that leaves a file or lines, read back and compared with the table."""

import csv
import gzip
import io
import json
from typing import Iterable

import openpyxl
from cases import EXCELJS, OPENPYXL, RUST, TENANT_ANY, XLSXWRITER
from database import Database
from reading import Reading
from ways import NODE_EXCELJS, PYTHON_OPENPYXL, PYTHON_XLSXWRITER, RUST_XLSXWRITER, job, workbook

SMALL = Reading(ordered=True, below=1000)
# Texts of several scripts, with NULLs; the key tells which rows.
LOOKED_AT = ["account_id", "display_name", "first_name", "last_name", "email", "phone", "valid_until", "created_at"]
# Of a date and of a moment the day, which all write in the same way.
DAYS = LOOKED_AT.index("valid_until")

Table = list[list[str]]


def _picked(header: list, records: Iterable) -> Table:
    """The columns to look at; labels are the names in words."""
    names = [str(name).lower().replace(" ", "_") for name in header]
    places = [names.index(name) for name in LOOKED_AT]
    texts = (["" if record[place] is None else str(record[place]) for place in places] for record in records)
    return [[*row[:DAYS], *(moment[:10] for moment in row[DAYS:])] for row in texts]


def from_csv(data: bytes) -> Table:
    header, *records = csv.reader(io.StringIO(data.decode(), newline=""))
    return _picked(header, records)


def from_json(rows: list[dict]) -> Table:
    return _picked(LOOKED_AT, ([row.get(name) for name in LOOKED_AT] for row in rows))


def from_ndjson(data: bytes) -> Table:
    return from_json([json.loads(line) for line in data.decode().splitlines()])


def from_xlsx(file: object) -> Table:
    sheet = openpyxl.load_workbook(file, read_only=True).worksheets[0]
    sheet.reset_dimensions()  # as written, not as announced
    header, *records = sheet.iter_rows(values_only=True)
    return _picked(header, ([*record, *[None] * (len(header) - len(record))] for record in records))


def verify(database: Database) -> None:
    """Ends the bench where a file is not what the table says."""
    select = f"SELECT {', '.join(LOOKED_AT)} FROM acct_bench.accounts{SMALL.where} ORDER BY account_id"
    expected = _picked(LOOKED_AT, database.session().execute(select).fetchall())
    if len(expected) != SMALL.below:
        raise SystemExit(f"{len(expected)} accounts instead of {SMALL.below}")

    def same(name: str, got: Table) -> None:
        if got != expected:
            wrong = next((pair for pair in zip(got, expected) if pair[0] != pair[1]), "")
            raise SystemExit(f"{name}: {len(got)} rows, which are not the table's {len(expected)}: {wrong}")

    def taken(database: Database, job: str) -> bytes:
        chunks = database.session().execute("SELECT data FROM acct_export_chunks(%s)", (job,), binary=True)
        return b"".join(data for (data,) in chunks)

    for form, options, read in (
        ("csv", {}, from_csv),
        ("csv", {"compression": "gzip"}, lambda data: from_csv(gzip.decompress(data))),
        ("ndjson", {}, from_ndjson),
        ("ndjson", {"compression": "gzip"}, lambda data: from_ndjson(gzip.decompress(data))),
        ("json", {}, lambda data: from_json(json.loads(data))),
        ("xlsx", {}, lambda data: from_xlsx(io.BytesIO(data))),
        ("xlsx", {"compact": True}, lambda data: from_xlsx(io.BytesIO(data))),
    ):
        name = f"job {form} {options}"
        job(form, keep=lambda database, id: same(name, read(taken(database, id))), **options)(database, SMALL)
    for form, read in ("csv", from_csv), ("ndjson", from_ndjson):
        lines = database.session().execute(f"SELECT acct_export_{form}('accounts', {SMALL.arguments()})")
        same(f"stream {form}", read("\n".join(line for (line,) in lines).encode()))
    known = TENANT_ANY.ways | TENANT_ANY.slow
    for name, command in (
        (XLSXWRITER, PYTHON_XLSXWRITER),
        (OPENPYXL, PYTHON_OPENPYXL),
        (EXCELJS, NODE_EXCELJS),
        (RUST, RUST_XLSXWRITER),
    ):
        if name in known:
            workbook(command, lambda file: same(name, from_xlsx(file)))(database, SMALL)
