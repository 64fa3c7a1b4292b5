//! The SQL functions: they decode arguments, call, and return; nothing is decided here.

mod catalogue;
mod deliver;
mod follow;
mod start;
mod stream;
