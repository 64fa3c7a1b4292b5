//! The digest of a row.

use super::varint;
use crate::error::{Error, Kind, Result};
use crate::value::text;
use crate::value::{memory, Cell, Grid};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The first 128 bits of an HMAC-SHA-256.
pub type Digest = [u8; 16];

/// Separates these digests from all else that is made with the tenant's secret.
const PURPOSE: &[u8] = b"digest of a row";

/// Makes digests under a tenant's secret.
pub struct Digester {
    mac: Hmac<Sha256>,
}

impl Digester {
    pub fn new(key: &[u8; 32]) -> Result<Digester> {
        let mac = |key: &[u8]| {
            Hmac::<Sha256>::new_from_slice(key).map_err(|_| Error::new(Kind::Internal, "no key for digests"))
        };
        let mut own = mac(key)?;
        own.update(PURPOSE);
        Ok(Digester { mac: mac(&own.finalize().into_bytes())? })
    }

    /// Of a row's [values]: two rows have one digest if all of their values are the same.
    pub fn of(&self, values: &[u8]) -> Result<Digest> {
        let mut mac = self.mac.clone();
        mac.update(values);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let (digest, _) =
            whole.split_first_chunk().ok_or_else(|| Error::new(Kind::Internal, "a short digest"))?;
        Ok(*digest)
    }
}

/// Appends the values of a row, as they leave, so that no two rows look alike.
pub fn values(cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
    cells.iter().try_for_each(|cell| append(cell, out))
}

/// A value: its kind, then bytes whose length the kind tells, or stands before them. Dates and moments are
/// hashed as the numbers that they are: their texts take longer to make than all else.
fn append(cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
    memory::reserve(out, cell.text_bytes() + 64)?;
    match *cell {
        Cell::Null => out.push(b'0'),
        Cell::Bool(value) => out.extend_from_slice(if value { b"bt" } else { b"bf" }),
        Cell::Date(days) => fixed(b'd', &days.to_le_bytes(), out),
        Cell::Timestamp(micros) => fixed(b'm', &micros.to_le_bytes(), out),
        Cell::Instant { utc, .. } => fixed(b'i', &utc.to_le_bytes(), out),
        // All that are not a number are written alike.
        Cell::Float(value) => {
            let value = if value.is_nan() { f64::NAN } else { value };
            fixed(b'f', &value.to_bits().to_le_bytes(), out);
        }
        // A type that became wider has the same values.
        Cell::Int(_) | Cell::Numeric(_) => sized(b'n', out, |out| text::plain(cell, out))?,
        Cell::Text(text) => bytes(b't', text.as_str(), out),
        Cell::Json(text) => bytes(b'j', text, out),
        Cell::List(items) => sized(b'l', out, |out| items.iter().try_for_each(|item| append(item, out)))?,
        Cell::Grid(Grid { items, sizes }) => sized(b'g', out, |out| {
            out.extend_from_slice(&(sizes.len() as u64).to_le_bytes());
            sizes.iter().for_each(|size| out.extend_from_slice(&(*size as u64).to_le_bytes()));
            items.iter().try_for_each(|item| append(item, out))
        })?,
    }
    Ok(())
}

fn fixed(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(bytes);
}

fn bytes(kind: u8, text: &str, out: &mut Vec<u8>) {
    out.push(kind);
    varint::append(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Puts the length before the bytes that are written.
fn sized(kind: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    out.push(kind);
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    write(out)?;
    let length = (out.len() - start - 8) as u64;
    out[start..start + 8].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn digest_by(key: u8, cells: &[Cell<'_>]) -> Digest {
        let mut row = Vec::new();
        values(cells, &mut row).unwrap();
        Digester::new(&[key; 32]).unwrap().of(&row).unwrap()
    }

    fn digest(cells: &[Cell<'_>]) -> Digest {
        digest_by(7, cells)
    }

    #[test]
    fn rows_of_other_values_have_other_digests() {
        let (one, two) = ([Cell::Int(1), Cell::Null], [Cell::text("a"), Cell::text("b")]);
        let sizes: ([usize; 2], [usize; 2]) = ([1, 2], [2, 1]);
        let grids = [Grid { items: &two, sizes: &sizes.0 }, Grid { items: &two, sizes: &sizes.1 }];
        let rows: Vec<Vec<Cell<'_>>> = vec![
            vec![],
            vec![Cell::Null],
            vec![Cell::Null, Cell::Null],
            vec![Cell::text("")],
            vec![Cell::text(""), Cell::text("")],
            vec![Cell::text("ab"), Cell::text("c")],
            vec![Cell::text("a"), Cell::text("bc")],
            vec![Cell::text("1")],
            vec![Cell::Int(1)],
            vec![Cell::Bool(true)],
            vec![Cell::text("true")],
            vec![Cell::Json("\"a\"")],
            vec![Cell::text("\"a\"")],
            vec![Cell::List(&[])],
            vec![Cell::List(&one)],
            vec![Cell::List(&one[..1]), Cell::Null],
            vec![Cell::List(&two)],
            vec![Cell::Grid(&grids[0])],
            vec![Cell::Grid(&grids[1])],
            vec![Cell::Date(0)],
            vec![Cell::Timestamp(0)],
            vec![Cell::Instant { utc: 0, local: 0 }],
            vec![Cell::Float(1.0)],
            vec![Cell::Float(f64::NAN)],
            vec![Cell::Float(0.0)],
        ];
        for (place, row) in rows.iter().enumerate() {
            for other in &rows[..place] {
                assert_ne!(digest(row), digest(other), "{row:?} {other:?}");
            }
            assert_eq!(digest(row), digest(row));
        }
    }

    #[test]
    fn the_digest_is_of_the_value_and_the_tenant() {
        assert_ne!(digest(&[Cell::Float(0.0)]), digest(&[Cell::Float(-0.0)]));
        assert_eq!(digest(&[Cell::Float(f64::NAN)]), digest(&[Cell::Float(-f64::NAN)]));
        assert_eq!(digest(&[Cell::Int(12)]), digest(&[Cell::Numeric("12")]));
        // The wall clock of the reader is no part of the value.
        let here = [Cell::Instant { utc: 5, local: 5 }];
        assert_eq!(digest(&here), digest(&[Cell::Instant { utc: 5, local: 3_600_000_005 }]));
        assert_ne!(digest(&here), digest_by(8, &here));
    }
}
