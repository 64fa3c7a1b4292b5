//! The texts for the placeholders of a mail.

use super::event::Schedule;
use super::template::Word;
use super::Message;

/// Everything that a mail can tell of its message.
pub struct Words<'a> {
    pub message: &'a Message,
    pub link: Option<&'a str>,
    pub database: &'a str,
}

impl Words<'_> {
    /// Empty where there is nothing to tell.
    pub fn value(&self, word: Word) -> String {
        let event = &self.message.event;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        match word {
            Word::Job => self.message.job.clone(),
            Word::Dataset => event.dataset.clone(),
            Word::Title => event.title.clone().unwrap_or_else(|| event.dataset.clone()),
            Word::Rows => number(event.rows),
            Word::Bytes => number(event.bytes),
            Word::Size => event.bytes.map(size).unwrap_or_default(),
            Word::Files => event.files.iter().filter(|file| file.sha256.is_some()).count().to_string(),
            Word::ExpiresAt => event.expires_at.as_deref().map(moment).unwrap_or_default(),
            Word::Link => self.link.unwrap_or_default().to_owned(),
            Word::ErrorCode => text(&event.error_code),
            Word::FailedPart => text(&event.failed_part),
            Word::Schedule => event.schedule.as_ref().map(schedule).unwrap_or_default(),
            Word::Reason => event.schedule.as_ref().and_then(|told| told.reason.clone()).unwrap_or_default(),
            Word::Database => self.database.to_owned(),
        }
    }
}

/// The name of a schedule that could not start its export, and its fate.
fn schedule(schedule: &Schedule) -> String {
    let fate = if schedule.disabled {
        "disabled until it is set again with acct_export_schedule"
    } else {
        "goes on at its next time"
    };
    format!("{} ({fate})", schedule.name)
}

/// `2025-01-31 09:01 UTC`, of ISO 8601 in UTC.
fn moment(iso: &str) -> String {
    match (iso.split_once('T'), iso.split_once('T').and_then(|(_, time)| time.get(..5))) {
        (Some((day, _)), Some(time)) => format!("{day} {time} UTC"),
        _ => iso.to_owned(),
    }
}

/// `12.3 MB`, in powers of a thousand as progress has them.
fn size(bytes: i64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut size = bytes as f64;
    if size < 1000.0 {
        return format!("{bytes} bytes");
    }
    let mut unit = "bytes";
    for next in units {
        // A value that would be written as 1000.0 is 1.0 of the next.
        if size < 999.95 {
            break;
        }
        size /= 1000.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::super::template::built_in;
    use super::super::Channel;
    use super::*;

    #[test]
    fn sizes_and_moments() {
        let sizes = [0, 999, 1000, 1999, 999_949, 999_950, 12_345_678, 2_000_000_000, 5_000_000_000_000_000];
        let told = [
            "0 bytes",
            "999 bytes",
            "1.0 kB",
            "2.0 kB",
            "999.9 kB",
            "1.0 MB",
            "12.3 MB",
            "2.0 GB",
            "5000.0 TB",
        ];
        assert_eq!(sizes.map(size), told);
        assert_eq!(moment("2025-01-31T09:01:00.000000Z"), "2025-01-31 09:01 UTC");
        assert_eq!(moment("infinity"), "infinity");
    }

    #[test]
    fn the_built_in_mails() {
        let told = |status: &str, link| {
            let message = message(Channel::Mail, status);
            let words = Words { message: &message, link, database: "app" };
            let template = built_in(status).unwrap();
            format!(
                "{}\n\n{}",
                template.subject(&|word| words.value(word)),
                template.body(&|word| words.value(word))
            )
        };
        assert_eq!(
            told("completed", Some("https://app.example.com/e/1")),
            "Export complete: Users\n\nExport complete!\n\nDataset:  Users\nRows:     1234\nFiles:    1\nSize:     56.8 kB\n\
             Kept:     until 2025-02-07 09:01 UTC\nJob:      c0ffee00-0000-4000-8000-000000000002\n\n\
             Get it here: https://app.example.com/e/1\n"
        );
        assert_eq!(
            told("completed_with_errors", None),
            "Export incomplete: State events export failed\n\nState events export failed. The other files are available.\n\n\
             Dataset:  Users\nRows:     1234\nFiles:    1\nSize:     56.8 kB\nKept:     until 2025-02-07 09:01 UTC\n\
             Job:      c0ffee00-0000-4000-8000-000000000002\nError:    22012\n\n\
             More about it: SELECT * FROM acct_export_status('c0ffee00-0000-4000-8000-000000000002');\n"
        );
        assert_eq!(
            told("failed", None),
            "Export failed: Users\n\nExport failed. Please try again.\n\nDataset:  Users\n\
             Job:      c0ffee00-0000-4000-8000-000000000002\nError:    22012\n\n\
             More about it: SELECT * FROM acct_export_status('c0ffee00-0000-4000-8000-000000000002');\n"
        );
    }
}
