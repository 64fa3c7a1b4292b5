//! The description of a file that reading it back needs, kept with its job: fields and their paths may be changed later.

use serde::{Deserialize, Deserializer, Serialize};

use crate::value::{Column, Kind};

/// The columns of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The places of the dataset's key; none: the file does not hold all of it, or not as it is.
    #[serde(default, deserialize_with = "places")]
    pub key: Vec<usize>,
    pub columns: Vec<ShapeColumn>,
    /// Sheets of a workbook that hold these rows.
    pub sheets: u32,
    /// The fields of other datasets that a workbook lists, one sheet each, behind its data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Target>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapeColumn {
    pub field: String,
    pub kind: Kind,
    /// Place in a JSON row.
    pub path: Option<String>,
    /// The field that is written as this column and others, by the keys that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

impl Shape {
    pub fn new(columns: &[Column], key: Vec<usize>, sheets: u32) -> Shape {
        let columns = columns.iter().map(|column| ShapeColumn {
            field: column.name.clone(),
            kind: column.kind,
            path: column.json_path.clone(),
            of: None,
        });
        Shape { key, columns: columns.collect(), sheets, references: Vec::new() }
    }
}

/// The places of a key. Version 0.1.0 wrote one place, or null.
fn places<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<usize>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Places {
        One(usize),
        All(Vec<usize>),
    }
    Ok(match Option::<Places>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Places::One(place)) => vec![place],
        Some(Places::All(places)) => places,
    })
}

/// A field of a dataset, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    pub dataset: String,
    pub field: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_each_version_wrote_it() {
        for (key, places) in [("null", vec![]), ("0", vec![0]), ("[]", vec![]), ("[0,2]", vec![0, 2])] {
            let text = format!(r#"{{"key":{key},"columns":[],"sheets":0}}"#);
            let shape: Shape = serde_json::from_str(&text).unwrap();
            assert_eq!(shape.key, places, "{key}");
            let again: Shape = serde_json::from_str(&serde_json::to_string(&shape).unwrap()).unwrap();
            assert_eq!(again, shape);
        }
    }
}
