//! Texts that would break out of a string or an identifier, and a table that would not survive it.

use super::text;
use crate::common::{shared, TwoTenants};

/// Texts that SQL, a format string, a path or a shell could take for something else.
pub fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "'",
        "\"",
        "''",
        "\"\"",
        "';",
        "\\",
        "\\'",
        "\\\"",
        "$1",
        "$$",
        "$x$",
        "%",
        "%s",
        "_",
        "--",
        "/*",
        "*/",
        ";",
        "\n",
        "\t",
        "\u{1}",
        " ",
        "{",
        "}",
        "{}",
        "NULL",
        "''||''",
        "\u{2019}",
        "\u{ff07}",
        "Zo\u{eb}",
        "\u{1f600}",
        "\u{202e}",
        "a\u{301}",
        "id",
        "1=1",
        "id; DROP TABLE app.canary",
        "id\"; DROP TABLE app.canary; --",
        "'; DROP TABLE app.canary; --",
        "\\'; DROP TABLE app.canary; --",
        "') OR true --",
        "\" FROM app.users; --",
        "x' UNION SELECT api_token FROM app.users --",
        "s.api_token",
        "(SELECT api_token FROM app.users LIMIT 1)",
        "$1); DROP TABLE app.canary; --",
        "app.users",
        "../../etc/passwd",
        "=HYPERLINK(\"x\")",
        "status\u{a0}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend([62, 63, 64, 65, 1000, 100_000].map(|length| "x".repeat(length)));
    texts.extend([31, 32, 33].map(|length| "\u{e9}".repeat(length)));
    texts
}

pub fn with_canary(rows: u32) -> TwoTenants {
    let app = TwoTenants::with_users(shared(), rows);
    app.superuser()
        .batch_execute("CREATE TABLE app.canary AS SELECT 1 AS alive; GRANT ALL ON app.canary TO PUBLIC")
        .unwrap();
    app
}

#[track_caller]
pub fn alive(app: &TwoTenants) {
    let mut superuser = app.superuser();
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM app.canary").as_deref(), Some("1"));
    assert_eq!(
        text(&mut superuser, "SELECT count(*)::text FROM app.users").unwrap(),
        (app.rows * 2).to_string()
    );
}
