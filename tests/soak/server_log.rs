//! The log of a server that was made to crash: nothing in it but the crashes that the campaign has caused.

use support::common::{Cluster, ClusterOptions, SECRET};

/// Each line of the log has its SQLSTATE.
pub const PREFIX: &str = "%m [%p] %e %b %q%u@%d ";

/// Settings of the servers of campaigns.
pub fn options(preload: bool) -> ClusterOptions {
    let options = ClusterOptions { preload, settings: Vec::new() };
    options.set("log_line_prefix", PREFIX).set("max_connections", "60")
}

/// Crashes that a campaign has caused.
#[derive(Debug, Default, Clone, Copy)]
pub struct Caused {
    pub kills: usize,
    /// PANICs of a full disk of the write-ahead log are expected.
    pub full_wal: bool,
}

/// Asserts that no process crashed by itself, that no internal error was raised, and that no secret of
/// [`support::common::TwoTenants`] was logged. Returns the number of PANICs.
#[track_caller]
pub fn assert_clean(cluster: &Cluster, caused: Caused) -> usize {
    let log = cluster.log();
    let lines = |word: &str| log.lines().filter(|line| line.contains(word)).collect::<Vec<_>>();
    let panics = lines("PANIC:");
    let of_disk = panics.iter().filter(|line| line.contains("No space left on device")).count();
    assert!(of_disk == panics.len() && (caused.full_wal || of_disk == 0), "{panics:#?}");
    let (mut killed, mut aborted) = (0, 0);
    for line in lines("was terminated by signal") {
        match line.split("by signal ").nth(1).and_then(|rest| rest.split(':').next()) {
            Some("9") => killed += 1,
            Some("6") => aborted += 1,
            _ => panic!("a process crashed: {line}"),
        }
    }
    assert!(killed <= caused.kills, "{killed} processes were killed, {} by the campaign", caused.kills);
    assert!(aborted <= panics.len(), "{aborted} processes aborted, {panics:#?}");
    for word in [" XX000 ", " XX001 ", "TRAP:", "panicked at", SECRET] {
        let found = lines(word);
        assert!(found.is_empty(), "{word}: {found:#?}");
    }
    panics.len()
}
