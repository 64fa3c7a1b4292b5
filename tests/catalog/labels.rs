//! Labels of one file are distinct, also where a reader does not look at their case.

use std::collections::HashSet;
use support::asking::{column, exported, refused, text};
use support::common::{shared, unique};

fn people() -> postgres::Client {
    let db = shared().create_database_with_extension(&unique("labels"));
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(
            r#"CREATE TABLE people (id int PRIMARY KEY, sex text, gender text, "Gender" text, attributes jsonb);
               COMMENT ON COLUMN people.sex IS 'Gender ';
               COMMENT ON COLUMN people.gender IS 'GENDER';
               INSERT INTO people VALUES (1, 'a', 'b', 'c', '{"email": 1, "Email": 2, "EMAIL ": 3, "id": 4, "Größe": 5, "GRÖSSE": 6}');
               SELECT acct_export_register('people', 'people', 'id')"#,
        )
        .unwrap();
    client
}

fn header(client: &mut postgres::Client, arguments: &str) -> Vec<String> {
    let bytes = exported(client, arguments);
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    reader.headers().unwrap().iter().map(str::to_owned).collect()
}

#[track_caller]
fn are_distinct(labels: &[String]) {
    let different: HashSet<String> = labels.iter().map(|label| label.trim().to_lowercase()).collect();
    assert_eq!(different.len(), labels.len(), "{labels:?}");
}

#[test]
fn registration_numbers_them() {
    let mut client = people();
    let labels = column(&mut client, "SELECT label FROM acct_export_fields ORDER BY position");
    are_distinct(&labels);
    assert_eq!(labels[1].trim(), "Gender");
    are_distinct(&header(&mut client, "'people', 'csv'"));
    // A column that is added later, too.
    client
        .batch_execute(
            "ALTER TABLE people ADD COLUMN more text; COMMENT ON COLUMN people.more IS 'gender';
             SELECT acct_export_refresh('people')",
        )
        .unwrap();
    are_distinct(&column(&mut client, "SELECT label FROM acct_export_fields"));
}

#[test]
fn a_label_of_another_field_is_refused() {
    let mut client = people();
    for label in ["Id", " ID ", "gender"] {
        refused(
            &mut client,
            &format!("SELECT acct_export_set_field('people', 'attributes', label => '{label}')"),
            "22023",
            "is used by field",
            "Labels are compared without regard to case.",
        );
    }
    refused(
        &mut client,
        "SELECT acct_export_expand('people', 'attributes', keys => '{a,b}', labels => '{X,x}')",
        "22023",
        "is given twice in labels",
        "Give each key a label of its own.",
    );
    refused(
        &mut client,
        "SELECT acct_export_expand('people', 'attributes', keys => '{a}', labels => '{ID}')",
        "22023",
        "is used by field",
        "Labels are compared without regard to case.",
    );
    // Its own label in another case is its own.
    client.batch_execute("SELECT acct_export_set_field('people', 'id', label => 'ID')").unwrap();
}

#[test]
fn found_keys_are_told_apart() {
    let mut client = people();
    client.batch_execute("SELECT acct_export_expand('people', 'attributes')").unwrap();
    let labels = header(&mut client, "'people', 'csv'");
    assert_eq!(labels.len(), 10);
    are_distinct(&labels);
    let workbook = exported(&mut client, "'people', 'xlsx'");
    let problems = "SELECT string_agg(problem, '; ') FROM acct_export_check_import('people', $1) WHERE problem LIKE '%already%'";
    assert_eq!(client.query_one(problems, &[&workbook]).unwrap().get::<_, Option<String>>(0), None);
}

/// Labels that are the names of other fields come back from a definition.
#[test]
fn a_definition_brings_them_back() {
    let mut client = people();
    client
        .batch_execute(
            "SELECT acct_export_set_field('people', 'id', label => 'Number');
             SELECT acct_export_set_field('people', 'sex', label => 'id');
             SELECT acct_export_set_field('people', 'attributes', label => 'sex')",
        )
        .unwrap();
    let fields = "SELECT string_agg(format('%s %s %s', position, field, label), ',' ORDER BY position) FROM acct_export_fields";
    let before = text(&mut client, fields);
    let definition = text(&mut client, "SELECT acct_export_definition('people')").unwrap();
    client.batch_execute("SELECT acct_export_unregister('people')").unwrap();
    client.batch_execute(&definition).unwrap();
    assert_eq!(text(&mut client, fields), before);
    client.batch_execute(&definition).unwrap();
    assert_eq!(text(&mut client, fields), before);
}
