//! Values that each suite (a module of a test program) has for itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A value made once for each suite. The suite is the first part of the test's name, which its thread bears; a thread
/// that a test starts has no name and must be given the value.
pub struct PerSuite<T: 'static>(Mutex<BTreeMap<String, &'static OnceLock<T>>>);

impl<T> PerSuite<T> {
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &'static T {
        let cell = *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(suite())
            .or_insert_with(|| Box::leak(Box::default()));
        cell.get_or_init(make)
    }
}

impl<T> Default for PerSuite<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn suite() -> String {
    let thread = std::thread::current();
    let name =
        thread.name().expect("a thread without a name belongs to no suite: take the value before it starts");
    name.split("::").next().unwrap_or(name).to_owned()
}
