//! Threads beside the server's own one.
//!
//! The server's signal handlers expect to run in its thread, and nothing of the server may be called from
//! another one (pgrx panics there). So a thread starts with all signals blocked and is given plain memory to
//! work on. Nothing here calls the server.

use nix::sys::signal::{SigSet, SigmaskHow};
use std::io;
use std::thread::{Builder, JoinHandle};

/// Bytes of stack, of which those are used that are needed: TLS and SMTP go deeper than what compresses buffers.
const STACK: usize = 2 * 1024 * 1024;

/// Starts a thread that never sees a signal.
pub fn spawn<T, F>(name: &str, work: F) -> io::Result<JoinHandle<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    without_signals(|| Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work))
}

/// Runs `work` with all signals blocked; those that come meanwhile are acted on after it. The threads that it
/// starts keep them blocked.
pub fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    let _restored_on_drop = Mask::block_all();
    work()
}

/// The signal mask as it was.
struct Mask(Option<SigSet>);

impl Mask {
    fn block_all() -> Mask {
        // pthread_sigmask fails only for an unknown `how`.
        Mask(SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).ok())
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = before.thread_set_mask();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    /// The mask of blocked signals of the thread that asks.
    fn blocked() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    }

    #[test]
    fn signals_are_blocked_there_and_only_there() {
        let before = blocked();
        // SIGTERM, SIGINT, SIGUSR1, SIGALRM: what the server sends itself.
        let wanted = [15, 2, 10, 14].iter().fold(0, |mask, signal| mask | 1 << (signal - 1));
        assert_eq!(before & wanted, 0);
        assert_eq!(spawn("test", blocked).unwrap().join().unwrap() & wanted, wanted);
        assert_eq!(without_signals(blocked) & wanted, wanted);
        let panicked = std::panic::catch_unwind(|| without_signals(|| panic!("as a library might")));
        assert!(panicked.is_err());
        assert_eq!(blocked(), before);
    }
}
