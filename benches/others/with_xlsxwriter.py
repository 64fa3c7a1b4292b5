"""What one writes today: psycopg's server-side cursor into XlsxWriter's constant memory mode. Prints the number of rows."""

import xlsxwriter
from rows import FILE, flat, rows

workbook = xlsxwriter.Workbook(FILE, {"constant_memory": True})
sheet = workbook.add_worksheet("Accounts")
sheet.freeze_panes(1, 0)
day, moment = (workbook.add_format({"num_format": f}) for f in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"))
number = 0
with rows() as cursor:
    names = [column.name for column in cursor.description]
    sheet.write_row(0, 0, names)
    for number, record in enumerate(cursor, 1):
        for column, value in enumerate(map(flat, record)):
            if value is None:
                continue
            if isinstance(value, str):
                sheet.write_string(number, column, value)
            elif hasattr(value, "year"):
                sheet.write_datetime(number, column, value, moment if hasattr(value, "hour") else day)
            else:
                sheet.write(number, column, value)
sheet.autofilter(0, 0, number, len(names) - 1)
workbook.close()
print(number)
