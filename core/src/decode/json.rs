//! ndjson and json as our encoders write them: an object on a line of its own.

use std::collections::HashMap;
use std::io::BufRead;

use serde_json::value::RawValue;

use super::{unlike, unreadable, Row, Rows};
use crate::error::Result;
use crate::model::Shape;
use crate::value::members::scalars;
use crate::value::{list, Kind};

pub struct Lines<R> {
    source: R,
    root: HashMap<String, Node>,
    kinds: Vec<Kind>,
    line: String,
}

/// The node at a position of a row.
enum Node {
    Value(usize),
    Object(HashMap<String, Node>),
}

impl<R: BufRead> Lines<R> {
    pub fn new(source: R, shape: &Shape) -> Self {
        let mut root = HashMap::new();
        for (index, column) in shape.columns.iter().enumerate() {
            let path: Vec<&str> = match &column.path {
                Some(path) => path.split('.').collect(),
                None => vec![&column.field],
            };
            place(&mut root, &path, index);
        }
        let kinds = shape.columns.iter().map(|column| column.kind).collect();
        Lines { source, root, kinds, line: String::new() }
    }
}

fn place(members: &mut HashMap<String, Node>, path: &[&str], index: usize) {
    match path {
        [] => {}
        [key] => {
            members.insert((*key).to_owned(), Node::Value(index));
        }
        [key, rest @ ..] => {
            let node = members.entry((*key).to_owned()).or_insert_with(|| Node::Object(HashMap::new()));
            if let Node::Object(inner) = node {
                place(inner, rest, index);
            }
        }
    }
}

impl<R: BufRead> Rows for Lines<R> {
    fn next(&mut self, row: &mut Row) -> Result<bool> {
        loop {
            self.line.clear();
            if self.source.read_line(&mut self.line).map_err(|error| unreadable(&error))? == 0 {
                return Ok(false);
            }
            let line = self.line.trim_end_matches(['\n', ',']);
            // The brackets of a json file.
            if matches!(line, "[" | "]" | "[]") {
                continue;
            }
            row.clear();
            row.resize(self.kinds.len(), None);
            take(&self.root, line, &self.kinds, row)?;
            return Ok(true);
        }
    }
}

/// Reads the values of an object, and of those in it.
fn take(members: &HashMap<String, Node>, object: &str, kinds: &[Kind], row: &mut Row) -> Result<()> {
    let found: HashMap<String, &RawValue> = serde_json::from_str(object).map_err(|_| unlike())?;
    for (key, node) in members {
        let value = found.get(key).ok_or_else(unlike)?.get();
        match node {
            Node::Value(index) => row[*index] = plain(value, kinds[*index])?,
            Node::Object(inner) => take(inner, value, kinds, row)?,
        }
    }
    Ok(())
}

/// The text that a csv shows of a value.
fn plain(value: &str, kind: Kind) -> Result<Option<String>> {
    Ok(match (kind, value.as_bytes()) {
        (_, b"null") => None,
        (Kind::Json, _) => Some(value.to_owned()),
        (Kind::Mixed, [b'[', ..]) if scalars(value).is_none() => Some(value.to_owned()),
        (_, [b'[', ..]) => Some(list::joined(&list::from_json(value).ok_or_else(unlike)?)),
        (_, [b'"', ..]) => Some(string(value)?),
        _ => Some(value.to_owned()),
    })
}

fn string(value: &str) -> Result<String> {
    serde_json::from_str(value).map_err(|_| unlike())
}
