//! The tenant or the role that has all slots, as locks tell it. A session that has just committed a request can ask locks and not the
//! database; it wants to know whether a worker for the extra slot is needed (`wake`).
//!
//! A worker whose job gives its tenant, or its role, all slots holds two shared locks while the job runs: which one it is, and then
//! that it is so. Jobs of others end meanwhile and none begins, so whenever a tenant has all slots, the worker that claimed last
//! of these holds its locks. It takes them after the commit of the claim, and only then looks for others who wait
//! (`worker::run`). Of a request that commits at the same time, either its session finds the locks, or this look finds its job.

use crate::pg::lock::Lock;
use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Tenant and role that a job belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// A hash of its key: where two are the same, a worker may come for one of them only when somebody looks at its job.
    tenant: u64,
    role: u32,
}

impl Owner {
    pub fn new(tenant_key: Option<&str>, role: u32) -> Self {
        let mut hasher = DefaultHasher::new();
        tenant_key.unwrap_or_default().hash(&mut hasher);
        Owner { tenant: hasher.finish(), role }
    }

    /// The locks that say who has all slots, and those that say that somebody does.
    fn locks(self) -> [(Lock, Lock); 2] {
        [(Lock::OneTenantIs(self.tenant), Lock::OneTenant), (Lock::OneRoleIs(self.role), Lock::OneRole)]
    }
}

/// The sides of an owner, tenant and role, that have all slots.
#[derive(Debug, Default, Clone, Copy)]
pub struct AllSlots(Option<(Owner, [bool; 2])>);

impl AllSlots {
    pub fn new(owner: Owner, tenant: bool, role: bool) -> Self {
        AllSlots((tenant || role).then_some((owner, [tenant, role])))
    }

    /// True if others may be locked out.
    pub fn is_any(self) -> bool {
        self.0.is_some()
    }

    fn locks(self) -> impl Iterator<Item = (Lock, Lock)> {
        let sides = self.0.map(|(owner, sides)| owner.locks().into_iter().zip(sides));
        sides.into_iter().flatten().filter(|(_, has_all)| *has_all).map(|(locks, _)| locks)
    }
}

thread_local! {
    /// The sides that this worker has announced.
    static ANNOUNCED: Cell<AllSlots> = const { Cell::new(AllSlots(None)) };
}

/// Tells others, until `withdraw`. Before the look for those who wait.
pub fn announce(all_slots: AllSlots) {
    ANNOUNCED.set(all_slots);
    for (which, any) in all_slots.locks() {
        which.share();
        any.share();
    }
}

pub fn withdraw() {
    for (which, any) in ANNOUNCED.take().locks() {
        any.unshare();
        which.unshare();
    }
}

/// True if another tenant or another role than the owner's has all slots. None: whoever has them. A commit hook may ask.
pub fn are_of_another(owner: Option<Owner>) -> bool {
    match owner {
        Some(owner) => owner.locks().iter().any(|(which, any)| any.is_taken() && !which.is_taken()),
        None => Lock::OneTenant.is_taken() || Lock::OneRole.is_taken(),
    }
}
