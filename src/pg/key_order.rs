//! The order of keys that are given as text: that of the type's default btree operator class and the column's collation, by which the
//! server sorts rows.

use super::tuple::Reader;
use crate::error::{Error, Kind, Result};
use crate::value::{key_text, time, Cell};
use pgrx::pg_sys;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::CString;

/// Compares keys, until the transaction ends.
pub struct KeyOrder {
    columns: Vec<ColumnOrder>,
}

impl KeyOrder {
    /// Of a key of these columns. `local`: instants also as wall clock. XX000 where the type of one has no order, which no key lacks.
    pub fn of(relation: u32, columns: &[i16], local: bool) -> Result<KeyOrder> {
        let columns = columns.iter().map(|column| ColumnOrder::of(relation, *column, local));
        Ok(KeyOrder { columns: columns.collect::<Result<_>>()? })
    }

    /// Hands on the values of a key, as a row that has it is read.
    pub fn cells(&mut self, key: &str, take: &mut dyn FnMut(&[Cell<'_>]) -> Result<()>) -> Result<()> {
        let values = values(key, self.columns.len())?;
        let cells: Result<Vec<Cell<'static>>> =
            self.columns.iter_mut().zip(&values).map(|(column, value)| column.cell(value)).collect();
        let taken = cells.and_then(|cells| take(&cells));
        self.columns.iter_mut().for_each(ColumnOrder::forget);
        taken
    }

    /// The order of two keys, as exports write them.
    pub fn compare(&mut self, one: &str, other: &str) -> Result<Ordering> {
        if let [column] = self.columns.as_mut_slice() {
            return column.compare(one, other);
        }
        let count = self.columns.len();
        let (one, other) = (values(one, count)?, values(other, count)?);
        for (column, (one, other)) in self.columns.iter_mut().zip(one.iter().zip(&other)) {
            match column.compare(one, other)? {
                Ordering::Equal => {}
                order => return Ok(order),
            }
        }
        Ok(Ordering::Equal)
    }
}

fn values(key: &str, columns: usize) -> Result<Vec<Cow<'_, str>>> {
    key_text::values(key, columns).ok_or_else(|| Error::new(Kind::Internal, "a key of other columns"))
}

/// Reads and compares values of one column.
struct ColumnOrder {
    /// Numbers are compared here.
    is_integer: bool,
    /// Years are written as exports write them.
    is_moment: bool,
    reader: Reader,
    input: pg_sys::FmgrInfo,
    io_param: pg_sys::Oid,
    compare: pg_sys::FmgrInfo,
    collation: pg_sys::Oid,
    /// Values of one comparison; it ends with the transaction.
    memory: pg_sys::MemoryContext,
}

impl ColumnOrder {
    fn of(relation: u32, column: i16, local: bool) -> Result<ColumnOrder> {
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
            let before = pg_sys::MemoryContextSwitchTo(parent);
            let reader = Reader::of(type_oid, local);
            pg_sys::MemoryContextSwitchTo(before);
            Ok(ColumnOrder {
                is_moment: matches!(base, pg_sys::DATEOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID),
                reader,
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
        let (one, other) = (self.text(one)?, self.text(other)?);
        // SAFETY: the texts outlive the calls; the values are of the context that is reset behind them. An ERROR ends the transaction, and the
        // context with it.
        let order = unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.memory);
            let (one, other) = (self.value(&one), self.value(&other));
            let order =
                pg_sys::FunctionCall2Coll(&mut self.compare, self.collation, one, other).value() as i32;
            pg_sys::MemoryContextSwitchTo(before);
            order
        };
        self.forget();
        Ok(order.cmp(&0))
    }

    /// The value of a text, as a row is read; it lasts until it is forgotten.
    fn cell(&mut self, text: &str) -> Result<Cell<'static>> {
        let text = self.text(text)?;
        // SAFETY: as in compare.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.memory);
            let value = self.value(&text);
            let cell = self.reader.read(value);
            pg_sys::MemoryContextSwitchTo(before);
            cell
        }
    }

    /// # Safety
    /// The current memory context outlives the value.
    unsafe fn value(&mut self, text: &CString) -> pg_sys::Datum {
        pg_sys::InputFunctionCall(&mut self.input, text.as_ptr().cast_mut(), self.io_param, -1)
    }

    fn text(&self, key: &str) -> Result<CString> {
        let key = if self.is_moment { time::for_input(key) } else { Cow::Borrowed(key) };
        CString::new(key.as_ref()).map_err(|_| Error::new(Kind::Internal, "a key with a NUL byte"))
    }

    /// Frees the values that were read.
    fn forget(&mut self) {
        // SAFETY: our own context, of which nothing is in use any more.
        unsafe { pg_sys::MemoryContextReset(self.memory) };
    }
}
