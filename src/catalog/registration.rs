//! Arguments of a registration: as they are given, and as a whole that is checked and kept.
//!
//! `acct_export_register` states a whole, `acct_export_alter` changes named parts of the one that is kept, and
//! `acct_export_refresh` takes it as it is. Columns of a [`Stated`] are columns of the source now; the table keeps them by the
//! names of their fields, which are the names of the columns at the last registration or refresh.

use super::args::{elements, required};
use crate::error::{Error, Kind, Result};
use crate::pg::{identity, sql, xact};
use crate::value::key_text;
use serde::{Deserialize, Serialize};

/// Arguments as SQL gives them; None is NULL.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Given {
    pub source: Option<u32>,
    pub key: Option<String>,
    pub tenant_column: Option<String>,
    pub created_column: Option<String>,
    pub updated_column: Option<String>,
    pub status_column: Option<String>,
    pub disabled_values: Option<Vec<Option<String>>>,
    pub required_roles: Option<Vec<Option<String>>>,
    /// OID of a function.
    pub authorize: Option<u32>,
    pub title: Option<String>,
    pub companions: Option<Vec<Option<String>>>,
    pub tenant_setting: Option<String>,
}

/// A whole registration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stated {
    pub dataset: String,
    pub source: u32,
    /// Its columns.
    #[serde(with = "key_text::as_text")]
    pub key: Vec<String>,
    pub tenant_column: Option<String>,
    pub created_column: Option<String>,
    pub updated_column: Option<String>,
    pub status_column: Option<String>,
    pub disabled_values: Vec<String>,
    pub required_roles: Vec<String>,
    /// `schema.function(jsonb)`.
    pub authorize: Option<String>,
    /// None: the dataset's name with capitals.
    pub title: Option<String>,
    pub companions: Vec<String>,
    pub tenant_setting: Option<String>,
}

/// A field as it is kept.
#[derive(Debug, Deserialize)]
pub struct Kept {
    pub field: String,
    /// Name of its column now; None: the column is gone, or the source is.
    pub(super) column: Option<String>,
    /// Last known name of its column.
    pub(super) column_name: String,
}

/// A registration that is kept, with its fields.
#[derive(Debug, Deserialize)]
pub struct Registered {
    pub stated: Stated,
    pub fields: Vec<Kept>,
}

/// Arguments that have a default, which `reset` names.
const RESETTABLE: [&str; 10] = [
    "tenant_column",
    "created_column",
    "updated_column",
    "status_column",
    "disabled_values",
    "required_roles",
    "authorize",
    "title",
    "companions",
    "tenant_setting",
];

const REGISTERED: &str = "
SELECT jsonb_build_object(
    'stated', jsonb_build_object(
        'dataset', d.dataset, 'source', d.source::oid::bigint, 'key', d.key, 'tenant_column', d.tenant_column,
        'created_column', d.created_column, 'updated_column', d.updated_column, 'status_column', d.status_column,
        'disabled_values', d.disabled_values, 'required_roles', d.required_roles, 'authorize', d.authorize, 'title', d.title,
        'companions', d.companions, 'tenant_setting', d.tenant_setting),
    'fields', coalesce((
        SELECT jsonb_agg(jsonb_build_object('field', f.field, 'column', a.attname, 'column_name', f.column_name) ORDER BY f.position, f.field)
          FROM acct_export.field f
          LEFT JOIN pg_attribute a
                 ON a.attrelid = d.source::oid AND a.attnum > 0::smallint AND NOT a.attisdropped
                AND CASE WHEN f.relation_oid = d.source::oid THEN a.attnum = f.attnum
                         ELSE f.attnum > 0::smallint AND a.attname = f.column_name::name END
         WHERE f.dataset = d.dataset), '[]'::jsonb))
  FROM acct_export.dataset d
 WHERE d.dataset = $1";

/// The registration of a dataset, as it is now; None: there is none.
pub fn registered(dataset: &str) -> Result<Option<Registered>> {
    xact::with_latest_snapshot(|| identity::as_owner(|| sql::document(REGISTERED, &[dataset.into()])))
}

/// Locks the row of a dataset until the transaction ends, so that two changes at a time do not undo each other.
pub fn hold(dataset: &str) -> Result<()> {
    let lock = "SELECT FROM acct_export.dataset WHERE dataset = $1 FOR UPDATE";
    identity::as_owner(|| sql::run(lock, &[dataset.into()])).map(drop)
}

impl Stated {
    /// A whole of the arguments alone.
    pub fn new(dataset: &str, source: u32, given: &Given) -> Result<Stated> {
        let empty = Stated {
            dataset: dataset.to_owned(),
            source,
            key: vec![required(given.key.as_deref(), "key")?.to_owned()],
            tenant_column: None,
            created_column: None,
            updated_column: None,
            status_column: None,
            disabled_values: Vec::new(),
            required_roles: Vec::new(),
            authorize: None,
            title: None,
            companions: Vec::new(),
            tenant_setting: None,
        };
        empty.with(given)
    }

    /// The same with what is given in its place.
    fn with(self, given: &Given) -> Result<Stated> {
        let text = |given: &Option<String>, kept: Option<String>| given.clone().or(kept);
        let list = |given: &Option<Vec<Option<String>>>, kept: Vec<String>, name: &str| match given {
            None => Ok(kept),
            given => elements(given, name),
        };
        Ok(Stated {
            dataset: self.dataset,
            source: given.source.unwrap_or(self.source),
            key: given.key.clone().map_or(self.key, |key| vec![key]),
            tenant_column: text(&given.tenant_column, self.tenant_column),
            created_column: text(&given.created_column, self.created_column),
            updated_column: text(&given.updated_column, self.updated_column),
            status_column: text(&given.status_column, self.status_column),
            disabled_values: list(&given.disabled_values, self.disabled_values, "disabled_values")?,
            required_roles: list(&given.required_roles, self.required_roles, "required_roles")?,
            authorize: match given.authorize {
                None => self.authorize,
                Some(function) => Some(signature(function)?),
            },
            title: text(&given.title, self.title),
            companions: list(&given.companions, self.companions, "companions")?,
            tenant_setting: text(&given.tenant_setting, self.tenant_setting),
        })
    }
}

impl Stated {
    /// True if a column is the key or one that rows are selected by.
    pub(super) fn names(&self, column: &str) -> bool {
        let named = [&self.tenant_column, &self.created_column, &self.updated_column, &self.status_column];
        self.key.iter().any(|key| key == column) || named.into_iter().flatten().any(|name| name == column)
    }
}

impl Registered {
    /// The whole with columns by their names in the relation `source`.
    pub fn on(&self, source: u32) -> Stated {
        let same = source == self.stated.source;
        let column = |name: &String| {
            let kept = self.fields.iter().find(|kept| kept.field == *name);
            kept.and_then(|kept| kept.name_in(same)).unwrap_or(name).to_owned()
        };
        let stated = self.stated.clone();
        Stated {
            source,
            key: stated.key.iter().map(column).collect(),
            tenant_column: stated.tenant_column.as_ref().map(column),
            created_column: stated.created_column.as_ref().map(column),
            updated_column: stated.updated_column.as_ref().map(column),
            status_column: stated.status_column.as_ref().map(column),
            ..stated
        }
    }

    /// The whole with the named parts changed or set back to their defaults.
    pub fn changed(&self, given: &Given, reset: &[String]) -> Result<Stated> {
        let mut stated = self.on(given.source.unwrap_or(self.stated.source));
        for name in reset {
            let is_given = match name.as_str() {
                "tenant_column" => back(&mut stated.tenant_column, given.tenant_column.is_some()),
                "created_column" => back(&mut stated.created_column, given.created_column.is_some()),
                "updated_column" => back(&mut stated.updated_column, given.updated_column.is_some()),
                "status_column" => back(&mut stated.status_column, given.status_column.is_some()),
                "disabled_values" => back(&mut stated.disabled_values, given.disabled_values.is_some()),
                "required_roles" => back(&mut stated.required_roles, given.required_roles.is_some()),
                "authorize" => back(&mut stated.authorize, given.authorize.is_some()),
                "title" => back(&mut stated.title, given.title.is_some()),
                "companions" => back(&mut stated.companions, given.companions.is_some()),
                "tenant_setting" => back(&mut stated.tenant_setting, given.tenant_setting.is_some()),
                _ => return Err(unknown_reset(name, &RESETTABLE)),
            };
            if is_given {
                return Err(given_and_reset(name));
            }
        }
        stated.with(given)
    }
}

/// Sets a part back to its default.
fn back<T: Default>(part: &mut T, is_given: bool) -> bool {
    *part = T::default();
    is_given
}

/// 22023 for a name in `reset` that is no argument with a default.
pub(super) fn unknown_reset(name: &str, known: &[&str]) -> Error {
    Error::invalid(format!("unknown argument {} in reset", crate::value::shown(name)))
        .hint(format!("Known arguments: {}.", known.join(", ")))
}

/// 22023 for an argument that is given a value and set back at the same time.
pub(super) fn given_and_reset(name: &str) -> Error {
    Error::invalid(format!("argument \"{name}\" is both given and reset"))
        .hint("Name it in reset to set it back to its default, or give it a value.")
}

/// A function as it is kept: by its name and the types of its arguments. 42883 where it does not take one jsonb.
fn signature(function: u32) -> Result<String> {
    let found: Option<(String, bool)> = identity::as_owner(|| {
        sql::document(
            "SELECT jsonb_build_array(format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)),
                        p.pronargs = 1::smallint AND p.proargtypes[0] = 'jsonb'::regtype::oid AND p.prokind = 'f'::\"char\")
               FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = $1::oid",
            &[i64::from(function).into()],
        )
    })?;
    match found {
        Some((signature, true)) => Ok(signature),
        Some((signature, false)) => Err(Error::new(
            Kind::UndefinedFunction,
            format!("function {signature} does not take one argument of type jsonb"),
        )
        .hint("authorize is a function f(request jsonb) that returns boolean: 'schema.f(jsonb)'.")),
        None => {
            Err(Error::new(Kind::UndefinedFunction, format!("function with OID {function} does not exist")))
        }
    }
}
