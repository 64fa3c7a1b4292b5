//! Random histories: each file of changes, applied to the rows so far, gives the rows that a whole export has.

use postgres::Client;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use support::asking::{completed, file, objects, Workbook};
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
                    format!("last_login = timestamptz '2026-01-01' + {n} * interval '1 second'"),
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
                "UPDATE app.users SET id = {to}, created_at = created_at + interval '61 minutes' WHERE id = {id} AND NOT EXISTS (SELECT FROM app.users WHERE id = {to})"
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

/// The way a history is followed.
struct Way {
    key: &'static str,
    fields: &'static str,
    formats: [&'static str; 2],
    options: &'static str,
}

/// A row as its file has it, by columns, without empty ones.
type Row = BTreeMap<String, String>;

/// Rows by the texts of their keys.
type Rows = BTreeMap<Vec<String>, Row>;

impl Way {
    fn key_of(&self, row: &Row) -> Vec<String> {
        self.key.trim_matches(['{', '}']).split(',').map(|name| row[name].clone()).collect()
    }

    fn keyed(&self, rows: Vec<Row>) -> Rows {
        rows.into_iter().map(|row| (self.key_of(&row), row)).collect()
    }

    fn exported(&self, client: &mut Client, format: &str, options: &str, reason: &str) -> (String, Vec<Row>) {
        let more = if options.is_empty() || self.options.is_empty() { "" } else { ", " };
        let job = completed(
            client,
            &format!(
                "'users', '{format}', reason => '{reason}'{}, options => '{{{options}{more}{}}}'",
                self.fields, self.options
            ),
        );
        let bytes = file(client, &job);
        let rows = match format {
            "csv" => {
                let mut reader = csv::Reader::from_reader(bytes.as_slice());
                let header = reader.headers().unwrap().clone();
                let row = |cells: csv::StringRecord| {
                    header
                        .iter()
                        .zip(cells.iter())
                        .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
                        .collect()
                };
                reader.records().map(|cells| row(cells.unwrap())).collect()
            }
            "xlsx" => {
                let mut book = Workbook::open(bytes);
                let sheet = book.sheets().remove(0);
                let mut rows = book.rows(&sheet).into_iter();
                let header: Vec<String> = rows.next().unwrap().iter().map(ToString::to_string).collect();
                let shown = |cell: &calamine::Data| match cell {
                    calamine::Data::Empty => String::new(),
                    calamine::Data::String(text) => text.clone(),
                    other => format!("{other:?}"),
                };
                rows.map(|row| header.iter().cloned().zip(row.iter().map(shown)).collect()).collect()
            }
            "json" => objects_as_rows(serde_json::from_slice(&bytes).unwrap()),
            _ => objects_as_rows(objects(&bytes)),
        };
        let without_empty = |row: Row| row.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        (job, rows.into_iter().map(without_empty).collect())
    }

    /// Applies a file of changes. Each has to be a change of the rows so far.
    fn apply(&self, rows: &mut Rows, changes: Vec<Row>) {
        for mut row in changes {
            let change = row.remove("change").unwrap();
            let key = self.key_of(&row);
            match change.trim_matches('"') {
                "added" => assert_eq!(rows.insert(key, row), None, "it was there"),
                "changed" => {
                    let before =
                        rows.insert(key, row.clone()).unwrap_or_else(|| panic!("it was not there: {row:?}"));
                    assert_ne!(before, row, "a change of nothing");
                }
                "removed" => {
                    assert_eq!(row.len(), key.len(), "of a removed row there is the key: {row:?}");
                    assert!(rows.remove(&key).is_some(), "it was not there: {row:?}");
                }
                other => panic!("{other}"),
            }
        }
    }

    fn follow(&self, history: &[Step]) {
        let app = TwoTenants::with_users(shared(), 8);
        let mut superuser = app.superuser();
        superuser
            .batch_execute(&format!(
                "CREATE UNIQUE INDEX ON app.users (created_at, id);
                 SELECT acct_export_alter('users', key => '{}');
                 SELECT acct_export_set_field('users', name, label => name) FROM unnest('{{id,email,name,phone,created_at,last_login}}'::text[]) AS name;
                 SELECT acct_export_set_field('users', 'phone', mask => 'last4')",
                self.key
            ))
            .unwrap();
        let mut late = app.superuser();
        let mut client = app.session(&app.login, 0);
        let (mut last, first) = self.exported(&mut client, self.formats[1], r#""digests": true"#, "first");
        let mut rows = self.keyed(first);
        for (number, (acts, after)) in history.iter().enumerate() {
            for act in acts {
                superuser.batch_execute(&act.sql(&app)).unwrap();
            }
            late.batch_execute("BEGIN").unwrap();
            if let Some(act) = after {
                late.batch_execute(&act.sql(&app)).unwrap();
            }
            let format = self.formats[number % 2];
            let since = format!(r#""changes_since": "{last}""#);
            let changes;
            (last, changes) = self.exported(&mut client, format, &since, "changes");
            self.apply(&mut rows, changes);
            let (_, whole) = self.exported(&mut client, self.formats[1], "", &format!("oracle {number}"));
            assert_eq!(rows, self.keyed(whole));
            late.batch_execute("COMMIT").unwrap();
        }
    }
}

/// Texts that tell an empty one from none.
fn objects_as_rows(objects: Vec<Value>) -> Vec<Row> {
    let row = |object: Value| {
        let Value::Object(members) = object else { panic!("{object}") };
        members.into_iter().map(|(name, value)| (name, value.to_string())).collect()
    };
    objects.into_iter().map(row).collect()
}

/// Follows so many random histories.
fn hold(way: &Way, cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&history(), |history| {
            way.follow(&history);
            Ok(())
        })
        .unwrap();
}

#[test]
fn changes_applied_in_a_chain_give_the_last_file() {
    hold(&Way { key: "id", fields: "", formats: ["json", "ndjson"], options: "" }, 8);
}

/// A path of a document, moments in the key, on the wall clock of another zone.
#[test]
fn in_csv_too() {
    let fields = ", fields => '{id,created_at,email,custom.n,last_login}'";
    let options = r#""time_zone": "Europe/Paris", "timestamps": "local""#;
    hold(&Way { key: "{created_at,id}", fields, formats: ["csv", "csv"], options }, 6);
}

#[test]
fn in_workbooks_too() {
    let fields = ", fields => '{created_at,id,email,phone,last_login,custom.n}'";
    let options = r#""time_zone": "Asia/Kathmandu""#;
    hold(&Way { key: "{created_at,id}", fields, formats: ["xlsx", "xlsx"], options }, 4);
}
