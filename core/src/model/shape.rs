//! The description of a file that reading it back needs, kept with its job: fields and their paths may be changed later.

use serde::{Deserialize, Serialize};

use crate::value::{Column, Kind};

/// The columns of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The place of the dataset's key; None: the file does not hold it, or not as it is.
    pub key: Option<usize>,
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
    pub fn new(columns: &[Column], key: Option<usize>, sheets: u32) -> Shape {
        let columns = columns.iter().map(|column| ShapeColumn {
            field: column.name.clone(),
            kind: column.kind,
            path: column.json_path.clone(),
            of: None,
        });
        Shape { key, columns: columns.collect(), sheets, references: Vec::new() }
    }
}

/// A field of a dataset, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    pub dataset: String,
    pub field: String,
}
