//! Errors across the border: ours to the server's reports, the server's to something that can be kept.

use crate::error::{self, Error, Kind, Result};
use pgrx::pg_sys::errcodes::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::{CaughtError, ErrorReport};
use pgrx::PgTryBuilder;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;

/// The error of an SQL function of ours: the server raises it as ERROR.
pub type Report = ErrorReport;

/// Makes a report of an error of ours, which belongs to a crate without a server.
pub trait Reported<T> {
    fn reported(self) -> std::result::Result<T, Report>;
}

impl<T> Reported<T> for Result<T> {
    fn reported(self) -> std::result::Result<T, Report> {
        self.map_err(report)
    }
}

fn report(error: Error) -> Report {
    let state = error.server_state.as_deref().and_then(pack);
    let mut report = ErrorReport::new(state.unwrap_or(code(error.kind)), error.message, "pg_acctexport");
    if let Some(detail) = error.detail {
        report = report.set_detail(detail);
    }
    if let Some(hint) = error.hint {
        report = report.set_hint(hint);
    }
    report
}

fn code(kind: Kind) -> Code {
    match kind {
        Kind::InvalidParameter => Code::ERRCODE_INVALID_PARAMETER_VALUE,
        Kind::InvalidText => Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
        Kind::DuplicateObject => Code::ERRCODE_DUPLICATE_OBJECT,
        Kind::UndefinedFunction => Code::ERRCODE_UNDEFINED_FUNCTION,
        Kind::InsufficientPrivilege => Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
        Kind::NoDataFound => Code::ERRCODE_NO_DATA_FOUND,
        Kind::NotInPrerequisiteState => Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        Kind::ObjectInUse => Code::ERRCODE_OBJECT_IN_USE,
        Kind::ProgramLimitExceeded => Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        Kind::ReadOnlyTransaction => Code::ERRCODE_READ_ONLY_SQL_TRANSACTION,
        Kind::FeatureNotSupported => Code::ERRCODE_FEATURE_NOT_SUPPORTED,
        Kind::DiskFull => Code::ERRCODE_DISK_FULL,
        Kind::ConfigurationLimitExceeded => Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
        Kind::QueryCanceled => Code::ERRCODE_QUERY_CANCELED,
        Kind::WrongObjectType => Code::ERRCODE_WRONG_OBJECT_TYPE,
        Kind::FdwInvalidOptionName => Code::ERRCODE_FDW_INVALID_OPTION_NAME,
        Kind::FdwOptionNotFound => Code::ERRCODE_FDW_OPTION_NAME_NOT_FOUND,
        Kind::FdwUnreachable => Code::ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION,
        Kind::FdwError => Code::ERRCODE_FDW_ERROR,
        Kind::InvalidAuthorization => Code::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
        Kind::UndefinedFile => Code::ERRCODE_UNDEFINED_FILE,
        Kind::DuplicateFile => Code::ERRCODE_DUPLICATE_FILE,
        Kind::DataCorrupted => Code::ERRCODE_DATA_CORRUPTED,
        Kind::Io => Code::ERRCODE_IO_ERROR,
        Kind::OutOfMemory => Code::ERRCODE_OUT_OF_MEMORY,
        Kind::SourceFailed => Code::ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
        Kind::Internal => Code::ERRCODE_INTERNAL_ERROR,
    }
}

/// Raises an error of ours where no `Result` can be returned (an iterator of a set-returning function).
pub fn raise(error: Error) -> ! {
    report(error).report(pgrx::PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// Marks an error as one of `refuse`. It travels where C code alone puts something: no SQL can forge it.
const REFUSAL: &str = "acct_export_guard";

/// Raises an error of ours in the midst of foreign code, on whose way back it is still known as ours: it quotes names of functions and
/// statements, and nothing that was read.
pub fn refuse(error: Error) -> ! {
    let report = ErrorReport::new(code(error.kind), error.message, REFUSAL);
    report.set_hint(error.hint.unwrap_or_default()).report(pgrx::PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// The error of `refuse`, if it is one; it may have been raised in a parallel worker.
fn refusal(caught: &CaughtError) -> Option<Error> {
    let CaughtError::PostgresError(report) = caught else { return None };
    if report.function_name() != Some(REFUSAL) {
        return None;
    }
    Some(Error::denied(report.message()).hint(report.hint().unwrap_or_default()))
}

/// A server error that was caught: what may be kept of it. Message, detail and context of an error that a source raises may quote
/// row values, so they are not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// Five characters.
    pub sqlstate: String,
    /// Of a statement on the extension's own tables: message, detail and hint, for the server's log and nothing else.
    pub own: Option<String>,
}

/// The failure of a piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Ours(Error),
    Server(ServerError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Ours(error)
    }
}

impl Failure {
    /// True if a cancel request or a time limit stopped the work.
    pub fn is_cancel(&self) -> bool {
        error::is_cancel(self.sqlstate())
    }

    /// True if a lock, or another transaction, was in the way: the same work may succeed when it is done again.
    pub fn is_passing(&self) -> bool {
        matches!(self.sqlstate(), "55P03" | "40001" | "40P01")
    }

    /// True if the state of the server is the reason (a cancel, locks, resources, a shutdown, files), and not the thing that was looked
    /// at: an answer about that thing would be wrong.
    pub fn is_of_server(&self) -> bool {
        let state = match self {
            Failure::Ours(error) if error.server_state.is_none() => return self.is_cancel(),
            Failure::Ours(_) | Failure::Server(_) => self.sqlstate(),
        };
        state == "55P03" || ["40", "53", "57", "58"].iter().any(|class| state.starts_with(class))
    }

    /// The failure in full, for the server's log.
    pub fn in_full(&self) -> String {
        let (message, sqlstate) = self.described();
        let more = match self {
            Failure::Ours(error) => error.detail.as_deref(),
            Failure::Server(error) => error.own.as_deref(),
        };
        let more = more.map(|more| format!(": {more}")).unwrap_or_default();
        format!("{message} ({sqlstate}){more}")
    }

    /// The same failure told as one of `work`, where it is an error of the extension's own tables.
    pub fn told_as(self, work: &str) -> Failure {
        match &self {
            Failure::Server(error) if error.own.is_some() && !self.is_cancel() => {
                let told = Error::new(Kind::Internal, format!("{work} failed, SQLSTATE {}", error.sqlstate))
                    .hint("See the server log for the error.");
                let told = match &error.own {
                    Some(own) => told.detail(own.clone()),
                    None => told,
                };
                Failure::Ours(Error { server_state: Some(error.sqlstate.clone()), ..told })
            }
            _ => self,
        }
    }

    /// The SQLSTATE to keep.
    pub fn sqlstate(&self) -> &str {
        match self {
            Failure::Ours(error) => error.sqlstate(),
            Failure::Server(error) => &error.sqlstate,
        }
    }

    /// One sentence, with what mends it, and a SQLSTATE: what may be kept.
    pub fn described(&self) -> (String, String) {
        let sqlstate = self.sqlstate().to_owned();
        let error = self.clone().into_error();
        let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        (format!("{}{hint}", error.message), sqlstate)
    }

    /// As an error of ours: one sentence that quotes nothing of what was read.
    pub fn into_error(self) -> Error {
        let state = match self {
            Failure::Ours(error) => return error,
            Failure::Server(ServerError { own: Some(_), ref sqlstate }) if !error::is_cancel(sqlstate) => {
                return match self.told_as("a statement on the extension's tables") {
                    // The text is for the server's log.
                    Failure::Ours(error) => Error { detail: None, ..error },
                    Failure::Server(error) => Error::new(Kind::Internal, error.sqlstate),
                };
            }
            Failure::Server(error) => error.sqlstate,
        };
        let (kind, what) = match state.get(..2).unwrap_or_default() {
            _ if error::is_cancel(&state) => {
                return Error::new(
                    Kind::QueryCanceled,
                    "the export was stopped by a cancel request or a time limit",
                )
            }
            _ if state == "42501" => {
                (Kind::InsufficientPrivilege, "permission denied for an object that the source uses")
            }
            _ if state == "42704" => {
                (Kind::SourceFailed, "an object or a setting that the source uses does not exist")
            }
            "08" => (Kind::SourceFailed, "a server that the source reads from could not be reached"),
            "25" => (Kind::SourceFailed, "a function of the source tried to write while the source was read"),
            "53" => (Kind::SourceFailed, "the server has insufficient resources"),
            "57" => (Kind::SourceFailed, "the server stopped the export"),
            _ => (Kind::SourceFailed, "reading the source failed"),
        };
        let hint = if state.starts_with("08") {
            "Check the options of its foreign servers, and query the source as the requester to see the error."
        } else if state == "42704" {
            "List settings that policies read in acct_export.session_settings; a role that reads foreign tables needs a user mapping. Query the source as the requester to see the error."
        } else {
            "Query the source as the requester to see the error."
        };
        let error = Error::new(kind, format!("{what}, SQLSTATE {state}")).hint(hint);
        Error { server_state: Some(state), ..error }
    }
}

/// Runs `body`, which reads a source, and turns a server ERROR into one of ours. The caller raises it: this is no savepoint.
pub fn reading<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catching(body).map_err(Failure::into_error)
}

/// Runs code of a DBA that decides on a request: an exception with SQLSTATE 42501 is its refusal, told in its words. The caller
/// aborts the subtransaction.
pub fn deciding<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    PgTryBuilder::new(AssertUnwindSafe(body))
        .catch_when(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, |caught| {
            let (CaughtError::PostgresError(report) | CaughtError::ErrorReport(report)) = &caught else {
                return Err(Error::denied("the export was not authorized"));
            };
            let refusal = Error::denied(report.message());
            Err(match report.hint() {
                Some(hint) => refusal.hint(hint),
                None => refusal,
            })
        })
        .execute()
}

/// Runs `body` and catches a server ERROR. This is no savepoint: after a `Server` failure the transaction (or
/// subtransaction) has to be aborted by the caller.
pub fn catching<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    caught(body, false)
}

/// The same of statements on the extension's own tables, whose errors are told in full in the server's log; those of code of others
/// that runs in there are not (`ForeignCode`).
pub fn catching_own<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    FAILED.set(false);
    caught(body, true)
}

thread_local! {
    /// Set when an error leaves code of others.
    static FAILED: Cell<bool> = const { Cell::new(false) };
}

/// Marks the errors that unwind through it: code of others may have raised them.
pub struct ForeignCode;

impl Drop for ForeignCode {
    fn drop(&mut self) {
        if std::thread::panicking() {
            FAILED.set(true);
        }
    }
}

fn caught<T>(body: impl FnOnce() -> Result<T>, is_own: bool) -> std::result::Result<T, Failure> {
    PgTryBuilder::new(AssertUnwindSafe(|| body().map_err(Failure::Ours)))
        .catch_others(|caught| {
            if let Some(refusal) = refusal(&caught) {
                return Err(Failure::Ours(refusal));
            }
            let code = match &caught {
                CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => {
                    report.sql_error_code()
                }
                CaughtError::RustPanic { ereport, .. } => ereport.sql_error_code(),
            };
            let own = Some(&caught).filter(|_| is_own && !FAILED.get()).map(in_full);
            Err(Failure::Server(ServerError { sqlstate: unpack(code as i32), own }))
        })
        .execute()
}

/// Message, detail and hint. A detail about a value that does not fit quotes the row.
fn in_full(caught: &CaughtError) -> String {
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = caught;
    let state = unpack(report.sql_error_code() as i32);
    let detail = report.detail().filter(|_| !state.starts_with("22") && !state.starts_with("23"));
    let parts = [Some(report.message()), detail, report.hint()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The reverse of `unpack`.
fn pack(state: &str) -> Option<Code> {
    let code = state
        .bytes()
        .rev()
        .try_fold(0i32, |code, byte| Some((code << 6) | i32::from(byte.checked_sub(b'0')? & 0x3f)))?;
    Some(Code::from(code))
}

/// Five characters, six bits each, lowest first (`MAKE_SQLSTATE` in utils/elog.h).
fn unpack(code: i32) -> String {
    (0..5).map(|place| char::from((((code >> (6 * place)) & 0x3f) as u8) + b'0')).collect()
}

/// Tells the client of what could be better: WARNING, SQLSTATE 01000.
pub fn warn(message: String, hint: String) {
    let report = ErrorReport::new(Code::ERRCODE_WARNING, message, "pg_acctexport");
    report.set_hint(hint).report(pgrx::PgLogLevel::WARNING);
}

/// Tells the client of what it may want to know: NOTICE, SQLSTATE 00000.
pub fn notice(message: String, hint: &str) {
    let report = ErrorReport::new(Code::ERRCODE_SUCCESSFUL_COMPLETION, message, "pg_acctexport");
    report.set_hint(hint).report(pgrx::PgLogLevel::NOTICE);
}

/// Writes one line into the server's log, and not to a client that asked for LOG lines. Never give it a value from a table.
///
/// A cancel request that waits goes on waiting. The server would act on it here (errfinish, elog.c), in the midst of whatever the
/// line tells of: a second cancel ended a worker that was about to record the first.
pub fn log(message: &str) {
    let code = Code::ERRCODE_SUCCESSFUL_COMPLETION;
    // SAFETY: what HOLD_INTERRUPTS and RESUME_INTERRUPTS do (miscadmin.h); a line of this level raises nothing in between.
    unsafe { pgrx::pg_sys::InterruptHoldoffCount += 1 };
    pgrx::ereport!(pgrx::PgLogLevel::LOG_SERVER_ONLY, code, format!("pg_acctexport: {message}"));
    // SAFETY: as above.
    unsafe { pgrx::pg_sys::InterruptHoldoffCount -= 1 };
}
