//! Markdown documents of the project as the tests read them: headings, fenced blocks, tables and links.

use std::fs;
use std::path::{Path, PathBuf};

/// A document by its path below the project.
pub struct Document {
    pub path: String,
    pub text: String,
}

/// A fenced block: its info string and the number of its first line.
pub struct Block<'d> {
    pub info: &'d str,
    pub line: usize,
    pub text: String,
}

pub fn read(path: &str) -> Document {
    let text =
        fs::read_to_string(support::project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Document { path: path.to_owned(), text }
}

/// All documents that people write: those of the project's root, of `docs/` and of `.github/`.
pub fn all() -> Vec<Document> {
    let mut paths = Vec::new();
    gather(support::project(), false, &mut paths);
    gather(&support::project().join("docs"), true, &mut paths);
    gather(&support::project().join(".github"), true, &mut paths);
    paths.sort();
    let project = support::project();
    paths.iter().map(|path| read(path.strip_prefix(project).unwrap().to_str().unwrap())).collect()
}

fn gather(dir: &Path, below: bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && below {
            gather(&path, below, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

impl Document {
    /// The text from a heading to the next one of its level or above.
    #[track_caller]
    pub fn section(&self, heading: &str) -> Document {
        let (mut found, mut level) = (None::<String>, 0);
        let mut fenced = false;
        for line in self.text.lines() {
            fenced ^= line.starts_with("```");
            let here = if fenced { 0 } else { line.chars().take_while(|letter| *letter == '#').count() };
            match &mut found {
                None if here > 0 && line[here..].trim() == heading => {
                    (found, level) = (Some(String::new()), here)
                }
                Some(_) if (1..=level).contains(&here) => break,
                Some(text) => text.extend([line, "\n"]),
                None => {}
            }
        }
        let text = found.unwrap_or_else(|| panic!("{} has no heading {heading}", self.path));
        Document { path: self.path.clone(), text }
    }

    /// The headings of a level, in order.
    pub fn headings(&self, level: usize) -> Vec<&str> {
        let mark = format!("{} ", "#".repeat(level));
        self.prose().filter_map(|(_, line)| line.strip_prefix(mark.as_str())).map(str::trim).collect()
    }

    /// The lines outside of fenced blocks, by their numbers.
    pub fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut fenced = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            (!fenced && !fence).then_some((index + 1, line))
        })
    }

    pub fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut open: Option<Block<'_>> = None;
        for (index, line) in self.text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(info)) => open = Some(Block { info, line: index + 2, text: String::new() }),
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => block.text.extend([line, "\n"]),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fenced block does not end", self.path);
        blocks
    }

    /// The blocks of a language, in order.
    pub fn blocks_of(&self, info: &str) -> Vec<String> {
        self.blocks().into_iter().filter(|block| block.info == info).map(|block| block.text).collect()
    }

    /// Cells of the rows of all tables, without their heads.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let mut place = 0;
        for (_, line) in self.prose() {
            let Some(line) = line.strip_prefix('|') else {
                place = 0;
                continue;
            };
            place += 1;
            if place > 2 {
                rows.push(cells(line));
            }
        }
        rows
    }
}

/// The cells of a table's row, without its first `|`; a `|` that belongs to a cell is written `\|`.
pub fn cells(line: &str) -> Vec<String> {
    let line = line.trim_end().strip_suffix('|').unwrap_or(line).replace("\\|", "\u{1}");
    line.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// A cell without the marks of code and of a link.
pub fn plain(cell: &str) -> String {
    let text = match (cell.strip_prefix('['), cell.split_once("](")) {
        (Some(_), Some((label, _))) => &label[1..],
        _ => cell,
    };
    text.trim_matches('`').to_owned()
}
