//! Registering and changing datasets by one habit: what is not named stays.

mod altered;
mod checked;
mod defined;
mod disabled;
mod plain;
mod refreshed;
mod told;

use postgres::Client;
use support::asking::text;
use support::common::TwoTenants;

/// The rows of a query as one JSON text.
#[track_caller]
fn rows(client: &mut Client, sql: &str) -> String {
    let sql = format!("SELECT coalesce(jsonb_agg(to_jsonb(q)), '[]')::text FROM ({sql}) AS q");
    text(client, &sql).unwrap()
}

/// Everything that the views show of a dataset.
#[track_caller]
fn shown(client: &mut Client, dataset: &str) -> [String; 4] {
    ["acct_export_datasets", "acct_export_fields", "acct_export_policies", "acct_export_references"]
        .map(|view| rows(client, &format!("SELECT * FROM {view} WHERE dataset = $d${dataset}$d$")))
}

/// A registration as the view shows it: `registration(client, "key")`.
#[track_caller]
fn part(client: &mut Client, part: &str) -> Option<String> {
    text(client, &format!("SELECT ({part})::text FROM acct_export_datasets WHERE dataset = 'users'"))
}

#[track_caller]
fn run(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// The messages to the client beside the result: lines of psql's standard error.
fn told(app: &TwoTenants, sql: &str) -> String {
    let output = support::common::shared().psql(&["-q", "-v", "VERBOSITY=verbose", "-d", &app.db], sql);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    told
}
