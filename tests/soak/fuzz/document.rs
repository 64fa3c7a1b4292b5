//! Mutations of JSON documents that stay JSON.

use serde_json::{json, Map, Value};
use support::random::Random;

use super::mutate::mutated_text;

/// Words that a filter or an option may have as a key.
const WORDS: [&str; 26] = [
    "id",
    "email",
    "name",
    "tags",
    "custom",
    "custom.department",
    "custom.api_key",
    "api_token",
    "created_at",
    "status",
    "tenant_id",
    "eq",
    "ne",
    "co",
    "in",
    "ge",
    "pr",
    "any",
    "ci",
    "or",
    "and",
    "not",
    "order",
    "labels",
    "time_zone",
    "created_before",
];

/// Twice the limit of filters. Memory for a longer text would be that of the server's own JSON.
const LONGEST: usize = 2 << 20;

/// The document with one to three of its values or keys changed; None: the text is no JSON object, or the document would be too long.
pub fn mutated_document(text: &str, random: &mut Random) -> Option<String> {
    let mut document: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
    for _ in 0..1 + random.below(3) {
        change(&mut document, random);
    }
    Some(document.to_string()).filter(|text| text.len() <= LONGEST)
}

/// Goes down to a random place and changes it.
fn change(value: &mut Value, random: &mut Random) {
    let stays = random.chance(25);
    match value {
        Value::Object(members) if !members.is_empty() && !stays => {
            let key = members.keys().nth(random.below(members.len())).cloned().unwrap_or_default();
            if random.chance(25) {
                rename(members, &key, random);
            } else if let Some(member) = members.get_mut(&key) {
                change(member, random);
            }
        }
        Value::Array(items) if !items.is_empty() && !stays => {
            let place = random.below(items.len());
            change(&mut items[place], random);
        }
        other => *other = another(other, random),
    }
}

fn rename(members: &mut Map<String, Value>, key: &str, random: &mut Random) {
    let value = members.remove(key).unwrap_or_default();
    let name = if random.chance(70) { random.text(&WORDS).to_owned() } else { mutated_text(key, random) };
    members.insert(name, value);
}

fn another(value: &Value, random: &mut Random) -> Value {
    // Copies of copies would have no bound.
    let value = if value.to_string().len() < 1000 { value } else { &Value::Null };
    match random.below(14) {
        0 => Value::Null,
        1 => json!(random.chance(50)),
        2 => json!(i64::from(random.number()) - (1 << 31)),
        3 => json!(u64::MAX),
        4 => json!(1.5e300),
        5 => json!([]),
        6 => json!({}),
        7 => json!(vec![value.clone(); random.below(1200)]),
        8 => (0..random.below(90)).fold(value.clone(), |inner, _| json!({ "not": inner })),
        9 => json!({ random.text(&WORDS): value }),
        10 => json!([value, random.text(&WORDS)]),
        11 => json!("x".repeat(random.below(100_000))),
        12 => json!({ random.text(&WORDS): { random.text(&WORDS): random.text(&WORDS) } }),
        _ => json!(mutated_text(value.as_str().unwrap_or("2025-01-01"), random)),
    }
}
