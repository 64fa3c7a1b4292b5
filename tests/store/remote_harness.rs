//! The S3 server of the other tests does what those rely on: it refuses what it must refuse.

use serde_json::{json, Value};
use support::remote::{curl, curl_fails, Proxy, S3};

fn of(key: &str) -> Value {
    json!({ "Bucket": "exports", "Key": key })
}

fn with(mut arguments: Value, name: &str, value: impl Into<Value>) -> Value {
    arguments[name] = value.into();
    arguments
}

#[test]
fn s3_refuses_wrong_signatures() {
    let s3 = S3::start();
    s3.put("a/file.csv", b"a,b\n");
    assert_eq!(s3.get("a/file.csv"), b"a,b\n");
    let refused =
        |id: &str, secret: &str| s3.call_as(id, secret, "get_object", of("a/file.csv")).unwrap_err();
    assert_eq!(refused(&s3.access_key, "wrong"), (403, "SignatureDoesNotMatch".to_owned()));
    assert_eq!(refused("AKIANOBODY", &s3.secret_key), (403, "InvalidAccessKeyId".to_owned()));
    let (status, said) = curl(&format!("{}/exports/a/file.csv", s3.endpoint()), &[]);
    assert_eq!(status, 403, "{said}");
    let put = with(of("b"), "Body", "x");
    assert_eq!(s3.call_as(&s3.access_key, "wrong", "put_object", put).unwrap_err().0, 403);
    assert_eq!(s3.keys(), ["a/file.csv"]);
}

#[test]
fn s3_goes_by_its_own_clock() {
    let s3 = S3::start();
    s3.put("file", b"x");
    let url = s3.presign(&s3.secret_key, "get_object", of("file"), 60);
    assert_eq!(curl(&url, &[]), (200, "x".to_owned()));
    assert_eq!(curl(&s3.presign("wrong", "get_object", of("file"), 60), &[]).0, 403);
    let other = url.replace("/exports/file", "/exports/other");
    assert!(curl(&other, &[]).1.contains("SignatureDoesNotMatch"));
    let longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000");
    assert!(curl(&longer, &[]).1.contains("SignatureDoesNotMatch"));

    s3.shift_clock(61 + 5);
    let (status, said) = curl(&url, &[]);
    assert!(status == 403 && said.contains("expired"), "{status} {said}");
    s3.shift_clock(3600);
    let skewed = s3.call("get_object", of("file")).unwrap_err();
    assert_eq!(skewed, (403, "RequestTimeTooSkewed".to_owned()));
    s3.shift_clock(0);
    assert_eq!(curl(&url, &[]).0, 200);
}

#[test]
fn s3_keeps_what_it_is_told_about_an_object() {
    let s3 = S3::start();
    let disposition = "attachment; filename=\"b.csv\"; filename*=UTF-8''%C3%BC.csv";
    let put = with(with(of("b.csv"), "Body", "0123456789"), "ContentType", "text/csv; charset=utf-8");
    s3.call("put_object", with(put, "ContentDisposition", disposition)).unwrap();
    let head = s3.head("b.csv").unwrap();
    assert_eq!(head.size, 10);
    assert_eq!(head.header("content-disposition"), Some(disposition));
    assert_eq!(head.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(s3.head("nothing"), None);
    let cold = with(with(of("cold"), "StorageClass", "GLACIER_IR"), "ServerSideEncryption", "AES256");
    s3.call("put_object", cold.clone()).unwrap();
    let head = s3.head("cold").unwrap();
    assert_eq!(head.header("x-amz-storage-class"), Some("GLACIER_IR"));
    assert_eq!(head.header("x-amz-server-side-encryption"), Some("AES256"));
    let wrong = s3.call("put_object", with(cold, "StorageClass", "TEPID")).unwrap_err();
    assert_eq!(wrong, (400, "InvalidStorageClass".to_owned()));
    let part = s3.call("get_object", with(of("b.csv"), "Range", "bytes=2-4")).unwrap();
    assert_eq!((&part["Body"], &part["ContentRange"]), (&json!("234"), &json!("bytes 2-4/10")));
    // The parameters of a presigned URL win, and are part of the signed text.
    let asked = with(of("b.csv"), "ResponseContentDisposition", "attachment; filename=\"c.csv\"");
    let (status, said) = curl(&s3.presign(&s3.secret_key, "get_object", asked, 60), &["--include"]);
    assert_eq!(status, 200);
    assert!(said.contains("content-disposition: attachment; filename=\"c.csv\""), "{said}");
}

#[test]
fn s3_lists_completes_and_aborts_uploads() {
    let s3 = S3::start();
    let part = vec![b'x'; 5 << 20];
    let (a, b) = (s3.begin_upload("jobs/a", &part), s3.begin_upload("jobs/b", &part));
    s3.begin_upload("others/c", &part);
    assert_eq!(s3.uploads().len(), 3);
    let listed =
        s3.call("list_multipart_uploads", json!({ "Bucket": "exports", "Prefix": "jobs/" })).unwrap();
    let keys: Vec<_> = listed["Uploads"].as_array().unwrap().iter().map(|upload| &upload["Key"]).collect();
    assert_eq!(keys, ["jobs/a", "jobs/b"]);

    let upload = |key: &str, id: &str| with(of(key), "UploadId", id);
    let second = with(with(upload("jobs/a", &a), "PartNumber", 2), "Body", "end");
    let tags = [
        "\"6b52c8f5d9fd1a0b8ee3d8bd4c65ed8a\"".to_owned(),
        s3.call("upload_part", second).unwrap()["ETag"].as_str().unwrap().to_owned(),
    ];
    let parts = |tags: &[String]| -> Value {
        let part = |(i, tag): (usize, &String)| json!({ "PartNumber": i + 1, "ETag": tag });
        json!({ "Parts": tags.iter().enumerate().map(part).collect::<Vec<_>>() })
    };
    let complete = |key: &str, id: &str, tags: &[String]| {
        with(with(upload(key, id), "MultipartUpload", parts(tags)), "IfNoneMatch", "*")
    };
    let wrong = s3.call("complete_multipart_upload", complete("jobs/a", &a, &tags)).unwrap_err();
    assert_eq!(wrong, (400, "InvalidPart".to_owned()));
    let first = with(with(upload("jobs/a", &a), "PartNumber", 1), "Body", "x".repeat(5 << 20));
    let first = s3.call("upload_part", first).unwrap()["ETag"].as_str().unwrap().to_owned();
    let tags = [first, tags[1].clone()];
    // A part that is not what its checksum says is not there.
    let spoilt = with(with(upload("jobs/a", &a), "PartNumber", 2), "Body", "bad");
    let spoilt = with(spoilt, "ContentMD5", "AAAAAAAAAAAAAAAAAAAAAA==");
    assert_eq!(s3.call("upload_part", spoilt).unwrap_err(), (400, "BadDigest".to_owned()));
    let made = s3.call("complete_multipart_upload", complete("jobs/a", &a, &tags)).unwrap();
    let head = s3.head("jobs/a").unwrap();
    assert_eq!(head.e_tag, made["ETag"].as_str().unwrap());
    assert!(head.e_tag.ends_with("-2\""));
    assert_eq!(s3.get("jobs/a"), [part.as_slice(), b"end"].concat());

    s3.call("abort_multipart_upload", upload("jobs/b", &b)).unwrap();
    let gone = with(with(upload("jobs/b", &b), "PartNumber", 2), "Body", "x");
    assert_eq!(s3.call("upload_part", gone).unwrap_err(), (404, "NoSuchUpload".to_owned()));
    assert_eq!(s3.uploads().len(), 1);
}

#[test]
fn s3_never_overwrites_where_it_must_not() {
    let s3 = S3::start();
    s3.put("taken", b"first");
    let again = with(with(of("taken"), "Body", "second"), "IfNoneMatch", "*");
    assert_eq!(s3.call("put_object", again).unwrap_err(), (412, "PreconditionFailed".to_owned()));
    let id = s3.begin_upload("taken", b"second");
    let tag = "\"a9f0e61a137d86aa9db53465e0801612\""; // MD5 of "second"
    let complete = with(of("taken"), "UploadId", id.as_str());
    let complete = with(complete, "MultipartUpload", json!({ "Parts": [{ "PartNumber": 1, "ETag": tag }] }));
    let refused = s3.call("complete_multipart_upload", with(complete.clone(), "IfNoneMatch", "*"));
    assert_eq!(refused.unwrap_err(), (412, "PreconditionFailed".to_owned()));
    assert_eq!(s3.get("taken"), b"first");
    s3.call("complete_multipart_upload", complete).unwrap();
    assert_eq!(s3.get("taken"), b"second");
}

#[test]
fn s3_misses_a_bucket_that_is_gone() {
    let s3 = S3::start();
    s3.put("file", b"x");
    let id = s3.begin_upload("more", b"x");
    s3.drop_bucket("exports");
    let missing = (404, "NoSuchBucket".to_owned());
    assert_eq!(s3.call("get_object", of("file")).unwrap_err(), missing);
    assert_eq!(s3.call("create_multipart_upload", of("new")).unwrap_err(), missing);
    let part = with(with(with(of("more"), "UploadId", id), "PartNumber", 2), "Body", "x");
    assert_eq!(s3.call("upload_part", part).unwrap_err(), missing);
}

#[test]
fn s3_speaks_tls_that_only_its_authority_vouches_for() {
    let s3 = S3::start_tls();
    s3.put("file", b"x");
    let url = s3.presign(&s3.secret_key, "get_object", of("file"), 60);
    assert!(url.starts_with("https://"));
    assert_eq!(curl(&url, &["--cacert", s3.ca_file().to_str().unwrap()]), (200, "x".to_owned()));
    assert_eq!(curl_fails(&url, &[]), 60, "curl trusts it all the same");
    // Through a proxy that cannot read it.
    let proxy = Proxy::bytes(&s3.address());
    let url = s3.endpoint().replace(s3.address().rsplit(':').next().unwrap(), &proxy.port().to_string());
    assert_eq!(curl(&url, &["--cacert", s3.ca_file().to_str().unwrap()]).0, 403);
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn signatures_hold_through_the_proxy() {
    let s3 = S3::start();
    s3.put("file", b"x");
    let proxy = Proxy::http(&s3.address());
    // Signed for the server's own address, it is not good at another.
    let url = s3.presign(&s3.secret_key, "get_object", of("file"), 60);
    let elsewhere = url.replace(s3.endpoint(), &proxy.endpoint());
    assert!(curl(&elsewhere, &[]).1.contains("SignatureDoesNotMatch"));
    let host = format!("Host: {}", s3.address());
    assert_eq!(curl(&elsewhere, &["--header", &host]), (200, "x".to_owned()));
    assert_eq!(proxy.count("GET", "/exports/file"), 2);
}
