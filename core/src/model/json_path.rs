//! Paths into the objects of a JSON field that are columns of their own: `cost_center.code`. Those of a requester (`fields`) and
//! those of a DBA (`acct_export_expand`) alike.

use crate::error::{Error, Result};
use crate::value::shown;

/// Bytes of a path, which is the name of a column, and of a key that becomes one.
pub const LONGEST: usize = 200;

/// Columns that the keys of one field make, and paths that one request may name.
pub const MOST: usize = 1_000;

/// The keys of a path.
///
/// Errors: 22023 for an empty or impossible key, and for a path of more than [`LONGEST`] bytes.
pub fn keys(path: &str) -> Result<Vec<String>> {
    if path.len() > LONGEST {
        return Err(Error::invalid(format!("path {} has more than {LONGEST} bytes", shown(path)))
            .hint("Make a column of it in a view."));
    }
    if path.split('.').any(str::is_empty) || path.chars().any(char::is_control) {
        return Err(Error::invalid(format!("path {} has an empty or invalid key", shown(path)))
            .hint("Write it as keys joined by dots: cost_center.code."));
    }
    Ok(path.split('.').map(str::to_owned).collect())
}

/// 42501 for a path with a key that is the name of a secret.
pub fn no_secret(path: &str, keys: &[String], is_secret: &dyn Fn(&str) -> bool) -> Result<()> {
    let Some(key) = keys.iter().find(|key| is_secret(key)) else { return Ok(()) };
    Err(Error::denied(format!("key {} of path {} is never exported", shown(key), shown(path)))
        .hint("Its name indicates a credential or a secret; leave the path out."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_keys_joined_by_dots() {
        assert_eq!(keys("a").unwrap(), ["a"]);
        assert_eq!(keys("cost center.Code").unwrap(), ["cost center", "Code"]);
        assert!(keys(&"x".repeat(LONGEST)).is_ok());
        for path in ["", ".", "a.", ".a", "a..b", "a\nb", "a\0", &"x".repeat(LONGEST + 1)] {
            assert_eq!(keys(path).unwrap_err().sqlstate(), "22023", "{path:?}");
        }
    }

    #[test]
    fn each_key_is_looked_at() {
        let secret = |key: &str| key == "token";
        assert_eq!(no_secret("a.b", &keys("a.b").unwrap(), &secret), Ok(()));
        let error = no_secret("a.token.b", &keys("a.token.b").unwrap(), &secret).unwrap_err();
        assert_eq!((error.sqlstate(), error.message.contains("\"token\"")), ("42501", true));
    }
}
