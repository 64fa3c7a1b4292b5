//! The export's query, run to its end into a receiver of ours, as COPY does: the executor pushes row by row, parallel
//! plans are allowed, and nothing is kept.

use super::params;
use super::row::RowReader;
use crate::encode::Cell;
use crate::error::{Error, Kind, Result};
use crate::request::filter::Param;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CString;
use std::ops::ControlFlow;

/// What takes the rows, and says after each whether it wants another.
pub type Sink<'a> = dyn FnMut(&[Cell<'_>]) -> Result<ControlFlow<()>> + 'a;

/// A DestReceiver (tcop/dest.h) whose first member is the server's part.
#[repr(C)]
pub(super) struct Receiver<'a> {
    server: pg_sys::DestReceiver,
    sink: *mut Sink<'a>,
    reader: RowReader,
    /// Set by the sink: the executor is asked to stop, and the error is returned once it has.
    failure: Option<Error>,
    /// The sink has enough for now.
    stopped: bool,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(sink: &'a mut Sink<'a>, local: bool) -> Self {
        Receiver {
            server: pg_sys::DestReceiver {
                receiveSlot: Some(receive),
                rStartup: Some(startup),
                rShutdown: Some(shutdown),
                rDestroy: Some(shutdown),
                mydest: pg_sys::CommandDest::DestNone,
            },
            sink,
            reader: RowReader::new(local),
            failure: None,
            stopped: false,
        }
    }

    pub(super) fn as_server(&mut self) -> *mut pg_sys::DestReceiver {
        std::ptr::from_mut(self).cast()
    }

    /// Whether the sink stopped the reading.
    pub(super) fn outcome(self) -> Result<bool> {
        self.failure.map_or(Ok(self.stopped), Err)
    }
}

/// # Safety
/// Called by the server alone, with the receiver that it was given and a valid descriptor.
#[pg_guard]
unsafe extern "C-unwind" fn startup(
    this: *mut pg_sys::DestReceiver,
    _operation: i32,
    row: pg_sys::TupleDesc,
) {
    // SAFETY: the server hands back the receiver it was given; the descriptor is valid during the call.
    let receiver = &mut *this.cast::<Receiver<'_>>();
    let attributes = (0..(*row).natts as usize).map(|index| (*tuple_attribute(row, index)).atttypid);
    receiver.reader.bind(&attributes.collect::<Vec<_>>());
}

/// # Safety
/// `index` is below the descriptor's number of attributes.
unsafe fn tuple_attribute(row: pg_sys::TupleDesc, index: usize) -> *const pg_sys::FormData_pg_attribute {
    #[cfg(not(feature = "pg18"))]
    return (*row).attrs.as_ptr().add(index);
    #[cfg(feature = "pg18")]
    return pg_sys::TupleDescAttr(row, index as i32);
}

/// # Safety
/// As `startup`, after it; the slot holds a tuple of its descriptor.
#[pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    this: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: as in `startup`; the slot holds a tuple of the descriptor that startup saw.
    let receiver = &mut *this.cast::<Receiver<'_>>();
    match receiver.reader.read(slot, &mut *receiver.sink) {
        Ok(ControlFlow::Continue(())) => true,
        Ok(ControlFlow::Break(())) => {
            receiver.stopped = true;
            false
        }
        Err(error) => {
            receiver.failure = Some(error);
            false
        }
    }
}

/// # Safety
/// Touches nothing: the receiver belongs to whoever made it.
#[pg_guard]
unsafe extern "C-unwind" fn shutdown(_this: *mut pg_sys::DestReceiver) {}

/// Runs `sql` (one SELECT) with the active snapshot, and gives every row to `sink`. `local`: instants also as wall
/// clock of the session's TimeZone.
pub fn for_each_row(sql: &str, bound: &[Param], local: bool, sink: &mut Sink<'_>) -> Result<()> {
    let statement = statement(sql)?;
    // SAFETY: SPI is connected around the execution; receiver, parameters and statement outlive it.
    unsafe {
        pg_sys::SPI_connect();
        let mut receiver = Receiver::new(sink, local);
        let options = pg_sys::SPIExecuteOptions {
            params: params::bind(bound)?,
            read_only: true,
            dest: receiver.as_server(),
            ..Default::default()
        };
        let code = pg_sys::SPI_execute_extended(statement.as_ptr(), &options);
        let outcome = receiver.outcome(); // ends the reader, whose memory is SPI's
        pg_sys::SPI_finish();
        if code < 0 {
            return Err(Error::new(
                Kind::Internal,
                format!("the export's query failed with SPI code {code}"),
            ));
        }
        outcome.map(|_| ())
    }
}

/// How many rows a SELECT has; no more than `most` are looked for.
pub fn count(sql: &str, bound: &[Param], most: Option<u64>) -> Result<i64> {
    let mut count = 0;
    let limit = most.map(|most| format!(" LIMIT {}", most.min(i64::MAX as u64))).unwrap_or_default();
    for_each_row(
        &format!("SELECT pg_catalog.count(*) FROM (SELECT FROM ({sql}) AS q{limit}) AS r"),
        bound,
        false,
        &mut |cells| {
            if let [Cell::Int(rows)] = cells {
                count = *rows;
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(count)
}

/// The planner's estimate of the number of rows.
pub fn estimate(sql: &str, bound: &[Param]) -> Result<i64> {
    let statement = statement(sql)?;
    // SAFETY: as above; the plan is only looked at while SPI is connected.
    unsafe {
        pg_sys::SPI_connect();
        let list = params::bind(bound)?;
        let options = pg_sys::SPIPrepareOptions {
            parserSetup: if list.is_null() { None } else { (*list).parserSetup },
            parserSetupArg: if list.is_null() { std::ptr::null_mut() } else { (*list).parserSetupArg },
            parseMode: pg_sys::RawParseMode::RAW_PARSE_DEFAULT,
            cursorOptions: pg_sys::CURSOR_OPT_PARALLEL_OK as i32,
        };
        let plan = pg_sys::SPI_prepare_extended(statement.as_ptr(), &options);
        if plan.is_null() {
            pg_sys::SPI_finish();
            return Err(Error::new(Kind::Internal, "the export's query could not be planned"));
        }
        // A generic plan would do for an estimate, but the constants (tenant, period) are what makes it good: plan
        // through a portal that is opened and closed without fetching.
        let portal = pg_sys::SPI_cursor_open_with_paramlist(std::ptr::null(), plan, list, true);
        let rows = pg_sys::PortalGetPrimaryStmt(portal)
            .as_ref()
            .and_then(|statement| statement.planTree.as_ref())
            .map_or(0.0, |plan| plan.plan_rows);
        pg_sys::SPI_cursor_close(portal);
        pg_sys::SPI_finish();
        Ok(rows.clamp(0.0, 9e18) as i64)
    }
}

pub(super) fn statement(sql: &str) -> Result<CString> {
    CString::new(sql).map_err(|_| Error::new(Kind::Internal, "a statement contains a NUL byte"))
}
