//! One user as every format must show it, read from the table by SQL and from the files by readers of others.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use chrono::{DateTime, SubsecRound as _, Utc};
use postgres::Client;
use serde_json::Value;

/// Columns of `auth_user` in the order of the table, without `password`.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    pub id: i64,
    pub last_login: Option<DateTime<Utc>>,
    pub is_superuser: bool,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub is_staff: bool,
    pub is_active: bool,
    pub date_joined: DateTime<Utc>,
}

impl User {
    /// Workbooks have moments in whole seconds.
    pub fn in_whole_seconds(&self) -> Self {
        let cut = |moment: DateTime<Utc>| moment.trunc_subsecs(0);
        Self { last_login: self.last_login.map(cut), date_joined: cut(self.date_joined), ..self.clone() }
    }
}

/// The fields of [`User`], as columns and as keys of JSON.
pub const FIELDS: [&str; 10] = [
    "id",
    "last_login",
    "is_superuser",
    "username",
    "first_name",
    "last_name",
    "email",
    "is_staff",
    "is_active",
    "date_joined",
];

/// The rows by SQL, in the order of the key.
pub fn from_sql(client: &mut Client, condition: &str) -> Vec<User> {
    let sql = format!("SELECT id::bigint, * FROM auth_user WHERE {condition} ORDER BY auth_user.id");
    let user = |row: &postgres::Row| User {
        id: row.get(0),
        last_login: row.get("last_login"),
        is_superuser: row.get("is_superuser"),
        username: row.get("username"),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        email: row.get("email"),
        is_staff: row.get("is_staff"),
        is_active: row.get("is_active"),
        date_joined: row.get("date_joined"),
    };
    client.query(&sql, &[]).unwrap().iter().map(user).collect()
}

/// A csv as the extension writes it by default: texts that a spreadsheet would run have a `'` in front.
pub fn from_csv(bytes: &[u8]) -> Vec<User> {
    let text = |field: &str| match field.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '@', '+', '-']) => rest.to_owned(),
        _ => {
            assert!(!field.starts_with(['=', '@', '+', '-']), "a spreadsheet would run {field:?}");
            field.to_owned()
        }
    };
    let user = |row: csv::StringRecord| User {
        id: row[0].parse().unwrap(),
        last_login: (!row[1].is_empty()).then(|| instant(&row[1])),
        is_superuser: row[2].parse().unwrap(),
        username: text(&row[3]),
        first_name: text(&row[4]),
        last_name: text(&row[5]),
        email: text(&row[6]),
        is_staff: row[7].parse().unwrap(),
        is_active: row[8].parse().unwrap(),
        date_joined: instant(&row[9]),
    };
    csv::Reader::from_reader(bytes).into_records().map(|row| user(row.unwrap())).collect()
}

pub fn from_ndjson(bytes: &[u8]) -> Vec<User> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| object(&serde_json::from_str(line).unwrap())).collect()
}

pub fn from_json(bytes: &[u8]) -> Vec<User> {
    serde_json::from_slice::<Vec<Value>>(bytes).unwrap().iter().map(object).collect()
}

fn object(value: &Value) -> User {
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let truth = |name: &str| value[name].as_bool().unwrap();
    User {
        id: value["id"].as_i64().unwrap(),
        last_login: value["last_login"].as_str().map(instant),
        is_superuser: truth("is_superuser"),
        username: text("username"),
        first_name: text("first_name"),
        last_name: text("last_name"),
        email: text("email"),
        is_staff: truth("is_staff"),
        is_active: truth("is_active"),
        date_joined: instant(&text("date_joined")),
    }
}

/// The first sheet of a workbook, its header left out.
pub fn from_xlsx(bytes: &[u8]) -> Vec<User> {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).unwrap();
    let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
    let user = |row: &[Data]| User {
        id: text(&row[0]).parse().unwrap(), // an identifier, so text
        last_login: moment(&row[1]),
        is_superuser: truth(&row[2]),
        username: text(&row[3]),
        first_name: text(&row[4]),
        last_name: text(&row[5]),
        email: text(&row[6]),
        is_staff: truth(&row[7]),
        is_active: truth(&row[8]),
        date_joined: moment(&row[9]).unwrap(),
    };
    sheet.rows().skip(1).map(user).collect()
}

fn text(cell: &Data) -> String {
    match cell {
        Data::String(text) => text.clone(),
        Data::Empty => String::new(),
        other => panic!("not a text cell: {other:?}"),
    }
}

fn truth(cell: &Data) -> bool {
    match cell {
        Data::Bool(value) => *value,
        other => panic!("not a boolean cell: {other:?}"),
    }
}

/// A real date cell: days since 1899-12-30 on the wall clock of the session, which is UTC here. Users have no moments
/// finer than a millisecond.
fn moment(cell: &Data) -> Option<DateTime<Utc>> {
    match cell {
        Data::Empty => None,
        Data::DateTime(serial) => {
            let millis = ((serial.as_f64() - 25_569.0) * 86_400_000.0).round();
            Some(DateTime::from_timestamp_millis(millis as i64).unwrap())
        }
        other => panic!("not a date cell: {other:?}"),
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    assert!(text.ends_with('Z'), "not in UTC: {text}");
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}
