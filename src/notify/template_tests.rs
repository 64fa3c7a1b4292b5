use super::*;
use proptest::prelude::*;

fn template(subject: &str, body: &str) -> Template {
    Template { subject: subject.to_owned(), body: body.to_owned() }
}

/// Every placeholder stands for its own name, but the link for nothing.
fn without_link(word: Word) -> String {
    if word == Word::Link {
        return String::new();
    }
    WORDS.iter().find(|(_, known)| *known == word).map(|(name, _)| name.to_uppercase()).unwrap_or_default()
}

#[test]
fn built_in_texts_are_right() {
    for (name, subject, body) in BUILT_IN {
        check(subject, "subject").unwrap();
        check(body, "body").unwrap();
        let built_in = built_in(name).unwrap();
        assert!(!built_in.subject(&without_link).contains('{'));
        let text = built_in.body(&without_link);
        assert!(!text.contains('{') && !text.contains("here:") && !text.contains("\n\n\n"), "{text}");
    }
    assert_eq!(built_in("cancelled"), None);
}

#[test]
fn placeholders_are_replaced_and_other_braces_stay() {
    let filled = template("{title}: {rows}", "{job} { job } {1} {} {{size}} }{ {\n").body(&without_link);
    assert_eq!(filled, "JOB { job } {1} {} {SIZE} }{ {\n");
    assert_eq!(template("{title}: {rows}", "x").subject(&without_link), "TITLE: ROWS");
}

#[test]
fn lines_of_what_there_is_not_are_left_out() {
    let body = |text: &str| template("x", text).body(&without_link);
    assert_eq!(body("a\nGet it: {link}\nb\n"), "a\nb\n");
    assert_eq!(body("a\n\nGet it: {link}\n\nb"), "a\n\nb\n");
    assert_eq!(body("{link}\n\na\n\n\nb"), "a\n\n\nb\n");
    assert_eq!(body("a\n\n{link}\n"), "a\n");
}

#[test]
fn unknown_placeholders_are_told() {
    let error = check("{job} {recipient}", "body").unwrap_err();
    assert_eq!(
        (error.sqlstate(), error.message.as_str()),
        ("22023", "unknown placeholder {recipient} in body")
    );
    assert!(error.hint.unwrap().contains("{job}, {dataset}"));
    assert!(check("{Job}", "subject").is_err());
}

#[test]
fn values_end_no_line() {
    let hostile = |_: Word| "Users\r\nBcc: x@evil.example\n\n.\n".to_owned();
    assert_eq!(template("{title}", "x").subject(&hostile), "Users  Bcc: x@evil.example  .");
    assert_eq!(template("x", "{title}!\n").body(&hostile), "Users  Bcc: x@evil.example  . !\n");
    // And what is in a value is no placeholder.
    let nested = |word: Word| if word == Word::Title { "{job}".to_owned() } else { "J".to_owned() };
    assert_eq!(template("x", "{title}").body(&nested), "{job}\n");
}

proptest! {
    #[test]
    fn a_subject_is_one_line(subject in any::<String>(), value in any::<String>()) {
        let told = template(&subject, "x").subject(&|_| value.clone());
        prop_assert!(!told.chars().any(char::is_control));
    }

    #[test]
    fn what_has_no_braces_stays(text in "[^{}\\r\\n]{1,40}") {
        let told = template("x", &text).body(&without_link);
        prop_assert_eq!(told.trim_end(), text.trim_end());
    }
}
