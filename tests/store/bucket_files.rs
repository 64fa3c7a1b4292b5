//! Files in a bucket: the same bytes as everywhere else, under their names, in parts or in one piece.

use support::bucket;
use support::common;

use std::io::{Cursor, Read};

use postgres::Client;
use serde_json::Value;
use support::asking::{column, completed, exported, text};
use support::bucket::{assert_stored, files, noise, objects, send, sent, sha256, Bucket, MIB};
use support::common::{shared, TwoTenants};
use support::companion::Companions;

/// Every way to the bytes of a file gives those whose SHA-256 the status tells; returns them.
#[track_caller]
fn assert_same_everywhere(bucket: &Bucket, client: &mut Client, job: &str, file: &Value) -> Vec<u8> {
    let number = file["file"].as_i64().unwrap() as i32;
    let sha = file["sha256"].as_str().unwrap();
    let key = file["object"].as_str().unwrap().strip_prefix("s3://exports/").unwrap().to_owned();
    assert_eq!((&file["destination"], &file["status"]), (&"exports".into(), &"stored".into()), "{file}");
    let object = bucket.s3.get(&key);
    assert_eq!(
        (sha256(&object).as_str(), file["bytes"].as_u64()),
        (sha, Some(object.len() as u64)),
        "{file}"
    );

    let whole: Vec<u8> =
        client.query_one("SELECT acct_export_file($1::text::uuid, $2)", &[&job, &number]).unwrap().get(0);
    assert_eq!(sha256(&whole), sha, "acct_export_file");
    let chunks = client
        .query("SELECT chunk, data FROM acct_export_chunks($1::text::uuid, $2)", &[&job, &number])
        .unwrap();
    let numbers: Vec<i32> = chunks.iter().map(|row| row.get(0)).collect();
    assert_eq!(numbers, (1..=chunks.len() as i32).collect::<Vec<_>>());
    let sizes: Vec<usize> = chunks.iter().map(|row| row.get::<_, &[u8]>(1).len()).collect();
    assert!(sizes.iter().rev().skip(1).all(|size| *size as u64 == MIB), "{sizes:?}");
    let chunks: Vec<&[u8]> = chunks.iter().map(|row| row.get(1)).collect();
    assert_eq!(sha256(&chunks.concat()), sha, "acct_export_chunks");
    let sql = "SELECT acct_export_large_object($1::text::uuid, $2)";
    let large: u32 = client.query_one(sql, &[&job, &number]).unwrap().get(0);
    let copied: Vec<u8> = client.query_one("SELECT lo_get($1)", &[&large]).unwrap().get(0);
    assert_eq!(sha256(&copied), sha, "acct_export_large_object");

    let head = bucket.s3.head(&key).unwrap();
    assert_eq!(head.header("content-type"), file["media_type"].as_str());
    let name = file["name"].as_str().unwrap();
    assert!(key.ends_with(&format!("{job}/{name}")), "{key}");
    assert_eq!(head.header("content-disposition"), Some(format!("attachment; filename=\"{name}\"").as_str()));
    object
}

/// Of a job, nothing is in the database but its records.
#[track_caller]
fn assert_no_chunks(bucket: &Bucket) {
    let sql = "SELECT count(*)::text FROM acct_export.chunk";
    assert_eq!(text(&mut bucket.app.superuser(), sql).as_deref(), Some("0"));
}

#[test]
fn every_format_is_the_same_everywhere() {
    let bucket = Bucket::new(shared(), 20);
    let mut client = bucket.requester();
    for (format, options) in [
        ("xlsx", "{}"),
        ("csv", "{}"),
        ("ndjson", "{}"),
        ("json", "{}"),
        ("csv", r#"{"compression":"gzip"}"#),
        ("json", r#"{"compression":"gzip"}"#),
        ("ndjson", r#"{"archive":"zip"}"#),
    ] {
        let job = sent(&mut client, &format!("'users', '{format}', options => '{options}'"));
        let files = files(&mut client, &job);
        assert_eq!(files.len(), 1, "{files:?}");
        let bytes = assert_same_everywhere(&bucket, &mut client, &job, &files[0]);
        assert_eq!(files[0]["rows"], 18);
        match options {
            "{}" if format == "csv" => {
                assert_eq!(csv::Reader::from_reader(bytes.as_slice()).records().count(), 18)
            }
            r#"{"compression":"gzip"}"# => assert_eq!(bytes[..2], [0x1f, 0x8b]),
            _ => assert!(!bytes.is_empty()),
        }
        let object = assert_stored(&mut bucket.app.superuser(), &job);
        assert_eq!((object.bucket.as_str(), object.attempt, object.file), ("exports", 1, 1));
    }
    // To the byte what the job table would have had.
    let reproducible = r#"options => '{"reproducible":true}'"#;
    let job = sent(&mut client, &format!("'users', 'csv', {reproducible}"));
    let file = &files(&mut client, &job)[0];
    let table = completed(&mut client, &format!("'users', 'csv', {reproducible}"));
    assert_eq!(files(&mut client, &table)[0]["sha256"], file["sha256"]);
    bucket.app.superuser().execute("SELECT acct_export_delete($1::text::uuid)", &[&table]).unwrap();
    assert_no_chunks(&bucket);
    assert_eq!(bucket.s3.keys().len(), 8);
    assert_eq!(bucket.s3.uploads(), []);
}

#[test]
fn companions_are_objects_of_their_own() {
    let bucket = Bucket::new(shared(), 20);
    let Companions(app) = Companions::of(bucket.app);
    let bucket = Bucket { app, ..bucket };
    let mut client = bucket.requester();
    let job = sent(&mut client, "'users', 'csv', include => '{events,other}'");
    let each = files(&mut client, &job);
    assert_eq!(each.len(), 3);
    for file in &each {
        assert_same_everywhere(&bucket, &mut client, &job, file);
    }
    assert_eq!(bucket.s3.keys().len(), 3);
    // In an archive, they are one.
    let job = sent(&mut client, r#"'users', 'csv', include => '{events}', options => '{"archive":"zip"}'"#);
    let files = files(&mut client, &job);
    assert_eq!(files.len(), 1, "{files:?}");
    let bytes = assert_same_everywhere(&bucket, &mut client, &job, &files[0]);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 3);
    archive.by_name("export-info.json").unwrap();
    let mut users = String::new();
    archive.by_index(0).unwrap().read_to_string(&mut users).unwrap();
    assert_eq!(csv::Reader::from_reader(users.as_bytes()).records().count(), 18);

    // One that breaks has no object, and the others have theirs.
    let job = send(&mut client, "'users', 'csv', include => '{breaking,events}'");
    let row = common::wait_for_job(&mut client, &job);
    assert_eq!(row.get::<_, &str>("status"), "completed_with_errors");
    let files: Value = row.get("files");
    assert_eq!((&files[1]["status"], &files[1]["object"]), (&"failed".into(), &Value::Null));
    for file in [&files[0], &files[2]] {
        assert_same_everywhere(&bucket, &mut client, &job, file);
    }
    let places: Vec<i32> =
        objects(&mut bucket.app.superuser(), &job).iter().map(|object| object.file).collect();
    assert_eq!(places, [1, 3]);
    assert_no_chunks(&bucket);
}

/// Up to 8 MiB in one request; then in parts, of which 6 are on their way at a time.
#[test]
fn large_files_go_in_parts() {
    let bucket = Bucket::new(shared(), 1);
    noise(&bucket.app, 57);
    let mut client = bucket.requester();
    for (below, parts) in [(500, 0), (520, 2), (10_000, 8)] {
        let before = bucket.proxy.count("PUT", "partNumber=");
        let job = sent(&mut client, &format!("'noise', 'csv', filter => '{{\"id\":{{\"lt\":{below}}}}}'"));
        let file = &files(&mut client, &job)[0];
        let bytes = file["bytes"].as_u64().unwrap();
        assert_eq!(bucket.proxy.count("PUT", "partNumber=") - before, parts, "{bytes}");
        assert_same_everywhere(&bucket, &mut client, &job, file);
        let object = assert_stored(&mut bucket.app.superuser(), &job);
        let tag = object.e_tag.unwrap();
        assert_eq!(tag.trim_matches('"').ends_with(&format!("-{parts}")), parts > 0, "{tag}");
    }
    assert_eq!(bucket.s3.uploads(), []);
    assert_no_chunks(&bucket);
}

#[test]
fn files_without_a_row_or_a_byte() {
    let bucket = Bucket::new(shared(), 5);
    let mut client = bucket.requester();
    for (format, empty) in [("ndjson", true), ("csv", false), ("xlsx", false), ("json", false)] {
        let job = sent(&mut client, &format!("'users', '{format}', filter => '{{\"status\":\"nobody\"}}'"));
        let file = &files(&mut client, &job)[0];
        assert_eq!((&file["rows"], file["bytes"] == 0), (&0.into(), empty), "{file}");
        assert_same_everywhere(&bucket, &mut client, &job, file);
    }
}

#[test]
fn keys_and_objects_are_as_the_options_say() {
    let bucket = Bucket::with(
        shared(),
        5,
        ", prefix 'acct/of-2026/', storage_class 'STANDARD_IA', sse 'AES256', path_style 'true'",
    );
    noise(&bucket.app, 9);
    let mut client = bucket.requester();
    for dataset in ["users", "noise"] {
        let job = sent(&mut client, &format!("'{dataset}', 'csv'"));
        let file = &files(&mut client, &job)[0];
        assert_same_everywhere(&bucket, &mut client, &job, file);
        let key = assert_stored(&mut bucket.app.superuser(), &job).key;
        let name = file["name"].as_str().unwrap();
        assert_eq!(key, format!("acct/of-2026/{job}/{name}"));
        let head = bucket.s3.head(&key).unwrap();
        assert_eq!(head.header("x-amz-storage-class"), Some("STANDARD_IA"), "{head:?}");
        assert_eq!(head.header("x-amz-server-side-encryption"), Some("AES256"), "{head:?}");
    }
    // An object is found in its place although the server's prefix was removed.
    let job = sent(&mut client, "'users', 'ndjson'");
    bucket
        .app
        .superuser()
        .batch_execute("ALTER SERVER exports OPTIONS (SET prefix 'b', DROP storage_class)")
        .unwrap();
    let other = sent(&mut client, "'users', 'ndjson'");
    for (job, prefix) in [(job, "acct/of-2026/"), (other, "b/")] {
        let file = &files(&mut client, &job)[0];
        assert_same_everywhere(&bucket, &mut client, &job, file);
        assert!(assert_stored(&mut bucket.app.superuser(), &job).key.starts_with(prefix));
    }
}

/// Several at a time, from both tenants, each with its own rows.
#[test]
fn exports_at_once_do_not_collide() {
    let bucket = Bucket::new(shared(), 20);
    let app: &TwoTenants = &bucket.app;
    let mut clients = [app.session(&app.login, 0), app.session(&app.login, 1)];
    let mut jobs = Vec::new();
    for format in ["csv", "ndjson", "json"] {
        for (tenant, client) in clients.iter_mut().enumerate() {
            jobs.push((tenant, send(client, &format!("'users', '{format}'"))));
        }
    }
    for (tenant, job) in &jobs {
        let client = &mut clients[*tenant];
        bucket::assert_completed(client, job);
        let file = &files(client, job)[0];
        let bytes = assert_same_everywhere(&bucket, client, job, file);
        let content = String::from_utf8(bytes).unwrap();
        let (own, other) = (["@a.example", "@b.example"][*tenant], ["@b.example", "@a.example"][*tenant]);
        assert!(content.contains(own) && !content.contains(other), "{job}");
    }
    assert_eq!(bucket.s3.keys().len(), jobs.len());
}

/// For people in psql; and files of a bucket are compared as any others.
#[test]
fn run_and_diff() {
    let bucket = Bucket::new(shared(), 20);
    let mut client = bucket.requester();
    let run = |client: &mut Client, format: &str| -> String {
        let sql = format!("CALL acct_export_run('users', '{format}', destination => 'exports')");
        client.batch_execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        text(client, "SELECT job_id::text FROM acct_export_jobs LIMIT 1").unwrap()
    };
    let before = run(&mut client, "csv");
    assert_stored(&mut bucket.app.superuser(), &before);
    bucket
        .app
        .superuser()
        .batch_execute(
            "UPDATE app.users SET phone = 'changed' WHERE id = 4; DELETE FROM app.users WHERE id = 6",
        )
        .unwrap();
    let after = run(&mut client, "xlsx");
    let table = completed(&mut client, "'users', 'ndjson'");
    for (a, b) in [(&before, &after), (&before, &table)] {
        let sql = format!("SELECT key || ' ' || change FROM acct_export_diff('{a}', '{b}') ORDER BY 1");
        assert_eq!(column(&mut client, &sql), ["4 changed", "6 removed"]);
    }
    assert_eq!(
        column(&mut client, &format!("SELECT key FROM acct_export_diff('{after}', '{table}')")),
        Vec::<String>::new()
    );
    assert!(!exported(&mut client, "'users', 'csv'").is_empty());
}
