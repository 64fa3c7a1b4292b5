//! JSON values without their secret keys, at every depth.
//!
//! Most documents have none: they are searched without a tree being built, and the names of keys, which repeat from row to
//! row, are judged once. A document that cannot be searched (deeper than serde_json's 128 levels) does not leave; it does
//! not fail the export either, or a user could stop a whole tenant's exports with an attribute of their own.

use super::shield::REDACTED;
use crate::catalog::secrets::is_secret_name;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::HashMap;

/// Keys seen so far and whether they are secret. Bounded, for documents whose keys are data.
#[derive(Default)]
pub struct Scrubber {
    known: HashMap<String, bool>,
}

/// Keys that are remembered.
const MOST_KEYS: usize = 1024;

impl Scrubber {
    /// The document as it may leave; None: as it is.
    pub fn scrub(&mut self, json: &str) -> Option<String> {
        // A scalar or an array of scalars has no keys.
        if !json.contains('{') {
            return None;
        }
        let redacted = || Some(format!("\"{REDACTED}\""));
        match Search(self).deserialize(&mut serde_json::Deserializer::from_str(json)) {
            Ok(false) => None,
            Ok(true) => match serde_json::from_str::<Value>(json) {
                Ok(mut value) => {
                    drop_secrets(&mut value);
                    Some(value.to_string())
                }
                Err(_) => redacted(),
            },
            Err(_) => redacted(),
        }
    }

    fn is_secret(&mut self, key: &str) -> bool {
        if let Some(secret) = self.known.get(key) {
            return *secret;
        }
        let secret = is_secret_name(key);
        if self.known.len() < MOST_KEYS {
            self.known.insert(key.to_owned(), secret);
        }
        secret
    }
}

fn drop_secrets(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|key, _| !is_secret_name(key));
            object.values_mut().for_each(drop_secrets);
        }
        Value::Array(array) => array.iter_mut().for_each(drop_secrets),
        _ => {}
    }
}

/// Reads a JSON value and tells whether an object in it has a secret key.
struct Search<'k>(&'k mut Scrubber);

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(secret) = map.next_key_seed(Key(self.0))? {
            found |= secret;
            found |= map.next_value_seed(Search(self.0))?;
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(inner) = items.next_element_seed(Search(self.0))? {
            found |= inner;
        }
        Ok(found)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// Reads a key and tells whether it is a secret one.
struct Key<'k>(&'k mut Scrubber);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(self.0.is_secret(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scrub(json: &str) -> String {
        Scrubber::default().scrub(json).unwrap_or_else(|| json.to_owned())
    }

    #[test]
    fn every_element_is_searched_and_cleaned() {
        assert_eq!(scrub(r#"[{"token":1,"a":2},{"password":3,"b":[{"otp":4}]}]"#), r#"[{"a":2},{"b":[{}]}]"#);
        assert_eq!(
            scrub(r#"{"n":1.50,"big":123456789012345678901234567890,"token":0}"#),
            r#"{"n":1.50,"big":123456789012345678901234567890}"#
        );
        assert_eq!(
            scrub(r#"{"$serde_json::private::Number":"1"}"#),
            r#"{"$serde_json::private::Number":"1"}"#
        );
        assert_eq!(scrub(r#" {"a": 1}"#), r#" {"a": 1}"#);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        let key = prop_oneof![Just("password".to_owned()), Just("apiKey".to_owned()), "[a-z]{1,5}"];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The search finds just what the cleaning of a tree drops.
        #[test]
        fn search_and_cleaning_agree(value in json()) {
            let mut clean = value.clone();
            drop_secrets(&mut clean);
            prop_assert_eq!(serde_json::from_str::<Value>(&scrub(&value.to_string())).unwrap(), clean);
        }
    }
}
