//! The elements of an array of texts, where they lie (utils/array.h: ArrayType, ARR_DATA_PTR; postgres.h: varattrib_4b).
//!
//! Bytes in, bytes out, nothing of the server: what does not look as it should is left to the server. An array whose tuple gave it a
//! short header lies at any address, so numbers are read byte by byte.

use super::varlena::{size_of_header, HEADER};

/// An element is not as the server writes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OtherForm;

/// The elements of an array of one dimension, or of none.
pub(super) struct Elements<'a> {
    array: &'a [u8],
    count: usize,
    next: usize,
    /// A bit for each element, set where it is no NULL.
    present: Option<&'a [u8]>,
    /// From the beginning of the array with its header, by which elements are aligned.
    offset: usize,
}

impl<'a> Elements<'a> {
    /// `array`: the bytes after the varlena header. None: the array is of another form.
    pub(super) fn of(array: &'a [u8]) -> Option<Elements<'a>> {
        let (dimensions, data) = (number(array, 4)?, number(array, 8)?);
        let count = match dimensions {
            0 => 0,
            1 => usize::try_from(number(array, 16)?).ok()?,
            _ => return None,
        };
        // Elements without NULL begin behind size and lower bound, 24 bytes, which is aligned.
        let present = match data {
            0 => None,
            _ => Some(array.get(24 - HEADER..)?.get(..count.div_ceil(8))?),
        };
        let offset = if data == 0 { 24 } else { usize::try_from(data).ok()? };
        // Each takes a bit at least.
        let is_possible = count <= array.len() * 8 && (count == 0 || offset >= 24);
        is_possible.then_some(Elements { array, count, next: 0, present, offset })
    }

    /// Elements that are still to come.
    pub(super) fn left(&self) -> usize {
        self.count - self.next
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let start = self.offset.next_multiple_of(4);
        let header = u32::from_ne_bytes(*self.array.get(start - HEADER..)?.first_chunk()?);
        let bytes = size_of_header(header)?.checked_sub(HEADER)?;
        let text = self.array.get(start..)?.get(..bytes);
        // `start` counts the array's own header, so the text begins at `start` among these bytes.
        self.offset = start + HEADER + bytes;
        text
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Option<&'a [u8]>, OtherForm>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.count {
            return None;
        }
        let is_null = self.present.is_some_and(|bits| bits[self.next / 8] >> (self.next % 8) & 1 == 0);
        self.next += 1;
        Some(if is_null { Ok(None) } else { self.text().map(Some).ok_or(OtherForm) })
    }
}

/// The number of the array at this offset, its header counted.
fn number(array: &[u8], offset: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(*array.get(offset - HEADER..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::super::varlena::header_of;
    use super::*;
    use proptest::prelude::*;

    /// An array as the server makes it, without its header.
    fn array(texts: &[Option<Vec<u8>>]) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        let has_null = texts.iter().any(Option::is_none);
        let bits = if has_null { texts.len().div_ceil(8) } else { 0 };
        let data = (24 + bits).next_multiple_of(8);
        for value in [1, if has_null { data as i32 } else { 0 }, 25, texts.len() as i32, 1] {
            out.extend_from_slice(&value.to_ne_bytes());
        }
        out.resize(data, 0);
        for (place, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            if has_null {
                out[24 + place / 8] |= 1 << (place % 8);
            }
            out.resize(out.len().next_multiple_of(4), 0);
            out.extend_from_slice(&header_of(text.len() + HEADER).to_ne_bytes());
            out.extend_from_slice(text);
        }
        out.split_off(HEADER)
    }

    fn read(bytes: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
        Elements::of(bytes)?.map(|element| element.ok().map(|text| text.map(<[u8]>::to_vec))).collect()
    }

    #[test]
    fn no_elements_and_other_forms() {
        let mut empty = Vec::new();
        for value in [0i32, 0, 25] {
            empty.extend_from_slice(&value.to_ne_bytes());
        }
        assert_eq!(read(&empty), Some(vec![]));
        let mut square = array(&[Some(b"a".to_vec())]);
        square[..4].copy_from_slice(&2i32.to_ne_bytes());
        assert_eq!(read(&square), None);
        let mut many = array(&[Some(b"a".to_vec())]);
        many[12..16].copy_from_slice(&i32::MAX.to_ne_bytes());
        assert_eq!(read(&many), None);
        assert_eq!(read(b""), None);
    }

    proptest! {
        #[test]
        fn as_they_were_put_in(texts in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..20)), 1..20)) {
            prop_assert_eq!(read(&array(&texts)), Some(texts));
        }

        #[test]
        fn nothing_is_read_beyond_the_end(
            texts in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..20)), 1..9),
            cut in 0..200usize,
            place in 0..200usize,
            byte in any::<u8>(),
        ) {
            let mut bytes = array(&texts);
            if let Some(at) = bytes.get_mut(place) {
                *at = byte;
            }
            bytes.truncate(cut);
            read(&bytes);
        }
    }
}
