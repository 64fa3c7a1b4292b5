//! The text for NULL of a CSV file, found beside the NULLs of the database: the file does not name it.

use std::collections::{HashMap, HashSet};

/// Bytes of such a text, and different ones that are counted.
const MAX_BYTES: usize = 64;
const MAX_TEXTS: usize = 64;
/// Fields that have to hold the text, where all of them are of one column.
const MANY: u32 = 10;

/// A text stands for NULL if it is no value of its field's type and the file has it, and no empty field, for nearly every NULL of
/// the database. Such a text in a field in which the database has a value is still what it is: a wrong value.
#[derive(Default)]
pub struct Nulls {
    found: Option<String>,
    /// An empty field stands for NULL.
    has_empty: bool,
    texts: HashMap<String, Count>,
    total: u32,
}

#[derive(Default)]
struct Count {
    fields: u32,
    places: HashSet<usize>,
    is_unfit: bool,
}

impl Nulls {
    /// An empty field of a type that has no empty value, where the database has NULL.
    pub fn see_empty(&mut self) {
        self.has_empty = true;
    }

    /// A text where the database has NULL; `is_unfit`: it is no value of the field's type.
    pub fn see(&mut self, text: &str, place: usize, is_unfit: bool) {
        self.total = self.total.saturating_add(1);
        let is_counted = self.texts.contains_key(text) || self.texts.len() < MAX_TEXTS;
        if text.len() <= MAX_BYTES && is_counted {
            let count = self.texts.entry(text.to_owned()).or_default();
            count.fields = count.fields.saturating_add(1);
            count.places.insert(place);
            count.is_unfit |= is_unfit;
        }
    }

    /// Decides, once there is such a text.
    pub fn settle(&mut self) {
        if self.has_empty || self.found.is_some() {
            return;
        }
        let most = self.texts.iter().max_by_key(|(_, count)| count.fields);
        let is_null = |count: &Count| {
            let is_common = count.places.len() > 1 || count.fields >= MANY;
            count.is_unfit && is_common && u64::from(count.fields) * 2 > u64::from(self.total)
        };
        self.found = most.filter(|(_, count)| is_null(count)).map(|(text, _)| text.clone());
    }

    pub fn is_null(&self, text: &str) -> bool {
        self.found.as_deref() == Some(text)
    }
}
