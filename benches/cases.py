"""What is compared with what: sections of ways to export the same rows; the first of each is the 1.00 of the others."""

import os
from dataclasses import dataclass, field

from reading import EVERYONE, Reading
from ways import (
    NODE_EXCELJS,
    PYTHON_OPENPYXL,
    PYTHON_XLSXWRITER,
    RUST_XLSXWRITER,
    Way,
    copy_csv,
    copy_row_to_json,
    job,
    psql_copy,
    stream,
    workbook,
)

COPY = "COPY csv to /dev/null"
ROW_TO_JSON = "COPY row_to_json to /dev/null"
XLSXWRITER = "Python: XlsxWriter, constant_memory"
OPENPYXL = "Python: openpyxl, write_only"
EXCELJS = "Node: exceljs, streaming writer"
RUST = "Rust: rust_xlsxwriter, constant memory"

STREAMS = {f"**stream {form}**": stream(form) for form in ("csv", "ndjson")}
JOBS = {f"**job {form}**": job(form) for form in ("csv", "ndjson", "json", "xlsx")}
JOBS["**job xlsx**, compact"] = job("xlsx", compact=True)


@dataclass
class Section:
    title: str
    reading: Reading
    ways: dict[str, Way]
    slow: dict[str, Way] = field(default_factory=dict)  # run fewer times


def of(ways: dict[str, Way], *names: str) -> dict[str, Way]:
    return {f"**{name}**": ways[f"**{name}**"] for name in names}


TENANT_ANY = Section(
    "One tenant under row security, in any order",
    Reading(),
    {
        COPY: copy_csv,
        ROW_TO_JSON: copy_row_to_json,
        "psql \\copy csv to a file": psql_copy,
        **STREAMS,
        **of(JOBS, "job csv", "job ndjson", "job xlsx"),
        RUST: workbook(RUST_XLSXWRITER),
    },
    {
        XLSXWRITER: workbook(PYTHON_XLSXWRITER),
        OPENPYXL: workbook(PYTHON_OPENPYXL),
        EXCELJS: workbook(NODE_EXCELJS),
    },
)
TENANT_KEY = Section(
    "One tenant under row security, ordered by the key",
    Reading(ordered=True),
    {
        COPY: copy_csv,
        **STREAMS,
        **JOBS,
        **{f"**job {form}**, gzip": job(form, compression="gzip") for form in ("csv", "ndjson")},
        **{f"**job {form}**, anonymised": job(form, anonymise=True) for form in ("csv", "ndjson", "xlsx")},
    },
)
ALL_ANY = Section(
    "All tenants, past row security, in any order",
    Reading(EVERYONE),
    {COPY: copy_csv, ROW_TO_JSON: copy_row_to_json, **STREAMS, **of(JOBS, "job csv", "job ndjson", "job xlsx")},
)
ALL_KEY = Section(
    "All tenants, past row security, ordered by the key",
    Reading(EVERYONE, ordered=True),
    {COPY: copy_csv, **JOBS},
)
FILTERED = Section(
    "One tenant, about half of the accounts (`email LIKE 'user.%' AND verified`), ordered by the key",
    Reading(ordered=True, filtered=True),
    {COPY: copy_csv, **STREAMS, **of(JOBS, "job csv", "job ndjson", "job xlsx")},
)
SECTIONS = [TENANT_ANY, TENANT_KEY, ALL_ANY, ALL_KEY, FILTERED]


def left_out() -> list[str]:
    """Takes away what this machine cannot run; sentences that say so."""
    said = []
    for name, program, reason in (
        (EXCELJS, NODE_EXCELJS, "there is no Node with npm"),
        (RUST, RUST_XLSXWRITER, "it could not be built"),
    ):
        if not os.path.isfile(program[-1]):
            TENANT_ANY.ways.pop(name, None)
            TENANT_ANY.slow.pop(name, None)
            said.append(f"{name} is left out: {reason}.")
    return said
