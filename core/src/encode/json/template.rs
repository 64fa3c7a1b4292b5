//! The shape of a JSON row: where each column goes, and all the bytes in between.
//!
//! Columns whose `json_path` share a beginning stand in the same object; members come in the order in which
//! the columns first name them. Two columns cannot have one place, nor can one stand inside another's value.

use crate::encode::{Cell, Column};
use crate::error::{Error, Kind, Result};
use crate::value::json_value;
use crate::value::memory;
use crate::value::text;
use crate::value::TextForm;

/// Deeper paths than any document has; readers stop at some depth too (serde_json at 128).
const MAX_DEPTH: usize = 64;

/// The parts of a row.
pub struct Template {
    slots: Vec<Slot>,
    tail: Vec<u8>,
    form: TextForm,
}

/// Bytes, then the value of a column.
struct Slot {
    before: Vec<u8>,
    column: usize,
}

/// A member of an object under construction.
struct Member {
    key: String,
    node: Node,
}

enum Node {
    Value(usize),
    Object(Vec<Member>),
}

impl Template {
    /// Errors: 22023 for an empty path or part of one, for too deep a path, and for two columns in each
    /// other's way.
    pub fn new(form: TextForm, columns: &[Column]) -> Result<Self> {
        let mut root = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            place(&mut root, &path(column)?, index, columns)?;
        }
        let mut template = Template { slots: Vec::with_capacity(columns.len()), tail: Vec::new(), form };
        template.object(&root)?;
        Ok(template)
    }

    /// Appends one row's object, without a line ending.
    pub fn row(&self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        if cells.len() != self.slots.len() {
            return Err(Error::new(Kind::Internal, "a row has not as many cells as the file has columns"));
        }
        for slot in &self.slots {
            memory::reserve(out, slot.before.len())?;
            out.extend_from_slice(&slot.before);
            json_value::append_as(&cells[slot.column], self.form, out)?;
        }
        memory::reserve(out, self.tail.len())?;
        out.extend_from_slice(&self.tail);
        Ok(())
    }

    /// Lays out an object; `tail` holds what is to come before the next value.
    fn object(&mut self, members: &[Member]) -> Result<()> {
        self.tail.push(b'{');
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.tail.push(b',');
            }
            serde_json::to_writer(&mut self.tail, &member.key).map_err(text::unwritable)?;
            self.tail.push(b':');
            match &member.node {
                Node::Value(column) => {
                    self.slots.push(Slot { before: std::mem::take(&mut self.tail), column: *column });
                }
                Node::Object(members) => self.object(members)?,
            }
        }
        self.tail.push(b'}');
        Ok(())
    }
}

/// A column's way from the top of the row: its path cut at the dots, or its name as it is.
fn path(column: &Column) -> Result<Vec<&str>> {
    let Some(path) = &column.json_path else { return Ok(vec![&column.name]) };
    let parts: Vec<&str> = path.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(Error::invalid(format!(
            "json_path \"{path}\" of field \"{}\" has an empty key",
            column.name
        ))
        .hint("Write the path as keys joined by dots: user.identifiers.email_address."));
    }
    if parts.len() > MAX_DEPTH {
        let message = format!("json_path of field \"{}\" has more than {MAX_DEPTH} keys", column.name);
        return Err(Error::invalid(message));
    }
    Ok(parts)
}

/// Puts column `index` where its path leads.
fn place(members: &mut Vec<Member>, path: &[&str], index: usize, columns: &[Column]) -> Result<()> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    let known = members.iter_mut().find(|member| member.key == *key);
    match (known.map(|member| &mut member.node), rest.is_empty()) {
        (None, true) => members.push(Member { key: (*key).into(), node: Node::Value(index) }),
        (None, false) => {
            let mut inner = Vec::new();
            place(&mut inner, rest, index, columns)?;
            members.push(Member { key: (*key).into(), node: Node::Object(inner) });
        }
        (Some(Node::Object(inner)), false) => place(inner, rest, index, columns)?,
        (Some(Node::Object(inner)), true) => return Err(clash(first(inner), index, columns)),
        (Some(Node::Value(other)), _) => return Err(clash(*other, index, columns)),
    }
    Ok(())
}

/// A column inside an object: its first; every object has one.
fn first(members: &[Member]) -> usize {
    match members.first().map(|member| &member.node) {
        Some(Node::Value(column)) => *column,
        Some(Node::Object(inner)) => first(inner),
        None => 0,
    }
}

fn clash(one: usize, other: usize, columns: &[Column]) -> Error {
    let [one, other] = [one, other].map(|index| &columns[index]);
    let place = |column: &Column| column.json_path.clone().unwrap_or_else(|| column.name.clone());
    Error::invalid(format!(
        "fields \"{}\" and \"{}\" have the same place in a JSON row",
        one.name, other.name
    ))
    .detail(format!("Their places are \"{}\" and \"{}\".", place(one), place(other)))
    .hint("Give one of them another json_path with acct_export_set_field, or leave it out of fields.")
}
