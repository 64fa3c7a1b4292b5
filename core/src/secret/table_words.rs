//! The words that names of tables of credentials are made of, and the names of their columns.

/// Words of the names of tables that hold credentials.
#[rustfmt::skip]
pub(super) const CREDENTIALS: &[&str] = &[
    "token", "totp", "hotp", "otp", "session", "credential", "secret", "password", "passcode", "apikey",
    "oauth", "oidc", "openid", "confirmation", "verification", "webauthn", "passkey", "authenticator",
    "twofactor", "mfa", "tfa", "socialapp", "invite", "invitation", "license", "licence", "jwk", "keypair",
    "keystore", "keyring", "vault", "otc", "nonce", "passwordless", "authorization", "authorisation", "oath", "oathauth", "oathtool", "cookie", "jwt", "pkce", "macaroon", "csrf",
    "kms", "tgt", "passwd", "pat", "cipher", "keychain", "backupcode",
];

/// Two words in a row that say the same.
#[rustfmt::skip]
pub(super) const PAIRS: &[(&str, &str)] = &[
    ("api", "key"), ("two", "factor"), ("second", "factor"), ("recovery", "code"), ("recovery", "ticket"),
    ("recovery", "link"), ("recovery", "key"), ("backup", "code"), ("auth", "code"), ("access", "code"),
    ("login", "code"), ("activation", "code"), ("registration", "code"), ("reset", "code"), ("device", "code"),
    ("authorization", "code"), ("one", "time"), ("signing", "key"), ("encryption", "key"), ("private", "key"),
    ("access", "key"), ("deploy", "key"), ("master", "key"), ("secret", "key"), ("session", "key"),
    ("magic", "link"), ("login", "link"), ("auth", "request"), ("auth", "identity"), ("auth", "session"),
    ("sms", "code"), ("email", "code"), ("verification", "code"), ("key", "pair"), ("certificate", "key"),
    ("unsubscribe", "key"), ("user", "key"), ("data", "key"), ("root", "key"), ("stream", "key"),
    ("password", "reset"), ("reset", "password"), ("social", "auth"), ("device", "grant"), ("access", "grant"),
    ("auth", "grant"), ("key", "private"), ("auth", "key"), ("authentication", "key"), ("jwt", "key"),
    ("oauth", "key"), ("incoming", "webhook"), ("lost", "password"), ("crypto", "key"), ("host", "key"),
    ("service", "key"), ("license", "key"), ("app", "key"), ("instance", "key"), ("server", "key"),
    ("client", "key"), ("certificate", "pair"), ("security", "answer"), ("security", "question"),
    ("saml", "request"), ("registration", "key"), ("app", "password"), ("remember", "me"), ("persistent", "login"), ("auth", "exchange"), ("code", "exchange"),
    ("cas", "ticket"), ("sso", "ticket"), ("login", "ticket"), ("auth", "ticket"), ("granting", "ticket"),
];

/// Names of columns that hold the credential there, and last words of those of two words.
#[rustfmt::skip]
pub(super) const HOLDERS: &[&str] = &[
    "key", "code", "value", "data", "digest", "config", "payload", "content", "blob", "parent", "hash",
    "signature", "body", "response", "ciphertext", "plaintext", "plain", "material", "raw", "string", "answer",
    "hmac", "val", "pem", "jwt", "encrypted", "byte",
];

/// First words of two-word names whose second is a holder, and that hold no credential: `country_code`, `public_key`.
#[rustfmt::skip]
pub(super) const PLAIN: &[&str] = &[
    "country", "currency", "language", "locale", "error", "status", "template", "postal", "zip", "area",
    "product", "region", "public", "pub", "verify", "site", "cache", "sort", "foreign", "primary", "storage",
    "object", "file", "state", "scope", "partition", "attestation", "meta", "extra", "client", "avatar",
    "image", "s", "idempotency", "response", "raw", "dial", "color", "colour", "exit", "result", "reason",
    "profile", "content", "user", "billing", "customer", "form", "translation", "message", "phone", "type",
    "plan", "discount", "promo", "coupon", "referral", "resource", "role", "permission", "group", "display",
    "mask", "masked", "redacted", "partial", "method", "payment", "truncated", "certificate", "cert", "ca",
];

/// Last words of texts that stand beside a credential and are none. In a table of credentials all other texts count as one.
#[rustfmt::skip]
pub(super) const BESIDE: &[&str] = &[
    "id", "name", "type", "kind", "scope", "email", "mail", "method", "audience", "uri", "url", "agent",
    "subject", "ip", "description", "algorithm", "alg", "algo", "uuid", "guid", "owner", "address", "addr",
    "username", "user", "number", "phone", "endpoint", "claim", "provider", "transport", "status", "label",
    "issuer", "time", "date", "at", "on", "until", "role", "prefix", "permission", "context", "validity",
    "slug", "origin", "note", "mode", "by", "application", "app", "action", "aaguid", "version", "rp",
    "resource", "redirect", "icon", "flag", "error", "encoding", "domain", "device", "client", "clientid",
    "userid", "amr", "acr", "aal", "website", "to", "target", "strategy", "step", "source", "scheme", "policy",
    "path", "organization", "organisation", "org", "operation", "nickname", "namespace", "module", "message",
    "medium", "location", "language", "locale", "lang", "kid", "hostname", "homepage", "group", "fingerprint",
    "expiration", "expiry", "expire", "os", "comment", "contact", "attribute", "backend", "actor", "ability",
    "country", "city", "browser", "platform", "title", "reason", "category", "tag", "logo", "image", "avatar",
    "timezone", "zone", "region", "model", "list", "host", "port", "server", "brand", "display", "count", "kty",
    "crv", "curve", "usage", "use", "environment", "project", "team", "workspace", "tenant", "realm", "level",
    "state", "intent", "purpose", "grant", "attestation", "entity", "certificate", "cert", "profile", "setting",
    "option", "preference", "metadata", "meta", "identifier", "ident", "verification", "challenge", "uid",
    "param", "text", "next", "default", "set", "invitee", "inviter", "receiver", "recipient", "sender",
    "managed", "attachment", "handle", "link", "login", "obfuscated", "mime", "format", "currency", "amount",
    "plan", "color", "colour", "theme", "bio", "first", "firstname", "lastname", "displayname", "surname",
    "query", "filter", "table", "schema", "field", "script", "event", "trigger", "restriction", "criteria",
    "condition", "creator", "author", "customer", "batch", "driver", "object", "ref", "reference", "external",
    "parent", "service", "mapping", "jwks", "jti", "sub", "iss", "aud", "azp", "tos", "authority", "ls", "file",
    "filename", "question", "hint", "tld", "size", "length", "rule", "template", "request", "code challenge",
    "result", "detail", "history", "period", "lifetime", "ttl", "family", "public", "keyid", "binding",
    "destination", "index", "sequence", "counter", "tz", "stack", "tier", "product", "eight", "character",
    "four", "last", "exp", "iat", "nbf", "doctype", "page", "site", "asn", "isp", "mac address", "network",
    "range", "interval", "priority", "quota", "limit", "channel", "queue", "job", "revoked", "class", "folder",
    "favorite", "redacted", "masked", "mask", "truncated", "alias", "adapter", "perm", "company", "subiss", "bundle", "serial", "resolver", "information", "autoapprove", "wiki", "browser", "uastring", "allowlist", "denylist", "whitelist",
    "blacklist", "outcome", "controller", "ua", "dn", "prompt", "principal", "indicator",
    "pattern",
];

/// Words of tables that are about credentials, and hold none: how many there are, who used one, the rules for them.
#[rustfmt::skip]
pub(super) const ABOUT: &[&str] = &[
    "usage", "stat", "statistic", "metric", "policy", "type", "scope", "role", "permission", "assignment",
    "consent", "count", "counter", "rule", "template", "workspace", "setting", "preference", "transport",
    "attempt", "requirement", "generator", "relation",
];
