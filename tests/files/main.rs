//! The content of files in every format, and companions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod companions;
mod companions_refused;
mod companions_told;
mod edges;
mod evidence;
mod expand;
mod expand_diff;
mod expand_safety;
mod files_delivery;
mod files_options;
mod files_select;
mod files_shield;
mod files_xlsx;
mod forms;
mod huge;
mod odd;
mod pieces;
mod reproducible;
mod server_forms;
mod stream_uses;
mod text_arrays;
mod text_files;
