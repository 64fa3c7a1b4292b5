//! One value as JSON, on one line.

use super::json_string;
use super::{big_numbers, memory};
use super::{scan, text, time, Cell, TextForm};
use crate::error::Result;

/// Appends a cell. Numbers keep every digit; what JSON has no number for (NaN, infinities) is a string with
/// the server's word, as row_to_json does; moments are ISO 8601 strings.
pub fn append(cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
    append_as(cell, TextForm::default(), out)
}

/// Appends a cell in the form that the export asks for. Numbers have a point in JSON, whatever the form; moments within documents
/// stay as they are.
pub fn append_as(cell: &Cell<'_>, form: TextForm, out: &mut Vec<u8>) -> Result<()> {
    memory::reserve(out, cell.text_bytes())?;
    let big_as_text = form.big_numbers_as_text;
    match *cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Int(value) if big_as_text && !big_numbers::keeps_int(value) => {
            out.push(b'"');
            text::int(value, out)?;
            out.push(b'"');
        }
        Cell::Int(value) => text::int(value, out)?,
        Cell::Float(value) if value.is_finite() => text::float(value, out)?,
        Cell::Float(value) => {
            out.push(b'"');
            text::float(value, out)?;
            out.push(b'"');
        }
        Cell::Numeric(digits)
            if is_number(digits.as_bytes()) && (!big_as_text || big_numbers::keeps(digits.as_bytes())) =>
        {
            out.extend_from_slice(digits.as_bytes());
        }
        Cell::Text(words) if words.is_plain() => {
            out.push(b'"');
            out.extend_from_slice(words.as_bytes());
            out.push(b'"');
        }
        Cell::Text(words) => json_string::append(words.as_bytes(), out)?,
        Cell::Numeric(words) => json_string::append(words.as_bytes(), out)?,
        Cell::Date(days) => {
            out.push(b'"');
            time::date(days, out);
            out.push(b'"');
        }
        Cell::Timestamp(micros) | Cell::Instant { local: micros, .. } if form.local_times => {
            out.push(b'"');
            time::timestamp(micros, b' ', out);
            out.push(b'"');
        }
        Cell::Timestamp(micros) => {
            out.push(b'"');
            time::timestamp(micros, b'T', out);
            out.push(b'"');
        }
        Cell::Instant { utc, .. } => {
            out.push(b'"');
            time::instant(utc, out);
            out.push(b'"');
        }
        Cell::Json(json) if big_as_text => {
            let mut line = Vec::new();
            memory::reserve(&mut line, json.len())?;
            embed(json.as_bytes(), &mut line);
            big_numbers::embed(&line, out)?;
        }
        Cell::Json(json) => embed(json.as_bytes(), out),
        Cell::List(items) => array(items, form, out)?,
        Cell::Grid(grid) => nested(grid.items, grid.sizes, form, out)?,
    }
    Ok(())
}

fn array(items: &[Cell<'_>], form: TextForm, out: &mut Vec<u8>) -> Result<()> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        append_as(item, form, out)?;
    }
    out.push(b']');
    Ok(())
}

/// An array of arrays, as deep as there are sizes.
fn nested(items: &[Cell<'_>], sizes: &[usize], form: TextForm, out: &mut Vec<u8>) -> Result<()> {
    let [size, inner @ ..] = sizes else { return array(items, form, out) };
    if inner.is_empty() || *size == 0 {
        return array(items, form, out);
    }
    out.push(b'[');
    for (index, part) in items.chunks((items.len() / size).max(1)).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        nested(part, inner, form, out)?;
    }
    out.push(b']');
    Ok(())
}

/// Is this a number as RFC 8259, section 6, has it? The server prints neither `+` nor leading zeros, but a
/// wrong guess here would spoil the whole line.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    digits(whole) && (whole.len() == 1 || whole[0] != b'0') && fraction.is_none_or(digits)
}

/// Appends a JSON text as it stands: its numbers, its order of keys, its doubled keys.
///
/// A `json` value keeps the line breaks it was typed with. They can only stand between tokens (a string
/// escapes them, RFC 8259, section 7), so such a value loses its white space outside strings, and nothing
/// else.
pub fn embed(json: &[u8], out: &mut Vec<u8>) {
    if !scan::contains(json, |byte| (byte == b'\n') | (byte == b'\r')) {
        out.extend_from_slice(json);
        return;
    }
    let (mut inside, mut escaped) = (false, false);
    for &byte in json {
        if inside {
            inside = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        } else {
            inside = byte == b'"';
        }
        out.push(byte);
    }
}
