//! Texts that hold settings: a document of its own, or a value encrypted by the application, which no name of a key opens.
//!
//! In a column of type json what is secret is removed from each document. A text of settings may be YAML or encrypted, and
//! then nothing of it can be judged.

use super::words::Words;

const CONFIG: &[&str] = &["config", "configuration"];

/// `smtp_config`, `auth_settings`; `config` and `raw_config` as texts, whatever they belong to.
pub(super) fn is_settings(column: &Words) -> bool {
    #[rustfmt::skip]
    const SYSTEMS: &[&str] = &[
        "smtp", "oidc", "saml", "ldap", "sso", "oauth", "auth", "connection", "connector", "provider", "integration",
        "imap", "mailer", "idp", "alertmanager", "core",
    ];
    // Settings of these are what a person prefers; their configuration is how they are reached.
    #[rustfmt::skip]
    const REACHED: &[&str] = &[
        "notification", "notifier", "webhook", "storage", "backup", "database", "db", "proxy", "vpn", "gateway", "cloud",
        "cluster", "mail", "sms", "destination", "registry",
    ];
    const WHOLE: &[&str] = &["raw", "base", "full", "raw base", "server", "system", "private"];
    let is_config = column.last_is(CONFIG);
    (is_config || column.last() == "setting") && column.has_any(SYSTEMS)
        || is_config && (column.len() == 1 || column.has_any(REACHED) || WHOLE.contains(&&*column.stem()))
        || column.is("smtp")
}

/// True if rows of a table of this name are shown or drawn, which is what their configuration is about.
pub(super) fn is_display(table: &Words) -> bool {
    table.last_is(&[
        "dashboard",
        "chart",
        "widget",
        "panel",
        "report",
        "view",
        "theme",
        "layout",
        "page",
        "form",
        "query",
        "column",
        "field",
        "filter",
        "block",
        "section",
        "graph",
        "menu",
        "experiment",
        "game",
        "quiz",
        "template",
    ])
}

/// Headers that requests are sent with, `Authorization` among them: `request_headers`.
pub(super) fn is_request_headers(column: &Words) -> bool {
    column.len() > 1
        && column.last() == "header"
        && column.has_any(&["request", "http", "extra", "custom", "auth", "api"])
}

/// Values that are written into a message: `template_data`.
pub(super) fn is_variables(words: &Words) -> bool {
    words.first() == "template"
        && words.last_is(&["data", "variable", "var", "param", "parameter", "context", "value", "payload"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_by_their_names() {
        for name in [
            "config",
            "configuration",
            "raw_config",
            "smtp_config",
            "auth_settings",
            "notification_configuration",
            "storageConfig",
        ] {
            assert!(is_settings(&Words::of(name)), "{name}");
        }
        for name in ["settings", "notification_settings", "chart_config", "config_version", "smtp_host"] {
            assert!(!is_settings(&Words::of(name)), "{name}");
        }
    }

    #[test]
    fn headers_that_are_sent() {
        for name in ["request_headers", "customHeaders", "http_headers"] {
            assert!(is_request_headers(&Words::of(name)), "{name}");
        }
        for name in ["headers", "response_headers", "request_header_names", "header"] {
            assert!(!is_request_headers(&Words::of(name)), "{name}");
        }
    }
}
