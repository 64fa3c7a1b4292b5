//! The query of the dataset, held to the keys of a file.

use super::super::session_read::Reading;
use crate::encode::Order;
use crate::model::Class;
use crate::model::ExportRequest;
use crate::source::order_by::Form;
use crate::source::plan::{self, Plan};
use serde_json::json;
use std::collections::HashMap;

/// Keys that are looked up one by one; for more the whole dataset is read.
const FEW: usize = 1_000;
/// Bytes of such keys, well below what a filter may have.
const SHORT: usize = 256 * 1024;

/// The query held to the file's keys, so that an index serves; None: there are too many, or the server may compare them
/// otherwise than as these texts.
pub fn narrowed(reading: &Reading, asked: &ExportRequest, by_key: &HashMap<String, usize>) -> Option<Plan> {
    let key = reading.loaded.dataset.field(&reading.loaded.dataset.key)?;
    // A text with line breaks was tidied; one that looks like a document equals nothing in a filter.
    let is_plain = |text: &String| {
        let begins = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
        !text.contains('\n') && !text.ends_with('…') && !begins.starts_with(['{', '[', '"'])
    };
    let bytes: usize = by_key.keys().map(String::len).sum();
    let is_few = by_key.len() <= FEW && bytes <= SHORT;
    if !is_few
        || !matches!(key.ty.class, Class::Text | Class::Int | Class::Uuid)
        || !by_key.keys().all(is_plain)
    {
        return None;
    }
    let keys: Vec<&String> = by_key.keys().collect();
    let asked =
        ExportRequest { filter: Some(json!({ (key.name.as_str()): { "in": keys } })), ..asked.clone() };
    // All is read where the filter language cannot express the condition.
    plan::build(&reading.loaded, &asked, &reading.context, &Form::in_order(Order::None), None).ok()
}
