//! Keys, codes and hashes of a kind that is not known: as columns of text they count as credentials.
//!
//! Few keys and codes in tables of accounts are harmless, and those are called so: `country_code`, `cache_key`. A key of a
//! JSON object is not judged by this, since documents hold anything.

use super::words::Words;

/// Words before `key` of keys that name or sort something.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "public", "pub", "publishable", "profile", "verify", "armored", "armoured", "idempotency", "group", "cache", "setting",
    "config", "meta", "prop", "property", "provider", "strategy", "editor", "gateway", "avatar", "image",
    "photo", "logo", "file", "object", "storage", "bucket", "state", "sort", "order", "foreign", "primary",
    "partition", "translation", "locale", "lang", "language", "feature", "flag", "attribute", "field", "option",
    "permission", "role", "event", "metric", "dedup", "dedupe", "deduplication", "unique", "natural",
    "business", "issue", "project", "space", "page", "category", "map", "mapping", "routing", "message",
    "topic", "queue", "job", "lock", "rate", "limit", "theme", "template", "icon", "color", "colour", "section",
    "component", "entity", "resource", "record", "row", "type", "search", "index", "range", "shard", "parent",
    "child", "ref", "reference", "legacy", "import", "batch", "report", "item", "product", "site", "tracking",
    "analytics", "measurement", "cursor", "pagination", "collection", "table", "column", "model", "param",
    "parameter", "header", "variable", "version", "build", "question", "form", "survey", "tag", "integration",
    "preference", "plugin", "scope", "label", "i", "p", "card", "rule", "workflow", "node", "i18n", "context",
    "status", "dictionary", "lookup", "compound", "composite", "surrogate", "term", "menu", "banner", "block",
    "widget", "document", "folder", "path", "period", "metadata", "billing", "price", "plan", "attachment",
    "media", "video", "asset", "content", "dh", "stripe", "experiment", "variant", "segment", "filter", "view",
    "dashboard", "panel", "data", "aggregation", "concurrency", "cron", "origin", "external", "username",
    "identifier",
];

/// Words before `code` of codes that name something.
#[rustfmt::skip]
const CODES: &[&str] = &[
    "country", "region", "locale", "language", "lang", "currency", "error", "status", "template", "postal",
    "zip", "post", "area", "city", "state", "province", "county", "dial", "calling", "phone", "product", "item",
    "color", "colour", "exit", "response", "result", "reason", "source", "promo", "promotion", "coupon",
    "discount", "voucher", "referral", "referrer", "affiliate", "blocked", "bar", "qr", "tax", "vat",
    "department", "dept", "company", "org", "organization", "organisation", "course", "class", "category",
    "type", "unit", "cost", "airport", "carrier", "station", "warehouse", "store", "branch", "bank", "swift",
    "bic", "iban", "sort", "routing", "merchant", "timezone", "nationality", "gender", "iso", "event", "action",
    "message", "http", "grade", "subject", "plan", "tariff", "rate", "price", "sales", "customer", "vendor",
    "supplier", "employee", "project", "job", "task", "batch", "lot", "serial", "embed", "html", "css",
    "script", "byte", "machine", "op", "char", "permission", "role", "mime", "protocol", "geo", "icd",
    "license", "module", "feature", "material", "stock", "asset", "location", "site", "zone", "district",
    "division", "team", "group", "school", "level", "rating", "risk", "failure", "decline", "cancel", "issue",
    "legal", "industry", "account", "short", "payment", "transaction", "continent", "fiscal", "tracker", "analytics",
];

/// True if a text column of this name may be a credential, since nothing says that it is another kind of key or code.
pub(super) fn may_be_secret(column: &Words) -> bool {
    if column.len() < 2 {
        return column.last_is(&[
            "activation",
            "confirmation",
            "recovery",
            "unlock",
            "private",
            "shared",
            "authentication",
        ]);
    }
    let names = |known: &[&str]| column.iter().any(|word| known.contains(&word));
    match column.last() {
        "key" => !names(KEYS),
        "code" => !names(CODES),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_codes_that_nobody_has_named() {
        for name in ["polling_code", "workspace_key", "gate_code", "bridge_key"] {
            assert!(may_be_secret(&Words::of(name)), "{name}");
        }
        for name in [
            "key",
            "code",
            "country_code",
            "cache_key",
            "shippingPostalCode",
            "translation_key",
            "public_key",
        ] {
            assert!(!may_be_secret(&Words::of(name)), "{name}");
        }
    }
}
