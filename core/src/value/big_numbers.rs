//! Numbers that a reader with 64-bit floats, such as JavaScript, would change.

use super::memory;
use crate::error::Result;

/// The largest whole number up to which there is one for each: 2^53 - 1.
const LARGEST: u64 = (1 << 53) - 1;
/// Decimal digits that a float always keeps.
const DIGITS: usize = 15;
/// Powers of ten up to which it keeps them.
const POWERS: i64 = 290;

/// True if a whole number stays as it is.
pub fn keeps_int(value: i64) -> bool {
    value.unsigned_abs() <= LARGEST
}

/// True if a number, as JSON has it, stays as it is.
pub fn keeps(number: &[u8]) -> bool {
    if number.len() <= DIGITS && !number.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return true;
    }
    let (digits, exponent) = match number.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => {
            (&number[..at], std::str::from_utf8(&number[at + 1..]).ok().and_then(|text| text.parse().ok()))
        }
        None => (number, Some(0_i64)),
    };
    let Some(exponent) = exponent else { return false };
    let digits = digits.strip_prefix(b"-").unwrap_or(digits);
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &[][..]),
    };
    let is_zero = |byte: &u8| *byte == b'0';
    let mut significant: Vec<u8> =
        whole.iter().chain(fraction).copied().skip_while(|byte| is_zero(byte)).collect();
    let lead = whole.len() as i64 + exponent;
    while significant.last().is_some_and(is_zero) {
        significant.pop();
    }
    if significant.len() <= DIGITS {
        return lead.abs() < POWERS;
    }
    // One of sixteen digits may still be small enough.
    let is_whole = exponent == 0 && fraction.iter().all(is_zero);
    let value = std::str::from_utf8(whole).ok().and_then(|text| text.parse::<u64>().ok());
    is_whole && value.is_some_and(|value| value <= LARGEST)
}

/// Appends a JSON text, such numbers in it as strings.
pub fn embed(json: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut at = 0;
    while at < json.len() {
        let start = at;
        match json[at] {
            b'"' => {
                at += 1;
                while at < json.len() && json[at] != b'"' {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(json.len());
                out.extend_from_slice(&json[start..at]);
            }
            b'-' | b'0'..=b'9' => {
                while at < json.len() && matches!(json[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') {
                    at += 1;
                }
                let number = &json[start..at];
                if keeps(number) {
                    out.extend_from_slice(number);
                } else {
                    memory::reserve(out, number.len() + 2)?;
                    out.push(b'"');
                    out.extend_from_slice(number);
                    out.push(b'"');
                }
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_javascript_keeps() {
        for kept in [
            "0",
            "-1",
            "9007199254740991",
            "-9007199254740991",
            "0.1",
            "123456789012345",
            "1e300",
            "12.500000000000000000000",
            "9007199254740991.000",
            "100000000000000000000",
            "0.00000000000000000001",
        ] {
            assert_eq!(keeps(kept.as_bytes()), kept != "1e300", "{kept}");
        }
        for changed in [
            "9007199254740992",
            "9007199254740993",
            "-9223372036854775808",
            "1234567890.1234567",
            "1e400",
            "0.30000000000000004001",
        ] {
            assert!(!keeps(changed.as_bytes()), "{changed}");
        }
        assert!(
            keeps_int(9_007_199_254_740_991) && !keeps_int(i64::MIN) && !keeps_int(9_007_199_254_740_992)
        );
    }

    #[test]
    fn numbers_in_documents() {
        let mut out = Vec::new();
        let json = r#"{"id": 9007199254740993, "n": [1, -9007199254740993.5, 1.5e3], "9007199254740993": "9007199254740993 \" 1", "t": true}"#;
        embed(json.as_bytes(), &mut out).unwrap();
        let wanted = r#"{"id": "9007199254740993", "n": [1, "-9007199254740993.5", 1.5e3], "9007199254740993": "9007199254740993 \" 1", "t": true}"#;
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        for broken in ["\"", "\"\\", "-", "1"] {
            embed(broken.as_bytes(), &mut Vec::new()).unwrap();
        }
    }
}
