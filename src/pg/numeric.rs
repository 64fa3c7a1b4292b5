//! Decimal digits from the server's form of a `numeric` (utils/adt/numeric.c: NumericData, NumericShort, NumericLong), as its
//! output function writes them.
//!
//! Bytes in, bytes out, nothing of the server: what does not look as it should is `None`, and is left to the server; so is
//! what finds no room.

use crate::value::memory;

/// Signs and special values (`n_header`).
const SHORT: u16 = 0x8000;
const SPECIAL: u16 = 0xC000;

/// Appends the digits. `value`: the bytes after the varlena header.
pub fn append(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let header = u16::from_ne_bytes(*value.first_chunk()?);
    let (negative, scale, weight, digits) = match header & SPECIAL {
        SPECIAL => {
            out.extend_from_slice(match header & 0xF000 {
                0xC000 => b"NaN".as_slice(),
                0xD000 => b"Infinity",
                0xF000 => b"-Infinity",
                _ => return None,
            });
            return Some(());
        }
        SHORT => {
            let weight = i32::from(header & 0x3F) - if header & 0x40 != 0 { 0x40 } else { 0 };
            (header & 0x2000 != 0, usize::from((header & 0x1F80) >> 7), weight, &value[2..])
        }
        sign => {
            let weight = i16::from_ne_bytes(*value.get(2..)?.first_chunk()?);
            (sign == 0x4000, usize::from(header & 0x3FFF), i32::from(weight), &value[4..])
        }
    };
    let (groups, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    // Four decimal digits each; the first has `weight` groups after it before the point.
    let group = |place: i32| {
        let bytes = usize::try_from(place).ok().and_then(|place| groups.get(place));
        bytes.map_or(0, |bytes| u16::from_ne_bytes(*bytes))
    };
    memory::reserve(out, 4 * usize::try_from(weight + 1).unwrap_or(0) + scale).ok()?;
    if negative {
        out.push(b'-');
    }
    if weight < 0 {
        out.push(b'0');
    }
    for place in 0..=weight {
        let four = four(group(place));
        let zeros =
            if place == 0 { four.iter().take(3).take_while(|digit| **digit == b'0').count() } else { 0 };
        out.extend_from_slice(&four[zeros..]);
    }
    if scale > 0 {
        out.push(b'.');
        let end = out.len() + scale;
        let mut place = weight + 1;
        while out.len() < end {
            out.extend_from_slice(&four(group(place)));
            place += 1;
        }
        out.truncate(end);
    }
    Some(())
}

fn four(group: u16) -> [u8; 4] {
    let digit = |value: u16| b'0' + (value % 10) as u8;
    [digit(group / 1000), digit(group / 100), digit(group / 10), digit(group)]
}
