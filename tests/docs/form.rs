//! The form of the documents: length of lines, links and anchors.

use std::collections::BTreeSet;

use crate::document::{all, cells, read, Document};

/// Characters.
const LONGEST_LINE: usize = 160;
const LONGEST_README: usize = 150;

#[test]
fn no_line_is_too_long() {
    let mut long = Vec::new();
    for document in all() {
        for (index, line) in document.text.lines().enumerate() {
            let length = line.chars().count();
            if length > LONGEST_LINE {
                long.push(format!("{}:{}: {length} characters", document.path, index + 1));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").text.lines().count();
    assert!(lines <= LONGEST_README, "{lines} lines");
}

/// A renderer drops the cells that a table's head has not.
#[test]
fn rows_have_the_cells_of_their_head() {
    let mut uneven = Vec::new();
    for document in all() {
        let mut width = None;
        for (number, line) in document.prose() {
            let count = line.strip_prefix('|').map(|row| cells(row).len());
            if count.is_some() && width.is_some() && count != width {
                uneven.push(format!("{}:{number}", document.path));
            }
            width = count.and(width.or(count));
        }
    }
    assert!(uneven.is_empty(), "{}", uneven.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let project = support::project();
    let mut broken = Vec::new();
    for document in all() {
        let folder = project.join(&document.path).parent().unwrap().to_owned();
        for (line, target) in links(&document) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { project.join(&document.path) } else { folder.join(file) };
            let is_there = path.exists()
                && (anchor.is_empty() || anchors(&std::fs::read_to_string(&path).unwrap()).contains(anchor));
            if !is_there {
                broken.push(format!("{}:{line}: {target}", document.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Every document is reached from the README.
#[test]
fn every_document_is_linked() {
    let project = support::project().canonicalize().unwrap();
    let mut reached = BTreeSet::new();
    let mut open = vec!["README.md".to_owned()];
    while let Some(path) = open.pop() {
        if !reached.insert(path.clone()) {
            continue;
        }
        let folder = project.join(&path).parent().unwrap().to_owned();
        for (_, target) in links(&read(&path)) {
            let file = target.split('#').next().unwrap();
            if file.ends_with(".md") && !file.contains("://") {
                let target = folder.join(file).canonicalize().unwrap();
                open.push(target.strip_prefix(&project).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let left: Vec<String> = all()
        .into_iter()
        .map(|document| document.path)
        .filter(|path| !path.starts_with('.') && !reached.contains(path))
        .collect();
    assert!(left.is_empty(), "no document links to {left:?}");
}

/// Targets of the links in a document's prose, with their lines.
fn links(document: &Document) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in document.prose() {
        // Code holds brackets that are no links.
        let prose: String = line.split('`').step_by(2).collect();
        for part in prose.split("](").skip(1) {
            found.push((number, part.split(')').next().unwrap().to_owned()));
        }
    }
    found
}

/// The anchors that a renderer gives to the headings of a document.
fn anchors(text: &str) -> BTreeSet<String> {
    let document = Document { path: String::new(), text: text.to_owned() };
    let mut anchors = BTreeSet::new();
    for (_, line) in document.prose() {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().to_lowercase();
        let slug: String = kept
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect();
        let mut anchor = slug.clone();
        let mut number = 0;
        while !anchors.insert(anchor.clone()) {
            number += 1;
            anchor = format!("{slug}-{number}");
        }
    }
    anchors
}

/// Paths in code that documents name (`src/job/queue.rs`) exist.
#[test]
fn named_paths_exist() {
    let project = support::project();
    let mut missing = Vec::new();
    for document in all().iter().filter(|document| document.path != "CHANGELOG.md") {
        for (number, line) in document.prose() {
            for code in line.split('`').skip(1).step_by(2) {
                let path = code.split("::").next().unwrap();
                let is_path =
                    ["src/", "core/", "sql/", "tests/", "scripts/", "docs/", "benches/", "examples/"]
                        .iter()
                        .any(|folder| path.starts_with(folder));
                if is_path
                    && !path.contains(['*', '<', ' ', '{'])
                    && !path.contains("--A")
                    && !path.ends_with("-B.txt")
                    && !project.join(path).exists()
                {
                    missing.push(format!("{}:{number}: {path}", document.path));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
