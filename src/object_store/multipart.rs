//! In which parts a file is sent.
//!
//! S3 takes 10,000 parts at most, of 5 MiB to 5 GiB each (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html), and some
//! servers want all but the last to be of one size. So the size grows with the file, and fewer are on their way at a time.

const MIB: u64 = 1024 * 1024;

/// Parts that a store takes, and a few to spare.
const MOST: u64 = 9_900;
const SMALLEST: u64 = 8 * MIB;
/// The memory limit of one upload.
const MEMORY: u64 = 64 * MIB;
const MOST_AT_ONCE: u64 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub size: u64,
    pub at_once: usize,
}

/// For a file of so many bytes. None: it goes in one piece.
pub fn of(bytes: u64) -> Option<Parts> {
    if bytes <= SMALLEST {
        return None;
    }
    let size = bytes.div_ceil(MOST).next_multiple_of(MIB).max(SMALLEST);
    Some(Parts { size, at_once: (MEMORY / size).clamp(1, MOST_AT_ONCE) as usize })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_files_go_whole() {
        assert_eq!(of(0), None);
        assert_eq!(of(8 * MIB), None);
        assert_eq!(of(8 * MIB + 1), Some(Parts { size: 8 * MIB, at_once: 6 }));
    }

    #[test]
    fn parts_grow_with_the_file() {
        assert_eq!(of(2 * 1024 * MIB).unwrap().size, 8 * MIB);
        assert_eq!(of(100 * 1024 * MIB).unwrap(), Parts { size: 11 * MIB, at_once: 5 });
        assert_eq!(of(1024 * 1024 * MIB).unwrap(), Parts { size: 106 * MIB, at_once: 1 });
    }

    proptest! {
        #[test]
        fn a_store_takes_them(bytes in 8 * MIB + 1..5 * 1024 * 1024 * MIB) {
            let parts = of(bytes).unwrap();
            prop_assert!(bytes.div_ceil(parts.size) <= 10_000);
            prop_assert!(parts.size <= 5 * 1024 * MIB);
            prop_assert!(parts.size * parts.at_once as u64 <= MEMORY.max(parts.size));
        }
    }
}
