//! Views are registered and exported, then the secrets are changed, and they are exported again.

use std::collections::BTreeMap;

use postgres::Client;

use super::choices::{reduced, Choices};
use super::expression::Generator;
use super::query::Query;
use super::schema::{self, Secrets};
use support::common::shared;

/// A view of the generator.
pub struct View {
    pub query: Query,
    /// It depends on whether secrets are there at all.
    pub presence: bool,
    choices: Vec<u32>,
}

impl View {
    pub fn random(seed: u64) -> View {
        View::of(Choices::random(seed))
    }

    /// A view that is written out.
    pub fn given(sql: &str) -> View {
        let query = Query { sql: sql.to_owned(), ..Query::default() };
        View { query, presence: true, choices: Vec::new() }
    }

    fn of(choices: Choices) -> View {
        let mut generator = Generator::new(choices);
        let query = generator.view();
        View { query, presence: generator.presence, choices: generator.choices.made().to_vec() }
    }
}

/// Counts over many views.
#[derive(Default, Debug)]
pub struct Tally {
    pub registered: usize,
    pub exported: usize,
    pub barred: usize,
    /// Fields that no secret can reach, by the way they were made, and those of them that were barred.
    pub free: usize,
    pub free_barred: usize,
    /// Views whose rows may be chosen by a secret and that were exported.
    pub chosen: usize,
    /// Views that could not be registered, by the error's code.
    pub refused: BTreeMap<String, usize>,
    /// Exports that were made.
    pub exports: usize,
    pub examples: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.registered += other.registered;
        self.exported += other.exported;
        self.barred += other.barred;
        self.free += other.free;
        self.free_barred += other.free_barred;
        self.chosen += other.chosen;
        self.exports += other.exports;
        self.examples.extend(other.examples);
        other.refused.into_iter().for_each(|(code, count)| *self.refused.entry(code).or_default() += count);
    }
}

/// A database with the tables in it, and a session.
pub struct Base(pub Client);

impl Base {
    pub fn new() -> Base {
        let db = shared().create_database_with_extension("noninterference");
        let mut client = shared().connect(&db, "postgres");
        // Nobody else changes the places of rows.
        schema::create(&mut client);
        client.batch_execute("ALTER TABLE app.u SET (autovacuum_enabled = off); ALTER TABLE app.t SET (autovacuum_enabled = off); ALTER TABLE app.e SET (autovacuum_enabled = off)").unwrap();
        Base(client)
    }

    /// Registers these queries as `v0`, `v1`, …; why not, for each.
    fn make(&mut self, queries: &[&str]) -> Vec<Option<String>> {
        let names: Vec<String> = (0..queries.len()).map(|n| format!("v{n}")).collect();
        let rows = self.0.query(
            "SELECT app.make(name, query) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS v(name, query, n) ORDER BY n",
            &[&names, &queries],
        );
        rows.unwrap_or_else(|e| panic!("{queries:?}: {e:?}")).iter().map(|row| row.get(0)).collect()
    }

    /// The exported bytes of these datasets with these secrets.
    fn exported(&mut self, names: &[String], secrets: Secrets) -> Vec<String> {
        secrets.fill(&mut self.0);
        let rows = self.0.query(
            "SELECT coalesce(app.exported(name), '') FROM unnest($1::text[]) WITH ORDINALITY AS v(name, n) ORDER BY n",
            &[&names],
        );
        rows.unwrap_or_else(|e| panic!("{names:?}: {e:?}")).iter().map(|row| row.get(0)).collect()
    }

    /// Tries a batch of views with all values of the secrets.
    pub fn all(&mut self, views: &[View]) -> Option<(usize, Secrets, String, String)> {
        self.batch(views, &Secrets::ALL[1..], &mut Tally::default())
    }

    /// Tries a batch of views. The first that interferes: its place, the secrets, and how it was before and after.
    pub fn batch(
        &mut self,
        views: &[View],
        changed: &[Secrets],
        tally: &mut Tally,
    ) -> Option<(usize, Secrets, String, String)> {
        self.0.batch_execute("BEGIN").unwrap();
        Secrets::Base.fill(&mut self.0);
        let queries: Vec<&str> = views.iter().map(|view| view.query.sql.as_str()).collect();
        let why = self.make(&queries);
        let mut places = Vec::new();
        for (place, why) in why.iter().enumerate() {
            match why {
                None => places.push(place),
                Some(why) => {
                    let code = &why[..5.min(why.len())];
                    *tally.refused.entry(code.to_owned()).or_default() += 1;
                    if !matches!(code, "42501" | "22023") {
                        tally.examples.push(format!("{why}\n    {}", views[place].query.sql));
                    } else if code == "42501" && !views[place].query.by_secret {
                        let free = views[place].query.columns.iter().filter(|column| !column.1).count();
                        tally.free += free;
                        tally.free_barred += free;
                        tally.examples.push(format!("refused: {why}\n    {}", views[place].query.sql));
                    }
                }
            }
        }
        self.count(views, &places, tally);
        let name = |places: &[usize]| places.iter().map(|place| format!("v{place}")).collect::<Vec<_>>();
        let before = self.exported(&name(&places), Secrets::Base);
        let before: BTreeMap<usize, String> = places.iter().copied().zip(before).collect();
        let mut failure = None;
        for secrets in changed {
            let told: Vec<usize> = places
                .iter()
                .copied()
                .filter(|place| *secrets != Secrets::Absent || !views[*place].presence)
                .collect();
            let after = self.exported(&name(&told), *secrets);
            tally.exports += told.len();
            let found =
                told.iter().zip(after).find(|(place, after)| !same(&views[**place], &before[place], after));
            if let Some((place, after)) = found {
                failure = Some((*place, *secrets, before[place].clone(), after));
                break;
            }
        }
        self.0.batch_execute("ROLLBACK").unwrap();
        failure
    }

    /// Counts fields that leave and fields that do not.
    fn count(&mut self, views: &[View], places: &[usize], tally: &mut Tally) {
        let rows = self.0.query(
            "SELECT substr(dataset, 2)::int, field::text, barred::text FROM acct_export_fields WHERE dataset ~ '^v[0-9]+$'",
            &[],
        );
        tally.registered += places.len();
        tally.chosen += places.iter().filter(|place| views[**place].query.chosen).count();
        for row in rows.unwrap_or_else(|e| panic!("{e:?}")) {
            let (place, field, barred): (i32, String, Option<String>) = (row.get(0), row.get(1), row.get(2));
            let query = &views[place as usize].query;
            let column =
                field.strip_prefix('c').and_then(|n| query.columns.get(n.parse::<usize>().ok()? - 1));
            tally.exported += usize::from(barred.is_none());
            tally.barred += usize::from(barred.is_some());
            if column.is_some_and(|column| !column.1) && !query.by_secret {
                tally.free += 1;
                tally.free_barred += usize::from(barred.is_some());
                if let Some(reason) = barred {
                    tally.examples.push(format!("{field} is barred: {reason}\n    {}", query.sql));
                }
            }
        }
    }

    /// The smallest view that still interferes.
    pub fn reduce(&mut self, view: View) -> View {
        let choices = reduced(view.choices, |choices| {
            let view = View::of(Choices::again(choices.to_vec()));
            self.all(&[view]).is_some()
        });
        View::of(Choices::again(choices))
    }
}

/// Rows that are chosen by a secret may be others; those that are in both files are the same. All else is the same.
fn same(view: &View, before: &str, after: &str) -> bool {
    if before == after {
        return true;
    }
    if !view.query.chosen {
        return false;
    }
    let rows = |text: &str| -> Option<BTreeMap<String, Vec<String>>> {
        let csv = text.split("\n--\n").next()?;
        let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(csv.as_bytes());
        reader
            .records()
            .map(|record| {
                let cells: Vec<String> = record.ok()?.iter().map(str::to_owned).collect();
                Some((cells.first()?.clone(), cells))
            })
            .collect()
    };
    let (Some(before), Some(after)) = (rows(before), rows(after)) else { return false };
    before.iter().all(|(key, row)| after.get(key).is_none_or(|other| other == row))
}
