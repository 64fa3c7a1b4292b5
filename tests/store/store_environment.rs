//! Credentials of the environment that the server was started in: a superuser's foreign server lends them, nobody else's.

use support::asking::{refused, text};
use support::bucket::{assert_whole, destination, failed, mapping, objects, send, sent, url, Bucket, Keys};
use support::common::{unique, Cluster, ClusterOptions, TwoTenants};
use support::remote::{curl, Proxy, S3};

#[test]
fn a_superusers_server_lends_the_environment() {
    let s3 = S3::start();
    // The only test of this program: nobody else reads the environment meanwhile.
    std::env::set_var("AWS_ACCESS_KEY_ID", &s3.access_key);
    std::env::set_var("AWS_SECRET_ACCESS_KEY", &s3.secret_key);
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded())));
    let app = TwoTenants::with_users(cluster, 5);
    let proxy = Proxy::http(&s3.address());
    destination(&app, &s3.bucket, &proxy.endpoint(), "");
    let bucket = Bucket { cluster, app, s3, proxy };
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    let job = sent(&mut client, "'users', 'csv'");
    assert_whole(&bucket, &mut client, &job);
    assert_eq!(curl(&url(&mut client, &job, ""), &[]).0, 200);

    // Handed to somebody else, it lends nothing any more, neither for files that are there nor for new ones.
    let keeper = unique("keeper");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {keeper}; GRANT USAGE ON FOREIGN DATA WRAPPER acct_export_s3 TO {keeper}; ALTER SERVER exports OWNER TO {keeper}"
        ))
        .unwrap();
    for way in ["acct_export_file", "acct_export_url"] {
        refused(
            &mut client,
            &format!("SELECT {way}('{job}')"),
            "42501",
            "\"exports\" has no user mapping",
            "CREATE USER MAPPING",
        );
    }
    let other = send(&mut client, "'users', 'ndjson'");
    let (error, code) = failed(&mut client, &other);
    assert!(code == "42501" && error.contains("no user mapping"), "{code}: {error}");
    assert_eq!(objects(&mut superuser, &other), [], "it was found before anything was read or begun");
    // With credentials of its own it works.
    mapping(&bucket.app, &Keys { id: &bucket.s3.access_key, secret: &bucket.s3.secret_key });
    let again = text(&mut client, &format!("SELECT acct_export_retry('{other}')::text")).unwrap();
    assert_whole(&bucket, &mut client, &again);
    assert_whole(&bucket, &mut client, &job);
}
