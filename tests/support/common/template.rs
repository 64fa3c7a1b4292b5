//! The data directory that shared clusters are copies of: as initdb makes it, and with a database that has the extension. Copying takes
//! a fraction of the time of initdb and of CREATE EXTENSION, which their own tests call.
//!
//! It is kept beside the server tree under a hash of the extension's files, so that it is made anew for another build. Copies have the
//! same system identifier: tests of several clusters make theirs by initdb.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::cluster::{done, Cluster, ClusterOptions};
use super::place::place;

/// The database with the extension. Nobody connects to it, so that it can be copied at any time.
pub const DATABASE: &str = "with_pg_acctexport";

/// Makes `data` a copy.
pub fn copy_to(data: &Path) {
    // Shared by those who copy; held alone by whoever makes it.
    let lock = File::create(place().clusters.join("template")).unwrap();
    let template = template(&lock);
    done(place().program_as_server("mkdir").arg("-m").arg("0700").arg(data.parent().unwrap()));
    done(place().program_as_server("cp").arg("-a").arg("--reflink=auto").arg(&template).arg(data));
    lock.unlock().unwrap();
}

/// Finds it or makes it; afterwards the lock is shared.
fn template(lock: &File) -> PathBuf {
    let name = format!("template-{}-", place().tree.file_name().unwrap().display());
    let template = place().clusters.join(format!("{name}{}", hash_of_extension()));
    lock.lock_shared().unwrap();
    if template.exists() {
        return template;
    }
    lock.unlock().unwrap();
    lock.lock().unwrap();
    if !template.exists() {
        for entry in fs::read_dir(&place().clusters).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_name().to_string_lossy().starts_with(&name) {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        make(&template);
    }
    lock.unlock().unwrap();
    lock.lock_shared().unwrap();
    template
}

fn make(template: &Path) {
    let cluster = Cluster::start(ClusterOptions::default());
    let mut postgres = cluster.connect("postgres", "postgres");
    postgres.batch_execute(&format!("CREATE DATABASE {DATABASE}")).unwrap();
    cluster.connect(DATABASE, "postgres").batch_execute("CREATE EXTENSION pg_acctexport").unwrap();
    postgres.batch_execute(&format!("ALTER DATABASE {DATABASE} WITH ALLOW_CONNECTIONS false")).unwrap();
    drop(postgres);
    cluster.pg_ctl(&["stop", "-m", "fast"]);
    // In one step: a template that is there is whole.
    let half = template.with_extension("half");
    let _ = fs::remove_dir_all(&half);
    done(place().program_as_server("cp").arg("-a").arg(cluster.data()).arg(&half));
    fs::rename(&half, template).unwrap();
}

/// A hash of the library and of the scripts.
fn hash_of_extension() -> String {
    let mut files = Vec::new();
    find(&place().tree, &mut files);
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.as_os_str().as_encoded_bytes());
        hash.update(fs::read(&file).unwrap());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn find(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            find(&entry.path(), files);
        } else if kind.is_file() && entry.file_name().to_string_lossy().starts_with("pg_acctexport") {
            files.push(entry.path());
        }
    }
}
