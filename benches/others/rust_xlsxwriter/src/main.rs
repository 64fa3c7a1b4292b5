//! The usual code in Rust: rows of a query, as they arrive, into rust_xlsxwriter's constant memory mode.
//!
//! accounts-with-rust-xlsxwriter SESSION QUERY FILE: runs SESSION's settings first, prints the number of rows.

use chrono::{DateTime, NaiveDate, Utc};
use fallible_iterator::FallibleIterator;
use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls, Row};
use rust_xlsxwriter::{Format, Workbook, Worksheet};
use std::error::Error;

struct Formats {
    day: Format,
    moment: Format,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [session, query, file] = &arguments[..] else { return Err("usage: SESSION QUERY FILE".into()) };
    let mut client = connect()?;
    client.batch_execute(session)?;

    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory()?.set_name("Accounts")?;
    sheet.set_freeze_panes(1, 0)?;
    let formats = Formats {
        day: Format::new().set_num_format("yyyy-mm-dd"),
        moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
    };

    let statement = client.prepare(query)?;
    for (place, column) in statement.columns().iter().enumerate() {
        sheet.write_string(0, place as u16, column.name())?;
    }
    let last = statement.columns().len() as u16 - 1;
    let mut count = 0;
    let no_parameters: [&dyn ToSql; 0] = [];
    let mut rows = client.query_raw(&statement, no_parameters)?;
    while let Some(row) = rows.next()? {
        count += 1;
        write(sheet, count, &row, &formats)?;
    }
    sheet.autofilter(0, 0, count, last)?;
    workbook.save(file)?;
    println!("{count}");
    Ok(())
}

fn connect() -> Result<Client, Box<dyn Error>> {
    let mut config = postgres::Config::new();
    config.host_path(std::env::var("PGHOST")?).port(std::env::var("PGPORT")?.parse()?);
    config.user(&std::env::var("PGUSER")?).dbname(&std::env::var("PGDATABASE")?);
    Ok(config.connect(NoTls)?)
}

fn write(sheet: &mut Worksheet, number: u32, row: &Row, formats: &Formats) -> Result<(), Box<dyn Error>> {
    for (index, column) in row.columns().iter().enumerate() {
        let place = index as u16;
        match *column.type_() {
            Type::INT8 => {
                if let Some(value) = row.try_get::<_, Option<i64>>(index)? {
                    sheet.write_number(number, place, value as f64)?;
                }
            }
            Type::DATE => {
                if let Some(value) = row.try_get::<_, Option<NaiveDate>>(index)? {
                    sheet.write_datetime_with_format(number, place, value, &formats.day)?;
                }
            }
            Type::TIMESTAMPTZ => {
                if let Some(value) = row.try_get::<_, Option<DateTime<Utc>>>(index)? {
                    sheet.write_datetime_with_format(number, place, value.naive_utc(), &formats.moment)?;
                }
            }
            Type::TEXT_ARRAY => {
                if let Some(value) = row.try_get::<_, Option<Vec<&str>>>(index)? {
                    sheet.write_string(number, place, value.join(", "))?;
                }
            }
            Type::JSONB => {
                if let Some(value) = row.try_get::<_, Option<serde_json::Value>>(index)? {
                    sheet.write_string(number, place, value.to_string())?;
                }
            }
            _ => {
                if let Some(value) = row.try_get::<_, Option<&str>>(index)? {
                    sheet.write_string(number, place, value)?;
                }
            }
        }
    }
    Ok(())
}
