//! Datasets and fields as plain data: what the catalogue tables and the server's catalogues say of them.
//!
//! No server in here; `catalog::load` fills these, `request` checks against them.

use crate::secret::named::{Naming, Role};
use crate::secret::{ColumnType, Family};
use crate::value::listed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A registered relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    pub name: String,
    /// Sheet name and stem of the file name.
    pub title: String,
    /// Oid of the source relation.
    pub source: u32,
    /// The fields that order and identify the rows, one or more. These and the following four are names of fields, not of columns.
    pub key: Vec<String>,
    pub tenant_column: Option<String>,
    /// Setting that carries the tenant of this dataset; None: the one that `acct_export.tenant_setting` names.
    pub tenant_setting: Option<String>,
    /// Oid of the tenant column's collation, if it is a nondeterministic one.
    pub tenant_collation: Option<u32>,
    pub created_column: Option<String>,
    pub updated_column: Option<String>,
    pub status_column: Option<String>,
    pub disabled_values: Vec<String>,
    pub required_roles: Vec<String>,
    /// `schema.function(jsonb)`, as regprocedure prints it with nothing in the search path.
    pub authorize: Option<String>,
    pub companions: Vec<String>,
    /// Fields of companions that hold the dataset's key, in its order, by the companions' names.
    pub matches: BTreeMap<String, Vec<String>>,
    pub policy: Policy,
    pub fields: Vec<Field>,
}

impl Dataset {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// True if a field is the key or a part of it.
    pub fn is_key(&self, field: &str) -> bool {
        self.key.iter().any(|key| key == field)
    }

    /// The fields of the key, as a message names them.
    pub fn key_names(&self) -> String {
        self.key.join(", ")
    }

    /// The fields by position, then by name: the order of an export that names none.
    pub fn in_position(&self) -> Vec<&Field> {
        let mut fields: Vec<&Field> = self.fields.iter().collect();
        fields.sort_by(|a, b| a.position.cmp(&b.position).then_with(|| a.name.cmp(&b.name)));
        fields
    }

    /// Names of the fields that may leave, for a hint; barred ones are not advertised.
    pub fn open_fields(&self) -> String {
        let fields = self.in_position();
        listed(fields.iter().filter(|field| field.barred.is_none()).map(|field| field.name.as_str()))
    }

    /// The column of the source that a field is bound to, by the field's name.
    pub fn column<'a>(&'a self, field: &'a str) -> &'a str {
        self.field(field).map_or(field, |field| field.column.as_str())
    }
}

/// The rules of a dataset for its exports beside rights. None and empty: no such rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// More rows than this wait for a second person.
    pub approve_above: Option<u64>,
    /// The roles that may approve; never empty where there is a number above.
    pub approver_roles: Vec<String>,
    /// Fields that a request has to filter on.
    pub require_filter: Vec<String>,
    pub max_rows: Option<u64>,
    /// Jobs queued or running per tenant.
    pub max_active: Option<u64>,
}

/// A column of the source that was registered as a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name of the field: the column's name when the dataset was registered or refreshed.
    pub name: String,
    /// Name of the column now; of a column that is gone, the last known one.
    pub column: String,
    /// Attribute number of the column in the source; 0: it is gone.
    pub attnum: i16,
    pub label: String,
    pub position: i32,
    pub is_default: bool,
    pub in_group: Option<String>,
    pub on_anonymise: Treatment,
    pub mask: Treatment,
    pub json_path: Option<String>,
    /// The reason why the field never leaves; None: it may.
    pub barred: Option<String>,
    /// It could leave when it was registered: one that is barred since then is no longer what was registered.
    pub eligible: bool,
    /// Text that a view made of JSON: keys and values may be in it.
    pub json_text: bool,
    /// Of a field of values beside names: the names say of each row whether its value is a secret.
    pub named_by: Option<NamedBy>,
    /// Of a field of documents: in csv and xlsx it is written as columns of their keys.
    pub expansion: Option<Expansion>,
    pub ty: Type,
}

/// The columns that name what the values of another one are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBy {
    /// Columns of the source, and how sure it is that they hold names of settings.
    pub columns: Vec<(String, Naming)>,
    /// Of the column of values.
    pub role: Role,
}

/// The keys of a field's documents that become columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expansion {
    /// Those that the rows of an export have.
    Found,
    /// These, in this order.
    Declared(Vec<DeclaredKey>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredKey {
    /// A key, or keys joined by dots.
    pub path: String,
    pub label: Option<String>,
}

/// Type of a field, as far as filters and encoders need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    pub oid: u32,
    /// The type under a domain, and under the domain below that; the same as `oid` of all others.
    pub base: u32,
    /// The output of a value of a type that is not the server's; None: a cast to text prints it.
    pub printed: Option<Printed>,
    /// As `format_type` writes it: `timestamp with time zone`.
    pub name: String,
    pub class: Class,
    /// Element type of an array.
    pub element: Option<Box<Type>>,
    /// The reason why no value of this type leaves: bytea, xml and composite types, under whatever domain or array.
    pub opaque: Option<String>,
}

/// The output function of a type. A cast to text could be somebody's function; this one is what the type was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// With its schema.
    pub function: String,
    /// The type that it prints, domains undone, with its schema.
    pub of: String,
}

impl Type {
    /// A type without anything special about it.
    pub fn plain(oid: u32, name: &str, class: Class) -> Type {
        Type { oid, base: oid, printed: None, name: name.to_owned(), class, element: None, opaque: None }
    }

    /// True if people and programs write its values freely, so that anything may stand in them. Types of others count, and so do
    /// the server's own unless their texts have a grammar that has no room: numbers, times, ids, addresses, ranges, shapes.
    pub fn is_free_text(&self) -> bool {
        match self.class {
            Class::Text | Class::Enum | Class::Json | Class::Jsonb | Class::Hstore => true,
            Class::Array => self.element.as_deref().is_none_or(Type::is_free_text),
            Class::Other => !BOUND.contains(&self.base),
            _ => false,
        }
    }

    /// True if a value is a document, which may have keys.
    pub fn is_document(&self) -> bool {
        matches!(self.class, Class::Json | Class::Jsonb | Class::Hstore)
    }

    /// True if a value, or an element of an array, is a document with keys.
    pub fn is_json(&self) -> bool {
        self.is_document() || self.element.as_deref().is_some_and(Type::is_json)
    }
}

/// The type as the rules about secrets see it.
impl From<&Type> for ColumnType {
    fn from(ty: &Type) -> ColumnType {
        let element = ty.element.as_deref().filter(|_| ty.class == Class::Array);
        let family = match element.map_or(ty.class, |element| element.class) {
            Class::Text => Family::Text,
            Class::Enum => Family::Enum,
            Class::Int => Family::Integer,
            Class::Numeric | Class::Float => Family::Number,
            Class::Bool => Family::Bool,
            Class::Date | Class::Timestamp | Class::Instant => Family::Moment,
            Class::Time | Class::Interval => Family::Span,
            Class::Uuid => Family::Uuid,
            Class::Json | Class::Jsonb | Class::Hstore => Family::Document,
            Class::Array | Class::Other => Family::Other,
        };
        ColumnType { family, is_array: element.is_some(), opaque: ty.opaque.clone() }
    }
}

/// Types whose texts have a grammar of their own (pg_type.dat): money, bit strings, transaction and row ids, places in the write-ahead
/// log, addresses, shapes, ranges and multiranges of numbers and times.
const BOUND: &[u32] = &[
    27, 28, 600, 601, 602, 603, 604, 628, 650, 718, 774, 790, 829, 869, 1560, 1562, 3220, 3904, 3906, 3908,
    3910, 3912, 3926, 4451, 4532, 4533, 4534, 4535, 4536, 5069,
];

/// Families of types that are treated alike. A domain has the class of its base type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// text, varchar, char, name, citext.
    Text,
    /// smallint, integer, bigint, oid.
    Int,
    /// real, double precision.
    Float,
    Numeric,
    Bool,
    Date,
    Timestamp,
    /// timestamp with time zone.
    Instant,
    Time,
    Interval,
    Uuid,
    Enum,
    Json,
    Jsonb,
    /// Of the extension of that name.
    Hstore,
    Array,
    /// bytea and whatever else: exported as the server prints it, compared with `=` only.
    Other,
}

/// The treatment of a value before it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    Keep,
    Redact,
    Pseudonymise,
    Last4,
    Drop,
}
