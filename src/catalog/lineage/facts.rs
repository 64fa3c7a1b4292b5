//! Facts of the structure of queries, each found once: keys, and the table expression that the rows are rows of.

use super::keys::Key;
use super::scope::Scope;
use super::walk::World;
use std::cell::RefCell;
use std::collections::HashMap;

/// Facts that were found, by the place of the query in memory.
pub struct Facts<'w> {
    pub world: &'w dyn World,
    drivers: RefCell<HashMap<usize, Option<i64>>>,
    keys: RefCell<HashMap<usize, Vec<Key>>>,
}

impl<'w> Facts<'w> {
    pub fn of(world: &'w dyn World) -> Self {
        Facts { world, drivers: RefCell::default(), keys: RefCell::default() }
    }

    pub fn driver(&self, scope: &Scope<'_, '_>, find: impl FnOnce() -> Option<i64>) -> Option<i64> {
        self.once(&self.drivers, scope, find)
    }

    pub fn keys(&self, scope: &Scope<'_, '_>, find: impl FnOnce() -> Vec<Key>) -> Vec<Key> {
        self.once(&self.keys, scope, find)
    }

    /// A query that leads back to itself has no facts, nor has one for which the stack has no room.
    fn once<T: Clone + Default>(
        &self,
        found: &RefCell<HashMap<usize, T>>,
        scope: &Scope<'_, '_>,
        find: impl FnOnce() -> T,
    ) -> T {
        let key = std::ptr::from_ref(scope.query) as usize;
        if let Some(known) = found.borrow().get(&key) {
            return known.clone();
        }
        found.borrow_mut().insert(key, T::default());
        let fact = if self.world.is_stack_deep() { T::default() } else { find() };
        found.borrow_mut().insert(key, fact.clone());
        fact
    }
}
