//! Columns that the other columns of their table explain: an encrypted value beside its `iv`, a `key` beside its
//! `public_key`, the state of a login beside its `csrf_token`.

use super::classify::Column;
use super::name;
use super::words::Words;

/// The names of a table's columns.
pub(super) struct Neighbours<'n> {
    names: &'n [Words],
    /// Of columns whose type can hold a credential.
    holding: Vec<&'n Words>,
}

impl<'n> Neighbours<'n> {
    pub fn of(names: &'n [Words], columns: &[Column<'_>]) -> Self {
        let can_hold = |column: &Column<'_>| !column.ty.is_harmless() && !column.ty.is_number();
        let holding = names.iter().zip(columns).filter(|(_, column)| can_hold(column)).map(|(name, _)| name);
        Neighbours { names, holding: holding.collect() }
    }

    /// Of all columns, times and flags too.
    fn any(&self, test: impl Fn(&Words) -> bool) -> bool {
        self.names.iter().any(test)
    }

    fn any_holding(&self, test: impl Fn(&Words) -> bool) -> bool {
        self.holding.iter().any(|own| test(own))
    }

    fn has(&self, name: &str) -> bool {
        self.any(|own| own.joined() == name)
    }

    /// An encrypted value, or what else is needed to read it: `data` beside `iv`, `x_tag` beside `x_iv`.
    pub fn is_encrypted(&self, column: &Words) -> bool {
        const VALUES: &[&str] = &[
            "data",
            "value",
            "payload",
            "content",
            "blob",
            "ciphertext",
            "key",
            "cipher",
            "secret",
            "body",
            "text",
            "encrypted",
            "tag",
            "mac",
            "kdf",
            "message",
        ];
        const PARTS: &[&str] =
            &["tag", "mac", "ciphertext", "cipher", "encrypted", "enc", "salt", "kdf", "nonce"];
        if self.is_encrypted_by_nonce(column) {
            return true;
        }
        let has_iv = |stem: &str| {
            self.any(|own| {
                matches!(own.last(), "iv" | "nonce")
                    && own.stem() == stem
                    && (own.last() == "iv" || self.has_tag(stem))
            })
        };
        if column.len() == 1 {
            return VALUES.contains(&column.last()) && has_iv("") || has_iv(column.last());
        }
        // `refresh` and `refresh_ciphertext` beside `refresh_iv`.
        let stem = if column.last_is(PARTS) { column.stem() } else { column.joined() };
        has_iv(&stem)
    }

    /// A text beside a `nonce` that belongs to no login: rows of an application that encrypts its settings.
    fn is_encrypted_by_nonce(&self, column: &Words) -> bool {
        #[rustfmt::skip]
        const LOGIN: &[&str] = &[
            "state", "scope", "redirect", "client", "issuer", "challenge", "verifier", "purpose", "token", "code", "grant",
            "expires", "expiry", "email", "consumed", "used",
        ];
        #[rustfmt::skip]
        const VALUES: &[&str] = &[
            "config", "configuration", "setting", "source", "plan", "cert", "certificate", "auth", "credential", "data",
            "value", "payload", "content", "param", "variable", "var", "env", "option", "detail",
        ];
        const FIRST: &[&str] = &["private", "secret", "secure", "var", "raw", "sealed", "encrypted"];
        column.last_is(VALUES)
            && (column.len() == 1 || FIRST.contains(&column.first()))
            && self.has("nonce")
            && !self.any(|own| own.has_any(LOGIN) && own != column)
    }

    fn has_tag(&self, stem: &str) -> bool {
        self.any(|own| matches!(own.last(), "tag" | "ciphertext" | "encrypted") && own.stem() == stem)
    }

    /// The private half of a pair of keys.
    pub fn is_private_key(&self, column: &Words) -> bool {
        let is_public = |own: &Words| {
            own.has_pair("public", "key")
                || own.has_any(&["publickey", "pubkey"])
                || own.last_is(&["certificate", "cert", "crt"])
                || own.has_any(&["certificate", "cert"]) && own.last_is(&["data", "pem"])
        };
        #[rustfmt::skip]
        const PRIVATE: &[&str] = &[
            "key", "key alt", "key data", "pem", "private", "key pem", "key file", "key content", "privkey",
            "server key", "client key", "akey",
            "ssl key",
        ];
        PRIVATE.contains(&column.joined().as_str())
            && self.any(is_public)
            && !self.any(|own| own.has_any(&["private", "priv"]) && own != column)
    }

    /// A key that is wrapped by another one, or what was encrypted with it.
    pub fn is_wrapped(&self, column: &Words) -> bool {
        let is_key = |own: &Words| matches!(own.joined().as_str(), "key" | "akey");
        let is_lock = |own: &Words| {
            own.has_any(&["encrypted", "wrapped", "kdf", "salt"])
                || own.has_pair("private", "key")
                || own.has_pair("password", "hash")
                || own.last() == "password"
                || own.len() > 1 && own.last() == "key" && name::is_secret(own)
        };
        is_key(column) && !self.has_value() && self.any_holding(|own| is_lock(own) && own != column)
            || column.len() == 1
                && column.last_is(&["data", "payload", "content", "blob"])
                && self.any(is_key)
                && self.any(is_lock)
    }

    /// Mail on its way: a subject, whom it goes to, how far it is.
    pub fn is_of_mail(&self) -> bool {
        const TO: &[&str] = &["to", "recipient", "receiver"];
        const SENT: &[&str] =
            &["status", "state", "sent", "attempt", "retry", "template", "delivered", "failed", "failure"];
        let is_to = |own: &Words| own.has_any(TO) && own.len() <= 2;
        (self.has("subject") || self.has("email to")) && self.any(is_to) && self.any(|own| own.has_any(SENT))
    }

    /// A key that lets in: it can be revoked, runs out, belongs to an address.
    pub fn is_access_key(&self, column: &Words) -> bool {
        const LIFE: &[&str] = &["revoked", "expires", "expire", "expiry", "expiration", "email"];
        const NAMED: &[&str] =
            &["value", "name", "label", "title", "type", "hash", "count", "points", "fingerprint"];
        column.is("key")
            && self.any(|own| own.has_any(LIFE) || own.has_pair("last", "used"))
            && !self.any(|own| own.len() == 1 && own.last_is(NAMED))
    }

    /// A value stands beside it, whose name it is.
    pub fn has_value(&self) -> bool {
        self.any(|own| own.last() == "value" && own.len() <= 2)
    }

    /// `v` beside `k`, the shortest names of a value and its name.
    pub fn is_short_value(&self, column: &Words) -> bool {
        column.is("v") && self.has("k")
    }

    /// The key of an application that has a secret beside it, or the stored state of a login beside its token against
    /// forgery.
    pub fn stands_by_secret(&self, column: &Words) -> bool {
        const STATE: &[&str] = &["data", "payload", "content", "value"];
        // A token that is kept here is sent as a reference to it.
        column.joined() == "reference id" && self.has("payload")
            || column.is("key")
                && self.has("secret")
                && self.any(|own| own.joined() == "client id" || own.joined() == "provider")
            || column.len() == 1 && column.last_is(STATE) && self.any(|own| own.has_any(&["csrf", "xsrf"]))
    }

    /// A code that can be used until it expires.
    pub fn is_one_time_code(&self, column: &Words) -> bool {
        #[rustfmt::skip]
        const ONCE: &[&str] = &["expires", "expire", "expiry", "expiration", "expired", "consumed", "used", "verified", "redeemed", "attempt", "expires at", "invited", "confirmed", "issued"];
        const OTHERS: &[&str] = &[
            "discount",
            "percent",
            "percentage",
            "currency",
            "price",
            "amount",
            "rate",
            "coupon",
            "promotion",
            "country",
            "country code",
            "product",
        ];
        column.is("code") && self.any(|own| own.has_any(ONCE)) && !self.any(|own| own.has_any(OTHERS))
    }
}
