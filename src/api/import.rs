//! `acct_export_check_import`: an edited workbook or CSV file beside the database, before anybody imports it.

mod columns;
mod comparison;
mod differences;
mod exported_as;
mod keys;
mod known;
mod narrowed;
mod referred;

use super::session_read::{watched, Manner, Reading};
use crate::audit;
use crate::catalog::load::{self, Loaded};
use crate::catalog::{reference, rights};
use crate::encode::xlsx::{sheet_name, INFO_SHEET};
use crate::encode::Format;
use crate::error::{Error, Result};
use crate::import::compare::Form;
use crate::import::csv::{self, CsvFile};
use crate::import::headers::{self, Header};
use crate::import::info::Info;
use crate::import::problem::{Problem, Problems};
use crate::import::rows::{self, Row};
use crate::import::workbook::Workbook;
use crate::import::{info, problem};
use crate::model::ExportRequest;
use crate::pg::report::{Report, Reported};
use crate::pg::{identity, wait};
use columns::Columns;
use comparison::Comparison;
use pgrx::prelude::*;
use serde_json::json;

/// Problems of a file: NULL as the row means the sheet or the CSV file, as the sheet the workbook or a CSV file.
fn check(dataset: Option<&str>, workbook: Option<&[u8]>) -> Result<Vec<Problem>> {
    let dataset = dataset.filter(|name| !name.is_empty()).ok_or_else(|| {
        Error::invalid("dataset must not be null or empty").hint("acct_export_datasets lists the datasets.")
    })?;
    let file = workbook.ok_or_else(|| {
        Error::invalid("workbook must not be null").hint("Give the bytes of an xlsx or CSV file.")
    })?;
    let format = if csv::is_workbook(file) { Format::Xlsx } else { Format::Csv };
    let asked = ExportRequest {
        dataset: dataset.to_owned(),
        format: format.as_str().to_owned(),
        // A disabled account has a row all the same.
        include_disabled: Some(true),
        ..ExportRequest::default()
    };
    watched(&asked, format, "check_import", || {
        let loaded = load::load(dataset)?;
        // Before anything is unpacked, and before anything is said of its fields.
        rights::may_ask(&loaded.dataset, identity::current_user())?;
        columns::key_can_be_read(&loaded.dataset)?;
        match format {
            Format::Csv => {
                let (csv, info) = exported_as::open(file, &loaded.dataset)?;
                csv_beside_database(&loaded, asked.clone(), &csv, &info, file.len())
            }
            _ => workbook_beside_database(
                &loaded,
                asked.clone(),
                Workbook::open(file, wait::interrupted)?,
                file.len(),
            ),
        }
    })
}

fn workbook_beside_database(
    loaded: &Loaded,
    mut asked: ExportRequest,
    mut workbook: Workbook,
    bytes: usize,
) -> Result<Vec<Problem>> {
    let names = workbook.sheets();
    let info = info::read(&mut workbook, &names)?;
    let dataset = &info.relabelled(&loaded.dataset);
    let mut sheets: Vec<(String, Header)> = Vec::with_capacity(names.len());
    for name in &names {
        let header = if name == INFO_SHEET { Header::new() } else { rows::header(&mut workbook, name)? };
        sheets.push((name.clone(), header));
    }
    let references = reference::of(&dataset.name)?;
    let listed = references.iter().map(|reference| sheet_name(&reference.title, 1));
    let others: Vec<String> = listed
        .filter(|name| name.to_lowercase() != sheet_name(&dataset.title, 1).to_lowercase())
        .chain([INFO_SHEET.to_owned()])
        .collect();
    let data =
        headers::data_sheets(&sheets, &dataset.title, &dataset.fields, &dataset.key, &others, &info.labels);

    let mut problems = Problems::default();
    let columns = Columns::of(dataset, &sheets, &data, &info, &mut problems);
    asked.fields = Some(columns.fields().map(|field| Some(field.name.clone())).collect());
    let reading = Reading::of(&asked, Format::Xlsx, Manner::AtOnce)?;
    let mut gathered: Vec<Row> = Vec::new();
    for sheet in &data {
        let places = columns.places(*sheet);
        let nameless =
            rows::read(&mut workbook, (*sheet, &names[*sheet]), &places, columns.width(), &mut gathered)?;
        for column in nameless {
            has_no_header(*sheet, column, &mut problems);
        }
    }
    reading.tell(
        audit::IMPORT_CHECKED,
        &asked,
        json!({ "bytes": bytes, "sheets": data.len(), "rows": gathered.len() }),
    )?;
    if data.is_empty() {
        problems.add(
            None,
            None,
            None,
            format!("no sheet has the columns of dataset {}", problem::quoted(&dataset.name)),
        );
    } else if known::is_comparable(dataset, &info, &reading, &names, &mut problems) {
        let mut comparison =
            Comparison::of(&reading, &asked, &columns, &references, &info, &names, &mut problems)?;
        comparison.compare(Form::Workbook(&workbook), gathered, &mut problems)?;
    }
    Ok(problems.listed(&names))
}

/// A CSV file is one sheet without a name and without an `Export info`.
fn csv_beside_database(
    loaded: &Loaded,
    mut asked: ExportRequest,
    file: &CsvFile<'_>,
    info: &Info,
    bytes: usize,
) -> Result<Vec<Problem>> {
    const SHEET: usize = 0;
    let dataset = &info.relabelled(&loaded.dataset);
    let references = reference::of(&dataset.name)?;
    let sheets = [(String::new(), file.header().clone())];
    let data: &[usize] = if file.has_known_columns() { &[SHEET] } else { &[] };
    let mut problems = Problems::default();
    let columns = Columns::of(dataset, &sheets, data, info, &mut problems);
    asked.fields = Some(columns.fields().map(|field| Some(field.name.clone())).collect());
    let reading = Reading::of(&asked, Format::Csv, Manner::AtOnce)?;
    let places = columns.places(SHEET);
    let kinds: Vec<_> = reading.plan.columns.iter().map(|column| column.kind).collect();
    let scan = file.scan(&places, &kinds)?;
    reading.tell(
        audit::IMPORT_CHECKED,
        &asked,
        json!({ "bytes": bytes, "sheets": data.len(), "rows": scan.rows }),
    )?;
    if data.is_empty() {
        problems.add(
            None,
            None,
            None,
            format!(
                "the first row has no column of dataset {}; it must contain labels or names of its fields",
                problem::quoted(&dataset.name)
            ),
        );
        return Ok(problems.listed(&[]));
    }
    for column in scan.nameless {
        has_no_header(SHEET, column, &mut problems);
    }
    for (row, fields) in scan.long {
        problems.add(Some(SHEET), Some(row), None, problem::uneven(fields, file.width()));
    }
    let mut comparison = Comparison::of(&reading, &asked, &columns, &references, info, &[], &mut problems)?;
    let mut batches = file.batches(&places, columns.width())?;
    loop {
        let rows = batches.read()?;
        if rows.is_empty() {
            return Ok(problems.listed(&[]));
        }
        comparison.compare(Form::Csv(&scan.dialect), rows, &mut problems)?;
    }
}

fn has_no_header(sheet: usize, column: u32, problems: &mut Problems) {
    let letters = crate::encode::xlsx::markup::letters(column as usize);
    let place = Some((column as usize, letters.as_str()));
    problems.add(Some(sheet), None, place, "the column has values and no header");
}

/// Problems of an edited export of a dataset, and the changes that an import of it would make: references that do not exist in the
/// tenant, cells that differ from the database, rows that are new, empty or repeated keys, values that do not fit, columns that
/// are unknown or missing. An empty cell changes nothing. Nothing is written but the audit event.
///
/// Errors: those of `acct_export_preview`; 22023 for what is no xlsx file and no CSV in UTF-8, 54000 for a workbook that is too
/// large, packed or unpacked, and for a CSV with a row that is.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn acct_export_check_import(
    dataset: Option<&str>,
    workbook: Option<&[u8]>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(sheet, Option<String>),
            name!(row, Option<i32>),
            name!(column_name, Option<String>),
            name!(problem, String),
        ),
    >,
    Report,
> {
    let problems = check(dataset, workbook).reported()?;
    let rows = problems.into_iter().map(|found| (found.sheet, found.row, found.column, found.problem));
    Ok(TableIterator::new(rows))
}
