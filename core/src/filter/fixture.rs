//! A dataset with a field of every class, for tests.

use crate::model::{Class, Dataset, Field, Policy, Treatment, Type};

/// The type of a name, with the oid that the server gives it; `ext.` types get one above the built-in ones.
pub fn ty(name: &str) -> Type {
    let (oid, class) = match name {
        "text" => (25, Class::Text),
        "character varying" => (1043, Class::Text),
        "character" => (1042, Class::Text),
        "name" => (19, Class::Text),
        "\"char\"" => (18, Class::Text),
        "ext.citext" => (90_001, Class::Text),
        "integer" => (23, Class::Int),
        "bigint" => (20, Class::Int),
        "double precision" => (701, Class::Float),
        "numeric" => (1700, Class::Numeric),
        "boolean" => (16, Class::Bool),
        "date" => (1082, Class::Date),
        "timestamp without time zone" => (1114, Class::Timestamp),
        "timestamp with time zone" => (1184, Class::Instant),
        "time without time zone" => (1083, Class::Time),
        "interval" => (1186, Class::Interval),
        "uuid" => (2950, Class::Uuid),
        "app.mood" => (90_002, Class::Enum),
        "json" => (114, Class::Json),
        "jsonb" => (3802, Class::Jsonb),
        "bytea" => (17, Class::Other),
        "inet" => (869, Class::Other),
        "point" => (600, Class::Other),
        "box" => (603, Class::Other),
        "ext.hstore" => (90_003, Class::Hstore),
        "ext.cube" => (90_004, Class::Other),
        other => match other.strip_suffix("[]") {
            Some(element) => {
                let element = ty(element);
                let oid = element.oid + 100_000;
                return Type { element: Some(Box::new(element)), ..Type::plain(oid, other, Class::Array) };
            }
            None => panic!("no such type in the fixture: {other}"),
        },
    };
    Type::plain(oid, name, class)
}

/// A field with defaults for what a test does not look at.
pub fn field(name: &str, type_name: &str) -> Field {
    Field {
        name: name.into(),
        column: name.into(),
        attnum: 1,
        label: name.into(),
        position: 0,
        is_default: true,
        in_group: None,
        on_anonymise: Treatment::Keep,
        mask: Treatment::Keep,
        json_path: None,
        barred: None,
        eligible: true,
        json_text: false,
        named_by: None,
        expansion: None,
        ty: ty(type_name),
    }
}

/// Name and type of every field of [`dataset`].
pub const FIELDS: &[(&str, &str)] = &[
    ("id", "bigint"),
    ("email", "text"),
    ("nick", "character varying"),
    ("code", "character"),
    ("login", "name"),
    ("flag", "\"char\""),
    ("handle", "ext.citext"),
    ("age", "integer"),
    ("score", "double precision"),
    ("balance", "numeric"),
    ("active", "boolean"),
    ("born", "date"),
    ("seen", "timestamp without time zone"),
    ("created_at", "timestamp with time zone"),
    ("wakes", "time without time zone"),
    ("quota", "interval"),
    ("uid", "uuid"),
    ("mood", "app.mood"),
    ("attributes", "jsonb"),
    ("raw", "json"),
    ("roles", "text[]"),
    ("aliases", "ext.citext[]"),
    ("logins", "name[]"),
    ("numbers", "integer[]"),
    ("documents", "jsonb[]"),
    ("points", "point[]"),
    ("photo", "bytea"),
    ("address", "inet"),
    ("place", "point"),
    ("area", "box"),
    ("extra", "ext.hstore"),
    ("extras", "ext.hstore[]"),
    ("cube", "ext.cube"),
    ("od\"d name", "text"),
    ("größe", "integer"),
    ("or", "text"),
];

/// A dataset with all of [`FIELDS`], a barred field, and a created column but no updated one.
pub fn dataset() -> Dataset {
    let mut fields: Vec<Field> = FIELDS.iter().map(|(name, type_name)| field(name, type_name)).collect();
    fields.push(Field { barred: Some("it holds a credential".into()), ..field("pin", "text") });
    Dataset {
        name: "users".into(),
        title: "Users".into(),
        source: 16_384,
        key: vec!["id".into()],
        tenant_column: None,
        tenant_setting: None,
        tenant_collation: None,
        created_column: Some("created_at".into()),
        updated_column: None,
        status_column: None,
        disabled_values: Vec::new(),
        required_roles: Vec::new(),
        authorize: None,
        companions: vec!["events".into()],
        matches: Default::default(),
        policy: Policy::default(),
        fields,
    }
}

/// A stand-in for the catalogue's rule about secret keys.
pub fn is_secret(key: &str) -> bool {
    matches!(key, "password" | "token")
}
