//! Control SQL: the few rows of catalogue and job tables. Never rows of a source.
//!
//! Statements are constants of this project, values are bound. Results are one text column, most often a JSON
//! document that serde reads into a struct.

use super::guard;
use crate::error::{Error, Kind, Result};
use pgrx::{pg_sys, FromDatum, IntoDatum};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

/// A bound value; NULL where it is None.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    Text(Option<&'a str>),
    Int(Option<i64>),
    Bool(bool),
    Bytes(&'a [u8]),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Arg::Text(Some(value))
    }
}
impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Arg::Text(Some(value))
    }
}
impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Arg::Text(value)
    }
}
impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Arg::Int(Some(value))
    }
}
impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Arg::Bool(value)
    }
}

impl Arg<'_> {
    fn type_oid(&self) -> pg_sys::Oid {
        match self {
            Arg::Text(_) => pg_sys::TEXTOID,
            Arg::Int(_) => pg_sys::INT8OID,
            Arg::Bool(_) => pg_sys::BOOLOID,
            Arg::Bytes(_) => pg_sys::BYTEAOID,
        }
    }

    fn datum(&self) -> Option<pg_sys::Datum> {
        match *self {
            Arg::Text(value) => value.and_then(|text| text.into_datum()),
            Arg::Int(value) => value.and_then(|number| number.into_datum()),
            Arg::Bool(value) => value.into_datum(),
            Arg::Bytes(value) => value.into_datum(),
        }
    }
}

/// The snapshot of a statement, and its right to write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// The active snapshot; no transaction id is taken, so it runs on a standby and in a poll.
    Read,
    /// The same, of relations and functions that are not the extension's.
    ReadSource,
    /// The transaction's snapshot, in READ COMMITTED a new one.
    Write,
    /// A new one within REPEATABLE READ, too: what others have committed since is seen and may be changed.
    WriteLatest,
}

impl Access {
    fn is_read(self) -> bool {
        matches!(self, Access::Read | Access::ReadSource)
    }
}

/// A row of a result that SPI holds.
struct Row {
    tuple: pg_sys::HeapTuple,
    table: *mut pg_sys::SPITupleTable,
}

impl Row {
    /// First column as text; None for NULL.
    fn text(&self) -> Option<String> {
        // SAFETY: the result is held by the SPI session in which this row lives; the text is copied.
        unsafe {
            let text = pg_sys::SPI_getvalue(self.tuple, (*self.table).tupdesc, 1);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    }

    /// First column, a bytea.
    fn bytes(&self) -> Option<Vec<u8>> {
        // SAFETY: as above; the column is a bytea by the query's text.
        unsafe {
            let mut is_null = false;
            let datum = pg_sys::SPI_getbinval(self.tuple, (*self.table).tupdesc, 1, &mut is_null);
            Vec::<u8>::from_datum(datum, is_null)
        }
    }
}

thread_local! {
    /// Plans of statements that this session has run, as PL/pgSQL keeps those of its functions: what asks is most often a pooled
    /// session that asks again, and parsing and planning take longer than all else. The server plans them anew when a table
    /// changes (plancache.c).
    static PLANS: RefCell<HashMap<Statement, pg_sys::SPIPlanPtr>> = RefCell::default();
}

/// A statement's text and the types of its parameters.
type Statement = (Box<str>, Vec<pg_sys::Oid>);

/// Plans kept at most; more than this project has statements, of which a few are put together at run time.
const MOST_PLANS: usize = 100;

/// The plan of a statement, which stays valid until SPI is left.
///
/// # Safety
/// SPI is connected.
unsafe fn plan(sql: &str, types: &mut [pg_sys::Oid]) -> Result<pg_sys::SPIPlanPtr> {
    let key = (Box::from(sql), types.to_vec());
    if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
        return Ok(plan);
    }
    let statement =
        CString::new(sql).map_err(|_| Error::new(Kind::Internal, "a statement contains a NUL byte"))?;
    // One plan whatever the values: they are keys, for which there is an index.
    let generic = pg_sys::CURSOR_OPT_GENERIC_PLAN as i32;
    let plan =
        pg_sys::SPI_prepare_cursor(statement.as_ptr(), types.len() as i32, types.as_mut_ptr(), generic);
    if plan.is_null() {
        return Err(Error::new(Kind::Internal, "a statement of the extension could not be prepared"));
    }
    if PLANS.with_borrow(HashMap::len) < MOST_PLANS && pg_sys::SPI_keepplan(plan) == 0 {
        PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
    }
    Ok(plan)
}

/// Runs a statement inside one SPI session, which frees everything it took.
fn execute<T>(
    sql: &str,
    args: &[Arg<'_>],
    access: Access,
    each: impl Fn(Row) -> Result<T>,
) -> Result<(u64, Vec<T>)> {
    if !access.is_read() && guard::level() != guard::Level::Off {
        return Err(Error::denied(
            "functions of the extension cannot write while rows of an export are read",
        )
        .hint("Do not call them in views, policies and functions that run while rows are read."));
    }
    // Whoever runs it: names and operators are the server's own.
    let scope = super::guc::Scope::open();
    scope.set("search_path", "pg_catalog, pg_temp", super::guc::Rights::Superuser);
    // Their plans may look costly, above all where `planned_without` leaves no other way, and none runs long.
    scope.set("jit", "off", super::guc::Rights::Superuser);
    // By indexes, which all that may have many rows has: a session keeps its plans, and a table that was empty when one was made grows.
    if access != Access::ReadSource {
        scope.set("enable_seqscan", "off", super::guc::Rights::Superuser);
    }
    // SAFETY: an ERROR in between ends the session by the abort, and an error of ours does not leave it open: a caller may go on.
    unsafe {
        pg_sys::SPI_connect();
        let outcome = execute_connected(sql, args, access, each);
        pg_sys::SPI_finish();
        outcome
    }
}

/// # Safety
/// SPI is connected, and finished after the call.
unsafe fn execute_connected<T>(
    sql: &str,
    args: &[Arg<'_>],
    access: Access,
    each: impl Fn(Row) -> Result<T>,
) -> Result<(u64, Vec<T>)> {
    // SAFETY: argument datums live in SPI's context, value strings are copied by `each` before it ends.
    unsafe {
        let mut types: Vec<pg_sys::Oid> = args.iter().map(Arg::type_oid).collect();
        let mut nulls = Vec::with_capacity(args.len());
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            let datum = arg.datum();
            nulls.push(if datum.is_none() { b'n' } else { b' ' } as core::ffi::c_char);
            values.push(datum.unwrap_or(pg_sys::Datum::from(0usize)));
        }
        let plan = plan(sql, &mut types)?;
        let (values, nulls) = (values.as_mut_ptr(), nulls.as_ptr());
        let code = if access == Access::WriteLatest {
            // As the checks of foreign keys do it (ri_PerformCheck, ri_triggers.c).
            let (latest, none) = (pg_sys::GetLatestSnapshot(), std::ptr::null_mut());
            pg_sys::SPI_execute_snapshot(plan, values, nulls, latest, none, false, true, 0)
        } else {
            pg_sys::SPI_execute_plan(plan, values, nulls, access.is_read(), 0)
        };
        if code < 0 {
            return Err(Error::new(
                Kind::Internal,
                format!("a statement of the extension failed with SPI code {code}"),
            ));
        }
        let affected = pg_sys::SPI_processed;
        let mut rows = Vec::new();
        let table = pg_sys::SPI_tuptable;
        if !table.is_null() {
            for index in 0..affected as usize {
                rows.push(each(Row { tuple: *(*table).vals.add(index), table })?);
            }
        }
        Ok((affected, rows))
    }
}

/// Ways of reading that are no use for a few rows of a catalog which may have many.
pub const ALL_ROWS: [&str; 2] = ["enable_hashjoin", "enable_mergejoin"];

/// Has the statements of `body` planned without some ways. The server's own choice is by statistics of a moment, and a session keeps
/// its plans: a table or a catalog that had few rows then may have many later.
pub fn planned_without<T>(ways: &[&str], body: impl FnOnce() -> T) -> T {
    let scope = super::guc::Scope::open();
    for way in ways {
        scope.set(way, "off", super::guc::Rights::Superuser);
    }
    body()
}

/// Rows of a query whose one column is a JSON document.
pub fn documents<T: DeserializeOwned>(sql: &str, args: &[Arg<'_>]) -> Result<Vec<T>> {
    execute(sql, args, Access::Read, parse).map(|(_, rows)| rows)
}

/// First row of such a query.
pub fn document<T: DeserializeOwned>(sql: &str, args: &[Arg<'_>]) -> Result<Option<T>> {
    Ok(documents(sql, args)?.into_iter().next())
}

/// First row of a writing statement that returns one JSON document a row; None: no row was returned.
pub fn change<T: DeserializeOwned>(sql: &str, args: &[Arg<'_>]) -> Result<Option<T>> {
    Ok(execute(sql, args, Access::Write, parse)?.1.into_iter().next())
}

/// The same of a statement that sees and changes what others have committed up to now, whatever the isolation level is.
pub fn change_latest<T: DeserializeOwned>(sql: &str, args: &[Arg<'_>]) -> Result<Option<T>> {
    Ok(execute(sql, args, Access::WriteLatest, parse)?.1.into_iter().next())
}

/// All rows of such a statement.
pub fn changes<T: DeserializeOwned>(sql: &str, args: &[Arg<'_>]) -> Result<Vec<T>> {
    execute(sql, args, Access::Write, parse).map(|(_, rows)| rows)
}

/// Runs a writing statement; the number of rows it touched.
pub fn run(sql: &str, args: &[Arg<'_>]) -> Result<u64> {
    execute(sql, args, Access::Write, |_| Ok(())).map(|(affected, _)| affected)
}

/// The same of a statement that sees and changes what others have committed up to now, whatever the isolation level is.
pub fn run_latest(sql: &str, args: &[Arg<'_>]) -> Result<u64> {
    execute(sql, args, Access::WriteLatest, |_| Ok(())).map(|(affected, _)| affected)
}

/// First column of the first row, as text.
pub fn text(sql: &str, args: &[Arg<'_>]) -> Result<Option<String>> {
    let (_, rows) = execute(sql, args, Access::Read, |row| Ok(row.text()))?;
    Ok(rows.into_iter().next().flatten())
}

/// The same of a query of relations and functions of others, planned as the server does by itself.
pub fn text_of_source(sql: &str, args: &[Arg<'_>]) -> Result<Option<String>> {
    let (_, rows) = execute(sql, args, Access::ReadSource, |row| Ok(row.text()))?;
    Ok(rows.into_iter().next().flatten())
}

/// First column of the first row of a reading query, which is a bytea.
pub fn bytes(sql: &str, args: &[Arg<'_>]) -> Result<Option<Vec<u8>>> {
    execute(sql, args, Access::Read, |row| Ok(row.bytes())).map(|(_, rows)| rows.into_iter().next().flatten())
}

fn parse<T: DeserializeOwned>(row: Row) -> Result<T> {
    serde_json::from_str(row.text().as_deref().unwrap_or("null")).map_err(|error| {
        Error::new(Kind::Internal, format!("unexpected document in a table of the extension: {error}"))
    })
}
