//! Rows that come in the order of their key: two neighbours with the same key are an error, and so is a key that is NULL.
//!
//! Keys are compared as the sort has ordered them: by the equality of the type's default btree operator class and the column's
//! collation (lookup_type_cache, typcache.c). Where equal values have equal bytes, as with integers, uuid and text of a deterministic
//! collation, the bytes are compared and no function is called.

use crate::error::{Error, Result};
use crate::value::memory;
use pgrx::pg_sys;

/// A column of the key.
#[derive(Debug, Clone)]
pub struct KeyColumn {
    pub name: String,
    /// Its place in the result.
    pub place: usize,
    /// NULL is a value like another: two of them are the same.
    pub nullable: bool,
}

/// Compares each row's key with that of the row before. It outlives the reader of rows, which a stream makes anew for each fetch.
#[derive(Debug)]
pub struct KeyCheck {
    dataset: String,
    /// Columns of the result that are read; those behind it are of the key only.
    pub(super) visible: usize,
    columns: Vec<(KeyColumn, Previous)>,
    started: bool,
}

/// A value of the row before.
#[derive(Debug, Default)]
struct Previous {
    is_null: bool,
    /// The datum of a type that is passed by value.
    word: usize,
    /// The value of another type, aligned as the server aligns it.
    image: Vec<u64>,
    length: usize,
}

/// The comparison of the values of a column, for the life of one reader.
pub(super) struct Comparison {
    length: i16,
    by_value: bool,
    /// Equal values have equal bytes.
    exact: bool,
    /// None: the type has no equality.
    equal: Option<pg_sys::FmgrInfo>,
    collation: pg_sys::Oid,
}

impl KeyCheck {
    /// `visible`: how many of the result's columns are read.
    pub fn new(dataset: &str, visible: usize, columns: Vec<KeyColumn>) -> KeyCheck {
        let columns = columns.into_iter().map(|column| (column, Previous::default())).collect();
        KeyCheck { dataset: dataset.to_owned(), visible, columns, started: false }
    }

    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().map(|(column, _)| column.place)
    }

    /// Takes the key of the next row. 22023 where it is the one of the row before, and where it is NULL.
    ///
    /// # Safety
    /// `values` and `nulls` have an element for each place, of the types that `comparisons` were made for.
    pub(super) unsafe fn next(
        &mut self,
        comparisons: &mut [Comparison],
        values: *const pg_sys::Datum,
        nulls: *const bool,
    ) -> Result<()> {
        let mut same = self.started;
        for ((column, previous), comparison) in self.columns.iter_mut().zip(comparisons) {
            if *nulls.add(column.place) {
                if !column.nullable {
                    let name = &column.name;
                    return Err(Error::invalid(format!(
                        "key \"{name}\" of dataset \"{}\" is null in a row",
                        self.dataset
                    ))
                    .hint("Register the dataset with a key that is never null."));
                }
                same &= previous.is_null;
                previous.is_null = true;
                continue;
            }
            let datum = *values.add(column.place);
            same &= comparison.take(previous, datum)?;
        }
        self.started = true;
        if same {
            return Err(self.repeated());
        }
        Ok(())
    }

    #[cold]
    fn repeated(&self) -> Error {
        let names: Vec<&str> = self.columns.iter().map(|(column, _)| column.name.as_str()).collect();
        let message =
            format!("two rows of dataset \"{}\" have the same key \"{}\"", self.dataset, names.join(", "));
        Error::invalid(message)
            .hint("Register the dataset with a key that is unique in its source; a view that joins can give a row more than once.")
    }
}

impl Comparison {
    /// The function's information is allocated in the current memory context, which has to outlive this.
    pub(super) fn of(type_oid: pg_sys::Oid, collation: pg_sys::Oid) -> Comparison {
        let (mut length, mut by_value) = (0i16, false);
        // SAFETY: look-ups in the server's caches; the entry of the type cache stays valid, its function id is copied.
        unsafe {
            pg_sys::get_typlenbyval(type_oid, &mut length, &mut by_value);
            let entry = pg_sys::lookup_type_cache(type_oid, pg_sys::TYPECACHE_EQ_OPR_FINFO as i32);
            let function = (*entry).eq_opr_finfo.fn_oid;
            let equal = (function != pg_sys::InvalidOid).then(|| {
                let mut info = pg_sys::FmgrInfo::default();
                pg_sys::fmgr_info(function, &mut info);
                info
            });
            Comparison { length, by_value, exact: is_exact(type_oid, collation), equal, collation }
        }
    }

    /// True if a value is the one before, which it then takes the place of.
    ///
    /// # Safety
    /// `datum` is a non-null value of the type.
    unsafe fn take(&mut self, previous: &mut Previous, datum: pg_sys::Datum) -> Result<bool> {
        let known = !std::mem::replace(&mut previous.is_null, false);
        if self.by_value {
            let before = std::mem::replace(&mut previous.word, datum.value());
            let same = before == previous.word
                || (!self.exact && known && self.are_equal(pg_sys::Datum::from(before), datum));
            return Ok(known && same);
        }
        let (value, size, header) = self.image(datum);
        let bytes = std::slice::from_raw_parts(value, size);
        let (before, before_header) = previous.bytes(self.length);
        let same = bytes[header..] == before[before_header..];
        let same = known
            && previous.length > 0
            && (same
                || (!self.exact
                    && self.are_equal(
                        pg_sys::Datum::from(previous.image.as_mut_ptr()),
                        pg_sys::Datum::from(value.cast_mut()),
                    )));
        previous.keep(bytes)?;
        Ok(same)
    }

    /// A value that is passed by reference: where it begins, its bytes in all, and those of its header.
    ///
    /// # Safety
    /// As for [`Comparison::take`].
    unsafe fn image(&self, datum: pg_sys::Datum) -> (*const u8, usize, usize) {
        match self.length {
            -1 => {
                let value = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
                let (size, content) = (pgrx::varsize_any(value), pgrx::varsize_any_exhdr(value));
                (value.cast::<u8>(), size, size - content)
            }
            -2 => (
                datum.cast_mut_ptr::<u8>(),
                std::ffi::CStr::from_ptr(datum.cast_mut_ptr()).count_bytes() + 1,
                0,
            ),
            length => (datum.cast_mut_ptr::<u8>(), length.unsigned_abs().into(), 0),
        }
    }

    /// # Safety
    /// Both are values of the type.
    unsafe fn are_equal(&mut self, one: pg_sys::Datum, other: pg_sys::Datum) -> bool {
        match &mut self.equal {
            Some(equal) => pg_sys::FunctionCall2Coll(equal, self.collation, one, other).value() as u8 != 0,
            None => false,
        }
    }
}

impl Previous {
    /// The bytes, and how many of them are a header.
    fn bytes(&self, type_length: i16) -> (&[u8], usize) {
        // SAFETY: `keep` has written that many bytes of the vector.
        let bytes = unsafe { std::slice::from_raw_parts(self.image.as_ptr().cast::<u8>(), self.length) };
        if type_length != -1 || self.length == 0 {
            return (bytes, 0);
        }
        // SAFETY: a whole varlena that is neither compressed nor outside of the row, as `image` gave it.
        let content = unsafe { pgrx::varsize_any_exhdr(self.image.as_ptr().cast()) };
        (bytes, self.length - content)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        let words = bytes.len().div_ceil(size_of::<u64>());
        if words > self.image.len() {
            memory::probe(words * size_of::<u64>())?;
            self.image.resize(words, 0);
        }
        // SAFETY: the vector has room for all of them and lies elsewhere.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.image.as_mut_ptr().cast::<u8>(), bytes.len())
        };
        self.length = bytes.len();
        Ok(())
    }
}

/// True if two values of the type are equal only if their bytes are. (btequalimage says the same of an operator class, with a look-up;
/// these are the types of almost all keys.)
fn is_exact(type_oid: pg_sys::Oid, collation: pg_sys::Oid) -> bool {
    // SAFETY: syscache look-ups.
    let (base, is_enum) = unsafe {
        let base = pg_sys::getBaseType(type_oid);
        (base, pg_sys::type_is_enum(base))
    };
    match base {
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::NAMEOID => {
            // SAFETY: a syscache look-up; a collation that a column has exists.
            collation != pg_sys::InvalidOid && unsafe { pg_sys::get_collation_isdeterministic(collation) }
        }
        pg_sys::BOOLOID
        | pg_sys::INT2OID
        | pg_sys::INT4OID
        | pg_sys::INT8OID
        | pg_sys::OIDOID
        | pg_sys::UUIDOID
        | pg_sys::BYTEAOID
        | pg_sys::DATEOID
        | pg_sys::TIMESTAMPOID
        | pg_sys::TIMESTAMPTZOID => true,
        _ => is_enum,
    }
}
