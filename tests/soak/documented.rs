//! SQLSTATEs that a call may end with: those of docs/reference/errors.md, and those that the server itself raises for an argument, a
//! lock or a stop of the campaign.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// Of the server, with the reason. The document says that they pass through.
const OF_SERVER: [&str; 16] = [
    "0A000", // a function in a place that its kind does not allow
    "22003", // a number out of range
    "22007", // a text that is no date or time
    "22008", // a date or time out of range
    "22021", // bytes that are no UTF-8
    "22P05", // \u0000 in JSON
    "25P02", // a call after an error in its transaction
    "2D000", // CALL acct_export_run in a transaction block
    "40001", // serialization failure
    "40P01", // deadlock
    "42704", // a role or type that does not exist
    "42725", // a name of several functions
    "42P01", // a relation that does not exist
    "54001", // JSON that is nested too deeply for the server's own parser
    "55P03", // a lock that was not free
    "57P01", // ended by pg_terminate_backend
];

/// The allowed SQLSTATEs.
pub fn sqlstates() -> BTreeSet<String> {
    let page = std::fs::read_to_string(support::project().join("docs/reference/errors.md")).unwrap();
    let codes = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut codes: BTreeSet<String> = codes.filter(|code| code.len() == 5).map(str::to_owned).collect();
    assert!(codes.contains("22023") && codes.contains("XX000"), "{codes:?}");
    // To be reported, and never to be seen.
    codes.retain(|code| !code.starts_with("XX"));
    codes.extend(OF_SERVER.map(str::to_owned));
    codes
}

/// Outcomes of calls by SQLSTATE, and the calls that ended with another one.
pub struct Outcomes {
    allowed: BTreeSet<String>,
    seen: Mutex<(BTreeMap<String, usize>, Vec<String>)>,
}

impl Outcomes {
    pub fn new(allowed: BTreeSet<String>) -> Self {
        Self { allowed, seen: Mutex::default() }
    }

    /// Counts the outcome of a call; `call` describes it. Errors of a session that was ended have no SQLSTATE and are counted as such.
    pub fn record<T>(&self, outcome: &Result<T, postgres::Error>, call: impl FnOnce() -> String) {
        let code = match outcome {
            Ok(_) => "00000".to_owned(),
            Err(error) => error.code().map_or("session ended", |code| code.code()).to_owned(),
        };
        let mut seen = self.seen.lock().unwrap();
        if let Err(error) = outcome {
            if error.code().is_some() && !self.allowed.contains(&code) {
                let shown: String = call().chars().take(2000).collect();
                seen.1.push(format!("{error:?}\n    {shown}"));
            }
        }
        *seen.0.entry(code).or_default() += 1;
    }

    /// Asserts that no call ended with another SQLSTATE; calls by SQLSTATE.
    #[track_caller]
    pub fn assert_documented(&self) -> BTreeMap<String, usize> {
        let seen = self.seen.lock().unwrap();
        let shown: Vec<&String> = seen.1.iter().take(20).collect();
        assert!(
            seen.1.is_empty(),
            "{} calls ended with other errors:\n{shown:#?}\n{:?}",
            seen.1.len(),
            seen.0
        );
        seen.0.clone()
    }
}
