// The same in Node: pg's stream of a cursor into exceljs' streaming writer. Prints the number of rows.
import ExcelJS from "exceljs";
import pg from "pg";
import QueryStream from "pg-query-stream";

const [session, query, file] = process.argv.slice(2);
const { DATE, INT8, TIMESTAMPTZ } = pg.types.builtins;
pg.types.setTypeParser(DATE, (text) => new Date(`${text}T00:00:00Z`));
pg.types.setTypeParser(INT8, Number);

const client = new pg.Client();
await client.connect();
await client.query(session);

const workbook = new ExcelJS.stream.xlsx.WorkbookWriter({ filename: file, useStyles: true, useSharedStrings: false });
const sheet = workbook.addWorksheet("Accounts", { views: [{ state: "frozen", ySplit: 1 }] });

function cell(value) {
  if (Array.isArray(value)) return value.join(", ");
  if (value !== null && typeof value === "object" && !(value instanceof Date)) return JSON.stringify(value);
  return value;
}

const { fields } = await client.query(`SELECT * FROM (${query}) AS q LIMIT 0`);
const formats = { [DATE]: "yyyy-mm-dd", [TIMESTAMPTZ]: "yyyy-mm-dd hh:mm:ss" };
sheet.columns = fields.map(({ name, dataTypeID }) => ({ header: name, key: name, style: { numFmt: formats[dataTypeID] } }));
sheet.autoFilter = { from: { row: 1, column: 1 }, to: { row: 1, column: fields.length } };

let count = 0;
for await (const record of client.query(new QueryStream(query, [], { batchSize: 2000 }))) {
  count += 1;
  sheet.addRow(Object.values(record).map(cell)).commit();
}
sheet.commit();
await workbook.commit();
await client.end();
console.log(count);
