//! Wall clocks of the server's time zones.

use crate::model::WallClock;
use pgrx::pg_sys;
use std::ffi::CString;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A zone that the server knows; the server keeps it as long as the process lives (pgtz.c).
#[derive(Clone, Copy)]
pub struct Zone(*mut pg_sys::pg_tz);

impl Zone {
    /// By a name that TimeZone had as its value; None: there is no such zone (any more).
    pub fn named(name: &str) -> Option<Zone> {
        let name = CString::new(name).ok()?;
        // SAFETY: NULL for what is no zone, else a pointer into the server's own table of zones.
        let zone = unsafe { pg_sys::pg_tzset(name.as_ptr()) };
        (!zone.is_null()).then_some(Zone(zone))
    }

    /// The session's.
    pub fn of_session() -> Zone {
        // SAFETY: reads a backend variable; the session's zone always exists.
        Zone(unsafe { pg_sys::session_timezone })
    }

    /// The instant on this zone's wall clock, both in microseconds since 2000-01-01.
    pub fn wall_clock(self, utc: i64) -> i64 {
        if utc == i64::MIN || utc == i64::MAX {
            return utc;
        }
        // SAFETY: the zone is one of the server's; localtime gives NULL beyond its range.
        unsafe {
            let seconds = utc.div_euclid(1_000_000) + POSTGRES_EPOCH;
            let time = pg_sys::pg_localtime(&seconds, self.0);
            if time.is_null() {
                return utc;
            }
            utc + (*time).tm_gmtoff * 1_000_000
        }
    }
}

impl WallClock for Zone {
    fn wall_clock(self, utc: i64) -> i64 {
        Zone::wall_clock(self, utc)
    }
}

/// The settings by which the server's output functions print moments, for as long as this lives.
pub(super) struct Printing {
    zone: *mut pg_sys::pg_tz,
    style: core::ffi::c_int,
}

impl Printing {
    /// In UTC: the text of a value (a row, a range) is the same in whatever zone it was asked for.
    #[inline]
    pub(super) fn in_utc() -> Printing {
        // SAFETY: variables of this backend, which has one thread that runs the server's code. Output functions read them; the
        // pointers are the server's own zones, which are kept.
        unsafe {
            let before = Printing { zone: pg_sys::session_timezone, style: pg_sys::DateStyle };
            pg_sys::session_timezone = utc();
            before
        }
    }

    /// In UTC and with the letter `T` between day and time.
    #[inline]
    pub(super) fn as_iso_8601() -> Printing {
        let before = Printing::in_utc();
        // SAFETY: as above; XML Schema's form is one that output functions know (datatype/timestamp.h, miscadmin.h).
        unsafe { pg_sys::DateStyle = pg_sys::USE_XSD_DATES as core::ffi::c_int };
        before
    }
}

impl Drop for Printing {
    fn drop(&mut self) {
        // SAFETY: as above; puts back what was there, also where an error passes.
        unsafe {
            pg_sys::session_timezone = self.zone;
            pg_sys::DateStyle = self.style;
        }
    }
}

/// The server's own zone UTC, looked up once.
fn utc() -> *mut pg_sys::pg_tz {
    static UTC: AtomicPtr<pg_sys::pg_tz> = AtomicPtr::new(std::ptr::null_mut());
    let known = UTC.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: the zone of offset 0, which needs no file (pg_tzset_offset, localtime.c).
    let zone = unsafe { pg_sys::pg_tzset_offset(0) };
    UTC.store(zone, Ordering::Relaxed);
    zone
}

/// 2000-01-01 in seconds since 1970-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800;
