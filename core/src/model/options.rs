//! The `options` argument: what a format can be told.
//!
//! Every option is read and checked before anything starts. An option of another format is an unknown one:
//! a delimiter given for a workbook is a mistake that the caller wants to hear of.

use serde_json::Value;
use std::collections::BTreeMap;

use super::{Format, Order};
use crate::error::{Error, Result};
use crate::value::{shown, Lists, TextForm};

/// Options of an export, with the defaults where the caller gave none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// None: the caller's default (jobs by key, streams as they come).
    pub order: Option<Order>,
    /// The same request on unchanged data gives the same bytes. Text formats hold nothing else; of a workbook what names the
    /// run is the caller's to leave out of the sheet `Export info`.
    pub reproducible: bool,
    /// Of text formats; the spool applies it.
    pub compression: Option<Compression>,
    /// All files of the job in one: the caller's to act on.
    pub archive: Option<Archive>,
    /// Of a job: where an identical one is active.
    pub if_active: IfActive,
    /// Of files that are not in an archive: their manifest is one more file.
    pub manifest: bool,
    /// A digest of each row is kept with the job: the caller's to act on.
    pub digests: Digests,
    /// The job since which changed rows are given: the caller's to act on.
    pub changes_since: Option<String>,
    /// Headers by fields, in place of those of the registration: the caller's to act on.
    pub labels: BTreeMap<String, String>,
    /// In place of the session's: the caller's to act on.
    pub time_zone: Option<String>,
    /// Of values that become texts.
    pub text_form: TextForm,
    pub csv: CsvOptions,
    pub xlsx: XlsxOptions,
}

/// The answer to a request while an identical one is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IfActive {
    /// 55006.
    #[default]
    Error,
    /// The active job.
    Return,
}

/// The keeping of digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digests {
    #[default]
    Off,
    /// Only if the file has the key and rows come by it.
    Auto,
    On,
}

/// The compression of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Gzip,
}

/// The archive that holds the files of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    Zip,
}

/// The options of a csv.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// One ASCII character between two fields.
    pub delimiter: u8,
    /// Starts the file with U+FEFF, by which Excel knows UTF-8.
    pub bom: bool,
    /// Starts with a line of labels.
    pub header: bool,
    /// The text for NULL, unquoted; an equal text is quoted.
    pub null_as: String,
    pub line_ending: LineEnding,
    /// Puts a `'` before texts that a spreadsheet would run.
    pub formula_guard: bool,
    /// The form of lists.
    pub lists: Lists,
}

/// The end of a csv line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnding {
    /// RFC 4180, section 2.
    Crlf,
    Lf,
}

/// The options of a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XlsxOptions {
    /// Ends with the sheet `Export info`.
    pub info_sheet: bool,
    /// Companions as sheets of this workbook instead of files of their own: the caller's to act on.
    pub one_workbook: bool,
    /// Leaves out the cell references, which are optional (ECMA-376 part 1, 18.3.1.4): smaller and faster, but
    /// some programs cannot read it.
    pub compact: bool,
    /// Lists what referencing columns choose from, on sheets of their own: the caller's to gather.
    pub reference_sheets: bool,
    /// The form of lists.
    pub lists: Lists,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions {
            delimiter: b',',
            bom: false,
            header: true,
            null_as: String::new(),
            line_ending: LineEnding::Crlf,
            formula_guard: true,
            lists: Lists::default(),
        }
    }
}

impl Default for XlsxOptions {
    fn default() -> Self {
        XlsxOptions {
            info_sheet: true,
            one_workbook: false,
            compact: false,
            reference_sheets: true,
            lists: Lists::default(),
        }
    }
}

impl LineEnding {
    /// The characters themselves.
    pub fn as_str(self) -> &'static str {
        match self {
            LineEnding::Crlf => "\r\n",
            LineEnding::Lf => "\n",
        }
    }
}

impl Options {
    /// Reads the options of `format` from a JSON object; NULL is an empty one.
    ///
    /// Errors, all 22023: not an object; an option that the format does not have; a value of the wrong type
    /// or out of its range; two options that contradict each other.
    pub fn parse(format: Format, value: &Value) -> Result<Options> {
        let mut options = Options::default();
        let given = match value {
            Value::Null => return Ok(options),
            Value::Object(given) => given,
            _ => {
                return Err(Error::invalid("options must be a JSON object").hint(format!(
                    "Options of {}: {}.",
                    format.as_str(),
                    known(format).join(", ")
                )))
            }
        };
        for (name, value) in given {
            if !known(format).contains(&name.as_str()) {
                return Err(Error::invalid(format!(
                    "unknown option {} for format {}",
                    shown(name),
                    format.as_str()
                ))
                .hint(format!(
                    "Options of {}: {}.",
                    format.as_str(),
                    known(format).join(", ")
                )));
            }
            options.set(format, name, value)?;
        }
        options.csv.lists.form = options.text_form;
        options.xlsx.lists.form = options.text_form;
        options.csv.check()?;
        options.settle_order()?;
        options.settle_changes()?;
        options.once_compressed()?;
        Ok(options)
    }

    /// A file that shall be the same each time has an order.
    fn settle_order(&mut self) -> Result<()> {
        match (self.reproducible, &self.order) {
            (true, Some(Order::None)) => {
                Err(Error::invalid("option \"reproducible\" cannot be true with option \"order\" \"none\"")
                    .hint("Leave order out: rows are in the order of the key."))
            }
            (true, None) => {
                self.order = Some(Order::Key);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Rows are compared in the order of their key.
    fn settle_changes(&mut self) -> Result<()> {
        let is_by_key = matches!(self.order, None | Some(Order::Key));
        let wants = match (self.digests, &self.changes_since) {
            (_, Some(_)) => "changes_since",
            (Digests::On, None) => "digests",
            (Digests::Auto, None) if is_by_key => return Ok(()),
            (Digests::Auto | Digests::Off, None) => {
                self.digests = Digests::Off;
                return Ok(());
            }
        };
        if !is_by_key {
            return Err(Error::invalid(format!("option \"{wants}\" needs rows in the order of their key"))
                .hint("Leave option order out."));
        }
        self.order = Some(Order::Key);
        Ok(())
    }

    /// An archive compresses what is in it.
    fn once_compressed(&self) -> Result<()> {
        if self.archive.is_some() && self.compression.is_some() {
            return Err(Error::invalid("options \"archive\" and \"compression\" cannot be used together")
                .hint("A ZIP archive is compressed: leave compression out."));
        }
        Ok(())
    }

    /// The form of lists in a format that has a choice.
    fn lists(&mut self, format: Format) -> Result<&mut Lists> {
        match format {
            Format::Csv => Ok(&mut self.csv.lists),
            Format::Xlsx => Ok(&mut self.xlsx.lists),
            Format::Ndjson | Format::Json => {
                Err(Error::new(crate::error::Kind::Internal, "JSON has one form of lists"))
            }
        }
    }

    /// One option whose name the format knows.
    fn set(&mut self, format: Format, name: &str, value: &Value) -> Result<()> {
        match name {
            "order" => self.order = Some(Order::parse(value)?),
            "labels" => self.labels = labels(value)?,
            "time_zone" => self.time_zone = Some(string(name, value)?.to_owned()),
            "timestamps" => {
                self.text_form.local_times = choice(name, value, &[("iso", false), ("local", true)])?;
            }
            "decimal" => self.text_form.decimal_comma = choice(name, value, &[(".", false), (",", true)])?,
            "reproducible" => self.reproducible = boolean(name, value)?,
            "compression" => self.compression = Some(choice(name, value, &[("gzip", Compression::Gzip)])?),
            "archive" => self.archive = Some(choice(name, value, &[("zip", Archive::Zip)])?),
            "if_active" => {
                let known = [("error", IfActive::Error), ("return", IfActive::Return)];
                self.if_active = choice(name, value, &known)?;
            }
            "manifest" => self.manifest = boolean(name, value)?,
            "digests" => {
                self.digests = match value {
                    Value::String(auto) if auto == "auto" => Digests::Auto,
                    Value::Bool(true) => Digests::On,
                    Value::Bool(false) => Digests::Off,
                    _ => return Err(wrong(name, "true, false or \"auto\"")),
                }
            }
            "changes_since" => self.changes_since = Some(string(name, value)?.to_owned()),
            // Read by the request, which knows what they are about.
            "companions" => {
                value.as_object().ok_or_else(|| wrong(name, "a JSON object"))?;
            }
            "info_sheet" => self.xlsx.info_sheet = boolean(name, value)?,
            "one_workbook" => self.xlsx.one_workbook = boolean(name, value)?,
            "compact" => self.xlsx.compact = boolean(name, value)?,
            "reference_sheets" => self.xlsx.reference_sheets = boolean(name, value)?,
            "delimiter" => self.csv.delimiter = delimiter(name, value)?,
            "bom" => self.csv.bom = boolean(name, value)?,
            "header" => self.csv.header = boolean(name, value)?,
            "null_as" => self.csv.null_as = string(name, value)?.into(),
            "line_ending" => {
                let known = [("crlf", LineEnding::Crlf), ("lf", LineEnding::Lf)];
                self.csv.line_ending = match value.as_str() {
                    Some("\r\n") => LineEnding::Crlf,
                    Some("\n") => LineEnding::Lf,
                    _ => choice(name, value, &known)?,
                };
            }
            "formula_guard" => self.csv.formula_guard = boolean(name, value)?,
            "multi_value_separator" => self.lists(format)?.separator = string(name, value)?.into(),
            "lists" => self.lists(format)?.json = choice(name, value, &[("joined", false), ("json", true)])?,
            "big_numbers" => {
                self.text_form.big_numbers_as_text =
                    choice(name, value, &[("number", false), ("string", true)])?;
            }
            // `known` and this list belong together; a test holds them to it.
            _ => {
                return Err(Error::new(
                    crate::error::Kind::Internal,
                    format!("option \"{name}\" is not read"),
                ))
            }
        }
        Ok(())
    }
}

impl CsvOptions {
    /// Checks between options, once all are read. `null_as` is written unquoted, so it must not hold what
    /// would need quotes; COPY draws the same line.
    fn check(&self) -> Result<()> {
        let breaks = |byte: u8| byte == self.delimiter || matches!(byte, b'"' | b'\r' | b'\n');
        if self.null_as.bytes().any(breaks) {
            return Err(Error::invalid(
                "option \"null_as\" must not contain the delimiter, a quote or a line break",
            )
            .hint("Give a text such as NULL or \\N."));
        }
        Ok(())
    }
}

/// Options of all formats.
const COMMON: [&str; 11] = [
    "order",
    "reproducible",
    "companions",
    "archive",
    "if_active",
    "manifest",
    "digests",
    "changes_since",
    "labels",
    "time_zone",
    "timestamps",
];

/// The options that a format has.
fn known(format: Format) -> Vec<&'static str> {
    let own: &[&str] = match format {
        Format::Xlsx => {
            &["info_sheet", "one_workbook", "compact", "reference_sheets", "lists", "multi_value_separator"]
        }
        Format::Csv => &[
            "compression",
            "delimiter",
            "bom",
            "header",
            "null_as",
            "line_ending",
            "formula_guard",
            "decimal",
            "lists",
            "multi_value_separator",
        ],
        Format::Ndjson | Format::Json => &["compression", "big_numbers"],
    };
    [&COMMON, own].concat()
}

fn boolean(name: &str, value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(|| wrong(name, "true or false"))
}

fn string<'a>(name: &str, value: &'a Value) -> Result<&'a str> {
    value.as_str().ok_or_else(|| wrong(name, "a string"))
}

/// Labels by the names of fields.
fn labels(value: &Value) -> Result<BTreeMap<String, String>> {
    let wrong = || {
        Error::invalid("option \"labels\" must be a JSON object of labels by fields")
            .hint("Such as {\"email\": \"E-mail\"}.")
    };
    let mut labels = BTreeMap::new();
    for (field, label) in value.as_object().ok_or_else(wrong)? {
        let label = label.as_str().ok_or_else(wrong)?;
        let problem = match label {
            label if label.trim().is_empty() => "must not be empty",
            label if label.contains(char::is_control) => "must not contain control characters",
            _ => {
                labels.insert(field.clone(), label.to_owned());
                continue;
            }
        };
        return Err(Error::invalid(format!("the label of field {} {problem}", shown(field)))
            .hint("Option \"labels\" gives each field a header, such as {\"email\": \"E-mail\"}."));
    }
    Ok(labels)
}

/// A single ASCII character that is not part of csv's own grammar, nor a letter or digit: numbers and words
/// would fall apart at it.
fn delimiter(name: &str, value: &Value) -> Result<u8> {
    match value.as_str().map(str::as_bytes) {
        Some(&[byte @ (b'\t' | b' '..=b'~')]) if byte != b'"' && !byte.is_ascii_alphanumeric() => Ok(byte),
        _ => Err(wrong(name, "one ASCII character such as \",\", \";\", \"|\" or a tab")),
    }
}

fn choice<T: Copy>(name: &str, value: &Value, known: &[(&str, T)]) -> Result<T> {
    let found = value.as_str().and_then(|text| known.iter().find(|(word, _)| *word == text));
    match found {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let words: Vec<String> = known.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            Err(wrong(name, &words.join(" or ")))
        }
    }
}

fn wrong(name: &str, wanted: &str) -> Error {
    Error::invalid(format!("option \"{name}\" must be {wanted}"))
        .hint("Options are a JSON object, such as {\"order\": \"key\"}; leave one out for its default.")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "options_tests.rs"]
mod tests;
