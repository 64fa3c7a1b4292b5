//! The query of the dataset, held to the keys of a file.

use super::super::session_read::Reading;
use super::keys::Keys;
use crate::encode::Order;
use crate::model::Class;
use crate::model::ExportRequest;
use crate::source::order_by::Form;
use crate::source::plan::{self, Plan};
use crate::value::key_text;
use crate::value::uuid::is_uuid;
use serde_json::{json, Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Keys that are looked up one by one; for more all rows between the first and the last are read, or the whole dataset.
const FEW: usize = 1_000;
/// Bytes of such keys, well below what a filter may have.
const SHORT: usize = 256 * 1024;

/// The query held to the file's keys, so that an index serves; None: there are too many, or the server may compare them
/// otherwise than as these texts. Of a key of several columns each is held to its values: other rows may come, too.
pub fn narrowed(
    reading: &Reading,
    asked: &ExportRequest,
    keys: &[Cow<'_, str>],
    equality: &Keys,
) -> Option<Plan> {
    let dataset = &reading.loaded.dataset;
    let bytes: usize = keys.iter().map(|key| key.len()).sum();
    if keys.len() > FEW || bytes > SHORT {
        return held_to(reading, asked, between(reading, keys)?);
    }
    let mut columns: Vec<BTreeSet<Cow<'_, str>>> = vec![BTreeSet::new(); dataset.key.len()];
    for key in keys {
        for (column, value) in columns.iter_mut().zip(key_text::values(key, dataset.key.len())?) {
            column.insert(value);
        }
    }
    let mut filter = Map::new();
    for (index, (name, values)) in dataset.key.iter().zip(columns).enumerate() {
        let ty = &dataset.field(name)?.ty;
        let is_exact =
            matches!(ty.class, Class::Text | Class::Int | Class::Uuid) && equality.can_be_filtered(index, ty);
        if is_exact && values.iter().all(|value| is_plain(value)) {
            filter.insert(name.clone(), json!({ "in": values }));
        }
    }
    held_to(reading, asked, filter)
}

/// The first and the last of keys that are in one order here and on the server: a file that is in the order of the key is read in pieces.
fn between(reading: &Reading, keys: &[Cow<'_, str>]) -> Option<Map<String, Value>> {
    let dataset = &reading.loaded.dataset;
    let [name] = dataset.key.as_slice() else { return None };
    let (first, last) = match dataset.field(name)?.ty.class {
        Class::Int => {
            let keys: Option<Vec<i64>> = keys.iter().map(|key| key.parse().ok()).collect();
            let keys = keys?;
            (keys.iter().min()?.to_string(), keys.iter().max()?.to_string())
        }
        Class::Uuid => {
            // As texts they are in the order of their values.
            if !keys.iter().all(|key| is_uuid(key)) {
                return None;
            }
            (keys.iter().min()?.to_string(), keys.iter().max()?.to_string())
        }
        _ => return None,
    };
    Some(Map::from_iter([(name.clone(), json!({ "ge": first, "le": last }))]))
}

fn held_to(reading: &Reading, asked: &ExportRequest, filter: Map<String, Value>) -> Option<Plan> {
    if filter.is_empty() {
        return None;
    }
    let asked = ExportRequest { filter: Some(filter.into()), ..asked.clone() };
    // All is read where the filter language cannot express the condition.
    plan::build(&reading.loaded, &asked, &reading.context, &Form::in_order(Order::None), None).ok()
}

/// True of a text that a filter compares as it stands in the file: one with line breaks was tidied, and one that looks like a document
/// equals nothing in a filter.
fn is_plain(text: &str) -> bool {
    let begins = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    !text.contains('\n') && !text.ends_with('…') && !begins.starts_with(['{', '[', '"'])
}
