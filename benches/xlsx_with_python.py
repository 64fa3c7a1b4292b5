"""What one writes today: psycopg's server-side cursor into XlsxWriter's constant memory mode. xlsx_with_python.py FILE"""

import json
import resource
import sys

import psycopg
import xlsxwriter

with psycopg.connect() as connection:
    connection.execute("SET ROLE acct_bench_admin")
    connection.execute("SET app.tenant_id = 'a0000000-0000-4000-8000-000000000001'")
    workbook = xlsxwriter.Workbook(sys.argv[1], {"constant_memory": True, "remove_timezone": True})
    sheet = workbook.add_worksheet("Accounts")
    day, moment = (workbook.add_format({"num_format": f}) for f in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"))
    with connection.cursor("accounts") as cursor:
        cursor.itersize = 2000
        cursor.execute(sys.stdin.read())
        sheet.write_row(0, 0, [column.name for column in cursor.description])
        sheet.freeze_panes(1, 0)
        for row, record in enumerate(cursor, 1):
            for column, value in enumerate(record):
                if value is None:
                    continue
                if isinstance(value, list):
                    sheet.write_string(row, column, ", ".join(value))
                elif isinstance(value, dict):
                    sheet.write_string(row, column, json.dumps(value, ensure_ascii=False))
                elif hasattr(value, "hour"):
                    sheet.write_datetime(row, column, value, moment)
                elif hasattr(value, "year"):
                    sheet.write_datetime(row, column, value, day)
                elif isinstance(value, str):
                    sheet.write_string(row, column, value)
                else:
                    sheet.write(row, column, value)
        sheet.autofilter(0, 0, row, len(record) - 1)
    workbook.close()

print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
