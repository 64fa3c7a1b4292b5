//! UUIDs as the server writes them: small letters, with dashes (uuid_out, utils/adt/uuid.c).

/// Bytes of the text.
pub const LENGTH: usize = 36;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The places of the dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];

pub fn write(uuid: &[u8; 16], text: &mut [u8; LENGTH]) {
    let mut place = 0;
    for byte in uuid {
        if DASHES.contains(&place) {
            text[place] = b'-';
            place += 1;
        }
        text[place] = HEX[usize::from(byte >> 4)];
        text[place + 1] = HEX[usize::from(byte & 15)];
        place += 2;
    }
}

/// True of a text in this form.
pub fn is_uuid(text: &str) -> bool {
    text.len() == LENGTH
        && text.bytes().enumerate().all(|(place, byte)| match DASHES.contains(&place) {
            true => byte == b'-',
            false => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_form_alone() {
        assert!(is_uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
        for text in ["", "A0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999-c0b-4ef8-bb6d-6bb9bd380a11"] {
            assert!(!is_uuid(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn digits_in_their_order(uuid in any::<[u8; 16]>()) {
            let mut text = [0; LENGTH];
            write(&uuid, &mut text);
            let text = std::str::from_utf8(&text).unwrap();
            prop_assert!(is_uuid(text));
            let digits: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(text.replace('-', ""), digits);
        }
    }
}
