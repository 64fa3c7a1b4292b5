//! The entries of the fuzz targets over their seeds, and over seeds with bytes changed: they compile, and hold for these.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../fuzz/entries.rs"]
mod entries;

/// Every seed of a target, each as it is, cut off, and with single bytes changed.
fn each(target: &str, entry: fn(&[u8])) {
    let folder = format!("{}/../fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(file.unwrap().path()).unwrap();
        entry(&seed);
        for place in (0..seed.len()).step_by(7) {
            entry(&seed[..place]);
            let mut changed = seed.clone();
            changed[place] ^= 0x15;
            entry(&changed);
        }
        count += 1;
    }
    assert!(count > 0, "{target} has no seeds");
}

#[test]
fn filter_documents() {
    each("filter_document", entries::filter_document);
}

#[test]
fn scim_filters() {
    each("scim_filter", entries::scim_filter);
}

#[test]
fn json_scanner() {
    each("json_scanner", entries::json_scanner);
}

#[test]
fn workbooks() {
    each("workbook", entries::workbook);
    // One of our own is a seed too.
    let own = entries::encoded(acctexport_core::model::Format::Xlsx, b"a workbook to be changed").unwrap();
    entries::workbook(&own);
    for place in (0..own.len()).step_by(97) {
        let mut changed = own.clone();
        changed[place] ^= 0x55;
        entries::workbook(&changed);
    }
}

#[test]
fn csv_files() {
    each("csv_file", entries::csv_file);
    let own = entries::encoded(acctexport_core::model::Format::Csv, b"=a csv file; to be, changed").unwrap();
    entries::csv_file(&own);
}

#[test]
fn encoders() {
    each("encoders", entries::encoders);
}
