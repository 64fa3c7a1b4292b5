//! The export's query, run to its end into a receiver of ours, as COPY does: the executor pushes row by row, parallel
//! plans are allowed, and nothing is kept.

use super::params;
use super::row::RowReader;
use super::unique::KeyCheck;
use crate::encode::Cell;
use crate::error::{Error, Kind, Result};
use crate::filter::Param;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CString;
use std::ops::ControlFlow;

/// The consumer of the rows; it says after each if it wants another.
pub type Sink<'a> = dyn FnMut(&[Cell<'_>]) -> Result<ControlFlow<()>> + 'a;

/// A DestReceiver (tcop/dest.h) whose first member is the server's part.
#[repr(C)]
pub(super) struct Receiver<'a> {
    server: pg_sys::DestReceiver,
    sink: *mut Sink<'a>,
    reader: RowReader,
    keys: Option<&'a mut KeyCheck>,
    /// Set by the sink: the executor is asked to stop, and the error is returned once it has.
    failure: Option<Error>,
    /// The sink has enough for now.
    stopped: bool,
}

impl<'a> Receiver<'a> {
    /// `keys`: rows come in the order of their key, and none has that of another.
    pub(super) fn new(sink: &'a mut Sink<'a>, local: bool, keys: Option<&'a mut KeyCheck>) -> Self {
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
            keys,
            failure: None,
            stopped: false,
        }
    }

    pub(super) fn as_server(&mut self) -> *mut pg_sys::DestReceiver {
        std::ptr::from_mut(self).cast()
    }

    /// True if the sink stopped the reading.
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
    let attributes = (0..(*row).natts as usize).map(|index| {
        let attribute = tuple_attribute(row, index);
        ((*attribute).atttypid, (*attribute).attcollation)
    });
    receiver.reader.bind(&attributes.collect::<Vec<_>>(), receiver.keys.as_deref());
}

/// # Safety
/// `index` is below the descriptor's number of attributes.
unsafe fn tuple_attribute(row: pg_sys::TupleDesc, index: usize) -> *const pg_sys::FormData_pg_attribute {
    #[cfg(not(feature = "pg18"))]
    return (*row).attrs.as_ptr().add(index);
    // TupleDescAttr of the server's access/tupdesc.h: the full attributes follow the compact ones.
    #[cfg(feature = "pg18")]
    return std::ptr::addr_of!((*row).compact_attrs)
        .cast::<pg_sys::CompactAttribute>()
        .add((*row).natts as usize)
        .cast::<pg_sys::FormData_pg_attribute>()
        .add(index);
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
    match receiver.reader.read(slot, receiver.keys.as_deref_mut(), &mut *receiver.sink) {
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
    for_each_ordered_row(sql, bound, local, None, sink)
}

/// The same for rows in the order of their key, which `keys` compares. 22023 where two have the same.
pub fn for_each_ordered_row(
    sql: &str,
    bound: &[Param],
    local: bool,
    keys: Option<&mut KeyCheck>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let statement = statement(sql)?;
    // SAFETY: SPI is connected around the execution; receiver, parameters and statement outlive it.
    unsafe {
        pg_sys::SPI_connect();
        let mut receiver = Receiver::new(sink, local, keys);
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

/// The number of rows of a SELECT; no more than `most` are counted.
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

pub(super) fn statement(sql: &str) -> Result<CString> {
    CString::new(sql).map_err(|_| Error::new(Kind::Internal, "a statement contains a NUL byte"))
}
