//! What superusers have declared beside what names and types say: exempt and secret columns, secret names, clean
//! functions, shared tables.

use crate::error::Result;
use crate::pg::{identity, sql};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// All declarations of this database.
#[derive(Debug, Default)]
pub struct Declared {
    /// The reason of the bar that is lifted.
    exempt: HashMap<(u32, String), String>,
    secret: HashSet<(u32, String)>,
    clean: HashSet<u32>,
    shared: HashSet<u32>,
    /// Names that say that a column or a JSON key holds a secret.
    pub names: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    kind: String,
    relation: Option<u32>,
    column_name: Option<String>,
    function: Option<u32>,
    name: Option<String>,
    definition: Option<String>,
}

const ALL: &str = "
SELECT json_build_object('kind', kind, 'relation', relation::oid::bigint, 'column_name', column_name,
                         'function', function::oid::bigint, 'name', name, 'definition', definition)
  FROM acct_export.declaration
 WHERE kind <> 'clean_function' OR definition = acct_export.function_hash(function::oid)
 ORDER BY kind, name";

impl Declared {
    pub fn load() -> Result<Declared> {
        let rows: Vec<Row> = identity::as_owner(|| sql::documents(ALL, &[]))?;
        let mut declared = Declared::default();
        for row in rows {
            let column = row.relation.zip(row.column_name);
            match row.kind.as_str() {
                "exempt_column" => declared.exempt.extend(column.zip(row.definition)),
                "secret_column" => declared.secret.extend(column),
                "clean_function" => declared.clean.extend(row.function),
                "shared_table" => declared.shared.extend(row.relation),
                _ => declared.names.extend(row.name),
            }
        }
        Ok(declared)
    }

    /// The reason why a column would never leave, which a superuser set aside.
    pub fn lifted(&self, relation: u32, column: &str) -> Option<&str> {
        if self.exempt.is_empty() {
            return None;
        }
        self.exempt.get(&(relation, column.to_owned())).map(String::as_str)
    }

    /// Whether a column holds a secret although nothing says so.
    pub fn is_secret(&self, relation: u32, column: &str) -> bool {
        !self.secret.is_empty() && self.secret.contains(&(relation, column.to_owned()))
    }

    /// Whether a function reads nothing but its arguments.
    pub fn is_clean(&self, function: u32) -> bool {
        self.clean.contains(&function)
    }

    /// Whether a table holds no tenant's data.
    pub fn is_shared(&self, relation: u32) -> bool {
        self.shared.contains(&relation)
    }
}
