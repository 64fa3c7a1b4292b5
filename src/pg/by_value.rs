//! Values that a datum holds by itself: numbers, booleans, dates and moments.

use super::zone::Zone;
use crate::encode::Cell;
use pgrx::pg_sys;

/// The kind of value in a datum.
#[derive(Clone, Copy)]
pub(super) enum ByValue {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Date,
    Timestamp,
    /// With the zone's wall clock where the format shows it.
    Instant {
        local: bool,
    },
}

impl ByValue {
    /// Of a type that is no domain; None: its values lie elsewhere. `local`: instants also as wall clock.
    pub(super) fn of(base: pg_sys::Oid, local: bool) -> Option<ByValue> {
        Some(match base {
            pg_sys::BOOLOID => ByValue::Bool,
            pg_sys::INT2OID => ByValue::Int2,
            pg_sys::INT4OID => ByValue::Int4,
            pg_sys::INT8OID => ByValue::Int8,
            pg_sys::OIDOID => ByValue::Oid,
            pg_sys::FLOAT4OID => ByValue::Float4,
            pg_sys::FLOAT8OID => ByValue::Float8,
            pg_sys::DATEOID => ByValue::Date,
            pg_sys::TIMESTAMPOID => ByValue::Timestamp,
            pg_sys::TIMESTAMPTZOID => ByValue::Instant { local },
            _ => return None,
        })
    }

    /// Gives the cell to `take`. Each kind has a call of its own, so that `take` can write the cell where it is to stand: a cell that is
    /// made in one place and moved to another costs as much as all else that is done with a number.
    #[inline(always)]
    pub(super) fn read<T>(self, datum: pg_sys::Datum, take: impl FnOnce(Cell<'static>) -> T) -> T {
        let bits = datum.value();
        match self {
            ByValue::Bool => take(Cell::Bool(bits as u8 != 0)),
            ByValue::Int2 => take(Cell::Int(i64::from(bits as i16))),
            ByValue::Int4 => take(Cell::Int(i64::from(bits as i32))),
            ByValue::Int8 => take(Cell::Int(bits as i64)),
            ByValue::Oid => take(Cell::Int(i64::from(bits as u32))),
            ByValue::Float4 => take(Cell::Float(short(f32::from_bits(bits as u32)))),
            ByValue::Float8 => take(Cell::Float(f64::from_bits(bits as u64))),
            ByValue::Date => take(Cell::Date(bits as i32)),
            ByValue::Timestamp => take(Cell::Timestamp(bits as i64)),
            ByValue::Instant { local: false } => take(Cell::Instant { utc: bits as i64, local: bits as i64 }),
            ByValue::Instant { local: true } => {
                take(Cell::Instant { utc: bits as i64, local: Zone::of_session().wall_clock(bits as i64) })
            }
        }
    }
}

/// A float4 as the number of its shortest text that reads back: 0.1, not 0.10000000149.
fn short(value: f32) -> f64 {
    let long = f64::from(value);
    if value.is_finite() {
        value.to_string().parse().unwrap_or(long)
    } else {
        long
    }
}
