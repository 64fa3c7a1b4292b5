//! The keys of rows by the equality of the key's own columns: `Anna` and `anna` are one key of citext.

use crate::error::Result;
use crate::model::{Class, Dataset, Type};
use crate::pg::equal_text::EqualText;
use crate::value::key_text;

/// One for each column of the key; None: its texts are equal only if they are the same.
pub struct Keys(Vec<Option<EqualText>>);

impl Keys {
    /// Of this dataset, within the transaction.
    pub fn of(dataset: &Dataset) -> Keys {
        let equality = |name: &String| {
            let field = dataset.field(name).filter(|field| field.ty.class == Class::Text)?;
            EqualText::of(dataset.source, field.attnum)
        };
        Keys(dataset.key.iter().map(equality).collect())
    }

    /// True if keys are equal only if their texts are.
    pub fn are_exact(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// True if a filter on this column of the key finds what is equal: the filters' own equality is not that of a domain.
    pub fn can_be_filtered(&self, column: usize, ty: &Type) -> bool {
        self.0.get(column).is_none_or(Option::is_none) || ty.oid == ty.base
    }

    /// A text that is the same for each spelling of a key.
    pub fn canonical(&mut self, key: String) -> Result<String> {
        if self.are_exact() {
            return Ok(key);
        }
        let width = self.0.len();
        let Some(values) = key_text::values(&key, width) else { return Ok(key) };
        let mut equal = Vec::with_capacity(width);
        for (value, equality) in values.iter().zip(&mut self.0) {
            equal.push(match equality {
                Some(equality) => equality.key(value)?,
                None => value.to_string(),
            });
        }
        Ok(key_text::joined(&equal.iter().map(String::as_str).collect::<Vec<_>>()).into_owned())
    }
}
