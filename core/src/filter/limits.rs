//! Limits on a filter document, measured before anything walks it recursively; and the way from its text to the tree.
//!
//! The walk keeps its own stack, so a document of any depth is refused rather than overflowing the backend's
//! stack.

use crate::error::{Error, Kind, Result};
use serde_json::Value;

/// Levels of objects and arrays, the outermost being the first.
pub const MAX_DEPTH: usize = 64;

/// Operators applied to fields; a list of `in` counts once.
pub const MAX_CONDITIONS: usize = 1_000;

/// Bytes of all keys, strings and numbers, with one for each value: about what the document takes as compact
/// text.
pub const MAX_BYTES: usize = 1_048_576;

/// Parses a JSON argument that the server has read already, so that nothing but its depth can be wrong with it. What the
/// parser takes (127 levels) and `weigh` does not is refused there, after the caller's rights were looked at.
pub fn read(name: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|_| too_deep(name))
}

/// Refuses a document that is too deep or too large (54000).
pub fn weigh(document: &Value) -> Result<()> {
    let mut bytes = 0usize;
    let mut waiting = vec![(document, 1usize)];
    while let Some((value, depth)) = waiting.pop() {
        bytes += 1;
        match value {
            Value::Object(object) => {
                within_depth(depth)?;
                bytes += object.keys().map(String::len).sum::<usize>();
                waiting.extend(object.values().map(|value| (value, depth + 1)));
            }
            Value::Array(items) => {
                within_depth(depth)?;
                waiting.extend(items.iter().map(|value| (value, depth + 1)));
            }
            Value::String(text) => bytes += text.len(),
            Value::Number(number) => bytes += number.as_str().len(),
            Value::Null | Value::Bool(_) => {}
        }
        within_bytes(bytes)?;
    }
    Ok(())
}

/// 54000 over [`MAX_BYTES`].
pub fn within_bytes(bytes: usize) -> Result<()> {
    if bytes > MAX_BYTES {
        return Err(too_large("the filter"));
    }
    Ok(())
}

/// 54000 with more than [`MAX_CONDITIONS`].
pub fn within_conditions(count: usize) -> Result<()> {
    if count > MAX_CONDITIONS {
        return Err(limit(format!("the filter has more than {MAX_CONDITIONS} conditions"))
            .hint("Use \"in\" with a list instead of one condition per value."));
    }
    Ok(())
}

/// 54000 for a path of more than [`MAX_DEPTH`] keys: no document that could be exported is deeper by far.
pub fn within_path(keys: usize) -> Result<()> {
    if keys > MAX_DEPTH {
        return Err(limit(format!("a path in the filter has more than {MAX_DEPTH} keys"))
            .hint("Name the keys from the field down to the value."));
    }
    Ok(())
}

/// 54000 for more than [`MAX_DEPTH`] levels.
pub fn within_depth(depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(too_deep("the filter"));
    }
    Ok(())
}

fn too_deep(name: &str) -> Error {
    limit(format!("{name} is nested deeper than {MAX_DEPTH} levels"))
        .hint("Flatten it: keys of one object are joined by AND already.")
}

/// 54000.
pub fn too_large(name: &str) -> Error {
    limit(format!("{name} is larger than 1 MB"))
        .hint("Shorten its lists; a large set of values belongs in a table that the view joins.")
}

fn limit(message: impl Into<String>) -> Error {
    Error::new(Kind::ProgramLimitExceeded, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "not": inner }))
    }

    #[test]
    fn depth() {
        assert_eq!(weigh(&nested(MAX_DEPTH)), Ok(()));
        let error = weigh(&nested(MAX_DEPTH + 1)).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "54000");
        assert_eq!(error.message, "the filter is nested deeper than 64 levels");
    }

    #[test]
    fn a_text_of_any_depth_is_read_or_refused() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read("the filter", &nested(127)).is_ok());
        for levels in [128, 10_000, 1_000_000] {
            let error = read("the filter", &nested(levels)).unwrap_err();
            assert_eq!(
                (error.sqlstate(), error.message.as_str()),
                ("54000", "the filter is nested deeper than 64 levels")
            );
        }
        // Numbers of any size are kept.
        let long = "1".repeat(400);
        assert_eq!(read("the filter", &long).unwrap().to_string(), long);
    }

    #[test]
    fn size_counts_keys_strings_numbers_and_values() {
        assert_eq!(weigh(&json!({ "email": "x".repeat(MAX_BYTES - 100) })), Ok(()));
        let long: Value = serde_json::from_str(&"9".repeat(MAX_BYTES + 1)).unwrap();
        for document in [
            json!({ "email": "x".repeat(MAX_BYTES) }),
            json!({ "x".repeat(MAX_BYTES): 1 }),
            json!({ "id": vec![1; MAX_BYTES] }),
            json!({ "id": long }),
        ] {
            let error = weigh(&document).unwrap_err();
            assert_eq!(error.kind.sqlstate(), "54000");
            assert_eq!(error.message, "the filter is larger than 1 MB");
        }
    }
}
