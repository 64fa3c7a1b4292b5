//! The documents: recipes run as they are written, reference pages compared with the server, links, line lengths.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod document;
mod features;
mod form;
mod recipes;
mod reference;
mod running;
