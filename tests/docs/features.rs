//! The table of features (docs/conformance.md): every row names tests, and each of them is there and runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::document::read;

/// The tests of a suite, and whether each is left out of a run.
fn tests(suite: &str) -> BTreeMap<String, bool> {
    let themes = fs::read_dir(support::project().join("tests")).unwrap();
    let mut files = themes.map(|theme| theme.unwrap().path().join(format!("{suite}.rs")));
    let path = files.find(|file| file.exists()).unwrap_or_else(|| panic!("there is no suite {suite}"));
    let source = fs::read_to_string(&path).unwrap();
    let mut tests = BTreeMap::new();
    for part in source.split("#[test]\n").skip(1) {
        let (attributes, rest) = part.split_once("fn ").unwrap();
        tests.insert(rest.split('(').next().unwrap().to_owned(), attributes.contains("#[ignore"));
    }
    tests
}

#[test]
fn every_feature_has_a_test() {
    let rows = read("docs/conformance.md").section("Features and tests").rows();
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
    assert!(documents.iter().eq(["A", "B", "C", "D", "E", "F"]), "{documents:?}");
    assert!(rows.len() > 50, "{}", rows.len());
}
