//! Calling acct_export_check_import.

use postgres::Client;

use crate::common::{error_of, ServerError};

/// Sheet, row, column, problem.
pub type Problem = (Option<String>, Option<i32>, Option<String>, String);

pub const CHECK: &str = "SELECT sheet, \"row\", column_name, problem FROM acct_export_check_import($1, $2)";

#[track_caller]
pub fn check(client: &mut Client, dataset: &str, workbook: &[u8]) -> Vec<Problem> {
    let rows = client.query(CHECK, &[&dataset, &workbook]).unwrap_or_else(|e| panic!("{e:?}"));
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

/// The same without the sheet, which is the first.
#[track_caller]
pub fn in_short(client: &mut Client, workbook: &[u8]) -> Vec<(i32, String, String)> {
    let short = |(sheet, row, column, problem): Problem| {
        assert_eq!(sheet.as_deref(), Some("Administrators"), "{problem}");
        (row.unwrap_or_default(), column.unwrap(), problem)
    };
    check(client, "admins", workbook).into_iter().map(short).collect()
}

pub fn problems(wanted: &[(i32, &str, &str)]) -> Vec<(i32, String, String)> {
    wanted.iter().map(|(row, column, problem)| (*row, (*column).to_owned(), (*problem).to_owned())).collect()
}

#[track_caller]
pub fn refused(client: &mut Client, dataset: &str, workbook: &[u8]) -> ServerError {
    error_of(client.query(CHECK, &[&dataset, &workbook]))
}

pub const NONE: [Problem; 0] = [];
