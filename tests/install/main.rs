//! CREATE EXTENSION, its objects, and the names that its scripts resolve.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod control_path;
mod create_extension;
mod install_names;
mod upgrade;
