//! The choice of rows and fields that digests are of. Two exports are compared only if they made the same choice: otherwise a row might
//! look removed that was merely not asked for.

use super::dataset_export::DatasetExport;
use super::plan::Plan;
use crate::changes::{COLUMN, NOTHING};
use crate::encode::{Column, Kind as ColumnKind, Options};
use crate::error::{Error, Kind, Result};
use crate::job::{commands, digests};
use crate::layout::Layout;
use crate::model::{Digests, Format, JobStatus};
use crate::pg::{catalog, identity, xact};
use crate::value::uuid::is_uuid;
use crate::value::{key_text, shown};
use serde_json::{json, Value};

/// The values that are compared: what was asked for, in the form that JSON has in all formats. Documents of which csv has the keys as columns
/// are compared whole, since other rows may bring other keys.
pub fn compared(plan: &Plan) -> Layout {
    plan.outline(Format::Json)
}

/// The parts of a choice, by the words of messages.
fn selection(part: &DatasetExport, role: u32) -> Vec<(&'static str, Value)> {
    let (asked, plan, dataset) = (&part.asked, &part.plan, &part.loaded.dataset);
    let masks = plan.masks();
    let layout = compared(plan);
    let fields: Vec<&str> = layout.columns().iter().map(|column| column.name.as_str()).collect();
    let is_in_period =
        [&asked.period, &asked.start_date, &asked.end_date, &asked.since].iter().any(|bound| bound.is_some());
    // Moments without a zone, days and months are of the zone of the request.
    let zone = (is_in_period || asked.filter.is_some()).then_some(&part.context.time_zone);
    vec![
        ("the dataset", json!(dataset.name)),
        ("the key", json!([key_text::of_names(&dataset.key), key_types(part)])),
        ("the role", json!(role)),
        ("the tenant", json!([part.context.tenant.key(), asked.all_tenants])),
        ("the fields", json!([fields, masks])),
        ("anonymisation", json!(asked.anonymise)),
        ("the filter", json!(asked.filter)),
        ("disabled rows", json!(plan.disabled.in_words())),
        (
            "the period",
            json!([asked.period, asked.start_date, asked.end_date, asked.since, asked.period_field]),
        ),
        ("the time zone", json!(zone)),
    ]
}

fn key_types(part: &DatasetExport) -> Vec<u32> {
    let dataset = &part.loaded.dataset;
    let fields = dataset.key.iter().filter_map(|name| dataset.field(name));
    fields.map(|field| catalog::column_type(dataset.source, field.attnum)).collect()
}

/// The choice of an export, as it is kept with its digests.
pub fn kept_selection(part: &DatasetExport, role: u32) -> Value {
    selection(part, role)
        .into_iter()
        .map(|(word, value)| (word.to_owned(), value))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// True if digests are made of this export, which was checked.
pub fn are_digests_made(part: &DatasetExport, options: &Options) -> bool {
    match options.digests {
        Digests::On => true,
        Digests::Auto => part.plan.is_by_exported_key() && !is_key_a_list(&part.plan),
        Digests::Off => options.changes_since.is_some(),
    }
}

/// Checks that rows can be told apart by their key, where digests were asked for. Also of a job that begins: its dataset may have another
/// key or mask since the request.
///
/// Errors: 22023.
pub fn check_key(part: &DatasetExport, options: &Options) -> Result<()> {
    let wanted = match (&options.changes_since, options.digests) {
        (Some(_), _) => "changes_since",
        (None, Digests::On) => "digests",
        (None, Digests::Auto | Digests::Off) => return Ok(()),
    };
    if !part.plan.is_by_exported_key() {
        return Err(Error::invalid(format!(
            "option \"{wanted}\" needs the unmodified key \"{}\" among the fields",
            part.loaded.dataset.key_names()
        ))
        .hint("Add the key to fields. A key that is masked, or that is unique only within each of several tenants, cannot be compared."));
    }
    if is_key_a_list(&part.plan) {
        return Err(Error::invalid(format!(
            "option \"{wanted}\" needs a key of single values, and \"{}\" is a list or a document",
            part.loaded.dataset.key_names()
        ))
        .hint("Register the dataset with another key."));
    }
    Ok(())
}

/// Checks that rows can be told apart by their key, and compared with those of the job that was named.
///
/// Errors: 22023 for a request that leaves the key out or includes companions, and for a job of another choice; P0002 for a job that is not
/// visible; 55000 for one without digests.
pub fn check(part: &DatasetExport, options: &Options) -> Result<()> {
    check_key(part, options)?;
    let Some(job) = &options.changes_since else { return Ok(()) };
    // A stream has no format here, and is refused.
    if let Ok(format) = Format::parse(&part.asked.format) {
        column(part.plan.outline(format).columns(), format)?;
    }
    if !part.plan.companions.is_empty() {
        return Err(Error::invalid("option \"changes_since\" cannot be used with companions")
            .hint("Leave include out, and export each companion with a job of its own."));
    }
    if job == NOTHING {
        return Ok(());
    }
    if !is_uuid(&job.to_ascii_lowercase()) {
        return Err(Error::invalid(format!("option \"changes_since\" is not the id of a job: {}", shown(job)))
            .hint("Give the id of an export with option digests; \"last\" is for saved exports, started with acct_export_start_saved."));
    }
    // The statement may have waited for that job.
    let seen = xact::with_latest_snapshot(|| {
        commands::find_for(job, "changes_since", json!({ "dataset": part.asked.dataset }))
    })?;
    if matches!(seen.status, JobStatus::AwaitingApproval | JobStatus::Queued | JobStatus::Running) {
        return Err(Error::new(
            Kind::NotInPrerequisiteState,
            format!("export job {job} is {} and has no digests yet", seen.status),
        )
        .hint("Wait until it has ended with acct_export_wait."));
    }
    same(part, job, identity::current_user())
}

/// Checks that a job's digests are there, and of the same choice.
pub fn same(part: &DatasetExport, job: &str, role: u32) -> Result<()> {
    if job == NOTHING {
        return Ok(());
    }
    let earlier = identity::as_owner(|| digests::selection_of(job))?.ok_or_else(|| {
        Error::new(Kind::NotInPrerequisiteState, format!("export job {job} has no digests"))
            .hint("Digests are made with option digests, and removed by acct_export_delete. Request a full export again with \"digests\": true.")
    })?;
    for (word, value) in selection(part, role) {
        if earlier.get(word) != Some(&value) {
            return Err(Error::invalid(format!("export job {job} and this request differ in {word}"))
                .hint("Changes are found between two exports of the same rows and fields by one role. Start again with option digests, or, for a saved export, with acct_export_save and replace => true."));
        }
    }
    Ok(())
}

/// Keys that the type's input function reads as exports write them are compared; these it does not.
fn is_key_a_list(plan: &Plan) -> bool {
    plan.key.iter().any(|place| matches!(plan.columns[*place].kind, ColumnKind::List | ColumnKind::Json))
}

/// The first column of a file of changes. 22023 where another one has its place: its label, or in JSON its name or path.
pub fn column(columns: &[Column], format: Format) -> Result<Column> {
    let is_json = matches!(format, Format::Ndjson | Format::Json);
    let is_taken = |column: &&Column| {
        let path = column.json_path.as_deref().unwrap_or(&column.name);
        let place = if is_json { path.split('.').next().unwrap_or(path) } else { column.label.trim() };
        place.eq_ignore_ascii_case(COLUMN)
    };
    if let Some(taken) = columns.iter().find(is_taken) {
        let hint = if is_json {
            "Leave it out of fields: in JSON no other member may have the name \"change\"."
        } else {
            "Leave it out of fields, or give it another label with option labels."
        };
        return Err(Error::invalid(format!(
            "field \"{}\" has the name of the column of changes",
            taken.name
        ))
        .hint(hint));
    }
    Ok(Column {
        name: COLUMN.to_owned(),
        label: COLUMN.to_owned(),
        kind: ColumnKind::Text,
        identifier: false,
        free_text: false,
        json_path: None,
    })
}
