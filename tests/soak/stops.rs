//! Immediate stops of the server at random moments, with and without a launcher.

use std::time::Duration;

use crate::campaign::{at_a_random_moment, Campaign};
use crate::server_log::{self, assert_clean, Caused};
use crate::workload::Workload;

const STOPS: usize = 50;
const ROWS: u32 = 12_000;
const ACTIVE: i64 = 8;

fn stops(name: &'static str, preload: bool) {
    let mut campaign = Campaign::begin(name);
    let mut random = campaign.random.branch();
    let cluster = campaign.start(server_log::options(preload));
    let mut work = Workload::new(cluster, ROWS);
    let stops = campaign.size(STOPS);
    for _ in 0..stops {
        work.fill_up(&mut random, ACTIVE);
        at_a_random_moment(&mut random, Duration::from_millis(400));
        cluster.stop_immediate();
        cluster.restart();
    }
    campaign.figure("immediate stops", stops);
    if !preload {
        // Nothing happens before a session looks.
        work.superuser().query("SELECT FROM acct_export_jobs LIMIT 1", &[]).unwrap();
    }
    work.assert_done(&mut campaign, &["57P02"]);
    assert_clean(cluster, Caused::default());
}

#[test]
fn with_a_launcher() {
    stops("stops, with a launcher", true);
}

#[test]
fn without_a_launcher() {
    stops("stops, without a launcher", false);
}
