//! The columns of a table, judged together.

use super::name_value;
use super::neighbours::Neighbours;
use super::settings;
use super::table::{Kind, Table};
use super::types::{ColumnType, Family};
use super::unnamed;
use super::words::Words;
use super::Names;

/// A table or a view, as far as the rules look at it.
#[derive(Debug, Clone)]
pub struct TableShape<'t> {
    /// Without its schema.
    pub name: &'t str,
    pub columns: Vec<Column<'t>>,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column<'t> {
    pub name: &'t str,
    pub ty: ColumnType,
}

/// Decision on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Eligible,
    /// It can be exported. Secret parts are removed from its documents.
    Document,
    /// It can be exported. The value of a row is removed where the row's own name, in this column, is one of a secret.
    ByRow(String),
    /// The reason why the column never leaves.
    Barred(String),
}

impl Verdict {
    /// The reason why the column never leaves; None: it can be exported.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Barred(reason) => Some(reason),
            _ => None,
        }
    }
}

pub(super) const BY_TABLE: &str = "the name of its table indicates a credential or a secret";
pub(super) const BY_DEFAULT: &str =
    "it is a text in a table of credentials, and its name does not show that it is harmless";
pub(super) const UNNAMED: &str = "it is a key or a code, and its name does not show that it is harmless";
pub(super) const BY_ID: &str = "it is the id of a session, a token or a code, and so a credential itself";
pub(super) const SETTINGS: &str = "it contains settings of a connection, which include credentials";
pub(super) const HOOK: &str = "it is the address of a webhook, and so a credential itself";
pub(super) const MAIL: &str = "it contains messages to people, which may include login links and codes";
pub(super) const ENCRYPTED: &str =
    "other columns of its table indicate that it is part of an encrypted value";
pub(super) const WRAPPED: &str =
    "other columns of its table indicate that it is a wrapped key, or encrypted with one";
pub(super) const PRIVATE_KEY: &str =
    "other columns of its table indicate that it is the private key of a public key or a certificate";
pub(super) const STATE: &str = "it belongs to a secret in another column of its table";
pub(super) const ACCESS_KEY: &str = "other columns of its table indicate that it is an access key";
pub(super) const ONE_TIME: &str = "other columns of its table indicate that it is a one-time code";

/// Judges each column of a table, in order.
pub fn classify(table: &TableShape<'_>, names: &Names) -> Vec<Verdict> {
    let words: Vec<Words> = table.columns.iter().map(|column| Words::of(column.name)).collect();
    let read = Table::of(table.name, &words);
    let plain: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let pairs = name_value::pairs(&plain);
    let row_values: Vec<&str> = pairs.iter().map(|(_, value)| *value).collect();
    let row_names: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
    let judge = Judge {
        row_names,
        row_values,
        table: &read,
        neighbours: Neighbours::of(&words, &table.columns),
        names,
    };
    let mut reasons: Vec<Option<String>> =
        table.columns.iter().zip(&words).map(|(column, words)| judge.reason(column, words)).collect();
    bar_ids(table, &read, &words, &mut reasons);
    let verdict = |(column, reason): (&Column<'_>, Option<String>)| match reason {
        Some(reason) => Verdict::Barred(reason),
        None => match pairs.iter().find(|(_, value)| *value == column.name) {
            Some((name, _)) if column.ty.is_text() => Verdict::ByRow((*name).to_owned()),
            _ if column.ty.is_document() => Verdict::Document,
            _ => Verdict::Eligible,
        },
    };
    table.columns.iter().zip(reasons).map(verdict).collect()
}

struct Judge<'j> {
    /// Columns whose rows have names, which decide at run time.
    row_values: Vec<&'j str>,
    row_names: Vec<&'j str>,
    table: &'j Table,
    neighbours: Neighbours<'j>,
    names: &'j Names,
}

impl Judge<'_> {
    fn reason(&self, column: &Column<'_>, words: &Words) -> Option<String> {
        if column.ty.opaque.is_some() {
            return column.ty.opaque.clone();
        }
        if column.ty.is_harmless() {
            return None;
        }
        let is_free = words.is("hash") && self.table.is_of_content()
            || self.table.is_own_id(words)
            || self.table.is_label(words) && self.neighbours.has_value();
        if is_free && !self.names.adds(column.name) {
            return None;
        }
        self.names
            .column(column.name, &column.ty)
            .or_else(|| self.by_context(column, words).map(str::to_owned))
    }

    fn is_one_time(&self, words: &Words) -> bool {
        self.neighbours.is_one_time_code(words) && !self.table.is_of_vouchers()
    }

    fn is_settings(&self, words: &Words) -> bool {
        settings::is_settings(words) && !self.table.is_display() || settings::is_request_headers(words)
    }

    fn by_context(&self, column: &Column<'_>, words: &Words) -> Option<&'static str> {
        let ty = &column.ty;
        if ty.is_number() {
            let is_code = words.is("code") && (self.table.holds(words) || self.is_one_time(words));
            return is_code.then_some(BY_TABLE);
        }
        if self.row_values.contains(&column.name) && self.table.is_of_encrypted_values() {
            return Some(BY_TABLE);
        }
        // Of documents those that are all that a row has: `config`, `data`, not `fixed_data`.
        if ty.is_text()
            && self.table.is_of_properties()
            && (self.row_values.contains(&column.name) || self.row_names.contains(&column.name))
        {
            return None;
        }
        if self.table.holds(words) && (words.len() == 1 || !ty.is_document()) {
            return Some(BY_TABLE);
        }
        if !ty.is_array && self.neighbours.is_encrypted(words) {
            return Some(ENCRYPTED);
        }
        if ty.is_uuid() {
            return None;
        }
        if self.neighbours.is_wrapped(words) {
            return Some(WRAPPED);
        }
        if self.neighbours.is_private_key(words) {
            return Some(PRIVATE_KEY);
        }
        if self.neighbours.stands_by_secret(words) {
            return Some(STATE);
        }
        if self.is_one_time(words) {
            return Some(ONE_TIME);
        }
        if words.is("code") && self.table.is_of_logins() || words.is("handle") && self.table.is_of_sessions()
        {
            return Some(BY_TABLE);
        }
        if words.joined() == "registration id" && self.table.is_of_push_devices() {
            return Some(BY_TABLE);
        }
        if words.is("key") && self.table.is_of_hooks() && !self.neighbours.has_value() {
            return Some(ACCESS_KEY);
        }
        if self.neighbours.is_access_key(words) && !self.table.is_of_content() {
            return Some(ACCESS_KEY);
        }
        if ty.is_document() {
            return None;
        }
        let has_row_name = self.row_values.contains(&column.name);
        // The names of such rows are not read at run time.
        if self.table.is_of_properties() && self.neighbours.is_short_value(words) {
            return Some(SETTINGS);
        }
        if !has_row_name && (self.table.holds_settings(words) || self.is_settings(words)) {
            return Some(SETTINGS);
        }
        if self.table.holds_text(words) {
            return Some(BY_TABLE);
        }
        if self.table.is_setup_address(words) {
            return Some(BY_TABLE);
        }
        if self.table.is_hook_address(words) {
            return Some(HOOK);
        }
        let is_body = words.len() <= 2
            && words.last_is(&["body", "content", "html", "text", "data", "payload", "message"])
            || words.len() == 2 && words.first() == "body"
            || settings::is_variables(words);
        if is_body && (self.table.is_outgoing_mail() || self.neighbours.is_of_mail()) {
            return Some(MAIL);
        }
        if ty.family != Family::Text {
            return None;
        }
        if unnamed::may_be_secret(words) {
            return Some(UNNAMED);
        }
        self.table.may_hold(words).then_some(BY_DEFAULT)
    }
}

/// The id of a session, a token or a code is the credential where no other column of its table is.
fn bar_ids(table: &TableShape<'_>, read: &Table, words: &[Words], reasons: &mut [Option<String>]) {
    const CONTENT: &[&str] =
        &["data", "payload", "value", "content", "info", "state", "id", "body", "config"];
    if read.kind != Kind::Credentials || !(read.id_is_credential() || read.is_of_sessions()) {
        return;
    }
    // A session is sent by its id; by another one only where that is called so.
    let is_other = |name: &Words| match read.is_of_sessions() {
        true => name.joined() == "session id" || name.is("sid") || name.has_pair("session", "key"),
        false => {
            !name.last_is(CONTENT)
                && name.joined() != "user code"
                && !name.has_any(&["csrf", "xsrf", "cookie", "nonce"])
        }
    };
    if words
        .iter()
        .zip(reasons.iter())
        .any(|(name, reason)| reason.as_deref().is_some_and(|reason| reason != BY_DEFAULT) && is_other(name))
    {
        return;
    }
    for ((column, name), reason) in table.columns.iter().zip(words).zip(reasons) {
        let is_id = matches!(name.joined().as_str(), "id" | "sid" | "jti");
        if reason.is_none() && is_id && column.ty.is_text() {
            *reason = Some(BY_ID.to_owned());
        }
    }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
