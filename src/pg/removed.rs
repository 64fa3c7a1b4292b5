//! Symbols of functions that earlier versions had and this one has not, or has with other arguments.
//!
//! `CREATE EXTENSION pg_acctexport VERSION` of a released version, `pg_upgrade` and a dump restored in binary mode look for
//! each symbol that the version's script names. A call is answered with the version that the database is at; no argument is
//! read. A function whose arguments change gets a new name in Rust, and its old symbol is listed here.

use super::{report, version};
use pgrx::{pg_guard, pg_sys};

macro_rules! removed {
    ($($wrapper:ident, $info:ident;)*) => {$(
        #[no_mangle]
        #[pg_guard]
        pub extern "C-unwind" fn $wrapper(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
            report::raise(version::removed())
        }

        #[no_mangle]
        pub extern "C-unwind" fn $info() -> &'static pg_sys::Pg_finfo_record {
            const RECORD: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
            &RECORD
        }
    )*};
}

removed! {
    // 0.1.0: register_dataset(jsonb), visible(oid, text)
    register_dataset_wrapper, pg_finfo_register_dataset_wrapper;
    visible_wrapper, pg_finfo_visible_wrapper;
    // 0.1.0: worker_progress(integer)
    worker_progress_wrapper, pg_finfo_worker_progress_wrapper;
}
