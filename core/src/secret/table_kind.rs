//! Tables by their names: rows that are credentials, and settings of what is connected with one.

use super::table_words::{ABOUT, CREDENTIALS, PAIRS};
use super::words::Words;

/// True if rows of a table of this name are credentials.
pub(super) fn is_of_credentials(name: &Words) -> bool {
    if name.last_is(ABOUT) && !name.has_any(&["secret", "factor"]) {
        return false;
    }
    // Codes of countries, and what is given away with a discount.
    const OTHER_CODES: &[&str] = &[
        "country",
        "zip",
        "postal",
        "promo",
        "promotion",
        "discount",
        "coupon",
        "status",
        "currency",
        "language",
        "error",
        "area",
        "product",
        "bar",
        "qr",
        "color",
        "tax",
        "dial",
    ];
    const OTHER_KEYS: &[&str] = &[
        "public",
        "pub",
        "ssh",
        "gpg",
        "pgp",
        "attribute",
        "translation",
        "foreign",
        "primary",
        "sort",
        "cache",
        "partition",
        "idempotency",
        "device",
        "cross",
        "verify",
        "foreign",
        "localization",
        "metadata",
        "search",
    ];
    let has_part = |word: &str| CREDENTIALS.iter().any(|part| part.len() > 4 && word.contains(part));
    name.has_any(CREDENTIALS)
        || name.iter().any(has_part)
        || PAIRS.iter().any(|(first, second)| name.has_pair(first, second))
        || name.has("grant") && name.has_any(&["oauth", "device", "auth", "authorization", "provider"])
        || name.last() == "code" && !name.has_any(OTHER_CODES)
        || name.last() == "key" && !name.has_any(OTHER_KEYS)
}

/// True if rows of a table of this name are settings of connections.
pub(super) fn is_of_connections(name: &Words) -> bool {
    #[rustfmt::skip]
    const CONNECTIONS: &[&str] = &[
        "integration", "connector", "connection", "webhook", "transport", "provider", "datasource", "smtp",
        "idp", "sso", "ldap", "saml", "connect", "mailer", "federation", "syncer", "scim",
        "channel", "destination", "hook", "credential", "proxy", "backend", "gateway", "broker", "mailbox",
        "authentication", "plugin", "storage", "kubernete", "cluster", "registry", "mirror", "importer", "sink",
        "notifier", "notification",
        "bridge", "database", "db", "dbs", "warehouse", "bot", "addon", "service",
    ];
    const PAIRS: &[(&str, &str)] = &[
        ("data", "source"),
        ("mail", "account"),
        ("email", "account"),
        ("email", "server"),
        ("mail", "server"),
        ("external", "source"),
        ("auth", "source"),
        ("service", "account"),
        ("email", "setting"),
        ("mail", "setting"),
        ("email", "config"),
        ("single", "sign"),
        ("auth", "config"),
        ("auth", "setting"),
        ("backup", "target"),
        ("storage", "target"),
        ("sync", "target"),
    ];
    !name.last_is(&["type", "template", "usage"])
        && (name.has_any(CONNECTIONS)
            || name.last() == "source"
            || PAIRS.iter().any(|(first, second)| name.has_pair(first, second)))
}
