//! The effect of functions on the values that they are given: the server's own by name, all others by declaration.
//!
//! A function of the server's is harmless unless it stands here: it makes its result of its arguments. Those that look
//! into tables, files, settings or other sessions are not. Where JSON is among the arguments it is the other way round: only
//! those that stand here keep its keys beside their values, so that secret ones can still be found in the result.

/// The kinds of functions, by their provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The server's own.
    BuiltIn,
    /// Declared clean by a superuser, or of a module of the server's that reads no tables.
    Clean,
    /// Somebody's: it could read anything.
    Opaque,
}

/// A function that a view calls.
#[derive(Debug, Clone)]
pub struct Function {
    /// With its schema where it is not the server's.
    pub name: String,
    pub kind: Kind,
}

impl Function {
    /// True if a function of the server's gets its result elsewhere than from its arguments.
    pub fn looks_elsewhere(&self) -> bool {
        let name = self.name.as_str();
        let harmless =
            ["pg_typeof", "pg_size_pretty", "pg_size_bytes", "pg_column_size", "pg_client_encoding"];
        (name.starts_with("pg_") && !harmless.contains(&name))
            || [
                "query_to_",
                "table_to_",
                "cursor_to_",
                "schema_to_",
                "database_to_",
                "lo_",
                "ts_stat",
                "ts_rewrite",
                "binary_upgrade",
            ]
            .iter()
            .any(|start| name.starts_with(start))
            || [
                "current_setting",
                "set_config",
                "loread",
                "obj_description",
                "col_description",
                "shobj_description",
                "current_query",
            ]
            .contains(&name)
    }

    /// True if it picks a value by its key: the key has to be a constant that is no secret's name.
    pub fn picks_by_key(&self) -> bool {
        matches!(
            self.name.as_str(),
            "json_object_field"
                | "json_object_field_text"
                | "jsonb_object_field"
                | "jsonb_object_field_text"
                | "json_extract_path"
                | "json_extract_path_text"
                | "jsonb_extract_path"
                | "jsonb_extract_path_text"
                | "fetchval"
        )
    }

    /// True if it makes columns of keys, whose names the query says.
    pub fn makes_columns_of_keys(&self) -> bool {
        matches!(
            self.name.as_str(),
            "json_to_record" | "jsonb_to_record" | "json_to_recordset" | "jsonb_to_recordset"
        )
    }

    /// True if it compares values as a whole.
    pub fn compares(&self) -> bool {
        const ORDERS: &[&str] = &["text_lt", "text_le", "text_gt", "text_ge", "bttextcmp"];
        self.is_equality() || self.contains() || ORDERS.contains(&self.name.as_str())
    }

    /// True if it asks for equality.
    pub fn is_equality(&self) -> bool {
        const EQUALITIES: &[&str] =
            &["jsonb_eq", "jsonb_ne", "texteq", "textne", "bpchareq", "bpcharne", "array_eq", "array_ne"];
        EQUALITIES.contains(&self.name.as_str())
    }

    /// True if its second argument is a path into the JSON of its first.
    pub fn follows_path(&self) -> bool {
        self.name.starts_with("jsonb_path_")
    }

    /// True if it picks out text, by a key or by a place.
    pub fn picks_text(&self) -> bool {
        matches!(
            self.name.as_str(),
            "json_object_field_text"
                | "jsonb_object_field_text"
                | "json_extract_path_text"
                | "jsonb_extract_path_text"
                | "fetchval"
                | "json_array_element_text"
                | "jsonb_array_element_text"
                | "json_array_elements_text"
                | "jsonb_array_elements_text"
        )
    }

    /// True if it finds a part of a document in it.
    pub fn contains(&self) -> bool {
        matches!(self.name.as_str(), "jsonb_contains" | "jsonb_contained")
    }

    /// True if it gives keys without values, or the kind of a value.
    pub fn gives_keys(&self) -> bool {
        matches!(
            self.name.as_str(),
            "json_object_keys" | "jsonb_object_keys" | "akeys" | "skeys" | "json_typeof" | "jsonb_typeof"
        )
    }

    /// True if all of the JSON that went in comes out with its keys. A trim that is told which characters cuts keys off.
    pub fn keeps_json(&self, arguments: usize) -> bool {
        let name = self.name.as_str();
        KEEPERS.contains(&name) || (TRIMS.contains(&name) && arguments == 1)
    }

    /// True if the small value that it makes of JSON tells nothing of what is in it: sizes, kinds, equality with the whole,
    /// the value itself as a number.
    pub fn tells_little(&self) -> bool {
        SMALL.contains(&self.name.as_str()) || self.keeps_json(1)
    }
}

/// Functions that leave JSON whole, or text with JSON in it.
const KEEPERS: &[&str] = &[
    // to JSON
    "to_json",
    "to_jsonb",
    "row_to_json",
    "array_to_json",
    "json_agg",
    "jsonb_agg",
    "json_agg_strict",
    "jsonb_agg_strict",
    "json_build_array",
    "jsonb_build_array",
    "json_build_object",
    "jsonb_build_object",
    "json_object_agg",
    "jsonb_object_agg",
    "json_object_agg_strict",
    "jsonb_object_agg_strict",
    "json_object_agg_unique",
    "jsonb_object_agg_unique",
    "json_object_agg_unique_strict",
    "jsonb_object_agg_unique_strict",
    // JSON to JSON
    "jsonb_set",
    "jsonb_set_lax",
    "jsonb_insert",
    "jsonb_concat",
    "jsonb_delete",
    "jsonb_delete_path",
    "json_strip_nulls",
    "jsonb_strip_nulls",
    "json_array_element",
    "jsonb_array_element",
    "json_array_elements",
    "jsonb_array_elements",
    "hstore_to_json",
    "hstore_to_jsonb",
    "hs_concat",
    "delete",
    // to text
    "json_array_element_text",
    "jsonb_array_element_text",
    "json_array_elements_text",
    "jsonb_array_elements_text",
    "jsonb_pretty",
    "concat",
    "concat_ws",
    "textcat",
    "textanycat",
    "anytextcat",
    "string_agg",
    "array_to_string",
    "text",
    "varchar",
    "bpchar",
    // as they are
    "array_agg",
    "array_append",
    "array_prepend",
    "array_cat",
    "array_remove",
    "unnest",
    "any_value",
    "min",
    "max",
    "first_value",
    "last_value",
    "nth_value",
    "lag",
    "lead",
];

const TRIMS: &[&str] = &["btrim", "ltrim", "rtrim"];

/// Functions of JSON, or of text out of it, with a small result that does not answer questions about a part.
const SMALL: &[&str] = &[
    "json_array_length",
    "jsonb_array_length",
    "jsonb_exists",
    "jsonb_exists_any",
    "jsonb_exists_all",
    "array_length",
    "array_upper",
    "array_lower",
    "cardinality",
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
];

/// Modules of the server's own distribution whose C functions read nothing but their arguments.
pub const CLEAN_MODULES: &[&str] = &[
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "ltree",
    "pg_trgm",
    "pgcrypto",
    "seg",
    "unaccent",
    "uuid-ossp",
];

/// Types of the server's whose values are too small to tell a secret: numbers, dates, booleans, uuids (pg_type.dat).
pub fn tells_nothing(type_oid: u32) -> bool {
    // The last two are regclass and regtype.
    const SMALL: &[u32] =
        &[2205, 2206, 16, 20, 21, 23, 26, 700, 701, 1700, 1082, 1083, 1114, 1184, 1186, 1266, 2950];
    SMALL.contains(&type_oid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in(name: &str) -> Function {
        Function { name: name.to_owned(), kind: Kind::BuiltIn }
    }

    #[test]
    fn what_looks_elsewhere() {
        for name in [
            "pg_read_file",
            "query_to_xml",
            "table_to_xml_and_xmlschema",
            "lo_get",
            "current_setting",
            "pg_stat_get_activity",
            "ts_stat",
        ] {
            assert!(built_in(name).looks_elsewhere(), "{name}");
        }
        for name in ["lower", "pg_typeof", "log", "lower_inc", "now", "to_json", "age"] {
            assert!(!built_in(name).looks_elsewhere(), "{name}");
        }
    }
}
