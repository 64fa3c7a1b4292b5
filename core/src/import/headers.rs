//! The sheets that hold the rows of a dataset, and the fields of their columns.

use std::collections::{BTreeMap, HashMap};

use crate::encode::xlsx::{folded_sheet_name, sheet_name};
use crate::model::label::folded;
use crate::model::Field;

/// A header's cell: its place, from 0, and its text.
pub type Header = Vec<(u32, String)>;

/// The meaning of a sheet's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// This one of the fields.
    Field(usize),
    /// A field that another column is already.
    Again,
    Unknown,
}

/// Finds the field of each column: by its label, or its name, or its label in another case. Fields of one label are taken in
/// their order, as an export writes them. `labels`: fields that the request gave a label, which is not their name then.
pub fn matched(header: &Header, fields: &[Field], labels: &BTreeMap<String, String>) -> Vec<Match> {
    let mut by_label: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_lower: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, field) in fields.iter().enumerate() {
        by_label.entry(field.label.trim()).or_default().push(index);
        if !labels.contains_key(&field.name) {
            by_name.entry(&field.name).or_default().push(index);
        }
        by_lower.entry(folded(&field.label)).or_default().push(index);
    }
    let mut taken = vec![false; fields.len()];
    let mut matches = Vec::with_capacity(header.len());
    for (_, text) in header {
        let text = text.trim();
        let candidates = by_label
            .get(text)
            .or_else(|| by_name.get(text))
            .or_else(|| by_lower.get(&folded(text)))
            .map_or(&[][..], Vec::as_slice);
        matches.push(match candidates.iter().copied().find(|index| !taken[*index]) {
            Some(index) => {
                taken[index] = true;
                Match::Field(index)
            }
            None if candidates.is_empty() => Match::Unknown,
            None => Match::Again,
        });
    }
    matches
}

/// The places of the sheets that hold rows: those that are named as an export names them; if there are none, those that have the
/// whole key among columns of which most are known. `others` are names of sheets that hold something else.
pub fn data_sheets(
    sheets: &[(String, Header)],
    title: &str,
    fields: &[Field],
    key: &[String],
    others: &[String],
    labels: &BTreeMap<String, String>,
) -> Vec<usize> {
    let is_other =
        |name: &str| others.iter().any(|other| folded_sheet_name(other) == folded_sheet_name(name));
    let open: Vec<usize> = (0..sheets.len()).filter(|index| !is_other(&sheets[*index].0)).collect();
    let named: Vec<usize> = open.iter().copied().filter(|index| is_named(&sheets[*index].0, title)).collect();
    if !named.is_empty() {
        return named;
    }
    let alike = |index: &usize| {
        let matches = matched(&sheets[*index].1, fields, labels);
        let known = matches.iter().filter(|found| matches!(found, Match::Field(_))).count();
        let has = |name: &String| {
            matches.iter().any(|found| matches!(found, Match::Field(index) if fields[*index].name == *name))
        };
        let has_key = key.iter().all(has);
        has_key && known * 2 >= matches.len()
    };
    open.into_iter().filter(alike).collect()
}

/// True if a sheet bears the title, or the title with the number of a further sheet.
fn is_named(name: &str, title: &str) -> bool {
    let number = name.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    let number = number.and_then(|(_, digits)| digits.parse().ok()).unwrap_or(1);
    [1, number].iter().any(|number| folded_sheet_name(&sheet_name(title, *number)) == folded_sheet_name(name))
}
