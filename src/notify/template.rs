//! Texts of mails with placeholders: which there are, what is wrong with a text, what it says of a message.

use crate::error::{Error, Result};

/// The text for a placeholder; empty: nothing.
pub type Value<'a> = dyn Fn(Word) -> String + 'a;

/// A placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Job,
    Dataset,
    Title,
    Rows,
    Bytes,
    Size,
    Files,
    ExpiresAt,
    Link,
    ErrorCode,
    FailedPart,
    Schedule,
    Reason,
    Database,
}

const WORDS: [(&str, Word); 14] = [
    ("job", Word::Job),
    ("dataset", Word::Dataset),
    ("title", Word::Title),
    ("rows", Word::Rows),
    ("bytes", Word::Bytes),
    ("size", Word::Size),
    ("files", Word::Files),
    ("expires_at", Word::ExpiresAt),
    ("link", Word::Link),
    ("error_code", Word::ErrorCode),
    ("failed_part", Word::FailedPart),
    ("schedule", Word::Schedule),
    ("reason", Word::Reason),
    ("database", Word::Database),
];

/// Subject and text of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub subject: String,
    pub body: String,
}

/// Outcomes that are told by mail, and the texts for them that the extension brings.
pub const BUILT_IN: [(&str, &str, &str); 3] = [
    (
        "completed",
        "Export complete: {title}",
        "Export complete!

Dataset:  {title}
Rows:     {rows}
Files:    {files}
Size:     {size}
Kept:     until {expires_at}
Job:      {job}

Get it here: {link}
",
    ),
    (
        "completed_with_errors",
        "Export incomplete: {failed_part} export failed",
        "{failed_part} export failed. The other files are available.

Dataset:  {title}
Rows:     {rows}
Files:    {files}
Size:     {size}
Kept:     until {expires_at}
Job:      {job}
Error:    {error_code}

Get them here: {link}

More about it: SELECT * FROM acct_export_status('{job}');
",
    ),
    (
        "failed",
        "Export failed: {title}",
        "Export failed. Please try again.

Dataset:  {title}
Schedule: {schedule}
Job:      {job}
Error:    {error_code}
Reason:   {reason}

More about it: SELECT * FROM acct_export_status('{job}');
",
    ),
];

/// The text that the extension brings; None: there is no mail about this outcome.
pub fn built_in(outcome: &str) -> Option<Template> {
    let found = BUILT_IN.iter().find(|(name, ..)| *name == outcome);
    found.map(|(_, subject, body)| Template { subject: (*subject).to_owned(), body: (*body).to_owned() })
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Plain(&'a str),
    /// Letters and underscores in braces.
    Placeholder(&'a str),
}

fn pieces(mut text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        let rest = &text[open + 1..];
        let length = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '_').unwrap_or(rest.len());
        if length == 0 || !rest[length..].starts_with('}') {
            from = open + 1;
            continue;
        }
        pieces.push(Piece::Plain(&text[..open]));
        pieces.push(Piece::Placeholder(&rest[..length]));
        text = &rest[length + 1..];
        from = 0;
    }
    pieces.push(Piece::Plain(text));
    pieces
}

fn word(name: &str) -> Option<Word> {
    WORDS.iter().find(|(known, _)| *known == name).map(|(_, word)| *word)
}

/// 22023 for a placeholder that stands for nothing that there is.
pub fn check(text: &str, what: &str) -> Result<()> {
    for piece in pieces(text) {
        if let Piece::Placeholder(name) = piece {
            if word(name).is_none() {
                let known: Vec<String> = WORDS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
                return Err(Error::invalid(format!("unknown placeholder {{{name}}} in {what}"))
                    .hint(format!("Known placeholders: {}.", known.join(", "))));
            }
        }
    }
    Ok(())
}

/// The line with what stands in for its placeholders, and whether each has something.
fn filled(line: &str, value: &Value<'_>) -> (String, bool) {
    let (mut text, mut whole) = (String::with_capacity(line.len()), true);
    for piece in pieces(line) {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Placeholder(name) => {
                let value = word(name).map(value).unwrap_or_default();
                whole &= !value.is_empty();
                // A title may be older than the rule that it has no control characters.
                text.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
            }
        }
    }
    (text, whole)
}

impl Template {
    /// The subject, one line.
    pub fn subject(&self, value: &Value<'_>) -> String {
        let (text, _) = filled(&self.subject, value);
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
    }

    /// The text; a line with a placeholder that stands for nothing is left out, and so is one of two empty lines that meet then.
    pub fn body(&self, value: &Value<'_>) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut left_out = false;
        for line in self.body.lines() {
            let (line, whole) = filled(line, value);
            if !whole {
                left_out = true;
                continue;
            }
            let meets = left_out && line.is_empty() && lines.last().is_none_or(String::is_empty);
            if !meets {
                lines.push(line);
                left_out = false;
            }
        }
        let mut body = lines.join("\n");
        body.truncate(body.trim_end().len());
        body.push('\n');
        body
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
