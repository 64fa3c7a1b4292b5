//! The stem of a file name: the dataset's title and the moment of asking, safe on every system that may save
//! it.
//!
//! Only `a`-`z`, `0`-`9` and single hyphens come out, never a hyphen at either end, never a name that Windows
//! keeps for devices, never more than 80 characters. The title is a DBA's text, so nothing about it is taken
//! for granted.

/// A moment in UTC, already split by the caller: this room reads no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub year: i32,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

/// Characters of the whole stem; with an extension and a file system's 255 bytes there is room to spare.
const LONGEST: usize = 80;

/// `users-20250131-093000` for the title `Users`.
///
/// A year outside 0..=9999 is clamped into it, and the other parts to two digits: the stem keeps its length
/// whatever comes.
pub fn file_stem(title: &str, created_utc: &Stamp) -> String {
    let two = |part: u8| part.min(99);
    let stamp = format!(
        "-{:04}{:02}{:02}-{:02}{:02}{:02}",
        created_utc.year.clamp(0, 9999),
        two(created_utc.month),
        two(created_utc.day),
        two(created_utc.hour),
        two(created_utc.minute),
        two(created_utc.second)
    );
    format!("{}{stamp}", slug(title, LONGEST - stamp.len()))
}

/// The title as lower case ASCII words joined by hyphens, at most `longest` characters; `export` where
/// nothing is left.
pub fn slug(title: &str, longest: usize) -> String {
    let mut text = String::new();
    for character in title.chars().flat_map(char::to_lowercase) {
        match ascii(character) {
            Some(letters) => text.push_str(letters),
            None if character.is_ascii_alphanumeric() => text.push(character),
            // A combining accent belongs to the letter before it and is dropped, everything else parts words.
            None if ('\u{300}'..='\u{36f}').contains(&character) => {}
            None if text.is_empty() || text.ends_with('-') => {}
            None => text.push('-'),
        }
        if text.len() > longest {
            break;
        }
    }
    text.truncate(longest); // ASCII only, so every index is a boundary
    let text = text.trim_matches('-');
    if text.is_empty() {
        return "export".into();
    }
    if reserved(text) {
        return format!("export-{text}");
    }
    text.into()
}

/// Latin letters with a usual ASCII spelling; other scripts have none and become a hyphen.
fn ascii(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' | 'ģ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ł' | 'ļ' | 'ľ' => "l",
        'ñ' | 'ń' | 'ň' | 'ņ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' => "t",
        'þ' => "th",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

/// Device names of Windows, which no file may bear whatever its extension
/// (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
fn reserved(text: &str) -> bool {
    let numbered = |prefix: &str| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_digit()))
    };
    matches!(text, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { year: 2025, month: 1, day: 31, hour: 9, minute: 30, second: 0 };

    #[test]
    fn titles_become_slugs() {
        for (title, expected) in [
            ("Users", "users"),
            ("  State / Events!  ", "state-events"),
            ("Übersicht Größe", "ubersicht-grosse"),
            ("e\u{301}te\u{301}", "ete"),
            ("İstanbul", "istanbul"),
            ("用户", "export"),
            ("", "export"),
            ("../../etc/passwd", "etc-passwd"),
            ("a\0b\r\nc\"d", "a-b-c-d"),
            ("CON", "export-con"),
            ("lpt1", "export-lpt1"),
            ("com10", "com10"),
        ] {
            assert_eq!(slug(title, 60), expected, "{title:?}");
        }
    }

    #[test]
    fn stem_is_short_and_plain() {
        assert_eq!(file_stem("Users", &STAMP), "users-20250131-093000");
        for title in ["ß".repeat(500), "a ".repeat(500), "x".repeat(1_000_000)] {
            let stem = file_stem(&title, &STAMP);
            assert!(stem.len() <= LONGEST, "{stem}");
            assert!(!stem.contains("--"), "{stem}");
            assert!(stem.ends_with("-20250131-093000"));
        }
        let odd = Stamp { year: i32::MAX, month: 255, day: 255, hour: 255, minute: 255, second: 255 };
        assert_eq!(file_stem("Users", &odd), "users-99999999-999999");
    }
}
