//! Changes since an earlier export, in every format and for keys of several types, compared with plain SQL.

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{completed, expire, exported, file, objects, refusal, refused, text, Workbook};
use support::common::{shared, unique, wait_for_job, wait_until, TwoTenants, SECRET};
use support::told::told;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Changes users of tenant 0: the first and the last one go, one comes before all others, one in the midst, one is another.
fn change(app: &TwoTenants) {
    app.superuser()
        .batch_execute(&format!(
            "DELETE FROM app.users WHERE tenant_id = '{a}' AND id IN (SELECT unnest(ARRAY[min(id), max(id)]) FROM app.users WHERE tenant_id = '{a}');
             UPDATE app.users SET email = 'other@example.org' WHERE tenant_id = '{a}' AND id = 8;
             INSERT INTO app.users SELECT i, '{a}', 'new@example.org', NULL, NULL, 'active', NULL, NULL, now(), now() FROM unnest('{{-5, 1001}}'::int[]) AS i;
             UPDATE app.users SET email = 'unseen@example.org' WHERE tenant_id = '{b}'",
            a = app.tenants[0],
            b = app.tenants[1]
        ))
        .unwrap();
}

fn since(job: &str) -> String {
    format!(r#"options => '{{"changes_since": "{job}"}}'"#)
}

#[test]
fn every_format_tells_what_changed() {
    let app = TwoTenants::with_users(shared(), 9);
    let mut client = app.session(&app.login, 0);
    let ids = text(&mut client, "SELECT concat_ws(' ', min(id), max(id)) FROM app.users").unwrap();
    let (first, last) = ids.split_once(' ').unwrap();
    let before =
        completed(&mut client, r#"'users', 'csv', fields => '{id,email}', options => '{"digests": true}'"#);
    change(&app);
    let wanted = format!(
        "change,id,email\r\nadded,-5,new@example.org\r\nremoved,{first},\r\nchanged,8,other@example.org\r\nremoved,{last},\r\nadded,1001,new@example.org\r\n"
    );
    let asked = |format: &str| format!("'users', '{format}', fields => '{{id,email}}', {}", since(&before));
    let job = completed(&mut client, &asked("csv"));
    assert_eq!(String::from_utf8(file(&mut client, &job)).unwrap(), wanted);
    let manifest = text(
        &mut client,
        &format!("SELECT acct_export_manifest('{job}')#>>'{{files,0,datasets,0,changes}}'"),
    );
    let manifest: Value = serde_json::from_str(&manifest.unwrap()).unwrap();
    assert_eq!(manifest, json!({ "since": before, "added": 2, "changed": 1, "removed": 2 }));
    let rows =
        text(&mut client, &format!("SELECT rows_done::text FROM acct_export_jobs WHERE job_id = '{job}'"));
    assert_eq!(rows.as_deref(), Some("5"));

    let (first, last): (i64, i64) = (first.parse().unwrap(), last.parse().unwrap());
    let wanted = vec![
        json!({ "change": "added", "id": -5, "email": "new@example.org" }),
        json!({ "change": "removed", "id": first }),
        json!({ "change": "changed", "id": 8, "email": "other@example.org" }),
        json!({ "change": "removed", "id": last }),
        json!({ "change": "added", "id": 1001, "email": "new@example.org" }),
    ];
    assert_eq!(objects(&exported(&mut client, &asked("ndjson"))), wanted);
    let document: Value = serde_json::from_slice(&exported(&mut client, &asked("json"))).unwrap();
    assert_eq!(document, Value::Array(wanted));
    let mut book = Workbook::open(exported(&mut client, &asked("xlsx")));
    let sheet = book.sheets().remove(0);
    let cells: Vec<String> = book
        .rows(&sheet)
        .iter()
        .map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(cells[0], "change|id|email");
    assert_eq!(cells[2], format!("removed|{first}|"));
    assert_eq!(cells.len(), 6);
    let info = book.rows("Export info");
    let told = |name: &str| {
        let row = info.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("{name}"));
        row[1].to_string()
    };
    assert_eq!([told("Changes since"), told("Changes")], [before.as_str(), "2 added, 1 changed, 2 removed"]);

    // Nothing has changed since.
    let rows = exported(&mut client, &format!("'users', 'csv', fields => '{{id,email}}', {}", since(&job)));
    assert_eq!(String::from_utf8(rows).unwrap(), "change,id,email\r\n");
    refused(
        &mut client,
        &format!("SELECT * FROM acct_export_diff('{job}', '{before}')"),
        "22023",
        "changes only",
        "changes_since",
    );
}

/// The keys' own order, their collation included, whatever is changed.
#[test]
fn keys_of_any_type() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    let keys = [
        ("bigint", "(n * 7919 % 400 - 200)::bigint"),
        ("uuid", "md5(n::text)::uuid"),
        (
            "text COLLATE \"en-x-icu\"",
            "(ARRAY['a', 'B', 'ä', 'Z', 'é ', '-', '_'])[1 + n % 7] || md5(n::text)",
        ),
        ("varchar(40) COLLATE \"C\"", "(ARRAY['a', 'B', 'ä', 'Z'])[1 + n % 4] || n"),
        ("numeric", "n / 3.0"),
        ("date", "date '1999-12-01' + n"),
        ("timestamptz", "timestamptz '2020-01-01 00:00Z' + n * interval '1.000001 second'"),
        ("char(8)", "n::text"),
    ];
    for (place, (key, value)) in keys.iter().enumerate() {
        let (table, name) = (format!("app.k{place}"), format!("k{place}"));
        superuser
            .batch_execute(&format!(
                "CREATE TABLE {table} (id {key} PRIMARY KEY, note text, tags int[]);
                 INSERT INTO {table} SELECT {value}, 'note ' || n % 9, ARRAY[n % 3] FROM generate_series(1, 300) AS n;
                 CREATE TABLE {table}_before AS TABLE {table};
                 GRANT SELECT ON {table} TO {login};
                 SELECT acct_export_register('{name}', '{table}', 'id')",
                login = app.login
            ))
            .unwrap();
        let mut client = app.session(&app.login, 0);
        let before = completed(&mut client, &format!("'{name}', 'csv', options => '{{\"digests\": true}}'"));
        superuser
            .batch_execute(&format!(
                "DELETE FROM {table} WHERE note IN ('note 3', 'note 7');
                 UPDATE {table} SET tags = tags || 5 WHERE note = 'note 4';
                 UPDATE {table} SET note = NULL WHERE note = 'note 5';
                 INSERT INTO {table} SELECT {value}, 'new', NULL FROM generate_series(301, 330) AS n"
            ))
            .unwrap();
        let found = objects(&exported(&mut client, &format!("'{name}', 'ndjson', {}", since(&before))));
        let wanted = text(
            &mut superuser,
            &format!(
                "SELECT jsonb_agg(jsonb_build_array(CASE WHEN b.id IS NULL THEN 'added' WHEN t.id IS NULL THEN 'removed' ELSE 'changed' END,
                                                    coalesce(t.note, '-')) ORDER BY coalesce(t.id, b.id))::text
                   FROM {table} AS t FULL JOIN {table}_before AS b ON t.id = b.id
                  WHERE t.id IS NULL OR b.id IS NULL OR (t.note, t.tags) IS DISTINCT FROM (b.note, b.tags)"
            ),
        );
        let wanted: Vec<Value> = serde_json::from_str(&wanted.unwrap()).unwrap();
        let told: Vec<Value> = found
            .iter()
            .map(|row| {
                json!([row["change"], row.get("note").filter(|note| !note.is_null()).unwrap_or(&json!("-"))])
            })
            .collect();
        assert_eq!(told, wanted, "{key}");
        assert!(found.iter().all(|row| !row["id"].is_null()), "{key}");
    }
}

#[test]
fn only_exports_of_one_choice_are_compared() {
    let app = TwoTenants::with_users(shared(), 6);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.odd (id int PRIMARY KEY, change text); GRANT SELECT ON app.odd TO {login};
             SELECT acct_export_register('odd', 'app.odd', 'id');
             CREATE ROLE {login}_other LOGIN IN ROLE {login}",
            login = app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let fields = "fields => '{id,email,phone}'";
    let before =
        completed(&mut client, &format!("'users', 'csv', {fields}, options => '{{\"digests\": true}}'"));
    let plain = completed(&mut client, &format!("'users', 'csv', {fields}"));
    let differ = |client: &mut Client, arguments: &str, word: &str| {
        let sql = format!("SELECT acct_export_start('users', 'csv', {arguments}, {})", since(&before));
        refused(client, &sql, "22023", &format!("differ in {word}"), "same rows and fields");
    };
    differ(&mut client, "fields => '{id,email}'", "the fields");
    differ(&mut client, &format!("{fields}, filter => '{{\"id\": {{\"gt\": 3}}}}'"), "the filter");
    differ(&mut client, &format!("{fields}, include_disabled => true"), "disabled rows");
    differ(&mut client, &format!("{fields}, period => 'last_week'"), "the period");
    differ(&mut app.session(&format!("{}_other", app.login), 0), fields, "the role");
    superuser.batch_execute("SELECT acct_export_set_field('users', 'phone', mask => 'last4')").unwrap();
    differ(&mut client, fields, "the fields");
    superuser.batch_execute("SELECT acct_export_set_field('users', 'phone', mask => 'none')").unwrap();
    let refuse = |client: &mut Client, arguments: &str, sqlstate: &str, named: &str, hint: &str| {
        refused(client, &format!("SELECT acct_export_start({arguments})"), sqlstate, named, hint);
    };
    let all = format!("'users', 'csv', {fields}");
    refuse(&mut client, &format!("{all}, {}", since(&plain)), "55000", "has no digests", "digests");
    refuse(&mut app.session(&app.login, 1), &format!("{all}, {}", since(&before)), "P0002", "", "");
    refuse(
        &mut client,
        &format!("{all}, {}", since("last")),
        "22023",
        "not the id of a job",
        "acct_export_start_saved",
    );
    refuse(&mut client, &format!("'odd', 'csv', {}", since("nothing")), "22023", "\"change\"", "labels");
    refuse(
        &mut client,
        r#"'users', 'csv', fields => '{email}', options => '{"digests": true}'"#,
        "22023",
        "needs the unmodified key \"id\"",
        "fields",
    );
    refuse(
        &mut client,
        r#"'users', 'csv', options => '{"digests": true, "order": ["email"]}'"#,
        "22023",
        "order of their key",
        "order",
    );
    for stream in ["csv('users', ", "stream('users', 'csv', "] {
        let sql = format!("SELECT acct_export_{stream}{})", since("nothing"));
        refused(&mut client, &sql, "22023", "cannot be used in a stream", "acct_export_start");
    }
    client.execute("SELECT acct_export_delete($1::text::uuid)", &[&before]).unwrap();
    refuse(&mut client, &format!("{all}, {}", since(&before)), "55000", "has no digests", "digests");
}

#[test]
fn digests_outlast_files() {
    let app = TwoTenants::with_users(shared(), 9);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    let all = "'users', 'csv', fields => '{id,email}'";
    let with_digests = format!(r#"{all}, options => '{{"digests": true}}'"#);
    let before = completed(&mut client, &with_digests);
    expire(&mut superuser, &before);
    change(&app);
    let after = completed(&mut client, &format!("{all}, {}", since(&before)));
    let rows = |client: &mut Client, job: &str| String::from_utf8(file(client, job)).unwrap().lines().count();
    assert_eq!(rows(&mut client, &after), 6);

    // Somebody deletes them, with the files or behind them.
    let is_gone = |client: &mut Client, job: &str| {
        let sql = format!("SELECT acct_export_start({all}, {})", since(job));
        refused(client, &sql, "55000", "has no digests", "acct_export_delete");
    };
    let delete = |client: &mut Client, job: &str| {
        text(client, &format!("SELECT acct_export_delete('{job}')::text")).unwrap()
    };
    assert_eq!(delete(&mut client, &after), "true");
    is_gone(&mut client, &after);
    assert_eq!(delete(&mut client, &before), "false", "there is no file any more");
    is_gone(&mut client, &before);
    assert_eq!(delete(&mut client, &before), "false");
    assert_eq!(told(&mut superuser, "deleted").len(), 2);

    // They go with the record of the job.
    let last = completed(&mut client, &with_digests);
    expire(&mut superuser, &last);
    superuser.batch_execute("UPDATE acct_export.job SET finished_at = now() - interval '91 days'").unwrap();
    wait_until(LIMIT, "the record is gone", || {
        superuser.batch_execute("SELECT acct_export_purge()").unwrap();
        text(&mut superuser, "SELECT count(*)::text FROM acct_export.job").as_deref() == Some("0")
    });
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM acct_export.digest").as_deref(), Some("0"));
    assert_eq!(
        refusal(&mut client, &format!("SELECT acct_export_start({all}, {})", since(&last))).sqlstate,
        "P0002"
    );
}

#[test]
fn a_saved_export_tells_what_changed_since_its_last_run() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    client
        .batch_execute(r#"SELECT acct_export_save('weekly', 'users', 'ndjson', fields => '{id,email}', options => '{"changes_since": "last"}')"#)
        .unwrap();
    let run = |client: &mut Client| {
        let job =
            text(client, "SELECT acct_export_start_saved('weekly', reason => gen_random_uuid()::text)::text")
                .unwrap();
        assert_eq!(wait_for_job(client, &job).get::<_, &str>("status"), "completed");
        let bytes = file(client, &job);
        let changes: Vec<String> =
            objects(&bytes).iter().map(|row| row["change"].as_str().unwrap().to_owned()).collect();
        (job, changes)
    };
    let (_, all) = run(&mut client);
    assert!(all.len() >= 4 && all.iter().all(|change| change == "added"), "{all:?}");
    let (second, none) = run(&mut client);
    assert_eq!(none, Vec::<String>::new());
    change(&app);
    let job = text(&mut client, "SELECT acct_export_start('users', 'csv', fields => '{id,email}', options => '{\"digests\": true}')::text");
    wait_for_job(&mut client, &job.unwrap());

    // Its files are gone, not what the next run compares with.
    let mut superuser = app.superuser();
    let kept = "SELECT count(*)::text FROM acct_export.digest JOIN acct_export.job ON id = job WHERE saved IS NOT NULL";
    expire(&mut superuser, &second);
    assert_eq!(text(&mut superuser, kept).as_deref(), Some("1"));
    let (third, changes) = run(&mut client);
    assert!(
        changes.contains(&"removed".to_owned()) && changes.contains(&"changed".to_owned()),
        "{changes:?}"
    );
    let since = format!("SELECT acct_export_job('{third}')#>>'{{request,options,changes_since}}'");
    assert_eq!(text(&mut client, &since), Some(second));
    assert_eq!(text(&mut superuser, kept).as_deref(), Some("1"));

    // A schedule goes on where the last run was, and one that was replaced begins anew.
    client.batch_execute("SELECT acct_export_schedule('weekly', '0 3 * * 1')").unwrap();
    superuser.batch_execute("UPDATE acct_export.saved SET next_run_at = now() - interval '1 hour'").unwrap();
    assert_eq!(text(&mut superuser, "SELECT acct_export_run_due()::text").as_deref(), Some("1"));
    let scheduled = text(&mut client, "SELECT last_job::text FROM acct_export_saved").unwrap();
    assert_eq!(wait_for_job(&mut client, &scheduled).get::<_, &str>("status"), "completed");
    let since = format!("SELECT acct_export_job('{scheduled}')#>>'{{request,options,changes_since}}'");
    assert_eq!((text(&mut client, &since), file(&mut client, &scheduled)), (Some(third), Vec::new()));
    client
        .batch_execute(
            r#"SELECT acct_export_save('weekly', 'users', 'ndjson', fields => '{id,status}', options => '{"changes_since": "last"}', replace => true)"#,
        )
        .unwrap();
    let (_, anew) = run(&mut client);
    assert!(anew.len() >= 4 && anew.iter().all(|change| change == "added"), "{anew:?}");
}

/// Digests are of no use to who has a value to try, and are the same for no two tenants.
#[test]
fn digests_tell_no_value() {
    let app = TwoTenants::with_users(shared(), 4);
    let mut superuser = app.superuser();
    superuser
        .batch_execute("UPDATE app.users SET email = 'same@example.org', name = NULL, phone = NULL, custom = NULL, tags = NULL")
        .unwrap();
    for tenant in [0, 1] {
        completed(
            &mut app.session(&app.login, tenant),
            r#"'users', 'csv', fields => '{id,email}', options => '{"digests": true}'"#,
        );
    }
    let plain = "SELECT count(*)::text FROM acct_export.digest_chunk
                  WHERE unpacked IS NULL AND (position('same@example'::bytea IN data) > 0 OR position('SECRET'::bytea IN data) > 0)";
    assert_eq!(text(&mut superuser, &plain.replace("SECRET", SECRET)).as_deref(), Some("0"));
    let digests = "SELECT count(DISTINCT right(encode(data, 'hex'), 32))::text FROM acct_export.digest_chunk WHERE unpacked IS NULL";
    assert_eq!(text(&mut superuser, digests).as_deref(), Some("2"));
    // Nobody reads them.
    let name = unique("reader");
    superuser.batch_execute(&format!("CREATE ROLE {name} LOGIN")).unwrap();
    assert_eq!(
        refusal(&mut app.session(&name, 0), "SELECT * FROM acct_export.digest_chunk").sqlstate,
        "42501"
    );
}
