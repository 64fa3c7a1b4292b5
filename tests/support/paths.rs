//! Directories that tests use.

use std::path::{Path, PathBuf};

/// Root of the project.
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A directory for what tests install or keep from run to run: `tmp` beside the build's profile.
pub fn scratch() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    // target/<profile>/deps/<program>
    let target = program.ancestors().nth(3).unwrap();
    let scratch = target.join("tmp");
    std::fs::create_dir_all(&scratch).unwrap();
    scratch
}
