//! An installation outside the server's directories, as an image volume of PostgreSQL 18 brings it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use support::asking::{column, exported, text, version};
use support::common::{done, shared, Cluster, ClusterOptions};

/// A directory that the server reports.
fn reported(option: &str) -> PathBuf {
    let output = done(shared().client("pg_config").arg(option));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// Copies the extension's files of one directory into another, which everybody may read.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name.starts_with("pg_acctexport.") || name.starts_with("pg_acctexport--") {
            fs::copy(&file, to.join(name)).unwrap();
        }
    }
}

/// The control file asks for `$libdir/pg_acctexport`; PostgreSQL 18 finds it by `dynamic_library_path` all the same.
#[test]
fn files_of_another_directory_are_enough() {
    if version(&mut shared().connect("postgres", "postgres")) < 18 {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (share, lib) = (place.path().join("share"), place.path().join("lib"));
    copy(&reported("--sharedir").join("extension"), &share.join("extension"));
    copy(&reported("--pkglibdir"), &lib);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // The server's own directories have the extension, too: these files are another one's.
    let control = share.join("extension/pg_acctexport.control");
    let changed = fs::read_to_string(&control).unwrap().replace("account exports", "moved exports");
    fs::write(&control, changed).unwrap();

    let cluster = Cluster::start(
        ClusterOptions::preloaded()
            .set("extension_control_path", &format!("{}:$system", share.display()))
            .set("dynamic_library_path", &format!("{}:$libdir", lib.display())),
    );
    let db = cluster.create_database_with_extension("moved");
    let mut client = cluster.connect(&db, "postgres");
    let comment = "SELECT obj_description(oid) FROM pg_extension WHERE extname = 'pg_acctexport'";
    assert!(text(&mut client, comment).unwrap().starts_with("moved exports"));
    client
        .batch_execute(
            "CREATE TABLE person (id int PRIMARY KEY, email text); INSERT INTO person VALUES (1, 'a@a.example');
             SELECT acct_export_register('person', 'person', 'id')",
        )
        .unwrap();
    assert_eq!(exported(&mut client, "'person', 'csv'"), b"id,email\r\n1,a@a.example\r\n");
    let sessions = "SELECT pid::text FROM pg_stat_activity WHERE pid = pg_backend_pid() OR backend_type LIKE 'pg_acctexport%'";
    for pid in column(&mut client, sessions) {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let loaded: Vec<&str> = maps.lines().filter(|line| line.contains("/pg_acctexport.so")).collect();
        assert!(!loaded.is_empty());
        assert!(loaded.iter().all(|line| line.contains(&*lib.to_string_lossy())), "{loaded:?}");
    }
}
