//! Rows of names and values in a table: the name in the row says what the value is (`smtp.password`).
//!
//! The roles of the columns are those by which values are redacted at run time ([`named`](super::named)).

use super::named::{role, Naming, Role};
use super::words::Words;

/// Pairs of columns (name, value) of one table, for each column of values that stands beside one of names: `key` and
/// `value`, `meta_key` and `meta_value`.
pub fn pairs<'a>(columns: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let of = |wanted: fn(Role) -> bool| columns.iter().copied().filter(move |column| wanted(role(column)));
    let mut names: Vec<&str> = of(|role| role == Role::Name(Naming::Setting))
        .chain(of(|role| role == Role::Name(Naming::Any)))
        .collect();
    // An id is a name only where nothing else is.
    names.sort_by_key(|name| Words::of(name).last() == "id");
    let name_of = |value: &str| {
        let stem = Words::of(value).stem();
        let same = names.iter().find(|name| Words::of(name).stem() == stem);
        same.or(names.first()).copied()
    };
    of(|role| role == Role::Value).filter_map(|value| Some((name_of(value)?, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_beside_a_name() {
        assert_eq!(pairs(&["realm_id", "name", "value"]), [("name", "value")]);
        assert_eq!(pairs(&["id", "name", "value"]), [("name", "value")]);
        assert_eq!(pairs(&["id", "value"]), [("id", "value")]);
        assert_eq!(pairs(&["Value", "Key"]), [("Key", "Value")]);
        assert_eq!(pairs(&["type", "name", "value"]), [("type", "value")]);
        assert_eq!(pairs(&["user_id", "type", "meta_key", "meta_value"]), [("meta_key", "meta_value")]);
        assert_eq!(pairs(&["appid", "configkey", "configvalue"]), [("configkey", "configvalue")]);
        assert_eq!(pairs(&["option_name", "option_value"]), [("option_name", "option_value")]);
        assert_eq!(pairs(&["setting_key", "value"]), [("setting_key", "value")]);
        assert_eq!(pairs(&["name", "serialized_value"]), [("name", "serialized_value")]);
        assert_eq!(pairs(&["user_ref", "value"]), []);
        assert_eq!(pairs(&["name", "email"]), []);
    }
}
