//! The export's query as a portal, from which a set-returning function fetches a few rows at each call.

use super::params;
use super::query::{statement, Receiver, Sink};
use super::unique::KeyCheck;
use crate::error::{Error, Kind, Result};
use crate::filter::Param;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::CString;

/// Rows of one fetch at most; between two of them the caller's session looks for a cancel request and gives memory back.
const MOST_ROWS: i64 = 1000;

/// An open portal, kept by name: it ends with the transaction at the latest.
pub struct Stream {
    name: CString,
    local: bool,
    keys: RefCell<Option<KeyCheck>>,
}

impl Stream {
    /// Opens with the active snapshot; rows are read by `fetch`. `keys`: of rows in the order of their key.
    pub fn open(sql: &str, bound: &[Param], local: bool, keys: Option<KeyCheck>) -> Result<Stream> {
        let statement = statement(sql)?;
        // SAFETY: the portal copies plan and parameters; it outlives the SPI session by design (spi.c).
        unsafe {
            pg_sys::SPI_connect();
            let options = pg_sys::SPIParseOpenOptions {
                params: params::bind(bound)?,
                cursorOptions: pg_sys::CURSOR_OPT_NO_SCROLL as i32,
                read_only: true,
            };
            // A name that nobody guesses: through a function with other rights than the caller's, a cursor that can be named
            // would give the rows as they are, without masks.
            let name = unguessable()?;
            let portal = pg_sys::SPI_cursor_parse_open(name.as_ptr(), statement.as_ptr(), &options);
            if portal.is_null() {
                pg_sys::SPI_finish();
                return Err(Error::new(Kind::Internal, "the export's query could not be opened"));
            }
            (*portal).visible = false; // not in pg_cursors
            pg_sys::SPI_finish();
            Ok(Stream { name, local, keys: RefCell::new(keys) })
        }
    }

    /// Gives rows to `sink` until it wants no more; false: there are no more.
    pub fn fetch(&self, sink: &mut Sink<'_>) -> Result<bool> {
        // SAFETY: the portal is looked up by name, so a portal that is gone is an error and no stray pointer.
        unsafe {
            let portal = pg_sys::SPI_cursor_find(self.name.as_ptr());
            if portal.is_null() {
                return Err(Error::new(Kind::NotInPrerequisiteState, "the export's cursor was closed"));
            }
            let mut keys = self.keys.borrow_mut();
            let mut receiver = Receiver::new(sink, self.local, keys.as_mut());
            pg_sys::PortalRunFetch(
                portal,
                pg_sys::FetchDirection::FETCH_FORWARD,
                MOST_ROWS,
                receiver.as_server(),
            );
            let stopped = receiver.outcome()?;
            if stopped {
                // Fewer rows than asked for are the end to a portal (PortalRunSelect, pquery.c), also where the receiver wanted no
                // more; the executor stands after the last row that it gave (ExecutePlan, execMain.c) and goes on from there.
                (*portal).atEnd = false;
            }
            Ok(!(*portal).atEnd)
        }
    }

    pub fn close(&self) {
        // SAFETY: looked up by name; closing a portal that is not running is allowed at any time.
        unsafe {
            let portal = pg_sys::SPI_cursor_find(self.name.as_ptr());
            if !portal.is_null() {
                pg_sys::SPI_cursor_close(portal);
            }
        }
    }
}

fn unguessable() -> Result<CString> {
    let mut bytes = [0u8; 16];
    // SAFETY: fills exactly the given bytes.
    let filled = unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) };
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    CString::new(format!("acct_export {hex}"))
        .ok()
        .filter(|_| filled)
        .ok_or_else(|| Error::new(Kind::Internal, "no random name for a cursor"))
}
