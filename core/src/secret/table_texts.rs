//! Texts of tables whose names say what their rows hold: items of a vault, devices that get messages, keys of
//! accounts.

use super::settings;
use super::table::{Kind, Table};
use super::words::Words;

impl Table {
    /// True if a text of this name holds a credential in these rows, though not in those of other tables.
    pub fn holds_text(&self, column: &Words) -> bool {
        self.is_item_of_vault(column)
            || self.is_data_of_push(column)
            || self.is_target_with_key(column)
            || self.is_key_of_account(column)
            || self.kind == Kind::Credentials && column.joined() == "ticket id" && self.name.has("ticket")
    }

    /// Items that a person keeps in a vault have fields of their own, and notes.
    fn is_item_of_vault(&self, column: &Words) -> bool {
        self.name.has_any(&["cipher", "vault", "keychain", "keyring", "secret"])
            && (column.is("field") || column.is("note") || column.joined() == "custom field")
    }

    /// The keys of a subscription to messages are in one document with its address.
    fn is_data_of_push(&self, column: &Words) -> bool {
        matches!(column.joined().as_str(), "data" | "subscription" | "payload" | "config")
            && self.name.has_any(&["push", "webpush"])
            && self.name.last_is(&["subscription", "subscriber", "device", "endpoint", "registration"])
    }

    /// The address of a notification, with the secret that lets it in there.
    fn is_target_with_key(&self, column: &Words) -> bool {
        column.len() == 1
            && column.last_is(&["target", "destination", "receiver"])
            && self.name.has_any(&["notification", "notifier", "webhook", "hook", "alert"])
            && self.name.last_is(&["policy", "channel", "webhook", "hook", "notifier", "config", "receiver"])
    }

    /// The key file of an account of a service.
    fn is_key_of_account(&self, column: &Words) -> bool {
        self.kind == Kind::Connections
            && matches!(column.joined().as_str(), "key json" | "json key" | "key file")
    }

    /// Its rows are shown or drawn, which is what their configuration is about.
    pub fn is_display(&self) -> bool {
        settings::is_display(&self.name)
    }

    /// True if its name says that the values of its rows are encrypted: their names say no more about them.
    pub fn is_of_encrypted_values(&self) -> bool {
        self.name.has_any(&["encrypted", "encryption", "sealed"])
    }
}
