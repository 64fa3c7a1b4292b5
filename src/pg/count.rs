//! Counting what others have inserted and not committed yet, without waiting for them.

use pgrx::{pg_sys, IntoDatum};
use std::collections::HashSet;
use std::ffi::CStr;

/// The requirement on an index column.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    Oid(u32),
    /// The column's collation is "C".
    Text(&'a str),
}

/// Jobs of an index of the job table, whose leading columns are `keys`, those of open transactions included; counts up to `most`.
/// As a transaction's own row is in the index before it counts, of two that come at once one at least sees both.
pub fn jobs(index: &CStr, keys: &[Key<'_>], most: u64) -> u64 {
    // A row that is just being updated is there twice.
    let mut found: HashSet<[u8; 16]> = HashSet::new();
    // SAFETY: both relations are locked and closed in this block (an ERROR ends all of it by the abort); snapshot, keys and
    // slot outlive the scan, and a dirty snapshot needs nothing but its type. The table's first column is a uuid that is never
    // NULL, sixteen bytes in place; it is copied before the slot moves on.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"acct_export".as_ptr(), false);
        let lock = pg_sys::AccessShareLock as i32;
        let table = pg_sys::table_open(pg_sys::get_relname_relid(c"job".as_ptr(), schema), lock);
        let index = pg_sys::index_open(pg_sys::get_relname_relid(index.as_ptr(), schema), lock);
        let mut snapshot = pg_sys::SnapshotData {
            snapshot_type: pg_sys::SnapshotType::SNAPSHOT_DIRTY,
            ..Default::default()
        };
        let mut wanted: Vec<pg_sys::ScanKeyData> =
            keys.iter().zip(1..).map(|(key, n)| scan_key(*key, n)).collect();
        let count = wanted.len() as i32;
        let slot = pg_sys::table_slot_create(table, std::ptr::null_mut());
        #[cfg(not(feature = "pg18"))]
        let scan = pg_sys::index_beginscan(table, index, &mut snapshot, count, 0);
        #[cfg(feature = "pg18")]
        let scan = pg_sys::index_beginscan(table, index, &mut snapshot, std::ptr::null_mut(), count, 0);
        pg_sys::index_rescan(scan, wanted.as_mut_ptr(), count, std::ptr::null_mut(), 0);
        while (found.len() as u64) < most
            && pg_sys::index_getnext_slot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot)
        {
            pg_sys::slot_getsomeattrs_int(slot, 1);
            found.insert((*(*slot).tts_values).cast_mut_ptr::<[u8; 16]>().read_unaligned());
        }
        pg_sys::index_endscan(scan);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::index_close(index, lock);
        pg_sys::table_close(table, lock);
    }
    found.len() as u64
}

/// # Safety
/// The key lives as long as the current memory context.
unsafe fn scan_key(key: Key<'_>, column: i16) -> pg_sys::ScanKeyData {
    let (procedure, value) = match key {
        Key::Oid(oid) => (pg_sys::F_OIDEQ, pg_sys::Datum::from(oid)),
        // A text is never NULL.
        Key::Text(text) => (pg_sys::F_TEXTEQ, text.into_datum().unwrap_or(pg_sys::Datum::from(0usize))),
    };
    let mut wanted = pg_sys::ScanKeyData::default();
    // Compares by C_COLLATION_OID (scankey.c).
    pg_sys::ScanKeyInit(&mut wanted, column, pg_sys::BTEqualStrategyNumber as u16, procedure.into(), value);
    wanted
}
