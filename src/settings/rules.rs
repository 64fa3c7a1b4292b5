//! The values that the settings accept. What a value names (a directory) is looked up where a statement sets it.

use crate::pg::guc;
use crate::pg::text_setting::{self, IntervalParts, Origin, Rule, SettingError};
use std::path::Path;

type Checked = Result<(), SettingError>;

fn refuse(detail: impl Into<String>, hint: impl Into<String>) -> Checked {
    Err(SettingError { detail: detail.into(), hint: hint.into() })
}

/// True for the name of a setting that any session may set, as the server's own `valid_custom_variable_name` (guc.c) has it:
/// identifiers joined by dots. Names of this extension are not among them.
pub fn is_custom_name(name: &str) -> bool {
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || !letter.is_ascii();
    let is_later = |letter: char| is_first(letter) || letter.is_ascii_digit() || letter == '$';
    let is_identifier =
        |part: &str| part.starts_with(is_first) && part.chars().all(is_later) && part.len() < 64;
    let parts: Vec<&str> = name.split('.').collect();
    let is_ours = parts.first().is_some_and(|first| first.eq_ignore_ascii_case("acct_export"));
    parts.len() >= 2 && parts.iter().all(|part| is_identifier(part)) && !is_ours
}

/// The name of a setting of an application, or nothing.
pub struct CustomName;

impl Rule for CustomName {
    fn check(value: &str, _origin: Origin) -> Checked {
        if value.is_empty() || is_custom_name(value) {
            return Ok(());
        }
        refuse(
            "The value is not a valid name of a custom setting.",
            "Use a name like 'app.tenant_id': identifiers joined by dots.",
        )
    }
}

/// Names of settings, separated by commas; spaces around them do not count.
pub struct NameList;

impl Rule for NameList {
    fn check(value: &str, _origin: Origin) -> Checked {
        match wrong_name(value, &is_of_server) {
            None => Ok(()),
            Some(wrong) => refuse(
                format!("\"{}\" is not a valid name of a setting.", wrong.escape_default()),
                "Use names separated by commas, like 'app.username, app.group_id'.",
            ),
        }
    }
}

/// The first in a list that is no name of a setting.
fn wrong_name<'v>(list: &'v str, is_of_server: &dyn Fn(&str) -> bool) -> Option<&'v str> {
    if list.trim().is_empty() {
        return None;
    }
    list.split(',').map(str::trim).find(|name| !is_custom_name(name) && !is_of_server(name))
}

/// A setting of the server's own, which has no dot in its name.
fn is_of_server(name: &str) -> bool {
    !name.contains('.') && guc::get(name).is_some()
}

/// An interval from the end of a job on.
pub struct Period;

/// Years: with more a moment may be out of the range of timestamptz.
const LONGEST: i64 = 1000;

impl Rule for Period {
    fn check(value: &str, _origin: Origin) -> Checked {
        let hint = "Use an interval like '7 days'.";
        match text_setting::interval(value) {
            None => refuse("The value is not an interval.", hint),
            Some(parts) => check_parts(parts, hint),
        }
    }
}

/// The sign counts in each part: whether a month less 30 days is negative depends on the month.
fn check_parts(parts: IntervalParts, hint: &str) -> Checked {
    let IntervalParts { years, months, days, microseconds } = parts;
    if [years, months, days, microseconds].iter().any(|part| *part < 0) {
        return refuse("The interval must not be negative in any part.", hint);
    }
    let all = i128::from(years) * 366 + i128::from(months) * 31 + i128::from(days);
    let all = all + i128::from(microseconds) / 86_400_000_000;
    if all > i128::from(LONGEST) * 366 {
        return refuse(format!("The interval must not be longer than {LONGEST} years."), hint);
    }
    Ok(())
}

/// A directory in which the server may make files, or nothing.
pub struct Directory;

impl Rule for Directory {
    fn check(value: &str, origin: Origin) -> Checked {
        if value.is_empty() {
            return Ok(());
        }
        if !Path::new(value).is_absolute() {
            return refuse("The value is not an absolute path.", "Use a path that begins with a slash.");
        }
        if origin == Origin::Stored {
            // It may be mounted later; an export that begins before fails.
            return Ok(());
        }
        if !Path::new(value).is_dir() {
            return refuse(
                "The directory does not exist, or the server cannot access it.",
                "Create it for the operating system user of the server.",
            );
        }
        if !text_setting::is_writable(value) {
            return refuse(
                "The server cannot create files in this directory.",
                "Grant the operating system user of the server the right to write to it.",
            );
        }
        Ok(())
    }
}

/// The name of an object of the server, or nothing. The object may be created later.
pub struct ObjectName;

impl Rule for ObjectName {
    fn check(value: &str, _origin: Origin) -> Checked {
        if value.len() < 64 {
            return Ok(());
        }
        refuse("The name is longer than 63 bytes.", "Use the name of a foreign server.")
    }
}

#[cfg(test)]
mod tests {
    use super::{check_parts, is_custom_name, wrong_name, CustomName, Directory, ObjectName};
    use crate::pg::text_setting::{IntervalParts, Origin, Rule};

    #[test]
    fn names_of_settings_of_an_application() {
        for name in ["app.tenant_id", "a.b.c", "_x._1$", "request.jwt.claim.sub", "mündchen.ä"] {
            assert!(is_custom_name(name), "{name}");
            assert_eq!(CustomName::check(name, Origin::Stored), Ok(()), "{name}");
        }
        for name in
            ["role", "app.", ".x", "app.1", "app.a b", "app.a'", "app.a\"", "acct_export.max_rows", "a..b"]
        {
            assert!(!is_custom_name(name), "{name}");
            assert!(CustomName::check(name, Origin::Stored).is_err(), "{name}");
        }
    }

    #[test]
    fn lists_of_names() {
        let is_of_server = |name: &str| name == "role";
        for list in ["", " ", "app.a", "app.a,app.b", " app.a , app.b ", "role, app.a"] {
            assert_eq!(wrong_name(list, &is_of_server), None, "{list}");
        }
        for (list, wrong) in [
            ("app.a,,app.b", ""),
            ("app.a,", ""),
            ("\"app.a\"", "\"app.a\""),
            ("app.a app.b", "app.a app.b"),
            ("app.a;app.b", "app.a;app.b"),
            ("app.a, acct_export.x", "acct_export.x"),
            ("rolle", "rolle"),
        ] {
            assert_eq!(wrong_name(list, &is_of_server), Some(wrong), "{list}");
        }
    }

    #[test]
    fn parts_of_intervals() {
        let parts = |years, months, days, microseconds| {
            check_parts(IntervalParts { years, months, days, microseconds }, "").is_ok()
        };
        assert!(parts(0, 0, 0, 0) && parts(0, 0, 7, 0) && parts(1000, 0, 0, 0));
        assert!(!parts(0, 0, -1, 0) && !parts(0, 1, -1, 0) && !parts(0, 0, 1, -1));
        assert!(!parts(1000, 0, 1, 0) && !parts(0, i64::from(i32::MAX), 0, 0) && !parts(0, 0, 0, i64::MAX));
    }

    #[test]
    fn forms_of_paths_and_names() {
        assert_eq!(Directory::check("", Origin::Stored), Ok(()));
        assert_eq!(Directory::check("/not/mounted/yet", Origin::Stored), Ok(()));
        assert!(Directory::check("spool", Origin::Stored).is_err());
        assert_eq!(ObjectName::check(&"x".repeat(63), Origin::Stored), Ok(()));
        assert!(ObjectName::check(&"x".repeat(64), Origin::Stored).is_err());
    }
}
