//! The choices that an export has for values that become texts.

/// The form of values that are written as texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextForm {
    /// Moments are on the wall clock of the export's time zone and without an offset, as spreadsheets read them:
    /// `2026-01-15 11:00:00` for `2026-01-15T10:00:00Z`.
    pub local_times: bool,
    /// A comma stands before the fraction of a number.
    pub decimal_comma: bool,
    /// In JSON, numbers that a 64-bit float does not hold are strings: JavaScript would read other ones.
    pub big_numbers_as_text: bool,
}
