"""Says of a stack what it works at: the innermost function that tells decides, so memory and the kernel go to who called them."""

import re
from functools import cache

STAGES = {
    "reading": r"detoast|^PortalRunFetch|^pg_acctexport::pg::(identity|stream)::|^pg_acctexport::pg::query::for_each_row",
    "converting": r"^pg_acctexport::pg::(tuple|by_value|text_array|query|row|types)::",
    "shielding": r"acctexport_core::(redact|secret)::",
    "encoding": r"acctexport_core::(encode|layout|value)::",
    "compressing": r"^zlib_rs::|^flate2::|^ZSTD_|^HUF_|^HIST_|^FSE_|^pglz_",
    "hashing": r"^sha2::|^crc32fast::|^hmac::",
    "storing": r"pg_acctexport::(spool|job::(chunks|finish))::|^heap_insert|^heap_toast_insert|^XLog|^_bt_doinsert|^pg_pwrite",
    "handing over": r"pg_acctexport::pg::line::|^<?pgrx::iter::SetOfIterator|^ExecMakeFunctionResultSet|^DoCopyTo",
}
REST = "rest"
WHAT = """\
Reading: the query's plan and its scan. Converting: values into text or numbers, PostgreSQL's output functions included.
Shielding: the search for secrets in texts and JSON, masks. Hashing: checksums too. Storing: the temporary file, then the table and
its log. Handing over: a stream's lines, to the COPY that reads them. Rest: checks of rights, the process' own start and end."""


@cache
def _told(function: str) -> str:
    return next((stage for stage, pattern in STAGES.items() if re.search(pattern, function)), "")


def stage_of(stack: list[str]) -> str:
    """`stack`: names of functions, innermost first."""
    return next(filter(None, map(_told, stack)), REST)
