//! Names in messages and hints: quoted where the caller typed them, and never longer than a reader
//! can use.

/// Names in a hint before it ends with an ellipsis.
const LISTED: usize = 20;

/// Characters of a typed name that a message repeats: an identifier of the server has at most 63 bytes.
const SHOWN: usize = 64;

/// A name that the caller typed, in double quotes, cut to a readable length, control characters replaced.
pub fn shown(name: &str) -> String {
    let mut text = String::from("\"");
    let mut characters = name.chars();
    for character in characters.by_ref().take(SHOWN) {
        text.push(if character.is_control() { '\u{fffd}' } else { character });
    }
    if characters.next().is_some() {
        text.push('…');
    }
    text.push('"');
    text
}

/// Names joined by commas, at most 20 of them and then an ellipsis; `none` where there are none.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let first: Vec<&str> = names.by_ref().take(LISTED).collect();
    if first.is_empty() {
        return "none".into();
    }
    let mut text = first.join(", ");
    if names.next().is_some() {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(shown("emial"), "\"emial\"");
        assert_eq!(shown("a\nb"), "\"a\u{fffd}b\"");
        let long = shown(&"é".repeat(100_000));
        assert_eq!(long.chars().count(), SHOWN + 3);
        assert!(long.ends_with("…\""));
    }

    #[test]
    fn lists_end_with_an_ellipsis() {
        assert_eq!(listed([]), "none");
        assert_eq!(listed(["a", "b"]), "a, b");
        let names: Vec<String> = (0..30).map(|n| format!("f{n}")).collect();
        let text = listed(names.iter().map(String::as_str));
        assert!(text.ends_with("f19, …"), "{text}");
        let exact = listed(names.iter().take(20).map(String::as_str));
        assert!(exact.ends_with("f19"), "{exact}");
    }
}
