//! The keys that the rows of an export have, found by reading them once more: by the same query, the same snapshot, the same
//! rights, through the same masks.

use super::plan::Plan;
use crate::encode::Format;
use crate::error::Result;
use crate::layout::field_output::Written;
use crate::layout::keys::Keys;
use crate::layout::Layout;
use crate::pg::{query, wait};
use crate::value::quote_ident;
use std::collections::HashMap;
use std::ops::ControlFlow;

impl Plan {
    /// The columns of the file. Where they are the keys of the rows, these are read: as the requester, with the snapshot of the
    /// export. `most`: no more of them.
    pub fn layout(&self, format: Format, key: Option<[u8; 32]>, most: Option<u64>) -> Result<Layout> {
        let sought: Vec<usize> = match format {
            Format::Csv | Format::Xlsx => {
                let sought = self.outputs.iter().filter(|take| matches!(take.written, Written::Found));
                sought.map(|take| take.column).collect()
            }
            Format::Ndjson | Format::Json => Vec::new(),
        };
        let found = if sought.is_empty() { HashMap::new() } else { keys(self, &sought, key, most)? };
        Ok(Layout::new(&self.columns, &self.outputs, self.names().clone(), format, found))
    }

    /// The same, without reading: of keys that the rows have there is none.
    pub fn outline(&self, format: Format) -> Layout {
        Layout::new(&self.columns, &self.outputs, self.names().clone(), format, HashMap::new())
    }
}

/// The keys of these columns of a plan, by their places. `most`: rows that are looked at. As the requester.
fn keys(
    plan: &Plan,
    places: &[usize],
    pseudonyms: Option<[u8; 32]>,
    most: Option<u64>,
) -> Result<HashMap<usize, Keys>> {
    let mut found: Vec<Keys> = places.iter().map(|_| Keys::default()).collect();
    let (mut redactor, behind) = plan.redactor_of(places, pseudonyms);
    let read = places.iter().map(|place| plan.columns[*place].name.as_str()).chain(behind);
    let list: Vec<String> = read.map(|name| format!("q.{}", quote_ident(name))).collect();
    let limit = most.map(|most| format!(" LIMIT {}", most.min(i64::MAX as u64))).unwrap_or_default();
    let sql = format!("SELECT {} FROM ({}) AS q{limit}", list.join(", "), plan.unordered_sql);
    let is_secret = |key: &str| plan.names().is_secret(key);
    let mut rows = 0u64;
    query::for_each_row(&sql, &plan.params, false, &mut |cells| {
        redactor.apply(cells, &mut |cells| {
            found.iter_mut().zip(cells).try_for_each(|(keys, cell)| keys.see(cell, &is_secret))
        })?;
        rows += 1;
        if rows.is_multiple_of(1024) {
            wait::interrupted()?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(places.iter().copied().zip(found).collect())
}
