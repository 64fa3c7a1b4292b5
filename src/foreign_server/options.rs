//! The options of each wrapper's servers and user mappings, and what is wrong with them (the wrappers' validators).

use super::values::{self, Check};
use crate::error::{Error, Kind, Result};

/// A foreign-data wrapper of the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapper {
    /// Object stores that speak S3.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// Mail servers.
    Smtp,
    /// Receivers of events by HTTP.
    Webhook,
}

/// The object that the options belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Wrapper,
    Server,
    Mapping,
    Table,
}

struct Known {
    name: &'static str,
    check: Check,
}

const fn known(name: &'static str, check: Check) -> Known {
    Known { name, check }
}

const S3_SERVER: &[Known] = &[
    known("bucket", values::bucket),
    known("region", values::word),
    known("endpoint", values::address),
    known("public_endpoint", values::address),
    known("prefix", values::prefix),
    known("path_style", values::boolean),
    known("storage_class", values::word),
    known("sse", values::encryption),
    known("sse_kms_key_id", values::word),
    known("sslrootcert", values::file),
    known("connect_timeout", values::seconds),
    known("request_timeout", values::seconds),
    known("retry_timeout", values::seconds),
];
const S3_MAPPING: &[Known] = &[
    known("access_key_id", values::word),
    known("secret_access_key", values::word),
    known("session_token", values::word),
];
const GCS_SERVER: &[Known] = &[
    known("bucket", values::bucket_of_google),
    known("endpoint", values::address),
    known("prefix", values::prefix),
    known("storage_class", values::word),
    known("sslrootcert", values::file),
    known("connect_timeout", values::seconds),
    known("request_timeout", values::seconds),
    known("retry_timeout", values::seconds),
];
const GCS_MAPPING: &[Known] = &[known("service_account_key", values::service_account)];
const AZURE_SERVER: &[Known] = &[
    known("account", values::account),
    known("container", values::container),
    known("endpoint", values::address),
    known("prefix", values::prefix),
    known("storage_class", values::word),
    known("sslrootcert", values::file),
    known("connect_timeout", values::seconds),
    known("request_timeout", values::seconds),
    known("retry_timeout", values::seconds),
];
const AZURE_MAPPING: &[Known] = &[
    known("account_key", values::word),
    known("client_id", values::word),
    known("client_secret", values::word),
    known("tenant_id", values::word),
];
const SMTP_SERVER: &[Known] = &[
    known("host", values::host),
    known("port", values::port),
    known("tls", values::tls),
    known("from", values::address_of_mail),
    known("reply_to", values::address_of_mail),
    known("allowed_domains", values::domains),
    known("link", values::link),
    known("url_valid_for", values::link_seconds),
    known("sslrootcert", values::file),
    known("connect_timeout", values::seconds),
    known("retry_interval", values::seconds),
    known("retry_timeout", values::seconds),
];
const SMTP_MAPPING: &[Known] = &[known("user", values::line), known("password", values::line)];
const WEBHOOK_SERVER: &[Known] = &[
    known("url", values::address),
    known("events", values::events),
    known("sslrootcert", values::file),
    known("connect_timeout", values::seconds),
    known("request_timeout", values::seconds),
    known("retry_interval", values::seconds),
    known("retry_timeout", values::seconds),
];
const WEBHOOK_MAPPING: &[Known] = &[known("secret", values::signing_secret)];

impl Wrapper {
    pub const ALL: [Wrapper; 5] =
        [Wrapper::S3, Wrapper::Gcs, Wrapper::Azure, Wrapper::Smtp, Wrapper::Webhook];
    /// Those that take files.
    pub const STORES: [Wrapper; 3] = [Wrapper::S3, Wrapper::Gcs, Wrapper::Azure];

    /// Its name in the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Wrapper::S3 => "acct_export_s3",
            Wrapper::Gcs => "acct_export_gcs",
            Wrapper::Azure => "acct_export_azure",
            Wrapper::Smtp => "acct_export_smtp",
            Wrapper::Webhook => "acct_export_webhook",
        }
    }

    pub fn from_name(name: &str) -> Option<Wrapper> {
        Wrapper::ALL.into_iter().find(|wrapper| wrapper.name() == name)
    }

    fn options(self, place: Place) -> &'static [Known] {
        match (self, place) {
            (Wrapper::S3, Place::Server) => S3_SERVER,
            (Wrapper::S3, Place::Mapping) => S3_MAPPING,
            (Wrapper::Gcs, Place::Server) => GCS_SERVER,
            (Wrapper::Gcs, Place::Mapping) => GCS_MAPPING,
            (Wrapper::Azure, Place::Server) => AZURE_SERVER,
            (Wrapper::Azure, Place::Mapping) => AZURE_MAPPING,
            (Wrapper::Smtp, Place::Server) => SMTP_SERVER,
            (Wrapper::Smtp, Place::Mapping) => SMTP_MAPPING,
            (Wrapper::Webhook, Place::Server) => WEBHOOK_SERVER,
            (Wrapper::Webhook, Place::Mapping) => WEBHOOK_MAPPING,
            (_, Place::Wrapper | Place::Table) => &[],
        }
    }

    /// Options without which the thing is of no use.
    fn required(self, place: Place) -> &'static [&'static str] {
        match (self, place) {
            (Wrapper::S3, Place::Server) => &["bucket"],
            (Wrapper::S3, Place::Mapping) => &["access_key_id", "secret_access_key"],
            (Wrapper::Gcs, Place::Server) => &["bucket"],
            (Wrapper::Gcs, Place::Mapping) => &["service_account_key"],
            (Wrapper::Azure, Place::Server) => &["account", "container"],
            (Wrapper::Azure, Place::Mapping) => &[],
            (Wrapper::Smtp, Place::Server) => &["host", "from"],
            (Wrapper::Smtp, Place::Mapping) => &["user", "password"],
            (Wrapper::Webhook, Place::Server) => &["url"],
            (Wrapper::Webhook, Place::Mapping) => &["secret"],
            (_, Place::Wrapper | Place::Table) => &[],
        }
    }
}

/// Checks all options of a server or user mapping as they will be. No text quotes a value: it may be a secret in the wrong place.
///
/// Errors: HV00D for an option that is none, HV00J for one that is missing, 22023 for a value that makes no sense, 42809 for a
/// foreign table.
pub fn validate(wrapper: Wrapper, place: Place, given: &[(&str, &str)]) -> Result<()> {
    if place == Place::Table {
        return Err(Error::new(
            Kind::WrongObjectType,
            format!("foreign-data wrapper \"{}\" has no foreign tables", wrapper.name()),
        )
        .hint("Name its servers in acct_export_start."));
    }
    let known = wrapper.options(place);
    for (name, value) in given {
        let Some(option) = known.iter().find(|known| known.name == *name) else {
            return Err(unknown(wrapper, place, name));
        };
        (option.check)(value)
            .map_err(|rule| Error::invalid(format!("invalid value for option \"{name}\"")).hint(rule))?;
    }
    let missing = wrapper.required(place).iter().find(|wanted| given.iter().all(|(name, _)| name != *wanted));
    if let Some(missing) = missing {
        return Err(Error::new(Kind::FdwOptionNotFound, format!("option \"{missing}\" is missing"))
            .hint(format!("Required options: {}.", wrapper.required(place).join(", "))));
    }
    values::together(given, wrapper == Wrapper::Azure && place == Place::Mapping)
}

fn unknown(wrapper: Wrapper, place: Place, name: &str) -> Error {
    let error = Error::new(Kind::FdwInvalidOptionName, format!("invalid option \"{name}\""));
    let names = |place| wrapper.options(place).iter().map(|known| known.name).collect::<Vec<_>>();
    let elsewhere = |place| names(place).contains(&name);
    match place {
        Place::Server if elsewhere(Place::Mapping) => {
            error.hint("The option is a credential. Set it in a user mapping: CREATE USER MAPPING FOR PUBLIC SERVER ... OPTIONS (...).")
        }
        Place::Mapping if elsewhere(Place::Server) => error.hint("The option belongs to the server. Set it with ALTER SERVER ... OPTIONS (...)."),
        _ if names(place).is_empty() => error.hint("There are no valid options in this context."),
        _ => error.hint(format!("Valid options in this context are: {}.", names(place).join(", "))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn refused(wrapper: Wrapper, place: Place, given: &[(&str, &str)]) -> Error {
        validate(wrapper, place, given).unwrap_err()
    }

    #[test]
    fn what_is_right_passes() {
        let server = [
            ("bucket", "exports"),
            ("region", "eu-west-1"),
            ("endpoint", "https://s3.example.com"),
            ("prefix", "acct/"),
        ];
        validate(Wrapper::S3, Place::Server, &server).unwrap();
        validate(Wrapper::S3, Place::Mapping, &[("access_key_id", "AK"), ("secret_access_key", "SK")])
            .unwrap();
        validate(
            Wrapper::Smtp,
            Place::Server,
            &[("host", "mail.example.com"), ("from", "Exports <no-reply@example.com>")],
        )
        .unwrap();
        validate(
            Wrapper::Webhook,
            Place::Server,
            &[("url", "https://example.com/hook"), ("events", "completed, failed")],
        )
        .unwrap();
        for wrapper in Wrapper::ALL {
            validate(wrapper, Place::Wrapper, &[]).unwrap();
            assert_eq!(Wrapper::from_name(wrapper.name()), Some(wrapper));
        }
    }

    #[test]
    fn unknown_options_are_told_by_name_and_place() {
        let error = refused(Wrapper::S3, Place::Server, &[("bukket", "x")]);
        assert_eq!((error.sqlstate(), error.message.as_str()), ("HV00D", "invalid option \"bukket\""));
        assert!(error.hint.unwrap().contains("bucket, region, endpoint"));
        let error =
            refused(Wrapper::S3, Place::Server, &[("bucket", "exports"), ("secret_access_key", "hush")]);
        assert!(error.hint.unwrap().contains("USER MAPPING"));
        assert!(refused(Wrapper::S3, Place::Mapping, &[("bucket", "x")])
            .hint
            .unwrap()
            .contains("ALTER SERVER"));
        assert!(refused(Wrapper::Smtp, Place::Wrapper, &[("host", "x")])
            .hint
            .unwrap()
            .contains("no valid options"));
        assert_eq!(refused(Wrapper::S3, Place::Table, &[]).sqlstate(), "42809");
    }

    #[test]
    fn what_is_missing_is_told() {
        assert_eq!(refused(Wrapper::S3, Place::Server, &[("region", "x")]).sqlstate(), "HV00J");
        assert_eq!(
            refused(Wrapper::S3, Place::Mapping, &[("access_key_id", "x")]).message,
            "option \"secret_access_key\" is missing"
        );
    }

    #[test]
    fn no_error_quotes_a_value() {
        let values = ["s3cr3t value\n", "https://key:s3cr3t@host", "S3CR3T", "-s3cr3t"];
        for wrapper in Wrapper::ALL {
            for place in [Place::Server, Place::Mapping] {
                for (option, value) in wrapper.options(place).iter().flat_map(|o| values.map(|v| (o, v))) {
                    if let Err(error) = validate(wrapper, place, &[(option.name, value)]) {
                        let told = format!("{error:?}").to_lowercase();
                        assert!(!told.contains("s3cr3t"), "{told}");
                    }
                }
            }
        }
    }
}
