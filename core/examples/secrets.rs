//! Recall and over-barring of the rules about secrets on labelled columns: `cargo run --example secrets -- FILE.tsv…`.
//!
//! `--quiet` leaves out the lists of mistakes. `--leave-one-out` hides from the rules, file by file, the words that only
//! the secrets of that file have among all of them.

#[path = "../tests/labelled/mod.rs"]
mod labelled;

use labelled::Score;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (options, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let quiet = options.iter().any(|option| option == "--quiet");
    let leave_one_out = options.iter().any(|option| option == "--leave-one-out");
    if files.is_empty()
        || options.iter().any(|option| !matches!(option.as_str(), "--quiet" | "--leave-one-out"))
    {
        eprintln!("usage: secrets [--quiet] [--leave-one-out] FILE.tsv...");
        return ExitCode::FAILURE;
    }
    let mut texts = Vec::new();
    for file in &files {
        match std::fs::read_to_string(file) {
            Ok(text) => texts.push(text),
            Err(error) => {
                eprintln!("secrets: {file}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let mut scores = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let score = match leave_one_out {
            true => labelled::score(&labelled::without_own_words(index, &texts)),
            false => labelled::score(&texts[index]),
        };
        match score {
            Ok(score) => {
                let name = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
                scores.push((name.unwrap_or_default(), score));
            }
            Err(error) => {
                eprintln!("secrets: {file}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    print(&scores);
    if !quiet {
        list("missed secrets", &scores, |score| &score.missed);
        list("harmless columns that are barred", &scores, |score| &score.over);
        list("secrets that are removed from documents and rows", &scores, |score| &score.scrubbed);
    }
    ExitCode::SUCCESS
}

fn print(scores: &[(String, Score)]) {
    let mut total = Score::default();
    println!(
        "{:<24} {:>7} {:>6} {:>8} {:>7} {:>8} {:>6} {:>12}",
        "file", "secrets", "missed", "scrubbed", "recall", "harmless", "barred", "over-barring"
    );
    for (name, score) in scores {
        total.add(score);
        line(name, score);
    }
    line("total", &total);
}

fn line(name: &str, score: &Score) {
    println!(
        "{name:<24} {:>7} {:>6} {:>8} {:>7.3} {:>8} {:>6} {:>12.3}",
        score.secrets,
        score.missed.len(),
        score.scrubbed.len(),
        score.recall(),
        score.harmless,
        score.over.len(),
        score.over_barring()
    );
}

fn list(title: &str, scores: &[(String, Score)], of: impl Fn(&Score) -> &Vec<String>) {
    println!("\n{title}:");
    for (name, score) in scores {
        for column in of(score) {
            println!("  {name}: {column}");
        }
    }
}
