//! Lengths in as few bytes as they need: seven bits each, the lowest first, the last one without the highest bit.

/// Appends a length.
pub fn append(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// A length and the bytes behind it; None: there are not enough of them, or too many.
pub fn read(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0usize;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((length, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_again() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX as usize] {
            let mut bytes = Vec::new();
            append(length, &mut bytes);
            bytes.push(7);
            assert_eq!(read(&bytes).unwrap(), (length, [7].as_slice()));
            assert_eq!(read(&bytes[..bytes.len() - 2]), None);
        }
        assert_eq!(read(&[0x80; 12]), None);
    }
}
