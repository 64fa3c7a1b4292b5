//! curl, which is none of the code under test: for presigned URLs and for the way through a proxy.

use std::process::Command;

/// curl's status and body; 0 where there is no answer.
pub fn curl(url: &str, more: &[&str]) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--max-time", "30", "--write-out", "\n%{http_code}"]);
    let output = curl.args(more).arg(url).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// The same, and curl's own exit status: 7 nobody listens, 52 no answer, 56 reset.
pub fn curl_fails(url: &str, more: &[&str]) -> i32 {
    let mut curl = Command::new("curl");
    let output =
        curl.args(["--silent", "--noproxy", "*", "--max-time", "30"]).args(more).arg(url).output().unwrap();
    output.status.code().unwrap()
}
