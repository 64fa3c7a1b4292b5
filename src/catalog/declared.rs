//! Declarations of superusers as they hold now: exempt and secret columns, secret names, clean functions, shared tables.
//!
//! A declaration is bound to its object, not to a name. The view `acct_export.declared_column` decides which columns one holds for.

use crate::error::Result;
use crate::pg::{identity, sql};
use crate::secret::reasons;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// A column by the OID of its relation and its attribute number.
type ColumnId = (u32, i64);

/// The reason that an exemption was declared for.
#[derive(Debug)]
pub struct Exemption {
    /// The reason of the bar that is lifted.
    pub reason: String,
    /// Of a column of a view: hash of the code that made it.
    pub code: Option<String>,
}

/// All declarations of this database.
#[derive(Debug, Default)]
pub struct Declared {
    exempt: HashMap<ColumnId, Exemption>,
    secret: HashSet<ColumnId>,
    clean: HashSet<u32>,
    shared: HashSet<u32>,
    /// Names that say that a column or a JSON key holds a secret.
    pub names: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    kind: String,
    relation: Option<u32>,
    attnum: Option<i64>,
    function: Option<u32>,
    name: Option<String>,
    definition: Option<String>,
    code: Option<String>,
}

const COLUMNS: &str = "
SELECT json_build_object('kind', kind, 'relation', relation::bigint, 'attnum', attnum, 'definition', definition, 'code', code)
  FROM acct_export.declared_column";

/// Planning the view takes longer than all of this.
const HAS_COLUMNS: &str = "
SELECT 'x' FROM acct_export.declaration WHERE kind IN ('exempt_column', 'secret_column') LIMIT 1";

const OTHERS: &str = "
SELECT json_build_object('kind', kind, 'relation', relation::oid::bigint, 'function', function::bigint, 'name', name)
  FROM acct_export.declaration
 WHERE kind IN ('secret_name', 'shared_table')
    OR kind = 'clean_function' AND definition = acct_export.function_hash(function)
 ORDER BY kind, name";

impl Declared {
    pub fn load() -> Result<Declared> {
        let rows = identity::as_owner(|| -> Result<Vec<Row>> {
            let mut rows = sql::documents(OTHERS, &[])?;
            if sql::text(HAS_COLUMNS, &[])?.is_some() {
                rows.extend(sql::documents(COLUMNS, &[])?);
            }
            Ok(rows)
        })?;
        let mut declared = Declared::default();
        for row in rows {
            let column = row.relation.zip(row.attnum);
            match row.kind.as_str() {
                "exempt_column" => {
                    let exemption = row
                        .definition
                        .map(|reason| Exemption { reason: reasons::current(reason), code: row.code });
                    declared.exempt.extend(column.zip(exemption));
                }
                "secret_column" => declared.secret.extend(column),
                "clean_function" => declared.clean.extend(row.function),
                "shared_table" => declared.shared.extend(row.relation),
                _ => declared.names.extend(row.name),
            }
        }
        Ok(declared)
    }

    /// The exemption of a column.
    pub fn exemption(&self, relation: u32, attnum: i64) -> Option<&Exemption> {
        self.exempt.get(&(relation, attnum))
    }

    /// True if a superuser declared that the column holds a secret.
    pub fn is_secret(&self, relation: u32, attnum: i64) -> bool {
        self.secret.contains(&(relation, attnum))
    }

    /// True if a superuser declared that the function reads nothing but its arguments.
    pub fn is_clean(&self, function: u32) -> bool {
        self.clean.contains(&function)
    }

    /// True if a superuser declared that the table holds no tenant's data.
    pub fn is_shared(&self, relation: u32) -> bool {
        self.shared.contains(&relation)
    }
}
