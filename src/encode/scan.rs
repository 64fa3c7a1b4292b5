//! Looking for the few bytes that a format has to escape.

/// The place of the first byte that is `wanted`. Sixteen at a time: the compiler turns comparisons with a few values into
/// vector instructions, which no loop that may stop at each byte can become.
#[inline]
pub fn position(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<16>();
    for (index, chunk) in chunks.iter().enumerate() {
        if chunk.iter().fold(false, |found, byte| found | wanted(*byte)) {
            return chunk.iter().position(|byte| wanted(*byte)).map(|at| index * 16 + at);
        }
    }
    rest.iter().position(|byte| wanted(*byte)).map(|at| chunks.len() * 16 + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_the_plain_loop(bytes in proptest::collection::vec(0u8..6, 0..70)) {
            prop_assert_eq!(super::position(&bytes, |byte| byte == 5), bytes.iter().position(|byte| *byte == 5));
        }
    }
}
