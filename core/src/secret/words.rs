//! Names in words.

use super::normalise;
use super::vocabulary;

/// Lower-case words of a snake_case, kebab-case or camelCase name: split at whatever is no letter and at changes of case.
pub fn words(name: &str) -> Vec<String> {
    normalise::forms(name).0.split_whitespace().map(str::to_owned).collect()
}

/// The words of a name as the rules see them: compounds apart, singular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words(Vec<String>);

impl Words {
    /// Of a name in one of the forms that `normalise` gives.
    pub fn of_form(form: &str) -> Words {
        let mut words = Vec::new();
        for word in form.split_whitespace() {
            match vocabulary::segments(word) {
                Some(parts) => words.extend(parts.iter().map(|part| singular(part))),
                None => words.push(singular(word)),
            }
        }
        Words(words)
    }

    /// Of a name.
    pub fn of(name: &str) -> Words {
        Words::of_form(&normalise::forms(name).0)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    pub fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    pub fn has(&self, word: &str) -> bool {
        self.iter().any(|own| own == word)
    }

    pub fn has_any(&self, list: &[&str]) -> bool {
        self.iter().any(|own| list.contains(&own))
    }

    pub fn last_is(&self, list: &[&str]) -> bool {
        list.contains(&self.last())
    }

    /// The name is this one word.
    pub fn is(&self, word: &str) -> bool {
        self.0.len() == 1 && self.first() == word
    }

    /// Two words in a row.
    pub fn has_pair(&self, first: &str, second: &str) -> bool {
        self.0.windows(2).any(|pair| pair[0] == first && pair[1] == second)
    }

    /// The word before the first that is `word`.
    pub fn before(&self, word: &str) -> Option<&str> {
        let at = self.0.iter().position(|own| own == word)?;
        self.0.get(at.checked_sub(1)?).map(String::as_str)
    }

    /// The word after the last that is `word`; None: none of them is, or it is the last.
    pub fn after(&self, word: &str) -> Option<&str> {
        let at = self.0.iter().rposition(|own| own == word)?;
        self.0.get(at + 1).map(String::as_str)
    }

    /// All words but the last, joined.
    pub fn stem(&self) -> String {
        self.0.split_last().map_or(String::new(), |(_, rest)| rest.join(" "))
    }

    /// All words, joined.
    pub fn joined(&self) -> String {
        self.0.join(" ")
    }
}

/// The singular of an English plural.
fn singular(word: &str) -> String {
    if matches!(word, "pkcs" | "jks") {
        return word.to_owned();
    }
    if matches!(word, "ids" | "ips" | "uris") {
        return word[..word.len() - 1].to_owned();
    }
    let keep = ["ss", "us", "is", "as", "os", "ns", "ms"];
    if word.len() <= 3
        || !word.ends_with('s')
        || keep.iter().any(|end| word.ends_with(end)) && !is_plural(word)
    {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for end in ["sses", "shes", "xes"] {
        if word.ends_with(end) {
            return word[..word.len() - 2].to_owned();
        }
    }
    word[..word.len() - 1].to_owned()
}

/// Plurals whose ends look like those of singulars: `tokens`, `claims`.
fn is_plural(word: &str) -> bool {
    [
        "ens", "ons", "ins", "ans", "erns", "igns", "ims", "oms", "ams", "rms", "hms", "ems", "eas", "ias",
        "itos",
    ]
    .iter()
    .any(|end| word.ends_with(end))
        && !matches!(word, "alias" | "bias" | "atlas" | "lens" | "canvas")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_become_singulars() {
        for (word, wanted) in [
            ("tokens", "token"),
            ("keys", "key"),
            ("policies", "policy"),
            ("hashes", "hash"),
            ("sessions", "session"),
            ("access", "access"),
            ("status", "status"),
            ("address", "address"),
            ("pass", "pass"),
            ("sms", "sms"),
            ("sas", "sas"),
            ("alias", "alias"),
            ("claims", "claim"),
            ("passes", "pass"),
            ("ids", "id"),
        ] {
            assert_eq!(singular(word), wanted);
        }
    }
}
