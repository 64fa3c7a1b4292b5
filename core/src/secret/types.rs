//! Types of columns, in the families that the rules distinguish.

/// Type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    pub family: Family,
    /// An array; `family` is that of its elements.
    pub is_array: bool,
    /// The reason why no value of this type leaves, whatever the column's name; None: values of this type can leave.
    pub opaque: Option<String>,
}

/// Families of types that are treated alike. A domain has the family of its base type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// text, varchar, char, name, citext.
    Text,
    Enum,
    /// smallint, integer, bigint, oid.
    Integer,
    /// numeric, real, double precision.
    Number,
    Bool,
    /// date, timestamp, timestamptz.
    Moment,
    /// time, interval.
    Span,
    Uuid,
    /// json, jsonb, hstore.
    Document,
    Bytes,
    Other,
}

impl ColumnType {
    /// A type of this family, no array.
    pub fn plain(family: Family) -> ColumnType {
        ColumnType { family, is_array: false, opaque: None }
    }

    /// The type of a name as PostgreSQL writes it: `character varying(40)`, `text[]`. What is not a type of the server is
    /// taken for an enum.
    pub fn from_sql(name: &str) -> ColumnType {
        let is_array = name.ends_with("[]") || name == "ARRAY";
        let base = name.trim_end_matches("[]");
        let base = base.split('(').next().unwrap_or(base).trim();
        let family = match base {
            "smallint" | "integer" | "bigint" | "oid" | "int" | "serial" | "bigserial" => Family::Integer,
            "numeric" | "real" | "double precision" | "money" | "decimal" => Family::Number,
            "boolean" | "bool" => Family::Bool,
            "uuid" => Family::Uuid,
            "json" | "jsonb" | "hstore" => Family::Document,
            "bytea" => Family::Bytes,
            "interval" => Family::Span,
            "text" | "character varying" | "character" | "varchar" | "char" | "bpchar" | "citext"
            | "name" => Family::Text,
            "inet" | "cidr" | "macaddr" | "tsvector" | "point" | "bit" => Family::Other,
            _ if base == "date" || base.starts_with("timestamp") => Family::Moment,
            _ if base.starts_with("time") => Family::Span,
            _ => Family::Enum,
        };
        let opaque = (family == Family::Bytes).then(|| "type bytea may hold a secret".to_owned());
        ColumnType { family, is_array, opaque }
    }

    /// A value of this type is no credential: a moment, a yes or no, a member of a list.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self.family, Family::Bool | Family::Moment | Family::Span | Family::Enum)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self.family, Family::Integer | Family::Number)
    }

    pub(super) fn is_document(&self) -> bool {
        self.family == Family::Document
    }

    pub(super) fn is_uuid(&self) -> bool {
        self.family == Family::Uuid
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.family, Family::Text | Family::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_their_names() {
        for (name, family, is_array) in [
            ("character varying(255)", Family::Text, false),
            ("text[]", Family::Text, true),
            ("timestamp(6) without time zone", Family::Moment, false),
            ("time with time zone", Family::Span, false),
            ("bigint", Family::Integer, false),
            ("numeric(10,2)", Family::Number, false),
            ("jsonb", Family::Document, false),
            ("citext", Family::Text, false),
        ] {
            let ty = ColumnType::from_sql(name);
            assert_eq!((ty.family, ty.is_array), (family, is_array), "{name}");
        }
        assert!(ColumnType::from_sql("bytea").opaque.is_some());
    }
}
