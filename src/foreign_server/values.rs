//! Checks of the values of options. Each check gives the rule that a value breaks, as a sentence, and never the value.

use crate::error::{Error, Result};

pub type Check = fn(&str) -> std::result::Result<(), &'static str>;
type Checked = std::result::Result<(), &'static str>;

fn rule(holds: bool, rule: &'static str) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(rule)
    }
}

fn is_line(value: &str) -> bool {
    !value.is_empty() && value.len() <= 4096 && !value.chars().any(char::is_control)
}

/// One line of any characters.
pub fn line(value: &str) -> Checked {
    rule(is_line(value), "Give one line of text.")
}

/// Printable ASCII without spaces.
pub fn word(value: &str) -> Checked {
    rule(
        is_line(value) && value.bytes().all(|byte| byte.is_ascii_graphic()),
        "Give letters, digits and signs without spaces.",
    )
}

/// The rules of S3 for names of general purpose buckets.
pub fn bucket(value: &str) -> Checked {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = value.as_bytes();
    rule(
        (3..=63).contains(&bytes.len())
            && edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|byte| edge(Some(byte)) || matches!(byte, b'-' | b'.'))
            && !value.contains("..")
            && value.parse::<std::net::Ipv4Addr>().is_err(),
        "A bucket has 3 to 63 lower-case letters, digits, dots and hyphens, and begins and ends with a letter or digit.",
    )
}

/// The rules of Google Cloud Storage: as those of S3, with underscores, and longer with dots.
pub fn bucket_of_google(value: &str) -> Checked {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = value.as_bytes();
    rule(
        (3..=222).contains(&bytes.len())
            && edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|byte| edge(Some(byte)) || matches!(byte, b'-' | b'_' | b'.'))
            && value.split('.').all(|part| (1..=63).contains(&part.len()))
            && value.parse::<std::net::Ipv4Addr>().is_err(),
        "A bucket has 3 to 63 lower-case letters, digits, dots, hyphens and underscores, and begins and ends with a letter or digit.",
    )
}

/// A storage account of Azure.
pub fn account(value: &str) -> Checked {
    rule(
        (3..=24).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
        "An account has 3 to 24 lower-case letters and digits.",
    )
}

/// A container of Azure.
pub fn container(value: &str) -> Checked {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    rule(
        (3..=63).contains(&value.len()) && value.split('-').all(part),
        "A container has 3 to 63 lower-case letters and digits, with single hyphens between them.",
    )
}

/// The key file of a service account, as it was downloaded. What the library would take from it beside, to connect to somewhere else
/// or without a login, is refused: a mapping says who, never where.
pub fn service_account(value: &str) -> Checked {
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(value);
    let led_astray = ["gcs_base_url", "disable_oauth"];
    rule(
        object.is_ok_and(|key| led_astray.iter().all(|name| !key.contains_key(*name))),
        "Give the JSON object of the key file, as it was downloaded.",
    )
}

/// `http://` or `https://`, a host, perhaps a port and a path. Credentials have no place in it: they would be seen.
pub fn address(value: &str) -> Checked {
    let Some(rest) = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://")) else {
        return Err("Give a URL that begins with https:// (or http://, which is not encrypted).");
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err("Credentials belong in a user mapping.");
    }
    let path = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\'));
    rule(is_authority(authority) && path, "Give https://host, with a port and a path where they are needed.")
}

fn is_authority(value: &str) -> bool {
    let (name, port) = match value.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("v6", port)
        }
        None => value.find(':').map_or((value, ""), |at| value.split_at(at)),
    };
    let port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    port && is_host(name)
}

fn is_host(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 253
        && !value.starts_with(['-', '.'])
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// A host's name or address.
pub fn host(value: &str) -> Checked {
    rule(
        is_host(value) || value.parse::<std::net::IpAddr>().is_ok(),
        "Give a host's name or address, without a scheme or port.",
    )
}

pub fn port(value: &str) -> Checked {
    rule(value.parse::<u16>().is_ok_and(|port| port > 0), "Give a number from 1 to 65535.")
}

/// The beginning of keys: no part of it is empty, `.` or `..`.
pub fn prefix(value: &str) -> Checked {
    let parts = value.strip_suffix('/').unwrap_or(value);
    let whole = parts.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/!-_.=".contains(&byte));
    rule(
        whole && plain && value.len() <= 512,
        "Give parts of letters, digits and !-_.= with one slash between them, none at the beginning.",
    )
}

pub fn boolean(value: &str) -> Checked {
    rule(parse_boolean(value).is_some(), "Give true or false.")
}

/// As the server reads booleans, in their usual forms.
pub fn parse_boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// A whole number of seconds.
pub fn seconds(value: &str) -> Checked {
    rule(
        value.parse::<u32>().is_ok_and(|seconds| (1..=604_800).contains(&seconds)),
        "Give seconds, from 1 to 604800.",
    )
}

pub fn link_seconds(value: &str) -> Checked {
    rule(
        value.parse::<u32>().is_ok_and(|seconds| seconds <= 604_800),
        "Give seconds, from 0 (no link) to 604800 (7 days).",
    )
}

pub fn encryption(value: &str) -> Checked {
    rule(matches!(value, "AES256" | "aws:kms" | "aws:kms:dsse"), "Give AES256, aws:kms or aws:kms:dsse.")
}

pub fn tls(value: &str) -> Checked {
    rule(matches!(value, "starttls" | "tls" | "none"), "Give starttls, tls or none (which does not encrypt).")
}

/// An absolute path on the database server.
pub fn file(value: &str) -> Checked {
    rule(
        is_line(value) && value.starts_with('/'),
        "Give the absolute path of a PEM file on the database server.",
    )
}

/// Comma-separated.
pub fn events(value: &str) -> Checked {
    let known = |event: &str| {
        matches!(event.trim(), "completed" | "completed_with_errors" | "failed" | "cancelled" | "expired")
    };
    rule(
        value.split(',').all(known),
        "Give events of completed, completed_with_errors, failed, cancelled, expired, with commas between.",
    )
}

/// Comma-separated.
pub fn domains(value: &str) -> Checked {
    rule(
        value.split(',').all(|domain| is_host(domain.trim()) && domain.contains('.')),
        "Give domains with commas between.",
    )
}

/// At least 16 characters: a key that can be guessed signs nothing.
pub fn signing_secret(value: &str) -> Checked {
    rule(is_line(value) && value.len() >= 16, "Give 16 characters or more.")
}

/// A page of the application, with the job's id in it.
pub fn link(value: &str) -> Checked {
    address(value)?;
    rule(value.contains("{job}"), "Give a URL that contains {job}, which is replaced by the id of the job.")
}

/// `user@example.com`, or with a name before it: `Exports <user@example.com>`.
pub fn address_of_mail(value: &str) -> Checked {
    let bare = match value.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, bare)) if is_line(name) && !name.contains(['<', '>', '"', ',', ':', ';', '@']) => bare,
        Some(_) => "",
        None => value,
    };
    mailbox(bare)
}

/// One bare address: what may receive or send mail. Lists, names, comments and quoted local parts are none.
pub fn mailbox(value: &str) -> Checked {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let holds = value.rsplit_once('@').is_some_and(|(local, domain)| {
        (1..=64).contains(&local.len())
            && local.bytes().all(sign)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && is_host(domain)
            && !domain.ends_with(['.', '-'])
            && !domain.contains("..")
    });
    rule(holds && value.len() <= 254, "Give one address like user@example.com.")
}

/// Checks between options.
pub fn together(given: &[(&str, &str)], are_azures_credentials: bool) -> Result<()> {
    let value = |wanted| given.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    if value("sse_kms_key_id").is_some() && !value("sse").is_some_and(|sse| sse.starts_with("aws:kms")) {
        return Err(Error::invalid(
            "option \"sse_kms_key_id\" needs option \"sse\" to be aws:kms or aws:kms:dsse",
        ));
    }
    let of_application = ["client_id", "client_secret", "tenant_id"].map(|name| value(name).is_some());
    if are_azures_credentials && of_application != [value("account_key").is_none(); 3] {
        return Err(Error::invalid("credentials are not complete")
            .hint("Give either account_key, or client_id, client_secret and tenant_id."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets() {
        for good in ["exports", "a-b.c1", "123"] {
            assert!(bucket(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "Exports", "a_b", "-ab", "ab-", "a..b", "192.168.0.1", "a/b", &"x".repeat(64)] {
            assert!(bucket(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        for good in
            ["https://s3.example.com", "http://127.0.0.1:9000", "https://[::1]:9000/s3", "https://h/a?b=c"]
        {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "s3.example.com",
            "ftp://h",
            "https://",
            "https://a:b@h",
            "https://h:0",
            "https://h:x",
            "https://h h",
            "https://h/\n",
            "HTTPS://h",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mailboxes() {
        for good in ["a@example.com", "first.last+tag@sub.example.co", "x@localhost"] {
            assert!(mailbox(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c d",
            "a b@c",
            "a@b\r\nBcc: c@d",
            "<a@b>",
            "a@b,c@d",
            ".a@b",
            "a..b@c",
            "\"a\"@b",
            "a@-b",
            "a@b.",
        ] {
            assert!(mailbox(bad).is_err(), "{bad}");
        }
        assert!(address_of_mail("Account Exports <no-reply@example.com>").is_ok());
        assert!(address_of_mail("A\r\nBcc: x <a@b>").is_err());
        assert!(address_of_mail("A <a@b").is_err());
    }

    #[test]
    fn keys_of_service_accounts() {
        assert!(service_account("{\"client_email\": \"x\", \"private_key\": \"y\"}").is_ok());
        for bad in ["", "x", "[]", "{\"gcs_base_url\": \"http://127.0.0.1\"}", "{\"disable_oauth\": true}"] {
            assert!(service_account(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes() {
        for good in ["acct", "acct/", "a/b-c/"] {
            assert!(prefix(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "/a", "a//b", "a/../b", "./a", "a b", "ä"] {
            assert!(prefix(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_with_a_line_break_passes(before in "[ -~]{0,20}", after in "[ -~]{0,20}", end in "[\r\n\0]") {
            let value = format!("{before}{end}{after}");
            let checks: [Check; 15] = [line, word, bucket, address, host, port, prefix, boolean, seconds, file, signing_secret, link,
                address_of_mail, mailbox, tls];
            for check in checks {
                prop_assert!(check(&value).is_err());
            }
        }
    }
}
