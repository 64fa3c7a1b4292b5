//! The words that names of secrets are made of, and those of names that only look like one.

/// Words that make a name secret wherever they stand, unless its end says that the value is something about it.
#[rustfmt::skip]
pub(super) const STRONG: &[&str] = &[
    "password", "passwd", "passphrase", "passcode", "pwd", "pw", "psk", "secret", "token", "jwt", "jwk",
    "bearer", "macaroon", "otp", "totp", "hotp", "otpauth", "otc", "salt", "credential", "cred", "pkce", "cvv",
    "cvc", "cookie", "nonce", "bcrypt", "scrypt", "argon", "pbkdf", "csrf", "xsrf", "mnemonic", "htpasswd",
    "keytab", "keystore", "keypair", "keyring", "kubeconfig", "kek", "dek", "cek", "ciphertext", "cleartext",
    "hmac", "sas", "assertion", "verifier", "pfx", "pkcs", "jks", "netrc", "apikey", "apikeys", "privatekey",
    "privkey", "secretkey", "accesskey", "sessionkey", "sessionid", "jsessionid", "phpsessid", "sessdata",
    "sessid", "sesskey", "pushkey", "nthash", "lmhash", "pincode", "authdata", "keydata", "keymaterial",
    "passhash", "rands", "rand", "dsn", "creds", "authkey", "hibp", "pwned", "sessiondata", "hashed", "ssha",
    "shadow", "pepper", "akey", "pword", "passw", "pswd", "psw", "passwrd", "userpass", "otep", "nsec", "xprv", "wif", "preshared", "keyfile", "actkey",
    "storedkey", "serverkey",
];

/// Parts that make a word secret wherever they stand in it: names that are written without a separator.
#[rustfmt::skip]
pub(super) const PARTS: &[&str] = &[
    "password", "passwd", "passphrase", "secretkey", "privatekey", "accesstoken", "refreshtoken", "sessionid",
    "apikey",
];

/// Ends that make a word secret: `idtoken`, `appsecret`.
#[rustfmt::skip]
pub(super) const ENDS: &[&str] = &[
    "token", "secret", "pwd",
];

/// Names that are secret as a whole: a session's id and data as session stores call them, and the header.
#[rustfmt::skip]
pub(super) const WHOLE: &[&str] = &[
    "sid", "sess", "connect sid", "auth", "keys encrypted", "iv", "mac", "reset", "set cookie", "pat", "ott",
    "auth req id",
];

/// Ends of names that say something about a credential, and are not one: its address, rule, lifetime, kind, name.
#[rustfmt::skip]
pub(super) const ABOUT: &[&str] = &[
    "url", "uri", "endpoint", "policy", "lifespan", "ttl", "validity", "counter", "digit", "window", "timeout",
    "usage", "domain", "prefix", "interval", "method", "algo", "algorithm", "alg", "type", "kind", "status",
    "lifetime", "format", "encoding", "mode", "strategy", "name", "label", "title", "description", "issuer",
    "provider", "purpose", "category", "rule", "requirement", "complexity", "strength", "iteration", "scope",
    "permission", "scheme", "vendor", "reason", "language", "template", "enabled", "required", "consent",
    "aaguid", "rotation", "banner", "notice", "preference", "frequency", "source", "comment", "note", "charset",
    "expiration", "size", "transport", "curve", "attribute", "field", "option", "flow", "time", "date", "at",
    "on", "family", "origin", "ip", "path", "address", "user", "login", "version", "identity", "metadata", "browser", "page", "agent",
];

/// Words before `id` of ids of what is no credential, though it is about some.
#[rustfmt::skip]
pub(super) const THINGS: &[&str] = &[
    "library", "method", "conf", "config", "configuration", "store", "static", "dynamic", "account", "group", "reference",
    "ref", "hst", "history", "connection", "type", "policy", "provider", "user", "client", "application", "app",
    "organization", "organisation", "org", "project", "team", "tenant", "owner", "template", "definition", "version", "set",
    "model", "source", "scope", "role", "engine", "backend", "folder", "rule",
];

/// Words of addresses that are credentials themselves, or hold one.
#[rustfmt::skip]
pub(super) const LINKS: &[&str] = &[
    "otpauth", "otp", "totp", "magic", "signed", "presigned", "webhook", "invite", "invitation", "sas",
    "database", "db", "connection", "dsn", "jdbc", "redis", "amqp", "mongo", "mongodb", "postgre", "sqlalchemy",
    "broker", "slack", "passwordless", "onetime", "mysql", "postgresql", "smtp", "time",
];

/// Words before `key` (anywhere) of keys that are kept secret.
#[rustfmt::skip]
pub(super) const KEYS: &[&str] = &[
    "api", "private", "priv", "secret", "signing", "sign", "encryption", "encrypted", "encrypt", "decryption",
    "enc", "access", "auth", "authentication", "authorization", "ssh", "mfa", "hmac", "certificate", "cert",
    "host", "push", "master", "shared", "recovery", "activation", "confirmation", "confirm", "reset", "stream",
    "principal", "license", "licence", "invite", "invitation", "deploy", "service", "symmetric", "root",
    "session", "wrapped", "wrapping", "protected", "kms", "delete", "deletion", "unsubscribe", "unsubscription",
    "verification", "registration", "register", "secure", "security", "client", "ssl", "tls", "server", "fcm",
    "jwt", "cookie", "csrf", "aes", "cipher", "admin", "webhook", "token", "login", "account", "backup",
    "connection", "bot", "feed", "rsa", "ecdsa", "ed", "dkim", "gpg", "pgp", "vault", "app", "application",
    "consumer", "join", "unlock", "escrow", "otp", "totp", "device", "wireguard", "preshared", "hashed",
    "remember", "validation", "stored", "stripe", "openai", "mailgun", "sendgrid", "twilio",
];

/// Words behind `key` of the same.
#[rustfmt::skip]
pub(super) const BEHIND_KEY: &[&str] = &[
    "handle", "material", "data", "value", "secret", "hash", "pem", "encrypted", "string", "digest", "content",
    "hex", "json", "blob", "password", "cipher", "enc", "private",
];

/// Words before `code` of codes that log in, verify or let in.
#[rustfmt::skip]
pub(super) const CODES: &[&str] = &[
    "recovery", "backup", "migrated", "scratch", "reset", "verification", "verify", "confirmation", "confirm",
    "activation", "authorization", "auth", "access", "login", "device", "user", "security", "mfa", "tfa",
    "factor", "fa", "sms", "email", "mail", "oauth", "invite", "invitation", "init", "to", "otp", "totp", "pin",
    "pass", "entry", "exchange", "unlock", "claim", "pairing", "pair", "link", "phone", "approval", "redeem",
    "redemption", "join", "registration", "register", "signup", "time", "door", "gate", "emergency", "rescue",
    "enrollment", "enrolment", "enroll", "setup", "passwordless", "authentication", "validation", "delete",
    "deletion", "session", "temp", "temporary", "lookup", "challenge", "secret", "step",
];

/// Words beside `hash` or `digest` of hashes that are made of content, and of no credential.
#[rustfmt::skip]
pub(super) const CONTENT: &[&str] = &[
    "file", "content", "image", "img", "avatar", "photo", "picture", "thumb", "thumbnail", "blur", "commit",
    "config", "configuration", "dag", "block", "body", "query", "text", "email", "mail", "ip", "url", "uri",
    "page", "tx", "transaction", "git", "tree", "blob", "source", "schema", "object", "media", "asset",
    "document", "row", "event", "parameter", "param", "address", "geo", "perceptual", "icon", "banner", "logo",
    "build", "bundle", "package", "artifact", "layout", "template", "fingerprint", "family", "agent", "path",
    "message", "attachment", "upload", "value", "merkle", "data", "revision", "version", "script", "style",
    "video", "audio", "cover", "header", "emoji", "definition", "migration", "sql", "index", "key_prefix",
    "description", "model",
];

/// Words behind `auth` of values that log in.
#[rustfmt::skip]
pub(super) const AUTHS: &[&str] = &[
    "data", "string", "header", "credential", "param", "config", "setting", "blob", "payload", "pass", "hash",
    "digest", "basic", "tag", "value", "info", "encrypted",
];
