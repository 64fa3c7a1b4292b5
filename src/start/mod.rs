//! From a request to a job: everything that can be wrong with it is found here, before there is a job.

mod check;
mod queue;
mod scheduled;

pub use check::{check, ready, Checked};
pub use queue::queue;
pub use scheduled::start_scheduled;
