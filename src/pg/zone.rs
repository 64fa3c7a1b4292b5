//! Wall clocks of the server's time zones.

use pgrx::pg_sys;
use std::ffi::CString;

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

/// 2000-01-01 in seconds since 1970-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800;
