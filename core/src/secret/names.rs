//! Secrets by their name or type: the one rule, for columns and for keys of JSON values alike.
//!
//! A name is split into words ([`words`]) and is secret when its words say so, in any of the languages that are known, or
//! when it has a run of words that the DBA added. Dates, booleans and counts tell no secret (`password_changed_at`,
//! `mfa_enabled`, `mfa_factor_count`), which [`Names::column`] knows by type.

use super::types::{ColumnType, Family};
use super::words::{words, Words};
use super::{foreign, name, normalise, reasons};
use std::rc::Rc;

/// The names of secrets: the list of this project, and what the DBA added. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Names {
    added: Rc<[Vec<String>]>,
}

impl Names {
    /// The list alone.
    pub fn standard() -> Names {
        Names::with(&[])
    }

    /// The list and these names: `employee_badge` bars `employeeBadgeNo` and `employee-badge`. A name without any letter has no
    /// words and adds nothing.
    pub fn with(added: &[String]) -> Names {
        Names { added: added.iter().map(|name| words(name)).filter(|run| !run.is_empty()).collect() }
    }

    /// True if a name is one of a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        self.judge(name, name::is_secret)
    }

    /// True if a text has the name of a secret in it: a path (`{user,api_key}`, `$.password.type`), options of a column.
    pub fn mentions_secret(&self, text: &str) -> bool {
        const LONGEST: usize = 4;
        let is_separator = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '-');
        let pieces: Vec<&str> = text.split(is_separator).filter(|piece| !piece.is_empty()).collect();
        self.judge(text, name::is_credential)
            || (1..=LONGEST).any(|length| {
                pieces.windows(length).any(|run| self.judge(&run.join(" "), name::is_credential))
            })
    }

    fn judge(&self, name: &str, rule: impl Fn(&Words) -> bool) -> bool {
        let (plain, latin) = normalise::forms(name);
        let by_words = |form: &str| rule(&Words::of_form(form)) || foreign::is_secret(form);
        by_words(&plain) || latin.as_deref().is_some_and(by_words) || self.is_added(&plain)
    }

    /// True if the DBA added this name.
    pub(super) fn adds(&self, name: &str) -> bool {
        self.is_added(&normalise::forms(name).0)
    }

    fn is_added(&self, form: &str) -> bool {
        if self.added.is_empty() {
            return false;
        }
        let words: Vec<&str> = form.split_whitespace().collect();
        self.added.iter().any(|run| {
            words.windows(run.len()).any(|part| part == run.as_slice())
                || words.contains(&run.concat().as_str())
        })
    }

    /// The reason why a column never leaves by its name and type; None: these say nothing.
    pub(super) fn column(&self, name: &str, ty: &ColumnType) -> Option<String> {
        let is_secret = match ty.family {
            _ if ty.opaque.is_some() => return ty.opaque.clone(),
            Family::Bool | Family::Moment | Family::Span | Family::Enum => false,
            Family::Integer | Family::Number => self.judge(name, is_secret_number) && !counts(name),
            Family::Uuid => self.judge(name, is_secret_uuid),
            _ => self.is_secret(name),
        };
        is_secret.then(|| reasons::NAME.to_owned())
    }
}

/// A number is a credential where it is a pin, a code or a password; else it is an id, a count or a time.
fn is_secret_number(words: &Words) -> bool {
    #[rustfmt::skip]
    const NUMBERS: &[&str] = &[
        "pin", "code", "otp", "totp", "password", "passcode", "pass", "pwd", "pw", "pincode", "cvv", "cvc", "passwd",
    ];
    // `access_token` of a number is the id of one.
    const ALONE: &[&str] = &["secret", "token", "salt", "hash"];
    (words.last_is(NUMBERS) && !words.has_any(&["must", "set", "change", "min", "max"])
        || words.len() == 1 && words.last_is(ALONE))
        && name::is_secret(words)
}

/// A uuid is an id, but that of a session, and one that is called by the name of a credential.
fn is_secret_uuid(words: &Words) -> bool {
    if words.last_is(&["id", "uuid", "guid", "uid"]) && words.len() > 1 {
        return words.joined() == "session id";
    }
    name::is_secret(words)
}

/// True if a number of this name is a count (`mfa_factor_count`), not the secret itself.
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

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
