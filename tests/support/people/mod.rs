//! A table whose rows have documents with keys of their own, and its dataset `people`.

use postgres::Client;

use crate::asking::{column, exported, Workbook};
use crate::common::{shared, unique};

pub struct People {
    pub db: String,
    pub role: String,
}

impl People {
    /// `rows`: of id, email, more (jsonb), odd (json), tags (hstore), as VALUES has them.
    pub fn new(rows: &str) -> Self {
        let people = People { db: shared().create_database_with_extension("people"), role: unique("reader") };
        people
            .superuser()
            .batch_execute(&format!(
                "CREATE EXTENSION hstore;
                 CREATE TABLE people (id int PRIMARY KEY, email text, more jsonb, odd json, tags hstore);
                 INSERT INTO people VALUES {rows};
                 CREATE ROLE {role} LOGIN; GRANT SELECT ON people TO {role};
                 SELECT acct_export_register('people', 'people', 'id');
                 SELECT acct_export_set_field('people', 'more', label => 'More')",
                role = people.role
            ))
            .unwrap();
        people
    }

    /// The same, with `more` expanded as these further arguments say.
    pub fn expanded(rows: &str, arguments: &str) -> Self {
        let people = People::new(rows);
        let sql = format!("SELECT acct_export_expand('people', 'more'{arguments})");
        people.superuser().batch_execute(&sql).unwrap();
        people
    }

    pub fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    pub fn reader(&self) -> Client {
        shared().connect(&self.db, &self.role)
    }
}

/// The records of a csv, the header first; of a job and of a stream, which have to be the same.
#[track_caller]
pub fn csv(client: &mut Client, arguments: &str) -> Vec<Vec<String>> {
    let records = |bytes: &[u8]| -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    };
    let job = records(&exported(client, &format!("'people', 'csv', {arguments}")));
    let lines = column(client, &format!("SELECT acct_export_csv('people', {arguments})"));
    let mut stream = records(lines.join("\n").as_bytes());
    stream[1..].sort_by_key(|record| record[0].parse::<i64>().unwrap_or_default());
    assert_eq!(job, stream, "{arguments}");
    job
}

/// The first sheet of a workbook.
#[track_caller]
pub fn sheet(client: &mut Client, arguments: &str) -> Vec<Vec<calamine::Data>> {
    let mut workbook = Workbook::open(exported(client, &format!("'people', 'xlsx', {arguments}")));
    let sheet = workbook.sheets().remove(0);
    assert_eq!(workbook.formulas(&sheet), Vec::<String>::new());
    workbook.rows(&sheet)
}

/// The columns of a preview.
#[track_caller]
pub fn columns(client: &mut Client, arguments: &str) -> Vec<String> {
    column(client, &format!("SELECT unnest(columns) FROM acct_export_preview('people', {arguments})"))
}
