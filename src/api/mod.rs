//! The SQL functions: they decode arguments, call, and return; nothing is decided here.

mod audit;
mod catalog;
mod declare;
mod diff;
mod download;
mod file_stream;
mod filter;
mod foreign_server;
mod import;
mod jobs;
mod notify;
mod policy;
mod preview;
mod saved;
mod scan;
mod schedule;
mod seen;
mod session_read;
mod start;
mod stream;
mod subject;
mod upgrade;
