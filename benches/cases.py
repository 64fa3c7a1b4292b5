"""What is compared with what: sections of ways to export the same rows; the first of each is the 1.00 of the others."""

from dataclasses import dataclass, field

import programs
from chunks import chunk_stream
from programs import Program
from reading import EVERYONE, Reading
from shape import ACCOUNTS, Shape
from ways import Way, copy_csv, copy_row_to_json, file_by, job, psql_copy, stream

COPY = "COPY csv to /dev/null"
ROW_TO_JSON = "COPY row_to_json to /dev/null"
PSQL = "psql \\copy csv to a file"

STREAMS = {f"**stream {form}**": stream(form) for form in ("csv", "ndjson")}
CHUNK_STREAMS = {f"**chunk stream {form}**": chunk_stream(form) for form in ("csv", "ndjson", "xlsx")}
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


def by(shape: Shape, *those: Program) -> dict[str, Way]:
    """The programs that can write the shape here."""
    return {program.name: file_by(program) for program in those if not program.lacking(shape)}


TENANT_ANY = Section(
    "One tenant under row security, in any order",
    Reading(),
    {
        COPY: copy_csv,
        ROW_TO_JSON: copy_row_to_json,
        PSQL: psql_copy,
        **STREAMS,
        **CHUNK_STREAMS,
        **of(JOBS, "job csv", "job ndjson", "job xlsx"),
        **by(ACCOUNTS, programs.RUST),
    },
    by(ACCOUNTS, *programs.SLOW),
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
    {
        COPY: copy_csv,
        ROW_TO_JSON: copy_row_to_json,
        **STREAMS,
        **CHUNK_STREAMS,
        **of(JOBS, "job csv", "job ndjson", "job xlsx"),
    },
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


def sections(shape: Shape) -> list[Section]:
    """Of a shape other than the accounts: in any order, by the key."""
    if shape is ACCOUNTS:
        return SECTIONS
    streams = {COPY: copy_csv, ROW_TO_JSON: copy_row_to_json, PSQL: psql_copy, **STREAMS, **CHUNK_STREAMS}
    jobs = {name: way for name, way in JOBS.items() if name != "**job json**"}
    return [
        Section("In any order", Reading(shape=shape), streams, by(shape, *programs.OF_ALL_SHAPES)),
        Section("Ordered by the key", Reading(ordered=True, shape=shape), {COPY: copy_csv, **jobs}),
    ]


def programs_of(shape: Shape) -> tuple[Program, ...]:
    return programs.OF_ACCOUNTS if shape is ACCOUNTS else programs.OF_ALL_SHAPES


def left_out(shape: Shape) -> list[str]:
    """Sentences about the programs that are not among the ways."""
    reasons = ((program.name, program.lacking(shape)) for program in programs_of(shape))
    return [f"{name} is left out: {reason}." for name, reason in reasons if reason]
