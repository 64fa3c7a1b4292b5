//! Waiting for a condition. The only place of the tests that sleeps.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks until `predicate` holds; panics, naming `what`, if it does not within `limit`.
#[track_caller]
pub fn wait_until(limit: Duration, what: &str, mut predicate: impl FnMut() -> bool) {
    let started = Instant::now();
    while !predicate() {
        assert!(started.elapsed() < limit, "waited {limit:?} in vain: {what}");
        sleep(Duration::from_millis(10));
    }
}
