//! The columns of the data sheets, or of a CSV file: which fields they are, and which of these are compared.

use crate::error::{Error, Result};
use crate::import::headers::{matched, Header, Match};
use crate::import::info::Info;
use crate::import::problem::{shortened, Problems};
use crate::model::{Dataset, Field, Treatment};
use std::collections::HashMap;

pub struct Columns<'a> {
    dataset: &'a Dataset,
    /// The fields that are compared, by their places in the dataset; those of the key are the first.
    compared: Vec<usize>,
    /// Of each sheet: columns with a header, and the place in `compared` of those that are compared.
    sheets: HashMap<usize, HashMap<u32, Option<usize>>>,
    /// Of each sheet and place in `compared`: the column and its header.
    headers: HashMap<(usize, usize), (usize, String)>,
}

/// 22023 where rows cannot be told apart by what exports show of the key.
pub fn key_can_be_read(dataset: &Dataset) -> Result<()> {
    let is_readable = |name: &String| {
        dataset.field(name).is_some_and(|key| key.barred.is_none() && key.mask == Treatment::Keep)
    };
    if dataset.key.iter().all(is_readable) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "cannot identify rows of dataset \"{}\": its key is masked or cannot be exported",
        dataset.name
    )))
}

impl<'a> Columns<'a> {
    /// Finds the columns, and tells of those that are unknown, missing, there twice or never imported.
    pub fn of(
        dataset: &'a Dataset,
        sheets: &[(String, Header)],
        data: &[usize],
        info: &Info,
        problems: &mut Problems,
    ) -> Columns<'a> {
        let place = |name: &String| dataset.fields.iter().position(|field| field.name == *name);
        let key = dataset.key.iter().filter_map(place).collect();
        let mut columns = Columns { dataset, compared: key, sheets: HashMap::new(), headers: HashMap::new() };
        for sheet in data {
            columns.take(*sheet, &sheets[*sheet].1, info, problems);
        }
        columns
    }

    fn take(&mut self, sheet: usize, header: &Header, info: &Info, problems: &mut Problems) {
        let fields = &self.dataset.fields;
        let matches = matched(header, fields, &info.labels);
        for ((column, text), found) in header.iter().zip(&matches) {
            let text = shortened(text.trim());
            let mut tell =
                |problem: String| problems.add(Some(sheet), None, Some((*column as usize, &text)), problem);
            let mut place = None;
            match found {
                // It may be a key of a field that is written as columns, which are not compared.
                Match::Unknown if fields.iter().any(|field| field.expansion.is_some()) => {}
                Match::Unknown => tell(format!("is not a column of dataset \"{}\"", self.dataset.name)),
                Match::Again => tell("occurs more than once; only the first one is read".to_owned()),
                Match::Field(index) if fields[*index].expansion.is_some() => {}
                Match::Field(index) => match ignored(&fields[*index]) {
                    Some(why) => tell(format!("is never imported: {why}")),
                    None => place = Some(self.place_of(*index)),
                },
            }
            if let Some(place) = place {
                self.headers.insert((sheet, place), (*column as usize, text));
            }
            self.sheets.entry(sheet).or_default().insert(*column, place);
        }
        let is_there = |index: usize| matches.contains(&Match::Field(index));
        for (index, field) in fields.iter().enumerate() {
            // Its columns are its keys.
            if field.expansion.is_some() {
                continue;
            }
            let was_exported = match info.fields.is_empty() {
                true => field.is_default && field.barred.is_none(),
                false => info.fields.contains(&field.name),
            };
            let is_key = self.dataset.is_key(&field.name);
            if (was_exported || is_key) && !is_there(index) {
                // Behind the columns that are there.
                let place = Some((16_384 + index, field.label.as_str()));
                let why = if is_key {
                    "the column is missing, which identifies the rows"
                } else {
                    "the column is missing"
                };
                problems.add(Some(sheet), None, place, why);
            }
        }
    }

    fn place_of(&mut self, index: usize) -> usize {
        self.compared.iter().position(|known| *known == index).unwrap_or_else(|| {
            self.compared.push(index);
            self.compared.len() - 1
        })
    }

    /// The fields that are compared, in their order.
    pub fn fields(&self) -> impl Iterator<Item = &'a Field> + '_ {
        let fields: &'a [Field] = &self.dataset.fields;
        self.compared.iter().filter_map(|index| fields.get(*index))
    }

    /// The number of fields of the key, which come first.
    pub fn key_width(&self) -> usize {
        self.dataset.key.len()
    }

    /// True if a sheet has the column of a place.
    pub fn has(&self, sheet: usize, place: usize) -> bool {
        self.headers.contains_key(&(sheet, place))
    }

    pub fn width(&self) -> usize {
        self.compared.len()
    }

    /// The target of each of a sheet's columns; None: the column is ignored.
    pub fn places(&self, sheet: usize) -> HashMap<u32, Option<usize>> {
        self.sheets.get(&sheet).cloned().unwrap_or_default()
    }

    /// The column of a sheet and its header; the field's label where the sheet has it not.
    pub fn shown(&self, sheet: usize, place: usize) -> (usize, &str) {
        let label = || self.fields().nth(place).map_or("", |field| field.label.as_str());
        self.headers
            .get(&(sheet, place))
            .map_or_else(|| (0, label()), |(column, header)| (*column, header.as_str()))
    }
}

/// The reason why a field's column is ignored.
fn ignored(field: &Field) -> Option<String> {
    match &field.barred {
        Some(reason) => Some(reason.clone()),
        None if field.mask != Treatment::Keep => Some("its values are masked in exports".to_owned()),
        None => None,
    }
}
