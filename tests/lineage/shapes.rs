//! Barred fields of a view: every shape of lineage/shapes.rs, by itself, below a further view, and exported.

use postgres::Client;
use support::asking::{column, file, refusal, start};
use support::common::wait_for_job;
use support::lineage::shapes::{query, BARRED, CLEAN, TEXTS};
use support::lineage::{barred, Base, CANARY};

/// Failures of these shapes, in one list: a table is read as a whole.
#[track_caller]
pub(crate) fn every(shapes: &[&str], mut wrong: impl FnMut(usize, &str) -> Option<String>) {
    let found: Vec<String> = shapes
        .iter()
        .enumerate()
        .filter_map(|(place, shape)| wrong(place, shape).map(|why| format!("{shape}\n    {why}")))
        .collect();
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), shapes.len(), found.join("\n"));
}

/// Field `x` of this view, and `y` of one that reads it under other names, are barred, `id` and `k` are not.
pub(crate) fn judge(
    base: &Base,
    client: &mut Client,
    name: &str,
    shape: &str,
    secret: bool,
) -> Option<String> {
    match base.register(client, name, &query(shape)) {
        // A join or a condition by a secret bars all fields, the key among them.
        Err(refused) if secret && refused.contains("cannot be the key") => return None,
        Err(refused) => return Some(format!("not registered: {refused}")),
        Ok(()) => {}
    }
    let above = format!("{name}_above");
    let query =
        format!("SELECT k AS id, (SELECT v.y) AS y FROM (SELECT id AS k, x AS y, 1 AS z FROM app.{name}) v");
    if let Err(refused) = base.register(client, &above, &query) {
        return Some(format!("the view above is not registered: {refused}"));
    }
    let verdicts = [
        (name, "id", false),
        (name, "x", secret),
        (above.as_str(), "id", false),
        (above.as_str(), "y", secret),
    ];
    verdicts.iter().find_map(|&(dataset, field, wanted)| {
        let reason = barred(client, dataset, field);
        (reason.is_some() != wanted).then(|| format!("{dataset}.{field} barred: {reason:?}"))
    })
}

#[test]
fn fields_that_carry_a_secret_are_barred() {
    let base = Base::new();
    let mut client = base.superuser();
    every(BARRED, |place, shape| judge(&base, &mut client, &format!("v{place}"), shape, true));
}

#[test]
fn fields_that_carry_none_are_not() {
    let base = Base::new();
    let mut client = base.superuser();
    every(CLEAN, |place, shape| judge(&base, &mut client, &format!("v{place}"), shape, false));
}

/// Whatever the shape, no canary is in a file or a stream; a barred field cannot be asked for, filtered on or sorted by.
#[test]
fn no_secret_is_in_any_file() {
    let base = Base::new();
    let (mut superuser, mut reader) = (base.superuser(), base.reader());
    let shapes: Vec<&str> = BARRED.iter().chain(CLEAN).chain(TEXTS).copied().collect();
    let mut jobs = Vec::new();
    every(&shapes, |place, shape| {
        let name = format!("v{place}");
        match base.register(&mut superuser, &name, &query(shape)) {
            Err(refused) if refused.contains("cannot be the key") => return None,
            Err(refused) => return Some(format!("not registered: {refused}")),
            Ok(()) => {}
        }
        for format in ["csv", "ndjson"] {
            jobs.push((shape.to_owned(), start(&mut reader, &format!("'{name}', '{format}'"))));
            let lines = column(&mut reader, &format!("SELECT acct_export_{format}('{name}')"));
            if lines.iter().any(|line| line.contains(CANARY)) {
                return Some(format!("streamed as {format}: {lines:?}"));
            }
        }
        if place < BARRED.len() {
            for more in [
                "fields => '{id,x}'",
                "filter => '{\"x\":{\"pr\":true}}'",
                "filter => '{\"not\":{\"x\":null}}'",
            ] {
                for sql in
                    ["SELECT acct_export_start('{}', 'csv', {})::text", "SELECT acct_export_csv('{}', {})"]
                {
                    let sql = sql.replacen("{}", &name, 1).replacen("{}", more, 1);
                    let error = refusal(&mut reader, &sql);
                    if error.sqlstate != "42501" || !error.message.contains("\"x\"") {
                        return Some(format!("{sql}: {error:?}"));
                    }
                }
            }
        }
        None
    });
    let mut rows = 0;
    for (shape, job) in jobs {
        let row = wait_for_job(&mut reader, &job);
        assert_eq!(
            row.get::<_, &str>("status"),
            "completed",
            "{shape}: {:?}",
            row.get::<_, Option<&str>>("error")
        );
        let bytes = String::from_utf8(file(&mut reader, &job)).unwrap();
        assert!(!bytes.contains(CANARY), "{shape}: {bytes}");
        rows += bytes.lines().count();
    }
    assert!(rows > 3 * shapes.len(), "the files were all but empty");
}
