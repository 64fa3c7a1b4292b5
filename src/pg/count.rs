//! Counting what others have inserted and not committed yet, without waiting for them.

use pgrx::pg_sys;
use std::ffi::CStr;

/// Entries of an index of the extension on one oid column, those of open transactions included; counts up to `most`. A row
/// that is just being updated may count twice. As a transaction's own row is in the index before it counts, of two that come
/// at once one at least sees both.
pub fn entries(table: &CStr, index: &CStr, key: u32, most: u64) -> u64 {
    // SAFETY: both relations are locked and closed in this block (an ERROR ends all of it by the abort); snapshot, key and
    // slot outlive the scan, and a dirty snapshot needs nothing but its type.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"acct_export".as_ptr(), false);
        let lock = pg_sys::AccessShareLock as i32;
        let table = pg_sys::table_open(pg_sys::get_relname_relid(table.as_ptr(), schema), lock);
        let index = pg_sys::index_open(pg_sys::get_relname_relid(index.as_ptr(), schema), lock);
        let mut snapshot = pg_sys::SnapshotData {
            snapshot_type: pg_sys::SnapshotType::SNAPSHOT_DIRTY,
            ..Default::default()
        };
        let mut wanted = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut wanted,
            1,
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::F_OIDEQ.into(),
            pg_sys::Datum::from(key),
        );
        let slot = pg_sys::table_slot_create(table, std::ptr::null_mut());
        #[cfg(not(feature = "pg18"))]
        let scan = pg_sys::index_beginscan(table, index, &mut snapshot, 1, 0);
        #[cfg(feature = "pg18")]
        let scan = pg_sys::index_beginscan(table, index, &mut snapshot, std::ptr::null_mut(), 1, 0);
        pg_sys::index_rescan(scan, &mut wanted, 1, std::ptr::null_mut(), 0);
        let mut count = 0;
        while count < most
            && pg_sys::index_getnext_slot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot)
        {
            count += 1;
        }
        pg_sys::index_endscan(scan);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::index_close(index, lock);
        pg_sys::table_close(table, lock);
        count
    }
}
