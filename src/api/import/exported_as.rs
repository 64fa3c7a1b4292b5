//! The request that a CSV file was exported by: a CSV file has no sheet that says so, and the jobs of its role do.

use crate::error::Result;
use crate::import::csv::CsvFile;
use crate::import::headers::Header;
use crate::import::info::Info;
use crate::job::seen;
use crate::model::label::folded;
use crate::model::Dataset;
use crate::pg::{identity, sql, wait, xact};
use crate::value::text::hex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// An export that the caller has asked for.
#[derive(Deserialize)]
struct PastRequest {
    labels: Option<BTreeMap<String, String>>,
    /// The fields, where they were named.
    fields: Option<Vec<Option<String>>>,
    time_zone: Option<String>,
    timestamps: Option<String>,
}

/// The newest exports of a dataset by a role in sessions of these prints, that had a file. An index serves each print.
const ASKED: &str = "
SELECT jsonb_build_object('labels', request #> '{options,labels}', 'timestamps', request #> '{options,timestamps}', 'fields', fields,
                          'time_zone', coalesce(request #>> '{options,time_zone}', context ->> 'time_zone'))
  FROM unnest($3::uuid[]) AS print,
       LATERAL (SELECT request, context, created_at,
                       CASE WHEN jsonb_typeof(request -> 'fields') = 'array' THEN request -> 'fields' END AS fields
                  FROM acct_export.job
                 WHERE requested_by = $1::oid AND acct_export.session_print(session) = print AND dataset = $2 AND format = 'csv'
                   AND status IN ('completed', 'completed_with_errors', 'expired')
                 ORDER BY created_at DESC LIMIT 200) AS asked
 ORDER BY created_at DESC LIMIT 200";

/// Opens a CSV file, and finds the export that it came from, as far as its headers tell: the newest one that has exactly these, or else,
/// where the dataset's own labels do not explain all of them, the newest one that explains the most.
pub fn open<'a>(file: &'a [u8], dataset: &Dataset) -> Result<(CsvFile<'a>, Info)> {
    let own = CsvFile::open(file, &dataset.fields, wait::interrupted)?;
    let asked = exports(dataset)?;
    if let Some(exact) = asked.iter().find(|asked| asked.has_header(dataset, own.header())) {
        let info = exact.info();
        let fields = info.relabelled(dataset).fields;
        return Ok((CsvFile::open(file, &fields, wait::interrupted)?, info));
    }
    let mut best = (own, Info::default());
    let mut tried = BTreeSet::new();
    for asked in &asked {
        if best.0.known_columns() == best.0.header().len() {
            break;
        }
        let Some(labels) = &asked.labels else { continue };
        if tried.insert(labels) {
            let info = Info { fields: Vec::new(), ..asked.info() };
            let csv = CsvFile::open(file, &info.relabelled(dataset).fields, wait::interrupted)?;
            if csv.known_columns() > best.0.known_columns() {
                best = (csv, info);
            }
        }
    }
    Ok(best)
}

fn exports(dataset: &Dataset) -> Result<Vec<PastRequest>> {
    let role = i64::from(identity::current_user());
    let prints: Vec<String> = seen::prints()?.iter().map(|print| hex(print)).collect();
    let prints = format!("{{{}}}", prints.join(","));
    let arguments = [role.into(), (&dataset.name).into(), (&prints).into()];
    xact::with_latest_snapshot(|| identity::as_owner(|| sql::documents(ASKED, &arguments)))
}

impl PastRequest {
    fn info(&self) -> Info {
        Info {
            labels: self.labels.clone().unwrap_or_default(),
            fields: self.fields.iter().flatten().flatten().cloned().collect(),
            time_zone: self.time_zone.clone(),
            has_local_texts: self.timestamps.as_deref() == Some("local"),
            ..Info::default()
        }
    }

    /// True if a file of this export has these headers, in this order. False where its fields were not named.
    fn has_header(&self, dataset: &Dataset, header: &Header) -> bool {
        let label = |name: &String| {
            let given = self.labels.as_ref().and_then(|labels| labels.get(name));
            given.or_else(|| dataset.field(name).map(|field| &field.label)).map(|label| folded(label))
        };
        let Some(fields) = &self.fields else { return false };
        fields.len() == header.len()
            && fields
                .iter()
                .zip(header)
                .all(|(name, (_, text))| name.as_ref().and_then(label) == Some(folded(text)))
    }
}
