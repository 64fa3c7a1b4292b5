//! The README's table of features: every row names tests, and each of them is there and runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const README: &str = include_str!("../README.md");
const HEADING: &str = "\n## What the products that it follows describe, and what proves it\n";

/// Cells of the table's rows, without its head.
fn rows() -> Vec<Vec<String>> {
    let (_, section) = README.split_once(HEADING).expect("the heading is in the README");
    let section = section.split("\n## ").next().unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    section.lines().filter(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

/// The tests of a suite, and whether each is left out of a run.
fn tests(suite: &str) -> BTreeMap<String, bool> {
    let path = format!("{}/tests/{suite}.rs", env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(&path).unwrap_or_else(|e| panic!("suite {suite}: {e}"));
    let mut tests = BTreeMap::new();
    for part in source.split("#[test]\n").skip(1) {
        let (attributes, rest) = part.split_once("fn ").unwrap();
        tests.insert(rest.split('(').next().unwrap().to_owned(), attributes.contains("#[ignore"));
    }
    tests
}

#[test]
fn every_feature_has_a_test() {
    let rows = rows();
    let mut documents = BTreeSet::new();
    for row in &rows {
        let [who, feature, _call, proof] = row.as_slice() else { panic!("not four cells: {row:?}") };
        assert!(!feature.is_empty() && !who.is_empty(), "{row:?}");
        documents.extend(who.split(' ').map(str::to_owned));
        let named: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test for: {feature}");
        for name in named {
            let (suite, test) =
                name.split_once("::").unwrap_or_else(|| panic!("{feature}: {name} is not suite::test"));
            let ignored = tests(suite).get(test).copied();
            assert_eq!(ignored, Some(false), "{feature}: {name} is no test, or is left out");
        }
    }
    assert!(documents.iter().eq(["A", "B", "C", "D", "E"]), "{documents:?}");
    assert!(rows.len() > 50, "{}", rows.len());
}
