"""The same with openpyxl's write-only mode, which lxml makes faster."""

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from rows import FILE, flat, rows

workbook = Workbook(write_only=True)
sheet = workbook.create_sheet("Accounts")
sheet.freeze_panes = "A2"
number = 0
with rows() as cursor:
    names = [column.name for column in cursor.description]
    sheet.append(names)
    for number, record in enumerate(cursor, 1):
        sheet.append([flat(value) for value in record])
sheet.auto_filter.ref = f"A1:{get_column_letter(len(names))}{number + 1}"
workbook.save(FILE)
print(number)
