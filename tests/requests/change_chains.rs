//! Random histories: each file of changes, applied to the rows so far, gives the rows that a whole export has.

use postgres::Client;
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use support::asking::{completed, file, objects};
use support::common::{shared, TwoTenants};

/// A change of one row, by a number that stands for its key.
#[derive(Debug, Clone)]
enum Act {
    Insert(i64),
    Delete(i64),
    Change(i64, u8),
    /// An update that changes nothing.
    Touch(i64),
    /// Only columns and members that never leave.
    Secret(i64, u8),
    /// Only characters that the mask hides.
    Masked(i64, u8),
    Disable(i64),
    Rekey(i64, i64),
    /// To the other tenant, or back.
    Move(i64),
}

impl Act {
    fn sql(&self, app: &TwoTenants) -> String {
        let [a, b] = &app.tenants;
        let update = |set: String, id: &i64| format!("UPDATE app.users SET {set} WHERE id = {id}");
        match self {
            Act::Insert(id) => format!(
                "INSERT INTO app.users VALUES ({id}, '{a}', 'e{id}', NULL, '+49 170 0000{id}', 'active', NULL, '{{}}', '2026-01-01', '2026-01-01')
                 ON CONFLICT DO NOTHING"
            ),
            Act::Delete(id) => format!("DELETE FROM app.users WHERE id = {id}"),
            Act::Change(id, n) => {
                let columns = [
                    format!("email = 'e{n}'"),
                    format!("name = nullif('n{n}', 'n9')"),
                    format!("tags = ARRAY['t{n}', NULL]"),
                    format!("custom = '{{\"n\": {n}}}'"),
                    format!("last_login = timestamptz '2026-01-01' + {n} * interval '1 microsecond'"),
                    "name = CASE WHEN name = '' THEN NULL ELSE '' END".to_owned(),
                ];
                update(columns[usize::from(*n) % columns.len()].clone(), id)
            }
            Act::Touch(id) => update("email = email, tags = tags".to_owned(), id),
            Act::Secret(id, n) => update(
                format!(
                    "password_hash = 'h{n}', api_token = 't{n}',
                     custom = CASE WHEN custom ? 'api_key' THEN custom || '{{\"api_key\": \"k{n}\"}}' ELSE custom END"
                ),
                id,
            ),
            Act::Masked(id, n) => update(format!("phone = overlay(phone PLACING '{}' FROM 2 FOR 1)", n % 10), id),
            Act::Disable(id) => {
                update("status = CASE status WHEN 'disabled' THEN 'active' ELSE 'disabled' END".to_owned(), id)
            }
            Act::Rekey(id, to) => format!(
                "UPDATE app.users SET id = {to} WHERE id = {id} AND NOT EXISTS (SELECT FROM app.users WHERE id = {to})"
            ),
            Act::Move(id) => update(
                format!("tenant_id = CASE tenant_id WHEN '{a}' THEN '{b}' ELSE '{a}' END::uuid"),
                id,
            ),
        }
    }
}

fn act() -> impl Strategy<Value = Act> {
    let key = || -3i64..25;
    prop_oneof![
        key().prop_map(Act::Insert),
        key().prop_map(Act::Delete),
        (key(), 0u8..12).prop_map(|(id, n)| Act::Change(id, n)),
        key().prop_map(Act::Touch),
        (key(), any::<u8>()).prop_map(|(id, n)| Act::Secret(id, n)),
        (key(), any::<u8>()).prop_map(|(id, n)| Act::Masked(id, n)),
        key().prop_map(Act::Disable),
        (key(), key()).prop_map(|(id, to)| Act::Rekey(id, to)),
        key().prop_map(Act::Move),
    ]
}

/// The changes that are committed between two exports, and one that is made before the second and committed after it.
type Step = (Vec<Act>, Option<Act>);

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = (proptest::collection::vec(act(), 0..12), proptest::option::of(act()));
    proptest::collection::vec(step, 4)
}

type Rows = BTreeMap<i64, Map<String, Value>>;

fn keyed(objects: Vec<Value>) -> Rows {
    objects
        .into_iter()
        .map(|row| {
            let Value::Object(row) = row else { panic!("{row}") };
            (row["id"].as_i64().unwrap(), row)
        })
        .collect()
}

fn read(client: &mut Client, job: &str, format: &str) -> Vec<Value> {
    let bytes = file(client, job);
    if format == "json" {
        serde_json::from_slice(&bytes).unwrap()
    } else {
        objects(&bytes)
    }
}

/// Applies a file of changes. Each has to be a change of the rows so far.
fn apply(rows: &mut Rows, changes: Vec<Value>) {
    for row in changes {
        let Value::Object(mut row) = row else { panic!("{row}") };
        let change = row.shift_remove("change").unwrap();
        let id = row["id"].as_i64().unwrap();
        match change.as_str().unwrap() {
            "added" => assert_eq!(rows.insert(id, row), None, "{id} was there"),
            "changed" => {
                let before = rows.insert(id, row.clone()).unwrap_or_else(|| panic!("{id} was not there"));
                assert_ne!(before, row, "a change of nothing");
            }
            "removed" => {
                assert_eq!(row.len(), 1, "of a removed row there is the key: {row:?}");
                assert!(rows.remove(&id).is_some(), "{id} was not there");
            }
            other => panic!("{other}"),
        }
    }
}

fn follow(history: &[Step]) {
    let app = TwoTenants::with_users(shared(), 8);
    let mut superuser = app.superuser();
    superuser.batch_execute("SELECT acct_export_set_field('users', 'phone', mask => 'last4')").unwrap();
    let mut late = app.superuser();
    let mut client = app.session(&app.login, 0);
    let mut last = completed(&mut client, r#"'users', 'ndjson', options => '{"digests": true}'"#);
    let mut rows = keyed(read(&mut client, &last, "ndjson"));
    for (number, (acts, after)) in history.iter().enumerate() {
        for act in acts {
            superuser.batch_execute(&act.sql(&app)).unwrap();
        }
        late.batch_execute("BEGIN").unwrap();
        if let Some(act) = after {
            late.batch_execute(&act.sql(&app)).unwrap();
        }
        let format = ["json", "ndjson"][number % 2];
        last = completed(
            &mut client,
            &format!(r#"'users', '{format}', options => '{{"changes_since": "{last}"}}'"#),
        );
        apply(&mut rows, read(&mut client, &last, format));
        let whole = completed(&mut client, &format!("'users', 'ndjson', reason => 'oracle {number}'"));
        assert_eq!(rows, keyed(read(&mut client, &whole, "ndjson")));
        late.batch_execute("COMMIT").unwrap();
    }
}

#[test]
fn changes_applied_in_a_chain_give_the_last_file() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&history(), |history| {
            follow(&history);
            Ok(())
        })
        .unwrap();
}
