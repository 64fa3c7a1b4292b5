//! The order of keys that are given as text: that of the type's default btree operator class and the column's collation, by which the
//! server sorts rows.

use crate::error::{Error, Kind, Result};
use crate::value::key_text;
use pgrx::pg_sys;
use std::cmp::Ordering;
use std::ffi::CString;

/// Compares keys, until the transaction ends.
pub struct KeyOrder {
    columns: Vec<ColumnOrder>,
}

impl KeyOrder {
    /// Of a key of these columns. XX000 where the type of one has no order, which no key lacks.
    pub fn of(relation: u32, columns: &[i16]) -> Result<KeyOrder> {
        let columns = columns.iter().map(|column| ColumnOrder::of(relation, *column));
        Ok(KeyOrder { columns: columns.collect::<Result<_>>()? })
    }

    /// The order of two keys, as exports write them.
    pub fn compare(&mut self, one: &str, other: &str) -> Result<Ordering> {
        if let [column] = self.columns.as_mut_slice() {
            return column.compare(one, other);
        }
        let count = self.columns.len();
        let values = |key| {
            key_text::values(key, count).ok_or_else(|| Error::new(Kind::Internal, "a key of other columns"))
        };
        let (one, other) = (values(one)?, values(other)?);
        for (column, (one, other)) in self.columns.iter_mut().zip(one.iter().zip(&other)) {
            match column.compare(one, other)? {
                Ordering::Equal => {}
                order => return Ok(order),
            }
        }
        Ok(Ordering::Equal)
    }
}

/// Compares values of one column.
struct ColumnOrder {
    /// Numbers are compared here.
    is_integer: bool,
    input: pg_sys::FmgrInfo,
    io_param: pg_sys::Oid,
    compare: pg_sys::FmgrInfo,
    collation: pg_sys::Oid,
    /// Values of one comparison; it ends with the transaction.
    memory: pg_sys::MemoryContext,
}

impl ColumnOrder {
    fn of(relation: u32, column: i16) -> Result<ColumnOrder> {
        let (mut type_oid, mut typmod, mut collation) = (pg_sys::InvalidOid, 0, pg_sys::InvalidOid);
        // SAFETY: look-ups in the server's caches; the function infos and the context are of the transaction's own context, which outlives
        // this within a worker's read.
        unsafe {
            pg_sys::get_atttypetypmodcoll(
                relation.into(),
                column,
                &mut type_oid,
                &mut typmod,
                &mut collation,
            );
            let base = pg_sys::getBaseType(type_oid);
            let entry = pg_sys::lookup_type_cache(base, pg_sys::TYPECACHE_CMP_PROC as i32);
            if (*entry).cmp_proc == pg_sys::InvalidOid {
                return Err(Error::new(Kind::Internal, "the key has no order"));
            }
            let parent = pg_sys::TopTransactionContext;
            let info = |function: pg_sys::Oid| {
                let mut info = pg_sys::FmgrInfo::default();
                pg_sys::fmgr_info_cxt(function, &mut info, parent);
                info
            };
            let (mut function, mut io_param) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
            pg_sys::getTypeInputInfo(base, &mut function, &mut io_param);
            Ok(ColumnOrder {
                is_integer: matches!(base, pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID),
                input: info(function),
                io_param,
                compare: info((*entry).cmp_proc),
                collation,
                memory: pg_sys::AllocSetContextCreateInternal(
                    parent,
                    c"pg_acctexport keys".as_ptr(),
                    pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                    pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                    pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
                ),
            })
        }
    }

    fn compare(&mut self, one: &str, other: &str) -> Result<Ordering> {
        if self.is_integer {
            if let (Ok(one), Ok(other)) = (one.parse::<i64>(), other.parse::<i64>()) {
                return Ok(one.cmp(&other));
            }
        }
        let text =
            |key: &str| CString::new(key).map_err(|_| Error::new(Kind::Internal, "a key with a NUL byte"));
        let (one, other) = (text(one)?, text(other)?);
        // SAFETY: the texts outlive the calls; the values are of the context that is reset behind them. An ERROR ends the transaction, and the
        // context with it.
        let order = unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.memory);
            let mut value = |text: &CString| {
                pg_sys::InputFunctionCall(&mut self.input, text.as_ptr().cast_mut(), self.io_param, -1)
            };
            let (one, other) = (value(&one), value(&other));
            let order =
                pg_sys::FunctionCall2Coll(&mut self.compare, self.collation, one, other).value() as i32;
            pg_sys::MemoryContextSwitchTo(before);
            pg_sys::MemoryContextReset(self.memory);
            order
        };
        Ok(order.cmp(&0))
    }
}
