//! The SQL functions: they decode arguments, call, and return; nothing is decided here.

mod audit;
mod catalogue;
mod declare;
mod deliver;
mod destination;
mod diff;
mod filter;
mod follow;
mod import;
mod notice;
mod policy;
mod preview;
mod reading;
mod start;
mod stream;
