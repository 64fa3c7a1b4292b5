//! Labelled columns of known schemas, and how well the rules do on them.
//!
//! A line is a column: table, column, type, label, separated by tabs. Consecutive lines of one table are one table.

#![allow(dead_code)] // each of those that include this uses a part of it

use acctexport_core::secret::{classify, words, Column, ColumnType, Names, TableShape, Verdict};
use std::collections::BTreeSet;

/// Counts over labelled columns.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Whoever reads one can log in, act as somebody, decrypt, verify guesses of a credential or take over an account.
    pub secrets: usize,
    /// An administrator may see them.
    pub harmless: usize,
    /// Secrets that are neither barred nor removed from the values at run time.
    pub missed: Vec<String>,
    /// Harmless columns that are barred, with the reason.
    pub over: Vec<String>,
    /// Secrets that are not barred: what is secret in them is removed from each document or row.
    pub scrubbed: Vec<String>,
}

impl Score {
    /// Part of the secrets that do not leave.
    pub fn recall(&self) -> f64 {
        part(self.secrets - self.missed.len(), self.secrets, 1.0)
    }

    /// Part of the harmless columns that cannot be exported.
    pub fn over_barring(&self) -> f64 {
        part(self.over.len(), self.harmless, 0.0)
    }

    /// Adds the counts of another file.
    pub fn add(&mut self, other: &Score) {
        self.secrets += other.secrets;
        self.harmless += other.harmless;
        self.missed.extend(other.missed.iter().cloned());
        self.over.extend(other.over.iter().cloned());
        self.scrubbed.extend(other.scrubbed.iter().cloned());
    }
}

fn part(of: usize, all: usize, otherwise: f64) -> f64 {
    if all == 0 {
        otherwise
    } else {
        of as f64 / all as f64
    }
}

/// Judges the columns of a file. The error is the number of a line that is not of this format.
pub fn score(text: &str) -> Result<Score, String> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [table, column, ty, label] = parts.as_slice() else {
            return Err(format!("line {} has not four fields", index + 1));
        };
        if !matches!(*label, "secret" | "harmless" | "arguable") {
            return Err(format!("unknown label in line {}", index + 1));
        }
        lines.push((*table, *column, *ty, *label));
    }
    let names = Names::standard();
    let mut score = Score::default();
    for table in lines.chunk_by(|a, b| a.0 == b.0) {
        let name = table.first().map_or("", |column| column.0);
        let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
        let columns =
            table.iter().map(|(_, name, ty, _)| Column { name, ty: ColumnType::from_sql(ty) }).collect();
        let verdicts = classify(&TableShape { name, columns }, &names);
        for ((_, column, ty, label), verdict) in table.iter().zip(verdicts) {
            let place = format!("{name}.{column} ({ty})");
            match (*label, verdict) {
                ("secret", verdict) => {
                    score.secrets += 1;
                    match verdict {
                        Verdict::Eligible => score.missed.push(place),
                        Verdict::Barred(_) => {}
                        Verdict::Document | Verdict::ByRow(_) => score.scrubbed.push(place),
                    }
                }
                ("harmless", verdict) => {
                    score.harmless += 1;
                    if let Verdict::Barred(reason) = verdict {
                        score.over.push(format!("{place}: {reason}"));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(score)
}

/// A file without the words that only its own secrets have among these files: they are replaced by one that means nothing.
/// The rules then see it as if they had been written without it.
pub fn without_own_words(file: usize, files: &[String]) -> String {
    let of_secrets = |text: &String| -> BTreeSet<String> {
        let secrets = text.lines().filter(|line| line.ends_with("\tsecret"));
        secrets.flat_map(|line| line.split('\t').take(2)).flat_map(words).collect()
    };
    let others: BTreeSet<String> = files
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != file)
        .flat_map(|(_, text)| of_secrets(text))
        .collect();
    // `authtoken` is known where `token` is.
    let is_known = |word: &str| {
        others.iter().any(|known| known == word || known.len() > 3 && word.contains(known.as_str()))
    };
    let own: BTreeSet<String> = of_secrets(&files[file]).into_iter().filter(|word| !is_known(word)).collect();
    let mask = |name: &str| -> String {
        let masked =
            words(name).into_iter().map(|word| if own.contains(&word) { "xq".to_owned() } else { word });
        masked.collect::<Vec<_>>().join("_")
    };
    let mut masked = String::new();
    for line in files[file].lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        if let [table, column, ty, label] = parts.as_slice() {
            let table = table.rsplit('.').next().unwrap_or(table);
            masked.push_str(&format!("{}\t{}\t{ty}\t{label}\n", mask(table), mask(column)));
        }
    }
    masked
}
