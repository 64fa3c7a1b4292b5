use super::*;

fn column(attnum: i64, name: &str, ty: &str, eligible: bool) -> NewField {
    NewField {
        field: name.to_owned(),
        attnum,
        column_type: ty.to_owned(),
        label: name.to_owned(),
        position: 1,
        is_default: eligible,
        eligible,
        on_anonymise: Treatment::Keep,
    }
}

fn stored(field: &str, attnum: Option<i64>, same_relation: bool) -> Stored {
    Stored {
        field: field.to_owned(),
        label: field.to_owned(),
        eligible: true,
        attnum,
        column_name: field.to_owned(),
        column_type: "text".to_owned(),
        same_relation,
    }
}

/// `field<before kind` of each change.
fn told(stored: &[Stored], columns: &[NewField]) -> Vec<String> {
    let matched = matched(stored, columns);
    matched
        .changes
        .iter()
        .map(|change| format!("{}<{} {}", change.field, change.before, change.kind.as_str()))
        .collect()
}

#[test]
fn a_field_follows_its_column_by_number() {
    let old = [stored("a", Some(1), true), stored("b", Some(2), true)];
    let exchanged = [column(1, "b", "text", true), column(2, "a", "text", true)];
    assert_eq!(told(&old, &exchanged), ["b<a renamed", "a<b renamed"]);
    let pairs = matched(&old, &exchanged);
    let between: HashSet<_> = pairs.pairs.iter().map(|pair| pair.between.clone()).collect();
    assert!(between.len() == 2 && !between.contains(&None));
    assert_eq!(pairs.pairs[0].label, Some("b"));
}

#[test]
fn what_was_labelled_keeps_its_label() {
    let old = [Stored { label: "Mine".to_owned(), ..stored("a", Some(1), true) }];
    assert_eq!(matched(&old, &[column(1, "b", "text", true)]).pairs[0].label, None);
}

#[test]
fn a_new_column_of_an_old_name_is_told_and_a_name_that_is_taken_is_not_given_twice() {
    let dropped = [stored("a", None, true)];
    assert_eq!(told(&dropped, &[column(2, "a", "text", true)]), ["a<a added"]);
    assert_eq!(told(&dropped, &[column(2, "b", "text", true)]), ["a<a gone", "b<b added"]);
    // "b" was renamed to "a" after "a" had been dropped.
    let both = [stored("a", None, true), stored("b", Some(2), true)];
    assert_eq!(told(&both, &[column(2, "a", "text", true)]), ["a<a gone", "a<b renamed"]);
}

#[test]
fn another_relation_is_matched_by_name_in_silence() {
    let old = [stored("a", None, false), stored("b", None, false)];
    assert_eq!(told(&old, &[column(7, "a", "text", true)]), ["b<b gone"]);
}

#[test]
fn types_and_bars_are_told() {
    let old = [stored("a", Some(1), true), stored("b", Some(2), true)];
    let now = [column(1, "a", "integer", true), column(2, "b", "text", false), column(3, "c", "text", false)];
    assert_eq!(told(&old, &now), ["a<a retyped", "b<b barred", "c<c barred"]);
}
