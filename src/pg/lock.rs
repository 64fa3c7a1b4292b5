//! Locks that prove life: held by a session, released by the server however its process ends.
//!
//! They are advisory locks with a fourth field that no SQL function uses (`pg_advisory_lock` writes 1 or 2 there,
//! lockfuncs.c), so no user can take or hold one of them. What can be done to them is `pg_advisory_unlock_all` in the process that
//! holds them, by a function that a source calls: `is_held` tells, and a job's lock is held by the reading transaction as well. They
//! appear in pg_locks.

use super::sql;
use crate::error::Result;
use pgrx::pg_sys;

/// The object of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// A job, by the first eight bytes of its id: its worker lives.
    Job(u64),
    /// One of the `max_workers` slots in which a worker may run.
    Slot(u32),
    /// The slot beside these, for whoever is locked out of them.
    ExtraSlot,
    /// A worker without a slot looks for new jobs yet (`worker::linger`).
    Lingering,
    /// The choice of the next job.
    Claim,
    /// A request that is just being inserted, by its fingerprint.
    Twin(u64),
    /// The process that sends messages.
    Sender,
    /// The process that starts what schedules have due.
    Schedules,
    /// The end of the audit chain, for the time of one commit.
    Chain,
    /// Shared: jobs of one tenant had all slots when the holder claimed one of them.
    OneTenant,
    /// Shared, with `OneTenant`: it is this tenant, by a hash of its key.
    OneTenantIs(u64),
    /// Shared: the same of a role.
    OneRole,
    /// Shared, with `OneRole`: it is this role.
    OneRoleIs(u32),
}

impl Lock {
    fn tag(self) -> pg_sys::LOCKTAG {
        let (high, low, class) = match self {
            Lock::Job(id) => ((id >> 32) as u32, id as u32, 0x4a4f),
            Lock::Slot(slot) => (0, slot, 0x534c),
            Lock::ExtraSlot => (0, 0, 0x4558),
            Lock::Lingering => (0, 0, 0x4c49),
            Lock::Claim => (0, 0, 0x434c),
            Lock::Twin(print) => ((print >> 32) as u32, print as u32, 0x5457),
            Lock::Sender => (0, 0, 0x5345),
            Lock::Schedules => (0, 0, 0x5343),
            Lock::Chain => (0, 0, 0x4348),
            Lock::OneTenant => (0, 0, 0x5454),
            Lock::OneTenantIs(key) => ((key >> 32) as u32, key as u32, 0x5449),
            Lock::OneRole => (0, 0, 0x5252),
            Lock::OneRoleIs(role) => (0, role, 0x5249),
        };
        pg_sys::LOCKTAG {
            // SAFETY: a backend variable, set once at start.
            locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
            locktag_field2: high,
            locktag_field3: low,
            locktag_field4: class,
            locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
            locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
        }
    }

    /// Takes the lock for this session; false: another session holds it.
    pub fn try_acquire(self) -> bool {
        let tag = self.tag();
        // SAFETY: a complete tag; a session lock outlives the transaction and ends with the process.
        let result = unsafe { pg_sys::LockAcquire(&tag, pg_sys::ExclusiveLock as i32, true, true) };
        result != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
    }

    /// Takes the lock for this session beside others that share it.
    pub fn share(self) {
        let tag = self.tag();
        // SAFETY: as above; nobody takes a shared lock alone, so it is not waited for.
        unsafe { pg_sys::LockAcquire(&tag, pg_sys::ShareLock as i32, true, false) };
    }

    /// Ends `share`.
    pub fn unshare(self) {
        let tag = self.tag();
        // SAFETY: looks into this backend's own table of locks, and releases what it holds.
        unsafe {
            if is_held(&tag, pg_sys::ShareLock) {
                pg_sys::LockRelease(&tag, pg_sys::ShareLock as i32, true);
            }
        }
    }

    /// Takes the lock until the transaction ends; false: another session holds it.
    pub fn try_for_transaction(self) -> bool {
        let tag = self.tag();
        // SAFETY: a complete tag.
        let result = unsafe { pg_sys::LockAcquire(&tag, pg_sys::ExclusiveLock as i32, false, true) };
        result != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
    }

    /// Waits for the lock and holds it until the transaction ends.
    pub fn acquire_for_transaction(self) {
        let tag = self.tag();
        // SAFETY: a complete tag; an ERROR (deadlock, cancel) leaves nothing held.
        unsafe { pg_sys::LockAcquire(&tag, pg_sys::ExclusiveLock as i32, false, false) };
    }

    /// True if this session holds it. It may have lost it: a function that the source calls can run
    /// `pg_advisory_unlock_all`.
    pub fn is_held(self) -> bool {
        let tag = self.tag();
        // SAFETY: looks into this backend's own table of locks.
        unsafe { is_held(&tag, pg_sys::ExclusiveLock) }
    }

    /// True if a process holds it, while it is in a transaction. Takes no lock and raises no error, so a commit hook may ask.
    pub fn is_held_by(self, pid: i32) -> bool {
        let tag = self.tag();
        // SAFETY: the process is NULL for a backend that is gone; the result is an array of `count` ids in the current
        // memory context.
        unsafe {
            let process = pg_sys::BackendPidGetProc(pid);
            if process.is_null() {
                return false;
            }
            let mut count = 0;
            let holders = pg_sys::GetLockConflicts(&tag, pg_sys::ExclusiveLock as i32, &mut count);
            (0..count as usize).any(|index| {
                let holder = *holders.add(index);
                #[cfg(any(feature = "pg15", feature = "pg16"))]
                return holder.backendId == (*process).backendId;
                #[cfg(any(feature = "pg17", feature = "pg18"))]
                return holder.procNumber == (*process).vxid.procNumber;
            })
        }
    }

    /// The process whose session holds it.
    pub fn holder(self) -> Result<Option<i32>> {
        let tag = self.tag();
        let held = "SELECT to_jsonb(pid) FROM pg_locks
                     WHERE locktype = 'advisory' AND database = $1::oid AND classid = $2::oid AND objid = $3::oid
                       AND objsubid = $4 AND granted";
        let fields = [tag.locktag_field1, tag.locktag_field2, tag.locktag_field3, tag.locktag_field4.into()];
        sql::document(held, &fields.map(|field| i64::from(field).into()))
    }

    /// Releases the advisory locks that SQL functions took for this session, and none of ours. Outside of any transaction that holds
    /// some for itself.
    pub fn release_foreign() {
        // SAFETY: a copy of the table of locks in the current memory context, whose entries are complete tags. Only what this process
        // holds is released, as often as it was taken.
        unsafe {
            let all = pg_sys::GetLockStatusData();
            for index in 0..(*all).nelements as usize {
                let lock = &*(*all).locks.add(index);
                let tag = lock.locktag;
                if lock.pid != pg_sys::MyProcPid
                    || tag.locktag_lockmethodid != pg_sys::USER_LOCKMETHOD as u8
                    || tag.locktag_type != pg_sys::LockTagType::LOCKTAG_ADVISORY as u8
                    || !matches!(tag.locktag_field4, 1 | 2)
                {
                    continue;
                }
                for mode in [pg_sys::ShareLock, pg_sys::ExclusiveLock] {
                    while is_held(&tag, mode) && pg_sys::LockRelease(&tag, mode as i32, true) {}
                }
            }
        }
    }

    pub fn release(self) {
        let tag = self.tag();
        // SAFETY: as above; releasing a lock that is not held is a WARNING of the server.
        unsafe { pg_sys::LockRelease(&tag, pg_sys::ExclusiveLock as i32, true) };
    }

    /// Gives back what `try_for_transaction` took, before the transaction ends.
    pub fn release_in_transaction(self) {
        let tag = self.tag();
        // SAFETY: as above.
        unsafe { pg_sys::LockRelease(&tag, pg_sys::ExclusiveLock as i32, false) };
    }

    /// True if another session holds it at this moment.
    pub fn is_held_elsewhere(self) -> bool {
        !self.is_held() && self.is_taken()
    }

    /// True if a session holds it at this moment. Takes nothing, so it is in nobody's way, and raises no error, so a commit hook may
    /// ask.
    pub fn is_taken(self) -> bool {
        let tag = self.tag();
        // SAFETY: a complete tag of a known method. The number counts those who hold the lock as well as those who wait for it
        // (LOCK.nRequested, lock.c). Advisory locks are never on the fast path, which is for relations.
        unsafe { pg_sys::LockWaiterCount(&tag) > 0 }
    }
}

/// Releases all locks of this module that the session of this process holds.
pub fn release_all() {
    // SAFETY: as at the end of a session (ShutdownPostgres, postinit.c).
    unsafe { pg_sys::LockReleaseAll(pg_sys::USER_LOCKMETHOD as u16, true) };
}

/// True if a table can be written to without a wait. The lock is held until the transaction ends.
pub fn table_is_free(schema: &str, table: &str) -> bool {
    let found = super::catalog::relation_oid(schema, table);
    // SAFETY: a relation that is dropped meanwhile leaves a lock on a number, until the transaction ends.
    found.is_some_and(|oid| unsafe {
        pg_sys::ConditionalLockRelationOid(pg_sys::Oid::from(oid), pg_sys::RowExclusiveLock as i32)
    })
}

/// The lock that new sessions take on their database (InitPostgres, postinit.c), and whoever drops, moves or renames it in a mode that
/// excludes that (dropdb, dbcommands.c).
fn database_tag(database: u32) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        locktag_field1: 0,
        locktag_field2: pg_sys::DatabaseRelationId.to_u32(),
        locktag_field3: database,
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    }
}

/// Keeps a database from being dropped, also before this process has connected; false: it is being dropped, moved or renamed.
pub fn try_keep_database(database: u32) -> bool {
    let tag = database_tag(database);
    // SAFETY: a complete tag; a lock of the session needs no transaction, and one that is not waited for no time-out.
    let result = unsafe { pg_sys::LockAcquire(&tag, pg_sys::RowExclusiveLock as i32, true, true) };
    result != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// Ends `try_keep_database`.
pub fn let_database_go(database: u32) {
    // SAFETY: as above.
    unsafe { pg_sys::LockRelease(&database_tag(database), pg_sys::RowExclusiveLock as i32, true) };
}

/// True if this database is being dropped, moved or renamed: nobody else may connect.
pub fn database_is_held() -> bool {
    // SAFETY: a backend variable, set once at start.
    let database = unsafe { pg_sys::MyDatabaseId }.to_u32();
    if !try_keep_database(database) {
        return true;
    }
    let_database_go(database);
    false
}

/// # Safety
/// A complete tag.
unsafe fn is_held(tag: &pg_sys::LOCKTAG, mode: u32) -> bool {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    return pg_sys::LockHeldByMe(tag, mode as i32);
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    return pg_sys::LockHeldByMe(tag, mode as i32, false);
}
