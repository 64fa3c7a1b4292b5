//! What is secret by its name or type: the one rule, for columns and for keys of JSON values alike.
//!
//! A name is split into words ([`words`]) and is secret when a word, or two in a row, stand in the list, or when it has a
//! run of words that the DBA added. Dates, booleans and counts tell no secret (`password_changed_at`, `mfa_enabled`,
//! `mfa_factor_count`), which [`Names::column`] knows by type.

use super::model::{Class, Type};
use super::words::{words, ENDS, PAIRS, PARTS, WHOLE, WORDS};
use std::rc::Rc;

/// The names of secrets: the list of this project, and what the DBA added. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Names {
    added: Rc<[Vec<String>]>,
}

impl Names {
    /// The list alone.
    #[cfg(test)]
    pub fn standard() -> Names {
        Names::with(&[])
    }

    /// The list and these names: `employee_badge` bars `employeeBadgeNo` and `employee-badge`. A name without any letter has no
    /// words and adds nothing.
    pub fn with(added: &[String]) -> Names {
        Names { added: added.iter().map(|name| words(name)).filter(|run| !run.is_empty()).collect() }
    }

    /// Whether a name is one of a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        let words = words(name);
        words.iter().any(|word| is_secret_word(word))
            || words.windows(2).any(|pair| PAIRS.iter().any(|(a, b)| pair[0] == *a && pair[1] == *b))
            || matches!(words.as_slice(), [word] if WHOLE.contains(&word.as_str()))
            || self.added.iter().any(|run| {
                words.windows(run.len()).any(|part| part == run.as_slice()) || words.contains(&run.concat())
            })
    }

    /// Why a column never leaves; None: it may.
    pub fn column(&self, name: &str, ty: &Type) -> Option<String> {
        if ty.opaque.is_some() {
            return ty.opaque.clone();
        }
        let tells_nothing = match ty.class {
            Class::Bool | Class::Date | Class::Timestamp | Class::Instant => true,
            Class::Int | Class::Numeric | Class::Float => counts(name) || refers(name),
            Class::Text | Class::Enum => says_what_kind(name),
            _ => false,
        };
        (!tells_nothing && self.is_secret(name))
            .then(|| "its name says that it holds a credential or a secret".to_owned())
    }
}

fn is_secret_word(word: &str) -> bool {
    WORDS.contains(&word)
        || PARTS.iter().any(|part| word.contains(part))
        || ENDS.iter().any(|end| word.ends_with(end))
}

/// Whether a number of this name is a count (`mfa_factor_count`), not the secret itself.
pub fn counts(name: &str) -> bool {
    words(name).iter().any(|word| {
        matches!(
            word.as_str(),
            "count"
                | "counts"
                | "total"
                | "age"
                | "version"
                | "attempts"
                | "attended"
                | "length"
                | "balance"
                | "amount"
                | "sum"
                | "rate"
                | "limit"
                | "quota"
                | "size"
                | "used"
                | "left"
        )
    })
}

/// Whether a number of this name is a row's id or a time (`access_token_id`, `token_used_ts_ms`).
fn refers(name: &str) -> bool {
    const ENDS: &[&str] =
        &["id", "ids", "ts", "ms", "at", "time", "expiry", "expires", "until", "epoch", "seconds"];
    ends_with(name, ENDS)
}

/// Whether a text of this name is a word for a kind of thing (`session_type`, `hash_algorithm`).
fn says_what_kind(name: &str) -> bool {
    ends_with(name, &["type", "kind", "status", "algorithm", "alg", "method"])
}

fn ends_with(name: &str, ends: &[&str]) -> bool {
    words(name).last().is_some_and(|last| ends.contains(&last.as_str()))
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
