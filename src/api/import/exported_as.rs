//! The request that a CSV file was exported by, where its headers are not those of the dataset: a CSV file has no sheet that says so.

use crate::encode::Format;
use crate::error::Result;
use crate::import::csv::CsvFile;
use crate::import::info::Info;
use crate::job::session::Session;
use crate::job::status::is_visible;
use crate::model::Dataset;
use crate::pg::{identity, sql, wait, xact};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Labels and times of an export that the caller has asked for.
#[derive(Deserialize)]
struct Asked {
    session: Session,
    labels: BTreeMap<String, String>,
    time_zone: Option<String>,
    timestamps: Option<String>,
}

/// The newest of the role's exports of a dataset that gave labels.
const ASKED: &str = "
SELECT jsonb_build_object('session', session, 'labels', request #> '{options,labels}', 'time_zone', request #> '{options,time_zone}',
                          'timestamps', request #> '{options,timestamps}')
  FROM acct_export.job
 WHERE requested_by = $1::oid AND dataset = $2 AND format = $3 AND jsonb_typeof(request #> '{options,labels}') = 'object'
 ORDER BY created_at DESC LIMIT 200";

/// Opens a CSV file, and finds what its export was asked for: of the exports by the role in such a session the newest one whose labels
/// explain the most headers. Nothing, where none explains more than the dataset's own labels do.
pub fn open<'a>(file: &'a [u8], dataset: &Dataset) -> Result<(CsvFile<'a>, Info)> {
    let mut best = (CsvFile::open(file, &dataset.fields, wait::interrupted)?, Info::default());
    if best.0.known_columns() == best.0.header().len() {
        return Ok(best);
    }
    let role = identity::current_user();
    let arguments = [i64::from(role).into(), (&dataset.name).into(), Format::Csv.as_str().into()];
    let asked: Vec<Asked> =
        xact::with_latest_snapshot(|| identity::as_owner(|| sql::documents(ASKED, &arguments)))?;
    let mut tried = BTreeSet::new();
    for asked in asked.into_iter().filter(|asked| is_visible(role, &asked.session)) {
        if !tried.insert(asked.labels.clone()) {
            continue;
        }
        let info = Info {
            labels: asked.labels,
            time_zone: asked.time_zone,
            has_local_texts: asked.timestamps.as_deref() == Some("local"),
            ..Info::default()
        };
        let relabelled = CsvFile::open(file, &info.relabelled(dataset).fields, wait::interrupted)?;
        if relabelled.known_columns() > best.0.known_columns() {
            best = (relabelled, info);
        }
    }
    Ok(best)
}
