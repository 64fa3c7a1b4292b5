//! Names as a reader sees them: one spelling for letters that look alike, no invisible characters, no accents.

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// Lower-case letters and separators of a name, with case changes as separators: `apiKey` and `API-Key` give `api key`.
/// The second form reads letters of other scripts as the Latin ones that they resemble; None: the name has none.
pub(super) fn forms(name: &str) -> (String, Option<String>) {
    if name.is_ascii() {
        let plain = separated(name.chars());
        let read = resembling_digits(name);
        return (plain, read);
    }
    let composed: String = name.nfkc().filter(|letter| !is_invisible(*letter)).collect();
    let plain = without_accents(&separated(composed.chars()));
    let latin: String = composed.chars().flat_map(latin).collect();
    let latin = without_accents(&separated(latin.chars()));
    let differs = latin != plain;
    (plain, differs.then_some(latin))
}

/// Space between words: where a character is no letter, and at changes of case (`apiKey`, `APIKey`).
fn separated(letters: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    let mut before = ' ';
    let mut letters = letters.peekable();
    while let Some(letter) = letters.next() {
        let next_is_lower = letters.peek().is_some_and(|next| next.is_lowercase());
        let new_word =
            letter.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_lower));
        if (new_word || !is_letter(letter)) && !out.ends_with(' ') && !out.is_empty() {
            out.push(' ');
        }
        if is_letter(letter) {
            out.extend(letter.to_lowercase());
        }
        before = letter;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Letters, and the marks of scripts that write vowels as marks.
fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() || unicode_normalization::char::is_combining_mark(letter)
}

/// Characters without a shape: zero-width ones, direction marks, the soft hyphen, variation selectors, tags.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Latin letters without their accents; other scripts stay.
fn without_accents(text: &str) -> String {
    let mut out = String::new();
    let mut after_latin = false;
    for letter in text.nfd() {
        if unicode_normalization::char::is_combining_mark(letter) && after_latin {
            continue;
        }
        after_latin = letter.is_ascii_alphabetic();
        match letter {
            'ł' => out.push('l'),
            'ø' => out.push('o'),
            'đ' => out.push('d'),
            'ı' => out.push('i'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            _ => out.push(letter),
        }
    }
    out.nfc().collect()
}

/// The Latin letters that a letter of another script resembles (Unicode Technical Standard 39); else the letter.
fn latin(letter: char) -> impl Iterator<Item = char> {
    let mut read: Vec<char> = vec![letter];
    if !letter.is_ascii() {
        let mut buffer = [0; 4];
        let shape: Vec<char> = skeleton(letter.encode_utf8(&mut buffer)).collect();
        if shape.iter().all(char::is_ascii_alphanumeric) {
            read = shape;
        }
    }
    read.into_iter()
}

/// Digits inside a word read as the letters that they resemble: `passw0rd`.
fn resembling_digits(name: &str) -> Option<String> {
    let letters: Vec<char> = name.chars().collect();
    let inside = |index: usize| {
        index > 0
            && letters.get(index - 1).is_some_and(char::is_ascii_alphabetic)
            && letters.get(index + 1).is_some_and(char::is_ascii_alphabetic)
    };
    let mut changed = false;
    let read: Vec<char> = letters
        .iter()
        .enumerate()
        .map(|(index, letter)| {
            let shape = match letter {
                '0' => 'o',
                '1' => 'i',
                '3' => 'e',
                '4' | '@' => 'a',
                '5' | '$' => 's',
                _ => return *letter,
            };
            if inside(index) {
                changed = true;
                shape
            } else {
                *letter
            }
        })
        .collect();
    changed.then(|| separated(read.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_separators_make_words() {
        for (name, wanted) in [
            ("apiKey", "api key"),
            ("API-Key", "api key"),
            ("JWTToken", "jwt token"),
            ("x__y 2z", "x y z"),
            ("PASSWORD", "password"),
            ("", ""),
            ("__", ""),
        ] {
            assert_eq!(forms(name).0, wanted, "{name}");
        }
    }

    #[test]
    fn letters_that_look_alike_are_read_alike() {
        for name in [
            "pаsswоrd",
            "ｐａｓｓｗｏｒｄ",
            "pass\u{200b}word",
            "p\u{feff}assword",
            "passw0rd",
            "pa\u{ad}ssword",
            "pássword",
            "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝",
        ] {
            let (plain, latin) = forms(name);
            assert!(plain == "password" || latin.as_deref() == Some("password"), "{name}: {plain} {latin:?}");
        }
    }

    #[test]
    fn other_scripts_stay() {
        assert_eq!(forms("пароль").0, "пароль");
        assert_eq!(forms("contraseña").0, "contrasena");
        assert_eq!(forms("contrasen\u{303}a").0, "contrasena");
        assert_eq!(forms("Hasło").0, "haslo");
        assert_eq!(forms("密码").0, "密码");
        assert_eq!(forms("パスワード").0, "パスワード");
        assert_eq!(forms("비밀번호").0, "비밀번호");
    }
}
