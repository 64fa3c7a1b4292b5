//! `acct_export_check_import`: an edited workbook beside the database, before anybody imports it.

mod columns;
mod differences;
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
use crate::import::headers::{self, Header};
use crate::import::problem::{Problem, Problems};
use crate::import::rows::{self, Row};
use crate::import::workbook::Workbook;
use crate::import::{info, problem};
use crate::model::ExportRequest;
use crate::pg::report::{Report, Reported};
use crate::pg::{identity, wait};
use columns::Columns;
use pgrx::prelude::*;
use serde_json::json;

/// Problems of a workbook: NULL as the row means the sheet, as the sheet the workbook.
fn check(dataset: Option<&str>, workbook: Option<&[u8]>) -> Result<Vec<Problem>> {
    let dataset = dataset.filter(|name| !name.is_empty()).ok_or_else(|| {
        Error::invalid("dataset must not be null or empty").hint("acct_export_datasets lists the datasets.")
    })?;
    let file = workbook
        .ok_or_else(|| Error::invalid("workbook must not be null").hint("Give the bytes of an xlsx file."))?;
    let asked = ExportRequest {
        dataset: dataset.to_owned(),
        format: Format::Xlsx.as_str().to_owned(),
        // A disabled account has a row all the same.
        include_disabled: Some(true),
        ..ExportRequest::default()
    };
    watched(&asked, Format::Xlsx, "check_import", || {
        let loaded = load::load(dataset)?;
        // Before anything is unpacked, and before anything is said of its fields.
        rights::may_ask(&loaded.dataset, identity::current_user())?;
        columns::key_can_be_read(&loaded.dataset)?;
        against(&loaded, asked.clone(), Workbook::open(file, wait::interrupted)?, file.len())
    })
}

fn against(
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
    let data = headers::data_sheets(&sheets, &dataset.title, &dataset.fields, &dataset.key, &others);

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
            let letters = crate::encode::xlsx::markup::letters(column as usize);
            problems.add(
                Some(*sheet),
                None,
                Some((column as usize, &letters)),
                "the column has values and no header",
            );
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
        differences::find(
            &reading,
            &asked,
            &columns,
            &references,
            &workbook,
            &info,
            gathered,
            &names,
            &mut problems,
        )?;
    }
    Ok(problems.listed(&names))
}

/// Problems of an edited export of a dataset, and the changes that an import of it would make: references that do not exist in the
/// tenant, cells that differ from the database, rows that are new, empty or repeated keys, values that do not fit, columns that
/// are unknown or missing. An empty cell changes nothing. Nothing is written but the audit event.
///
/// Errors: those of `acct_export_preview`; 22023 for what is no xlsx file, 54000 for one that is too large, packed or unpacked.
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
