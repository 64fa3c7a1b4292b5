//! Progress counters of a running export: the server's own, which other sessions read without shared memory of ours.
//!
//! They fill pg_stat_progress_copy (commands/progress.h); the stage stands in a parameter that this view does not show.

use crate::error::Result;
use pgrx::pg_sys;

/// The last of the 20 parameters.
const STAGE: i32 = pg_sys::PGSTAT_NUM_PROGRESS_PARAM as i32 - 1;
/// The number of the job's dataset that is read, from 1.
const PART: i32 = STAGE - 2;
/// Estimated number of rows; 0: it is not known.
const ROWS_TOTAL: i32 = STAGE - 1;

/// The stage of a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Preparing,
    Reading,
    Storing,
}

impl Stage {
    /// As it stands in the progress counters; acct_export_status shows it by its name (sql/views.sql).
    pub fn number(self) -> i64 {
        match self {
            Stage::Preparing => 0,
            Stage::Reading => 1,
            Stage::Storing => 2,
        }
    }

    pub fn from_number(number: i64) -> Stage {
        match number {
            1 => Stage::Reading,
            2 => Stage::Storing,
            _ => Stage::Preparing,
        }
    }
}

pub fn start(source: u32) {
    // SAFETY: each call writes this backend's status entry.
    unsafe {
        pg_sys::pgstat_progress_start_command(
            pg_sys::ProgressCommandType::PROGRESS_COMMAND_COPY,
            pg_sys::Oid::from(source),
        );
    }
    set(pg_sys::PROGRESS_COPY_COMMAND as i32, i64::from(pg_sys::PROGRESS_COPY_COMMAND_TO));
    set(pg_sys::PROGRESS_COPY_TYPE as i32, i64::from(pg_sys::PROGRESS_COPY_TYPE_CALLBACK));
}

pub fn stage(stage: Stage) {
    set(STAGE, stage.number());
}

pub fn part(place: usize) {
    set(PART, place as i64);
}

pub fn rows(done: u64) {
    set(pg_sys::PROGRESS_COPY_TUPLES_PROCESSED as i32, done as i64);
}

/// 0: the number is not known.
pub fn rows_total(rows: i64) {
    set(ROWS_TOTAL, rows);
}

pub fn bytes(done: u64, total: u64) {
    set(pg_sys::PROGRESS_COPY_BYTES_PROCESSED as i32, done as i64);
    set(pg_sys::PROGRESS_COPY_BYTES_TOTAL as i32, total as i64);
}

pub fn end() {
    // SAFETY: as above.
    unsafe { pg_sys::pgstat_progress_end_command() };
}

fn set(parameter: i32, value: i64) {
    // SAFETY: the index is below PGSTAT_NUM_PROGRESS_PARAM.
    unsafe { pg_sys::pgstat_progress_update_param(parameter, value) };
}

/// Counters of another backend.
pub struct Counters {
    pub stage: Stage,
    pub part: i64,
    pub rows: i64,
    pub rows_total: i64,
    pub bytes: i64,
    pub bytes_total: i64,
}

/// Reads the counters of a process; None: it runs no export. The server shows them to those who may see that backend's
/// activity, so this is called as the owner.
pub fn of(pid: i32) -> Result<Option<Counters>> {
    // Parameters count from 0 in C and from 1 in SQL; param20 is the stage, param19 the estimated rows, param18 the part.
    let counters: Option<[i64; 6]> = super::sql::document(
        "SELECT jsonb_build_array(param20, param18, param3, param19, param1, param2)
           FROM pg_stat_get_progress_info('COPY') WHERE pid = $1::integer",
        &[i64::from(pid).into()],
    )?;
    Ok(counters.map(|[stage, part, rows, rows_total, bytes, bytes_total]| Counters {
        stage: Stage::from_number(stage),
        part,
        rows,
        rows_total,
        bytes,
        bytes_total,
    }))
}
