//! SCIM filter strings (RFC 7644, section 3.4.2.2) as filter documents.
//!
//! ```text
//! filter    = all *("or" all)                       all = one *("and" one)
//! one       = ["not"] "(" filter ")"  |  path test  |  path "[" filter "]" ["." path [test]]
//! test      = "pr"  |  operator (string | number | "true" | "false" | "null")
//! path      = [urn ":"] name *("." name)
//! ```
//!
//! `not` binds closest, then `and`, then `or`. A little wider than the RFC, as clients are: a key may follow a value path,
//! white space may be more or none. The URN, a schema's name, is left out. What holds: of what was typed nothing stands in
//! a message but its place; the stack is bounded by the depth of parentheses. Names are looked up where the document is used.
//!
//! Crates for this know no path deeper than `name.familyName` and no key behind a value path, or no precedence.

use super::ast::Operator;
use super::limits::{weigh, within_bytes, within_conditions, within_depth};
use crate::error::{Error, Result};
use crate::model::personal::is_id;
use serde_json::{json, Number, Value};
use Operator::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Pr, Sw};

/// Operators of a SCIM string.
const OPERATORS: [Operator; 10] = [Eq, Ne, Co, Sw, Ew, Pr, Gt, Ge, Lt, Le];

/// Reads a SCIM filter string.
///
/// Errors: 22023 with the place of a mistake, 54000 over a limit of filter documents.
pub fn document(text: &str) -> Result<Value> {
    within_bytes(text.len())?;
    let mut reader = Reader { text, at: 0, depth: 0, conditions: 0 };
    let document = reader.filter()?;
    if reader.at < text.len() {
        return Err(reader.expected("\"and\", \"or\" or the end", reader.at));
    }
    weigh(&document)?;
    Ok(document)
}

struct Reader<'t> {
    text: &'t str,
    /// Byte where the reading goes on.
    at: usize,
    depth: usize,
    conditions: usize,
}

impl<'t> Reader<'t> {
    /// Reads to the first thing that does not belong to it, white space passed over.
    fn filter(&mut self) -> Result<Value> {
        let mut any = Vec::new();
        loop {
            let mut all = vec![self.one()?];
            while self.eats_word("and") {
                all.push(self.one()?);
            }
            any.push(joined("and", all));
            if !self.eats_word("or") {
                return Ok(joined("or", any));
            }
        }
    }

    fn one(&mut self) -> Result<Value> {
        self.blank();
        let start = self.at;
        if self.peek() == Some('(') {
            return self.enclosed(')');
        }
        let word = self.word();
        if word.eq_ignore_ascii_case("not") {
            self.blank();
            if self.peek() == Some('(') {
                return Ok(json!({ "not": self.enclosed(')')? }));
            }
        }
        let path = self.path(word, start)?;
        if self.peek() != Some('[') {
            return self.test(path);
        }
        let mut holds = self.enclosed(']')?;
        if self.eats('.') {
            let start = self.at;
            let word = self.word();
            let path = self.path(word, start)?;
            holds = joined("and", vec![holds, self.test_or_presence(path)?]);
        }
        self.blank();
        Ok(json!({ path: { "any": holds } }))
    }

    /// A filter in parentheses or brackets, of which the first is next.
    fn enclosed(&mut self, closing: char) -> Result<Value> {
        self.depth += 1;
        within_depth(self.depth)?;
        self.at += 1;
        let inner = self.filter()?;
        if !self.eats(closing) {
            return Err(self.expected(&format!("\"and\", \"or\" or \"{closing}\""), self.at));
        }
        self.depth -= 1;
        // A bracket may be followed by a dot, with nothing between.
        if closing == ')' {
            self.blank();
        }
        Ok(inner)
    }

    /// The name of a field and the keys behind it, without the schema's URN.
    fn path(&self, word: &'t str, start: usize) -> Result<&'t str> {
        let path = word.rsplit_once(':').map_or(word, |(_, path)| path);
        // Words of the document's language, with other meanings there.
        if matches!(path, "and" | "or" | "not")
            || path.split('.').any(str::is_empty)
            || path.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        {
            return Err(self.expected("an attribute, \"not (\" or \"(\"", start));
        }
        Ok(path)
    }

    /// A value path that ends with a key and asks nothing of it tests its presence.
    fn test_or_presence(&mut self, path: &str) -> Result<Value> {
        let before = self.at;
        self.blank();
        let word = self.word();
        self.at = before;
        if word.is_empty() || ["and", "or"].iter().any(|end| word.eq_ignore_ascii_case(end)) {
            return self.condition(json!({ path: { "pr": true } }));
        }
        self.test(path)
    }

    fn test(&mut self, path: &str) -> Result<Value> {
        self.blank();
        let start = self.at;
        let word = self.word();
        let Some(operator) = OPERATORS.into_iter().find(|known| known.name().eq_ignore_ascii_case(word))
        else {
            return Err(self.expected("an operator", start));
        };
        let test = if operator == Pr {
            json!({ "pr": true })
        } else {
            self.blank();
            let value = self.value()?;
            // RFC 7643, section 2.2: attributes are not case-exact; section 3.1: ids are.
            match value.is_string() && !path.rsplit('.').next().is_some_and(is_id) {
                true => json!({ operator.name(): value, "ci": true }),
                false => json!({ operator.name(): value }),
            }
        };
        self.condition(json!({ path: test }))
    }

    fn condition(&mut self, condition: Value) -> Result<Value> {
        self.conditions += 1;
        within_conditions(self.conditions)?;
        self.blank();
        Ok(condition)
    }

    fn value(&mut self) -> Result<Value> {
        let start = self.at;
        match self.peek() {
            Some('"') => self.string(),
            Some('-' | '0'..='9') => {
                let token = self.take(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
                let exponent = token.split(['e', 'E']).nth(1).map_or(0, str::len);
                // Of more digits jsonb would refuse it, with an error of its own.
                match serde_json::from_str::<Number>(token) {
                    Ok(number) if token.len() <= 400 && exponent <= 4 => Ok(Value::Number(number)),
                    _ => Err(self.expected("a number", start)),
                }
            }
            _ => match self.word().to_ascii_lowercase().as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                "null" => Ok(Value::Null),
                _ => Err(self.expected("a value", start)),
            },
        }
    }

    /// A string of JSON.
    fn string(&mut self) -> Result<Value> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        while let Some(byte) = bytes.get(end).filter(|byte| **byte != b'"') {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        // Both ends are quotes, or the text is over: `get` refuses what is cut inside a letter.
        let text: String = self
            .text
            .get(start..=end)
            .and_then(|token| serde_json::from_str(token).ok())
            .filter(|text: &String| !text.contains('\0'))
            .ok_or_else(|| self.expected("a string in double quotes, as JSON has them,", start))?;
        self.at = end + 1;
        Ok(Value::String(text))
    }

    /// Letters of names, operators and URNs.
    fn word(&mut self) -> &'t str {
        self.take(|letter| letter.is_alphanumeric() || "_-$.:".contains(letter))
    }

    /// Reads a word of the language, and what is blank behind it; passes nothing if another one is next.
    fn eats_word(&mut self, wanted: &str) -> bool {
        let before = self.at;
        if self.word().eq_ignore_ascii_case(wanted) {
            self.blank();
            return true;
        }
        self.at = before;
        false
    }

    fn eats(&mut self, letter: char) -> bool {
        let next = self.peek() == Some(letter);
        self.at += usize::from(next) * letter.len_utf8();
        next
    }

    fn blank(&mut self) {
        self.take(char::is_whitespace);
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest.find(|letter| !belongs(letter)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn expected(&self, what: &str, at: usize) -> Error {
        let place = self.text.get(..at).map_or(0, |before| before.chars().count()) + 1;
        Error::invalid(format!(
            "syntax error in the SCIM filter at character {place}: expected {what}"
        ))
        .hint("Write it as userName eq \"jane\" and not (age lt 18); operators: eq, ne, co, sw, ew, pr, gt, ge, lt, le.")
    }
}

/// A single part needs no word.
fn joined(word: &str, mut parts: Vec<Value>) -> Value {
    if parts.len() == 1 {
        return parts.swap_remove(0);
    }
    json!({ word: parts })
}

#[cfg(test)]
#[path = "scim_tests.rs"]
mod tests;
