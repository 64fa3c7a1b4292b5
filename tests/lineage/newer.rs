//! Barred fields of views in the SQL of newer servers: SQL/JSON, GROUP BY as PostgreSQL 18 stores it, virtual columns.

use postgres::Client;

use crate::shapes::{every, judge};
use support::asking::{column, version};
use support::lineage::newer_shapes::{tables, BARRED, CLEAN, TEXTS};
use support::lineage::shapes::query;
use support::lineage::{Base, CANARY};

/// A database with the tables of the server's version, and the shapes among these that it takes.
fn scene(shapes: &[(i32, &'static str)]) -> (Base, Client, Vec<&'static str>) {
    let base = Base::new();
    let mut client = base.superuser();
    let server = version(&mut client);
    client.batch_execute(tables(server)).unwrap();
    let taken = shapes.iter().filter(|(oldest, _)| *oldest <= server).map(|(_, shape)| *shape).collect();
    (base, client, taken)
}

/// Lines of a stream in which a secret left.
fn leaked(reader: &mut Client, name: &str) -> Option<String> {
    ["csv", "ndjson"].iter().find_map(|format| {
        let lines = column(reader, &format!("SELECT acct_export_{format}('{name}')"));
        lines.iter().any(|line| line.contains(CANARY)).then(|| format!("streamed as {format}: {lines:?}"))
    })
}

/// Also that the server takes each: a view that cannot be made is no proof.
fn judged(shapes: &[(i32, &'static str)], secret: bool) {
    let (base, mut client, shapes) = scene(shapes);
    let mut reader = base.reader();
    every(&shapes, |place, shape| {
        let name = format!("v{place}");
        let view = format!("CREATE VIEW app.{name}_made AS {}; DROP VIEW app.{name}_made", query(shape));
        if let Err(error) = client.batch_execute(&view) {
            return Some(format!("not a view: {error}"));
        }
        let wrong = judge(&base, &mut client, &name, shape, secret);
        let registered = format!("SELECT 1::text FROM acct_export_datasets WHERE dataset = '{name}'");
        // A view whose key is barred as well is no dataset.
        wrong.or_else(|| {
            (!column(&mut client, &registered).is_empty()).then(|| leaked(&mut reader, &name)).flatten()
        })
    });
}

#[test]
fn newer_fields_that_carry_a_secret_are_barred() {
    judged(BARRED, true);
}

#[test]
fn newer_fields_that_carry_none_are_not() {
    judged(CLEAN, false);
}

#[test]
fn newer_texts_of_documents_are_cleaned() {
    let (base, mut client, shapes) = scene(TEXTS);
    let mut reader = base.reader();
    every(&shapes, |place, shape| {
        let name = format!("v{place}");
        base.register(&mut client, &name, &query(shape)).err().or_else(|| leaked(&mut reader, &name))
    });
}
