//! The manifest of a job's files: the request as it was resolved, who asked, the moment of the data, and for each file its rows,
//! its fields, and what was left out.

use super::output::ExportOutput;
use super::stored_file::FilePart;
use super::{commands, status};
use crate::error::{Error, Kind, Result};
use crate::model::JobStatus;
use crate::pg::{identity, sql, xact};
use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;

/// The name of the file that holds it.
pub const FILE_NAME: &str = "export-info.json";

/// Of a source that reads foreign tables, as manifest and `Export info` have it.
pub const FOREIGN_SNAPSHOT: &str =
    "rows of foreign tables are of the moment at which their server read them; that server sees no setting of the session";

/// The selection of a dataset's rows and fields, kept with the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// Labels by the columns of the file.
    pub labels: Vec<String>,
    /// Fields that are not in the file, and why.
    pub left_out: Vec<(String, String)>,
    /// The name by which the period was asked for: its bounds follow from the moment of asking.
    pub period: Option<String>,
    /// The field that the bounds are about.
    pub period_field: Option<String>,
    /// Rows at this moment or day, and later ones.
    pub from: Option<String>,
    /// Rows before this moment or day.
    pub before: Option<String>,
    /// Rows of disabled accounts; None: the dataset has no disabled values.
    pub disabled_rows: Option<String>,
    /// Of a companion of which only some rows are in the file: the dataset and the field that its rows match.
    pub rows_of: Option<(String, String)>,
    /// Of a file of changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The source reads foreign tables.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// Secret members of documents that were removed, by field.
    pub removed_keys: BTreeMap<String, u64>,
    /// Secret values that were redacted, by field.
    pub removed_values: BTreeMap<String, u64>,
}

/// The changes since an earlier export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Changes {
    /// The job of that export.
    pub since: String,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

/// A file within an archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArchiveMember {
    pub name: String,
    pub media_type: String,
    pub bytes: u64,
    pub sha256: String,
}

const JOB: &str = "
SELECT jsonb_build_object('job', id, 'dataset', dataset, 'format', format, 'requested_by', requested_role,
           'login', context ->> 'login', 'actor', actor, 'tenant', tenant, 'requested_at', context ->> 'asked_at',
           'time_zone', context ->> 'time_zone', 'request', request,
           'as_of', to_char(as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'wal_position', wal_position,
           'error', error, 'error_code', error_code)
  FROM acct_export.job WHERE id = $1::uuid";

const FILES: &str = "
SELECT jsonb_build_array(jsonb_build_object('file', file, 'name', name, 'media_type', media_type, 'rows', rows, 'bytes', bytes, 'sha256', sha256,
           'error', error, 'error_code', error_code), parts)
  FROM acct_export.file WHERE job = $1::uuid ORDER BY file";

/// A file as its row describes it.
#[derive(Deserialize)]
struct FileRow {
    file: i64,
    name: String,
    media_type: String,
    rows: u64,
    bytes: Option<u64>,
    sha256: Option<String>,
    error: Option<String>,
    error_code: Option<String>,
}

/// `acct_export_manifest`. P0002 for a job that is not visible, 55000 for one that has no files yet, or never had.
pub fn of(job: Option<&str>) -> Result<Value> {
    let job = status::given(job)?;
    xact::with_latest_snapshot(|| {
        let seen = commands::find(job)?;
        if !matches!(seen.status, JobStatus::Completed | JobStatus::CompletedWithErrors | JobStatus::Expired)
        {
            return Err(Error::new(
                Kind::NotInPrerequisiteState,
                format!("export job {job} is {} and has no manifest", seen.status),
            )
            .hint("A job has a manifest when it is completed."));
        }
        identity::as_owner(|| {
            let rows: Vec<(FileRow, Vec<FilePart>)> = sql::documents(FILES, &[job.into()])?;
            put_together(job, None, rows.into_iter().flat_map(of_row).collect())
        })
    })
}

/// The same of files that are not stored yet, as the owner. What names the run, or follows from its moment, is left out where it is to be
/// reproducible.
pub fn of_output(job: &str, output: &ExportOutput, as_of: &str, reproducible: bool) -> Result<Value> {
    let files = output.files.iter().zip(1..).map(|(file, number)| {
        let reason = file.failed.as_ref();
        let spooled = file.spooled.as_ref();
        let row = FileRow {
            file: number,
            name: if reproducible { file.plain_name() } else { file.name.clone() },
            media_type: file.media_type.to_owned(),
            bytes: spooled.map(|spooled| spooled.bytes),
            sha256: spooled.map(|spooled| spooled.sha256.clone()),
            error: reason.map(|reason| reason.message.clone()),
            error_code: reason.map(|reason| reason.sqlstate.clone()),
            rows: file.rows(),
        };
        described(&row, &file.parts, reproducible)
    });
    let files = files.collect();
    let moment = Made { as_of, wal_position: &output.wal_position, reproducible };
    put_together(job, Some(moment), files)
}

/// The moment of an export whose job's record does not have it yet.
struct Made<'a> {
    as_of: &'a str,
    wal_position: &'a str,
    reproducible: bool,
}

/// As the owner.
fn put_together(job: &str, made: Option<Made<'_>>, files: Vec<Value>) -> Result<Value> {
    // A job that runs in the session that asked for it was inserted by the same statement.
    let document: Option<Map<String, Value>> =
        xact::with_latest_snapshot(|| sql::document(JOB, &[job.into()]))?;
    let mut document = document.ok_or_else(|| Error::new(Kind::NoDataFound, "the job was removed"))?;
    if let Some(made) = made {
        document.insert("as_of".to_owned(), json!(made.as_of));
        document.insert("wal_position".to_owned(), json!(made.wal_position));
        if made.reproducible {
            for name in ["job", "requested_at", "as_of", "wal_position"] {
                document.remove(name);
            }
        }
    }
    // Of a job whose companion failed.
    for name in ["error", "error_code"] {
        if document.get(name).is_some_and(Value::is_null) {
            document.remove(name);
        }
    }
    document.insert("files".to_owned(), Value::Array(files));
    Ok(Value::Object(document))
}

/// A file, or of an archive each file that is in it. An archive whose file was removed is described as one file.
fn of_row((file, parts): (FileRow, Vec<FilePart>)) -> Vec<Value> {
    let mut described_files = Vec::new();
    let mut rest = parts.as_slice();
    while let Some(member) = rest.first().and_then(|part| part.member.as_ref()) {
        let is_of = |part: &FilePart| part.member.as_ref().is_some_and(|other| other.name == member.name);
        let count = rest.iter().take_while(|part| is_of(part)).count();
        let (parts, others) = rest.split_at(count);
        let inside = FileRow {
            file: file.file,
            name: member.name.clone(),
            media_type: member.media_type.clone(),
            rows: parts.iter().map(|part| part.rows).sum(),
            bytes: Some(member.bytes),
            sha256: Some(member.sha256.clone()),
            error: None,
            error_code: None,
        };
        let mut told = described(&inside, parts, false);
        told["archive"] = json!(file.name);
        described_files.push(told);
        rest = others;
    }
    if described_files.is_empty() {
        described_files.push(described(&file, &parts, false));
    }
    described_files
}

fn described(file: &FileRow, parts: &[FilePart], reproducible: bool) -> Value {
    let datasets: Vec<Value> = parts.iter().map(|part| of_part(part, reproducible)).collect();
    let mut described = json!({
        "file": file.file, "name": file.name, "media_type": file.media_type, "rows": file.rows, "bytes": file.bytes,
        "sha256": file.sha256, "datasets": datasets,
    });
    if file.error.is_some() {
        described["error"] = json!(file.error);
        described["error_code"] = json!(file.error_code);
    }
    described
}

fn of_part(part: &FilePart, reproducible: bool) -> Value {
    let selection = &part.selection;
    let columns = part.shape.columns.iter().enumerate().map(|(place, column)| {
        let field = column.of.as_ref().unwrap_or(&column.field);
        let mut told = json!({ "field": field, "label": selection.labels.get(place) });
        if column.of.is_some() {
            told["column"] = json!(column.field);
        }
        if let Some(treatment) = part.masks.get(field) {
            told["treatment"] = json!(treatment);
        }
        told
    });
    let left_out: Vec<Value> = selection
        .left_out
        .iter()
        .map(|(field, reason)| json!({ "field": field, "reason": reason }))
        .collect();
    let mut told = json!({
        "dataset": part.dataset, "rows": part.rows, "fields": columns.collect::<Vec<_>>(), "left_out": left_out,
    });
    if let Some(field) = &selection.period_field {
        let mut period = json!({ "field": field, "rows_without_date": "left out" });
        if let Some(name) = &selection.period {
            period["name"] = json!(name);
        }
        if !reproducible || selection.period.is_none() {
            period["from"] = json!(selection.from);
            period["before"] = json!(selection.before);
        }
        told["period"] = period;
    }
    if selection.foreign {
        told["snapshot"] = json!(FOREIGN_SNAPSHOT);
    }
    if let Some(changes) = &selection.changes {
        told["changes"] = json!(changes);
    }
    if let Some(disabled) = &selection.disabled_rows {
        told["disabled_rows"] = json!(disabled);
    }
    if let Some((dataset, field)) = &selection.rows_of {
        told["rows_of"] = json!({ "dataset": dataset, "field": field });
    }
    for (name, counts) in
        [("removed_keys", &selection.removed_keys), ("redacted_values", &selection.removed_values)]
    {
        if !counts.is_empty() {
            told[name] = json!(counts);
        }
    }
    told
}
