//! Texts that the server takes for one value although they are written in different ways: of citext, of char(n), and under a
//! nondeterministic collation.

use crate::error::{Error, Kind, Result};
use pgrx::pg_sys;
use std::ffi::CString;

/// The equality of a column whose values are equal in more than their text, until the transaction ends.
pub struct EqualText {
    input: pg_sys::FmgrInfo,
    io_param: pg_sys::Oid,
    hash: pg_sys::FmgrInfo,
    collation: pg_sys::Oid,
    /// The values of one call; it ends with the transaction.
    memory: pg_sys::MemoryContext,
}

impl EqualText {
    /// None: values of this column are equal only if their texts are, or they are no texts, or their type has no hash function.
    pub fn of(relation: u32, column: i16) -> Option<EqualText> {
        let (mut type_oid, mut typmod, mut collation) = (pg_sys::InvalidOid, 0, pg_sys::InvalidOid);
        // SAFETY: look-ups in the server's caches; the function infos and the context are of the transaction's own context.
        unsafe {
            pg_sys::get_atttypetypmodcoll(
                relation.into(),
                column,
                &mut type_oid,
                &mut typmod,
                &mut collation,
            );
            let base = pg_sys::getBaseType(type_oid);
            let is_exact =
                collation == pg_sys::InvalidOid || pg_sys::get_collation_isdeterministic(collation);
            let is_plain =
                matches!(base, pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::NAMEOID | pg_sys::CHAROID);
            let (mut category, mut is_preferred) = (0, false);
            pg_sys::get_type_category_preferred(base, &mut category, &mut is_preferred);
            if (is_exact && is_plain) || category as u8 != pg_sys::TYPCATEGORY_STRING {
                return None;
            }
            let entry = pg_sys::lookup_type_cache(base, pg_sys::TYPECACHE_HASH_EXTENDED_PROC as i32);
            let function = (*entry).hash_extended_proc;
            if function == pg_sys::InvalidOid {
                return None;
            }
            let parent = pg_sys::TopTransactionContext;
            let info = |function: pg_sys::Oid| {
                let mut info = pg_sys::FmgrInfo::default();
                pg_sys::fmgr_info_cxt(function, &mut info, parent);
                info
            };
            let (mut input, mut io_param) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
            pg_sys::getTypeInputInfo(base, &mut input, &mut io_param);
            Some(EqualText {
                input: info(input),
                io_param,
                hash: info(function),
                collation,
                memory: pg_sys::AllocSetContextCreateInternal(
                    parent,
                    c"pg_acctexport texts".as_ptr(),
                    pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                    pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                    pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
                ),
            })
        }
    }

    /// A text that is the same for values that are equal: 128 bits of the type's hash function, in hexadecimal digits.
    pub fn key(&mut self, text: &str) -> Result<String> {
        let text = CString::new(text).map_err(|_| Error::new(Kind::Internal, "a text with a NUL byte"))?;
        // SAFETY: the text outlives the calls; the value is of the context that is reset behind them. An ERROR ends the transaction, and
        // the context with it.
        let hashes = unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.memory);
            let value =
                pg_sys::InputFunctionCall(&mut self.input, text.as_ptr().cast_mut(), self.io_param, -1);
            let hashes = [0_usize, 1].map(|seed| {
                pg_sys::FunctionCall2Coll(&mut self.hash, self.collation, value, seed.into()).value() as u64
            });
            pg_sys::MemoryContextSwitchTo(before);
            pg_sys::MemoryContextReset(self.memory);
            hashes
        };
        Ok(format!("{:016x}{:016x}", hashes[0], hashes[1]))
    }
}
