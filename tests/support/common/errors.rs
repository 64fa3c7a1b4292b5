//! A server's error as a test wants to see it: every part, and what was expected to fail and did not.

use std::fmt::Debug;

use postgres::error::{DbError, Error};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// The CONTEXT line, where a server may quote what it should not.
    pub context: Option<String>,
}

impl From<&DbError> for ServerError {
    fn from(e: &DbError) -> Self {
        Self {
            sqlstate: e.code().code().to_owned(),
            message: e.message().to_owned(),
            detail: e.detail().map(str::to_owned),
            hint: e.hint().map(str::to_owned),
            context: e.where_().map(str::to_owned),
        }
    }
}

/// The error that a statement must have ended with: `error_of(client.query("…", &[]))`. Panics where it succeeded, or
/// failed on the way and not in the server.
#[track_caller]
pub fn error_of<T: Debug>(result: Result<T, Error>) -> ServerError {
    let error = result.expect_err("the statement should have failed");
    match error.as_db_error() {
        Some(e) => e.into(),
        None => panic!("not an error of the server: {error:?}"),
    }
}
