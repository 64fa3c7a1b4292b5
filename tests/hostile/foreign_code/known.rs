//! The list of built-in functions is complete for the server that the tests run on.

use std::collections::BTreeSet;

use support::asking::column;
use support::common::shared;

#[path = "../../../src/pg/guard/known.rs"]
#[allow(dead_code)]
mod lists;

const ALL: [&[&str]; 4] = [lists::HARMLESS, lists::UNTIL_ROLLBACK, lists::SESSION, lists::LASTING];

#[test]
fn every_volatile_built_in_is_classified() {
    let mut superuser = shared().connect("postgres", "postgres");
    let volatile = column(
        &mut superuser,
        "SELECT DISTINCT proname::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND provolatile = 'v'",
    );
    assert!(volatile.len() > 200, "{}", volatile.len());
    let listed: BTreeSet<&str> = ALL.into_iter().flatten().copied().collect();
    let is_listed =
        |name: &&String| listed.contains(name.as_str()) || name.starts_with(lists::LASTING_PREFIX);
    let missing: Vec<&String> = volatile.iter().filter(|name| !is_listed(name)).collect();
    assert!(missing.is_empty(), "decide about these in src/pg/guard/known.rs: {missing:?}");
}

#[test]
fn the_lists_are_sorted_and_disjoint() {
    for list in ALL {
        assert!(list.is_sorted(), "{list:?}");
    }
    let all: Vec<&str> = ALL.into_iter().flatten().copied().collect();
    let distinct: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), distinct.len());
}
