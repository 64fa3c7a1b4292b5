//! One campaign: its seed, its size, and the figures that it prints at its end.

use std::fmt::Display;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use support::common::{wait_until, Cluster, ClusterOptions};
use support::random::Random;

pub struct Campaign {
    name: &'static str,
    seed: u64,
    pub random: Random,
    begun: Instant,
    figures: Vec<(String, String)>,
    cluster: Option<&'static Cluster>,
}

impl Campaign {
    pub fn begin(name: &'static str) -> Self {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
        let seed = variable("ACCTEXPORT_SEED").unwrap_or_else(clock);
        println!("{name}: seed {seed}");
        Self {
            name,
            seed,
            random: Random::new(seed),
            begun: Instant::now(),
            figures: Vec::new(),
            cluster: None,
        }
    }

    /// A server for the campaign, whose log is kept if the campaign fails. It goes with the program.
    pub fn start(&mut self, options: ClusterOptions) -> &'static Cluster {
        self.watch(Box::leak(Box::new(Cluster::start(options))))
    }

    /// Keeps the log of this server if the campaign fails.
    pub fn watch(&mut self, cluster: &'static Cluster) -> &'static Cluster {
        self.cluster = Some(cluster);
        cluster
    }

    /// The number of a full run, or the part of it that `ACCTEXPORT_SOAK_PERCENT` asks for.
    pub fn size(&self, full: usize) -> usize {
        let percent = variable("ACCTEXPORT_SOAK_PERCENT").unwrap_or(100);
        (full * percent as usize / 100).max(1)
    }

    pub fn figure(&mut self, label: &str, value: impl Display) {
        self.figures.push((label.to_owned(), value.to_string()));
    }
}

impl Drop for Campaign {
    /// Prints the figures, also those of a campaign that fails.
    fn drop(&mut self) {
        let (name, seed) = (self.name, self.seed);
        let has_failed = std::thread::panicking();
        let outcome = if has_failed { "FAILED" } else { "passed" };
        println!("\n{name}: {outcome}, seed {seed}, {} s", self.begun.elapsed().as_secs());
        for (label, value) in &self.figures {
            println!("  {label:<46} {value:>12}");
        }
        if let (true, Some(cluster)) = (has_failed, self.cluster) {
            let log = support::scratch().join(format!("soak-{seed}.log"));
            let kept = std::fs::write(&log, cluster.log());
            println!(
                "  the server's log is {}{}",
                log.display(),
                if kept.is_ok() { "" } else { ", not written" }
            );
        }
        println!();
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Returns at a random moment within this time.
pub fn at_a_random_moment(random: &mut Random, within: Duration) {
    let moment = Instant::now() + within.mul_f64(random.below(100_000) as f64 / 100_000.0);
    wait_until(within * 2 + Duration::from_secs(1), "the moment has come", || {
        // `wait_until` looks each 10 ms; the last part is spent here.
        let is_near = moment.saturating_duration_since(Instant::now()) < Duration::from_millis(12);
        while is_near && Instant::now() < moment {
            std::hint::spin_loop();
        }
        Instant::now() >= moment
    });
}
