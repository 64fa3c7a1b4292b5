//! Looking for the few bytes that a format has to escape.
//!
//! The closures compare with `|` between: of `||` and of `matches!` with several values the compiler makes a look-up in a table of bits,
//! byte by byte, which costs five times as much.

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 16;

/// The place of the first byte that is `wanted`. Most texts have none, which is found out many bytes at a time: the compiler
/// turns comparisons with a few values into vector instructions, which no loop that may stop at each byte can become.
#[inline]
pub fn position(bytes: &[u8], wanted: impl Fn(u8) -> bool + Copy) -> Option<usize> {
    if bytes.len() >= BLOCK {
        let (chunks, rest) = bytes.as_chunks::<BLOCK>();
        for (index, chunk) in chunks.iter().enumerate() {
            if any(chunk, wanted) {
                return chunk.iter().position(|byte| wanted(*byte)).map(|at| index * BLOCK + at);
            }
        }
        // The remaining bytes, with some before them once more.
        if rest.is_empty() || !bytes.last_chunk::<BLOCK>().is_some_and(|last| any(last, wanted)) {
            return None;
        }
        return rest.iter().position(|byte| wanted(*byte)).map(|at| chunks.len() * BLOCK + at);
    }
    if !in_short(bytes, wanted) {
        return None;
    }
    bytes.iter().position(|byte| wanted(*byte))
}

/// True if a byte is `wanted`: for callers that do not need its place.
#[inline]
pub fn contains(bytes: &[u8], wanted: impl Fn(u8) -> bool + Copy) -> bool {
    if bytes.len() >= BLOCK {
        let (chunks, rest) = bytes.as_chunks::<BLOCK>();
        return chunks.iter().any(|chunk| any(chunk, wanted))
            || (!rest.is_empty() && bytes.last_chunk::<BLOCK>().is_some_and(|last| any(last, wanted)));
    }
    in_short(bytes, wanted)
}

/// The same of fewer bytes than a block.
#[inline]
fn in_short(bytes: &[u8], wanted: impl Fn(u8) -> bool + Copy) -> bool {
    bytes.first().is_some_and(|first| any(&gathered(bytes, *first), wanted))
}

/// The bytes of a text that is shorter than a block, some of them twice; `filler` stands at the places that are left over.
#[inline]
pub(super) fn gathered(bytes: &[u8], filler: u8) -> [u8; BLOCK] {
    let mut block = [filler; BLOCK];
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        block[..8].copy_from_slice(first);
        block[8..].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        block[..4].copy_from_slice(first);
        block[4..8].copy_from_slice(last);
    } else if let ([first, ..], [.., last]) = (bytes, bytes) {
        block[0] = *first;
        block[1] = bytes[bytes.len() / 2];
        block[2] = *last;
    }
    block
}

#[inline]
fn any<const N: usize>(bytes: &[u8; N], wanted: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | wanted(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_the_plain_loop(bytes in proptest::collection::vec(0u8..6, 0..70)) {
            let place = bytes.iter().position(|byte| *byte == 5);
            prop_assert_eq!(super::position(&bytes, |byte| byte == 5), place);
            prop_assert_eq!(super::contains(&bytes, |byte| byte == 5), place.is_some());
        }
    }
}
