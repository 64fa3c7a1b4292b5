//! The times at which a message is tried again.

use crate::foreign_server::Server;

/// Seconds.
const INTERVAL: u32 = 30;
const LONGEST: u32 = 3600;
const TIMEOUT: u32 = 3 * 24 * 3600;

/// The times of a server, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// From the first try to the second; doubled with each, up to an hour.
    interval: u32,
    /// The age at which a message is given up.
    pub timeout: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { interval: INTERVAL, timeout: TIMEOUT }
    }
}

impl Retry {
    pub fn of(server: &Server) -> Retry {
        Retry {
            interval: server.number("retry_interval", INTERVAL),
            timeout: server.number("retry_timeout", TIMEOUT),
        }
    }

    /// Seconds until the next try, after so many.
    pub fn after(self, tries: u32) -> u32 {
        let doubled = 1u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        self.interval.saturating_mul(doubled).min(LONGEST.max(self.interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_doubled_up_to_an_hour() {
        let waits = |interval| {
            let retry = Retry { interval, timeout: 1 };
            [0, 1, 2, 3, 7, 8, 31, 32, 33, 1000].map(|tries| retry.after(tries))
        };
        assert_eq!(waits(30), [30, 30, 60, 120, 1920, 3600, 3600, 3600, 3600, 3600]);
        assert_eq!(waits(1), [1, 1, 2, 4, 64, 128, 3600, 3600, 3600, 3600]);
        // A server that asks for a longer wait gets it.
        assert_eq!(waits(7200), [7200; 10]);
    }
}
