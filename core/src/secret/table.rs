//! Columns whose own name says too little, in tables whose name says the rest: `authtoken_token.key`, `totp_device.key`,
//! `sessions.data`, `email_confirmation.code`.

use super::table_kind::{is_of_connections, is_of_credentials};
use super::table_words::{BESIDE, HOLDERS, PLAIN};
use super::words::Words;

/// The rows of a table, as far as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows are credentials: tokens, keys, codes, secrets, sessions.
    Credentials,
    /// Rows are settings of systems that are connected with a credential: integrations, mail servers, identity providers.
    Connections,
    Plain,
}

/// A table's name, read.
pub(super) struct Table {
    pub(super) name: Words,
    pub kind: Kind,
}

impl Table {
    /// Reads the name of a table that has these columns.
    pub fn of(name: &str, columns: &[Words]) -> Table {
        let name = Words::of(name);
        // `grants` alone are what a user may use; those of clients are codes and tokens.
        let is_grant = name.last() == "grant" && columns.iter().any(|column| column.joined() == "client id");
        let kind = if is_grant || is_of_credentials(&name) {
            Kind::Credentials
        } else if is_of_connections(&name) {
            Kind::Connections
        } else {
            Kind::Plain
        };
        Table { name, kind }
    }

    /// True if this column of a table of credentials holds one.
    pub fn holds(&self, column: &Words) -> bool {
        if self.kind != Kind::Credentials {
            return false;
        }
        // The secret of a second factor, under any name.
        let is_factor = ["two", "second"].iter().any(|word| self.name.has_pair(word, "factor"))
            || self.name.has_any(&["mfa", "tfa", "twofactor", "authenticator", "otp", "totp"]);
        if is_factor
            && column.len() == 1
            && column.last_is(&[
                "option",
                "setting",
                "param",
                "preference",
                "configuration",
                "detail",
                "info",
            ])
        {
            return true;
        }
        match column.len() {
            1 => HOLDERS.contains(&column.last()),
            2 => column.last_is(HOLDERS) && !PLAIN.contains(&column.first()),
            // `return_to_code`, `hibp_prefix_sha1` of a history of passwords.
            _ => {
                column.last_is(&["code", "signature", "response"])
                    || self.name.has("password") && column.last_is(&["sha", "md", "hash", "prefix"])
            }
        }
    }

    /// True if a text of a table of credentials may be one, since its name does not say that it is something else.
    pub fn may_hold(&self, column: &Words) -> bool {
        const GLUED: &[&str] =
            &["id", "url", "uri", "address", "name", "email", "restriction", "date", "time", "ip", "type"];
        let is_other = column.last_is(BESIDE)
            || GLUED.iter().any(|end| column.last().ends_with(end))
            || column.has_any(&[
                "integration",
                "attribute",
                "public",
                "publickey",
                "pubkey",
                "redirect",
                "challenge",
                "algorithm",
                "url",
            ])
            || column.last() == "sid" && column.has("account")
            || column.len() > 1 && PLAIN.contains(&column.first()) && column.last_is(HOLDERS);
        self.kind == Kind::Credentials && !is_other
    }

    /// A name of what is kept: `key` beside `value` of a table of secrets.
    pub fn is_label(&self, column: &Words) -> bool {
        column.is("key")
            && self.name.has_any(&["secret", "vault", "variable", "env", "environment", "parameter"])
    }

    /// The id of a row among secrets, which names it: `secret_id`.
    pub fn is_own_id(&self, column: &Words) -> bool {
        column.joined() == "secret id" && self.name.has("secret")
    }

    /// Rows are pieces of content, whose hash is made of it.
    pub fn is_of_content(&self) -> bool {
        self.name.last_is(&[
            "page",
            "file",
            "document",
            "image",
            "commit",
            "block",
            "blob",
            "asset",
            "attachment",
            "media",
            "upload",
            "feed",
            "entry",
            "cache",
            "object",
            "revision",
            "migration",
            "message",
            "post",
            "article",
            "transaction",
            "lock",
            "limit",
        ])
    }

    /// True if its rows are sessions: their id is what a browser sends.
    pub fn is_of_sessions(&self) -> bool {
        self.name.last() == "session"
            && !self.name.has_any(&["saml", "recording", "chat", "trace", "training", "game", "class"])
    }

    /// True if a text id of its rows is the credential itself, where no other column is: sessions, tokens, codes.
    pub fn id_is_credential(&self) -> bool {
        const GONE: &[&str] = &[
            "revoked",
            "blacklist",
            "blacklisted",
            "blocklist",
            "invalid",
            "invalidated",
            "denylist",
            "expired",
            "deleted",
            "personal",
            "seen",
            "saml",
        ];
        self.kind == Kind::Credentials
            && !self.name.has_any(GONE)
            && (self.name.last_is(&[
                "token",
                "session",
                "code",
                "grant",
                "ticket",
                "nonce",
                "jti",
                "exchange",
                "link",
                "invite",
                "invitation",
            ]) || self.name.has_pair("incoming", "webhook")
                || self.name.has_any(&["oidc", "openid"])
                    && self.name.last_is(&["instance", "model", "payload", "store", "adapter", "object"])
                || self.name.has("reset") && self.name.last_is(&["request", "password", "reset"]))
    }

    /// True if a text column of this name holds the settings of a connection.
    pub fn holds_settings(&self, column: &Words) -> bool {
        #[rustfmt::skip]
        const SETTINGS: &[&str] = &[
            "config", "configuration", "setting", "property", "header", "detail", "param", "parameter", "extra",
            "connection", "credential", "auth",
            "input", "option", "preference", "data",
        ];
        const FIRST: &[&str] = &[
            "http",
            "request",
            "custom",
            "auth",
            "provider",
            "connection",
            "connector",
            "job",
            "server",
            "smtp",
            "extra",
            "secure",
            "bot",
            "plugin",
            "write",
            "write data",
            "source",
            "core",
            "client",
            "service",
            "api",
            "integration",
        ];
        self.kind == Kind::Connections
            && match column.len() {
                1 => {
                    column.last_is(SETTINGS)
                        || column.last_is(&["data", "value", "payload"])
                            && self.name.last_is(&["config", "configuration", "setting"])
                }
                2 | 3 => {
                    column.last() == "header" || column.last_is(SETTINGS) && FIRST.contains(&column.first())
                }
                _ => false,
            }
    }

    /// The address that sets up a device of one-time passwords has its secret in it.
    pub fn is_setup_address(&self, column: &Words) -> bool {
        self.name.has_any(&["totp", "otp", "hotp"]) && column.last_is(&["url", "uri"])
    }

    /// True if a column holds the address of a webhook, which lets whoever knows it post.
    pub fn is_hook_address(&self, column: &Words) -> bool {
        self.name.last_is(&["webhook", "hook", "subscription"])
            && self.name.has_any(&["webhook", "hook"])
            && column.last_is(&["url", "uri", "callback", "endpoint"])
            && column.len() <= 2
            && !column.has_any(&["icon", "homepage", "avatar", "logo", "image", "docs", "website"])
    }

    /// Codes for money, not for a login.
    pub fn is_of_vouchers(&self) -> bool {
        self.name.has_any(&[
            "voucher",
            "promo",
            "promotion",
            "coupon",
            "discount",
            "gift",
            "referral",
            "vouchercode",
            "giftcard",
            "country",
            "currency",
            "language",
        ])
    }

    /// Rows are names and values of something that is no session and no secret by itself: `token_info`.
    pub fn is_of_properties(&self) -> bool {
        #[rustfmt::skip]
        const PROPERTIES: &[&str] = &[
            "property", "attribute", "config", "configuration", "info", "entry", "setting", "parameter", "param", "option", "metadata", "detail", "extra",
        ];
        self.name.last_is(PROPERTIES) && !self.name.has_any(&["session", "secret"])
    }

    /// Somebody logs in, signs up, or links a device by a row: its `code` is what they type in.
    pub fn is_of_logins(&self) -> bool {
        #[rustfmt::skip]
        const LOGINS: &[&str] = &[
            "login", "auth", "authentication", "signup", "signin", "sign", "registration", "reset", "activation", "pending", "temp", "verification", "verify",
            "otp", "mfa", "challenge", "pairing", "onboarding", "recovery",
        ];
        self.name.has_any(LOGINS)
    }

    /// A device that is sent messages to: whoever has its id can send them too.
    pub fn is_of_push_devices(&self) -> bool {
        self.name.has_any(&["push", "gcm", "fcm", "apns", "apn"])
    }

    /// Rows are webhooks, whose `key` signs what is sent.
    pub fn is_of_hooks(&self) -> bool {
        self.name.last_is(&["webhook", "hook"])
    }

    /// True if its rows are messages that are sent to people: they hold links and codes that log in.
    pub fn is_outgoing_mail(&self) -> bool {
        const MAIL: &[&str] = &["mail", "email", "sms", "courier", "mailer", "smtp"];
        const MESSAGES: &[&str] =
            &["message", "queue", "outbox", "outgoing", "delivery", "job", "sent", "spool", "dispatch"];
        self.name.has_any(MAIL) && self.name.has_any(MESSAGES)
            || self.name.has_any(&["courier", "outbox"]) && self.name.has_any(MESSAGES)
    }
}
