//! Files in a container of Azure Blob Storage, behind the emulator that Azure's own people test with.

use support::bucket;

use support::asking::{refused, text};
use support::bucket::{curl, failed, files, noise, objects, sent, sha256, url};
use support::common::{shared, wait_until, TwoTenants};
use support::remote::{Azure, LIMIT};

/// Server `exports`, its requester's session in `app`. `more`: what is other than it should be.
fn server(app: &TwoTenants, azure: &Azure, container: &str, key: &str) {
    let (account, endpoint, login) = (&azure.account, azure.endpoint(), &app.login);
    app.superuser()
        .batch_execute(&format!(
            "CREATE SERVER exports FOREIGN DATA WRAPPER acct_export_azure
                OPTIONS (account '{account}', container '{container}', endpoint '{endpoint}', prefix 'acct', retry_timeout '2');
             CREATE USER MAPPING FOR PUBLIC SERVER exports OPTIONS (account_key '{key}');
             GRANT USAGE ON FOREIGN SERVER exports TO {login}"
        ))
        .unwrap();
}

#[test]
fn files_go_there_and_come_back() {
    let Some(azure) = Azure::start() else {
        eprintln!("not tested: there is no npm, from which Azurite comes");
        return;
    };
    let app = TwoTenants::with_users(shared(), 20);
    noise(&app, 20);
    server(&app, &azure, &azure.container, &azure.key);
    let mut client = app.session(&app.login, 0);
    let dir = tempfile::tempdir().unwrap();
    for (dataset, format) in [("users", "xlsx"), ("users", "csv"), ("noise", "csv")] {
        let job = sent(&mut client, &format!("'{dataset}', '{format}'"));
        let file = files(&mut client, &job).remove(0);
        let wanted = file["sha256"].as_str().unwrap();
        assert!(file["object"].as_str().unwrap().starts_with("az://exports/acct/"), "{file}");
        let url = url(&mut client, &job, "");
        let (status, body) = curl(&url, &[], dir.path());
        assert_eq!((status, sha256(&body).as_str()), (200, wanted), "{dataset} {format}");
        let read: Vec<u8> =
            client.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap().get(0);
        assert_eq!(sha256(&read), wanted);
        assert_eq!(
            text(&mut client, &format!("SELECT acct_export_delete('{job}')::text")).as_deref(),
            Some("true")
        );
        let mut superuser = app.superuser();
        wait_until(LIMIT, "the object is removed", || objects(&mut superuser, &job).is_empty());
        assert_eq!(curl(&url, &[], dir.path()).0, 404);
    }
}

#[test]
fn what_is_refused() {
    let Some(azure) = Azure::start() else {
        eprintln!("not tested: there is no npm, from which Azurite comes");
        return;
    };
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
    for (container, key, sqlstate) in
        [(azure.container.as_str(), wrong, "28000"), ("absent", azure.key.as_str(), "58P01")]
    {
        let app = TwoTenants::with_users(shared(), 5);
        server(&app, &azure, container, key);
        let mut client = app.session(&app.login, 0);
        let job = bucket::send(&mut client, "'users', 'csv'");
        let (error, code) = failed(&mut client, &job);
        assert_eq!(code, sqlstate, "{error}");
        assert!(!error.contains(key) && !shared().log().contains(key));
        refused(&mut client, &format!("SELECT acct_export_url('{job}')"), "55000", "failed", "retry");
    }
}
