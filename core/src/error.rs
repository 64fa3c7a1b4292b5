//! The one error of this extension: what went wrong, its SQLSTATE, and what the user can do about it.
//!
//! Messages follow the server's error style guide: lower case, no final period; detail and hint are
//! sentences. No value read from a table and no secret may stand in any of the three: names that
//! the caller typed, names of the catalogue, types and counts only.

use std::fmt;

/// The kind of an error; each kind has one SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 22023: an unknown dataset, field, format, option, operator; an argument that makes no sense.
    InvalidParameter,
    /// 22P02: a text that its type does not read.
    InvalidText,
    /// 42710: a name that is taken.
    DuplicateObject,
    /// 42883: a function that does not exist or takes other arguments.
    UndefinedFunction,
    /// 42501: a right, a role, the tenant guard, a barred field, a source that could leak.
    InsufficientPrivilege,
    /// P0002: a job that is not there, or not for the caller to see.
    NoDataFound,
    /// 55000: a job that is not finished, a file that is gone.
    NotInPrerequisiteState,
    /// 55006: the same request is queued or running already.
    ObjectInUse,
    /// 54000: over a limit of a format, a type or a setting.
    ProgramLimitExceeded,
    /// 25006: writing is needed where the transaction may not write.
    ReadOnlyTransaction,
    /// 0A000: known, but not in this version.
    FeatureNotSupported,
    /// 53100: no room left for the spool.
    DiskFull,
    /// 53400: over a limit that the server's settings draw (`temp_file_limit`).
    ConfigurationLimitExceeded,
    /// 57014: stopped by a cancel request.
    QueryCanceled,
    /// 42809: something else than what is asked for.
    WrongObjectType,
    /// HV00D: an option of a server or user mapping that is none.
    FdwInvalidOptionName,
    /// HV00J: an option of a server or user mapping that is missing.
    FdwOptionNotFound,
    /// HV00N: another server cannot be reached.
    FdwUnreachable,
    /// HV000: another server refused, or did not do what it said.
    FdwError,
    /// 28000: another server refused the credentials.
    InvalidAuthorization,
    /// 58P01: a file, an object or its bucket is not there.
    UndefinedFile,
    /// 58P02: a file or object is there already.
    DuplicateFile,
    /// XX001: a file is not what was stored.
    DataCorrupted,
    /// 58030: the spool could not be written or read.
    Io,
    /// 53200: a value too large for the memory there is.
    OutOfMemory,
    /// 38000: something that the source runs raised an error, whose text may quote row values and is not told.
    SourceFailed,
    /// XX000: a state that this code says cannot be.
    Internal,
}

impl Kind {
    /// The five characters of the SQLSTATE.
    pub fn sqlstate(self) -> &'static str {
        match self {
            Kind::InvalidParameter => "22023",
            Kind::InvalidText => "22P02",
            Kind::DuplicateObject => "42710",
            Kind::UndefinedFunction => "42883",
            Kind::InsufficientPrivilege => "42501",
            Kind::NoDataFound => "P0002",
            Kind::NotInPrerequisiteState => "55000",
            Kind::ObjectInUse => "55006",
            Kind::ProgramLimitExceeded => "54000",
            Kind::ReadOnlyTransaction => "25006",
            Kind::FeatureNotSupported => "0A000",
            Kind::DiskFull => "53100",
            Kind::ConfigurationLimitExceeded => "53400",
            Kind::QueryCanceled => "57014",
            Kind::WrongObjectType => "42809",
            Kind::FdwInvalidOptionName => "HV00D",
            Kind::FdwOptionNotFound => "HV00J",
            Kind::FdwUnreachable => "HV00N",
            Kind::FdwError => "HV000",
            Kind::InvalidAuthorization => "28000",
            Kind::UndefinedFile => "58P01",
            Kind::DuplicateFile => "58P02",
            Kind::DataCorrupted => "XX001",
            Kind::Io => "58030",
            Kind::OutOfMemory => "53200",
            Kind::SourceFailed => "38000",
            Kind::Internal => "XX000",
        }
    }
}

/// True for the SQLSTATE of a statement that a cancel request or a time limit stopped.
pub fn is_cancel(sqlstate: &str) -> bool {
    sqlstate == Kind::QueryCanceled.sqlstate()
}

/// An error as it reaches the user: kind, message, and where they help a detail and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// The server's own SQLSTATE, where the error stands for one of the server's (`SourceFailed`).
    pub server_state: Option<String>,
    /// The true error, where this one is shown to somebody who may not know of that: for the audit trail.
    pub conceals: Option<Box<Error>>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), detail: None, hint: None, server_state: None, conceals: None }
    }

    /// 22023, the most frequent kind.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(Kind::InvalidParameter, message)
    }

    /// 57014, in the words of the server (ProcessInterrupts, postgres.c).
    pub fn canceled() -> Self {
        Error::new(Kind::QueryCanceled, "canceling statement due to user request")
    }

    /// 42501.
    pub fn denied(message: impl Into<String>) -> Self {
        Error::new(Kind::InsufficientPrivilege, message)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Shows this error instead of another one.
    pub fn concealing(mut self, truth: Error) -> Self {
        self.conceals = Some(Box::new(truth));
        self
    }

    /// The error that this one conceals, for somebody who knows of the thing already.
    pub fn revealed(self) -> Error {
        self.conceals.map_or(Error { conceals: None, ..self }, |truth| *truth)
    }

    /// True if a cancel request or a time limit stopped the work.
    pub fn is_cancel(&self) -> bool {
        is_cancel(self.sqlstate())
    }

    /// Five characters.
    pub fn sqlstate(&self) -> &str {
        self.server_state.as_deref().unwrap_or(self.kind.sqlstate())
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    /// An error of ours that a `Write` carried through a library comes back as itself; else the operating system's
    /// words for the errno and nothing more: paths and contents stay out. The detail has its number.
    fn from(error: std::io::Error) -> Self {
        if let Some(ours) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return ours.clone();
        }
        let told = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Error::new(Kind::DiskFull, "no space left for the export's spool file").hint(
                    "Free disk space, or set acct_export.spool_directory to a directory on a larger volume.",
                )
            }
            kind => Error::new(Kind::Io, format!("could not write or read the spool file: {kind}")),
        };
        // A library may have wrapped it, to name the path.
        let wrapped = || error.get_ref()?.source()?.downcast_ref::<std::io::Error>()?.raw_os_error();
        match error.raw_os_error().or_else(wrapped) {
            Some(number) => told.detail(format!("{}.", std::io::Error::from_raw_os_error(number))),
            None => told,
        }
    }
}
