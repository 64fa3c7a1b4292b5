//! Datasets and fields as plain data: what the catalogue tables and the server's catalogues say of them.
//!
//! No server in here; `catalog::load` fills these, `request` checks against them.

use serde::{Deserialize, Serialize};

/// A registered relation (contract, section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    pub name: String,
    /// Sheet name and stem of the file name.
    pub title: String,
    /// Oid of the source relation.
    pub source: u32,
    /// Column that orders and identifies the rows.
    pub key: String,
    pub tenant_column: Option<String>,
    pub created_column: Option<String>,
    pub updated_column: Option<String>,
    pub status_column: Option<String>,
    pub disabled_values: Vec<String>,
    pub required_roles: Vec<String>,
    /// `schema.function(jsonb)`, as regprocedure prints it with nothing in the search path.
    pub authorize: Option<String>,
    pub companions: Vec<String>,
    pub policy: Policy,
    pub fields: Vec<Field>,
}

impl Dataset {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// What exports of a dataset need beside rights (contract, section 12). None and empty: no such rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// More rows than this wait for a second person.
    pub approve_above: Option<u64>,
    /// Who that may be; never empty where there is a number above.
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
    /// Name of the field, which is the column's name.
    pub name: String,
    pub label: String,
    pub position: i32,
    pub is_default: bool,
    pub in_group: Option<String>,
    pub on_anonymise: Treatment,
    pub mask: Treatment,
    pub json_path: Option<String>,
    /// Why the field never leaves; None: it may.
    pub barred: Option<String>,
    /// It could leave when it was registered: one that is barred since then is no longer what was registered.
    pub eligible: bool,
    /// Text that a view made of JSON: keys and values may be in it.
    pub json_text: bool,
    /// Of a field of documents: in csv and xlsx it is written as columns of their keys.
    pub expansion: Option<Expansion>,
    pub ty: Type,
}

/// Which keys of a field's documents become columns.
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
    /// How a value of a type that is not the server's is printed; None: it is, and a cast to text does so.
    pub printed: Option<Printed>,
    /// As `format_type` writes it: `timestamp with time zone`.
    pub name: String,
    pub class: Class,
    /// Element type of an array.
    pub element: Option<Box<Type>>,
    /// Why no value of this type leaves: bytea, xml and composite types, under whatever domain or array.
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

    /// Whether a value is a document, which may have keys.
    pub fn is_document(&self) -> bool {
        matches!(self.class, Class::Json | Class::Jsonb | Class::Hstore)
    }

    /// Whether a value, or an element of an array, is a document with keys.
    pub fn is_json(&self) -> bool {
        self.is_document() || self.element.as_deref().is_some_and(Type::is_json)
    }
}

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

/// What happens to a value before it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    Keep,
    Redact,
    Pseudonymise,
    Last4,
    Drop,
}
