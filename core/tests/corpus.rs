//! The rules on the labelled columns of ten products: floors that no change may fall below.

#![allow(clippy::unwrap_used)]

mod labelled;

use labelled::Score;

fn files() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tsv"));
    paths.sort();
    assert_eq!(paths.len(), 10);
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

fn total(files: impl Iterator<Item = String>) -> Score {
    let mut total = Score::default();
    files.for_each(|text| total.add(&labelled::score(&text).unwrap()));
    total
}

#[test]
fn ten_products_stay_above_their_floors() {
    let total = total(files().into_iter());
    assert!(total.secrets > 200 && total.harmless > 3000, "{} {}", total.secrets, total.harmless);
    assert!(total.recall() >= 0.99, "recall {:.3}, missed: {:#?}", total.recall(), total.missed);
    assert!(total.over_barring() <= 0.01, "over-barring {:.3}: {:#?}", total.over_barring(), total.over);
}

#[test]
fn words_that_only_one_product_has_are_not_needed() {
    let files = files();
    let total = total((0..files.len()).map(|index| labelled::without_own_words(index, &files)));
    assert!(total.recall() >= 0.95, "recall {:.3}, missed: {:#?}", total.recall(), total.missed);
    assert!(total.over_barring() <= 0.02, "over-barring {:.3}: {:#?}", total.over_barring(), total.over);
}

#[test]
fn a_file_of_another_format_is_refused() {
    assert!(labelled::score("users\tid\tbigint").is_err());
    assert!(labelled::score("users\tid\tbigint\tunknown").is_err());
    assert_eq!(labelled::score("users\tpassword\ttext\tharmless").unwrap().over.len(), 1);
}
