"""Programs by which people export today: NAME SESSION QUERY FILE. Each writes a file from a query and prints the number of rows."""

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Optional

from database import HERE
from shape import Shape

OTHERS = HERE / "others"
SHEET = 1_048_575  # rows, and the header


@dataclass(frozen=True)
class Program:
    name: str
    command: tuple
    form: str = "xlsx"
    modules: tuple[str, ...] = ()
    absent: str = "pip could not install it"

    def lacking(self, shape: Shape) -> Optional[str]:
        """The reason why this machine cannot run it, or the program cannot write the shape."""
        if not os.path.isfile(self.command[-1]) or not all(map(find_spec, self.modules)):
            return self.absent
        if self.form == "xlsx" and shape.rows > SHEET:
            return f"{shape.rows:,} rows are more than a sheet holds"
        return None


def _python(name: str, script: str, form: str, *modules: str) -> Program:
    return Program(name, (sys.executable, OTHERS / script), form, modules)


XLSXWRITER = _python("Python: XlsxWriter, constant_memory", "with_xlsxwriter.py", "xlsx", "xlsxwriter")
OPENPYXL = _python("Python: openpyxl, write_only", "with_openpyxl.py", "xlsx", "openpyxl")
ADBC = _python("Python: ADBC, pyarrow's CSV writer", "with_adbc.py", "csv", "adbc_driver_postgresql", "pyarrow")
CONNECTORX = _python("Python: connectorx, polars write_csv", "with_polars.py", "csv", "connectorx", "polars")
WRITE_EXCEL = _python("Python: connectorx, polars write_excel", "with_polars.py", "xlsx", "connectorx", "polars")
EXCELJS = Program(
    "Node: exceljs, streaming writer", ("node", os.environ.get("BENCH_NODE", "")), absent="there is no Node with npm"
)
RUST = Program(
    "Rust: rust_xlsxwriter, constant memory", (os.environ.get("BENCH_RUST", ""),), absent="it could not be built"
)
OF_ALL_SHAPES = (ADBC, CONNECTORX, WRITE_EXCEL)
SLOW = (XLSXWRITER, OPENPYXL, EXCELJS, *OF_ALL_SHAPES)
OF_ACCOUNTS = (RUST, *SLOW)
