//! Where the library's failures end: its panics, its errors, and those of the writer it was given.
//!
//! rust_xlsxwriter unwraps the result of each write to its temporary file (its `XML_WRITE_ERROR`), so a full
//! disk is a panic there. The one trace of the cause is the text of that panic: `… Os { code: 28, kind:
//! StorageFull, … }`.

use std::any::Any;
use std::io::{self, ErrorKind, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};

use rust_xlsxwriter::XlsxError;

use crate::error::{Error, Kind, Result};

/// Runs `work`; a panic in it becomes an error.
///
/// Whatever `work` was changing is of no further use then: the caller drops the encoder after an error.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))
}

/// The payload is looked at but not quoted: it may hold anything.
fn panic_error(panic: &(dyn Any + Send)) -> Error {
    let text = match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text.as_str(),
        (None, Some(text)) => text,
        (None, None) => "",
    };
    let kind = [
        ("kind: StorageFull", ErrorKind::StorageFull),
        ("kind: QuotaExceeded", ErrorKind::QuotaExceeded),
        ("kind: FileTooLarge", ErrorKind::FileTooLarge),
    ]
    .into_iter()
    .find(|(words, _)| text.contains(words))
    .map(|(_, kind)| kind);
    match kind {
        Some(kind) => io::Error::from(kind).into(),
        None => Error::new(Kind::Io, "could not write the workbook"),
    }
}

/// An error of the library as one of ours. Its own texts may quote names and paths, so only those about I/O
/// pass.
pub fn library_error(error: XlsxError) -> Error {
    match error {
        XlsxError::IoError(error) | XlsxError::TempFileError(_, error) => io_error(error),
        XlsxError::ZipError(error) => io_error(io::Error::from(error)),
        _ => Error::new(Kind::Internal, "the workbook library refused a value or a name"),
    }
}

/// An error that was wrapped to pass through `io::Error` comes out again as it was.
fn io_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => error.into(),
    }
}

/// The caller's writer; keeps the first error that it gives, which the library might turn into a panic.
///
/// After that error the writer is left alone: zip's own writer, when it is dropped, would try to end the
/// archive in it and complain on stderr, so what still comes is taken and thrown away.
pub struct Sink<'a> {
    out: &'a mut (dyn Write + Send),
    error: Option<io::Error>,
}

impl<'a> Sink<'a> {
    pub fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Sink { out, error: None }
    }

    /// The first error of the writer.
    pub fn into_error(self) -> Option<Error> {
        self.error.map(io_error)
    }

    /// An interrupted write is no error: whoever writes tries again.
    fn keep<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if kind != ErrorKind::Interrupted {
                self.error = Some(error);
            }
            io::Error::from(kind)
        })
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error.is_some() {
            return Ok(bytes.len());
        }
        let result = match self.out.write(bytes) {
            Ok(0) if !bytes.is_empty() => Err(io::Error::from(ErrorKind::WriteZero)),
            result => result,
        };
        self.keep(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.error.is_some() {
            return Ok(());
        }
        let result = self.out.flush();
        self.keep(result)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_known_by_the_panic_text() {
        let text =
            "Couldn't write to xml file: Os { code: 28, kind: StorageFull, message: \"No space left\" }";
        assert_eq!(panic_error(&text.to_string()).kind, Kind::DiskFull);
        // The text above is what the standard library prints today.
        assert!(format!("{:?}", io::Error::from_raw_os_error(28)).contains("kind: StorageFull"));
        assert!(format!("{:?}", io::Error::from_raw_os_error(122)).contains("kind: QuotaExceeded"));
        assert!(format!("{:?}", io::Error::from_raw_os_error(27)).contains("kind: FileTooLarge"));
        let error = panic_error(&"user@example.com");
        assert_eq!((error.kind, error.message.as_str()), (Kind::Io, "could not write the workbook"));
        assert_eq!(panic_error(&7).kind, Kind::Io);
    }
}
