//! Files compared with the rows that the requester's own SELECT gives.

use calamine::Data;
use postgres::Client;
use serde_json::Value;
use support::asking::Workbook;

/// Fields of the exports of a campaign, in this order.
pub const FIELDS: [&str; 3] = ["id", "email", "phone"];

pub type Rows = Vec<[String; 3]>;

/// The rows of an export of `users`: those of the tenant that are not disabled and whose id is greater.
pub fn expected(superuser: &mut Client, tenant: &str, more_than: i64) -> Rows {
    let sql = "SELECT u.id::text, email, phone FROM app.users AS u
                WHERE tenant_id = $1::text::uuid AND status <> 'disabled' AND u.id > $2 ORDER BY u.id";
    let rows = superuser.query(sql, &[&tenant, &more_than]).unwrap();
    rows.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect()
}

/// The rows of a file.
#[track_caller]
pub fn rows_of(format: &str, bytes: Vec<u8>) -> Rows {
    match format {
        "csv" => of_csv(&bytes),
        "xlsx" => of_workbook(bytes),
        "json" => serde_json::from_slice::<Vec<Value>>(&bytes).unwrap().iter().map(of_object).collect(),
        "ndjson" => support::asking::objects(&bytes).iter().map(of_object).collect(),
        _ => panic!("no such format: {format}"),
    }
}

fn of_csv(bytes: &[u8]) -> Rows {
    let mut reader = csv::Reader::from_reader(bytes);
    assert_eq!(reader.headers().unwrap().len(), FIELDS.len());
    let record = |record: csv::StringRecord| [0, 1, 2].map(|place| record[place].to_owned());
    reader.records().map(|row| record(row.unwrap())).collect()
}

fn of_object(row: &Value) -> [String; 3] {
    FIELDS.map(|field| match &row[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

fn of_workbook(bytes: Vec<u8>) -> Rows {
    let mut workbook = Workbook::open(bytes);
    let sheet = workbook.sheets().remove(0);
    let row = |row: &Vec<Data>| [0, 1, 2].map(|place| row[place].to_string());
    workbook.rows(&sheet)[1..].iter().map(row).collect()
}
