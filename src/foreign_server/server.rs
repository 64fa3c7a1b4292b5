//! Servers and user mappings, from the catalogue.

use super::options::Wrapper;
use crate::error::Result;
use crate::pg::{identity, sql};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

pub type Options = BTreeMap<String, String>;

/// A foreign server of one of the extension's wrappers.
#[derive(Debug, Clone)]
pub struct Server {
    pub oid: u32,
    pub name: String,
    pub wrapper: Wrapper,
    /// Options of the server, of which none is a secret.
    pub options: Options,
    /// True if a superuser owns it, who may lend it what the server's own environment holds.
    pub is_superusers: bool,
}

/// Options of a user mapping. They are shown nowhere.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The user mapping's oid.
    pub mapping: u32,
    options: Options,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(...)")
    }
}

impl Secrets {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
}

#[cfg(test)]
impl<'a> FromIterator<(&'a str, &'a str)> for Secrets {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        let options = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Secrets { mapping: 0, options }
    }
}

impl Server {
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// Its bucket or container.
    pub fn bucket(&self) -> &str {
        self.option("bucket").or(self.option("container")).unwrap_or_default()
    }

    /// The URI of an object on it, for people.
    pub fn uri(&self, key: &str) -> String {
        let scheme = match self.wrapper {
            Wrapper::Gcs => "gs",
            Wrapper::Azure => "az",
            _ => "s3",
        };
        format!("{scheme}://{}/{key}", self.bucket())
    }

    /// Has requests take, and be tried again for, so many seconds at most.
    pub fn hurry(&mut self, seconds: u32) {
        for (name, usual) in [("connect_timeout", 10), ("request_timeout", 300), ("retry_timeout", 180)] {
            let limit = self.number(name, usual).min(seconds);
            self.options.insert(name.to_owned(), limit.to_string());
        }
    }

    /// A number that the validator has checked.
    pub fn number(&self, name: &str, default: u32) -> u32 {
        self.option(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        super::values::parse_boolean(self.option(name)?)
    }

    /// True if a role has USAGE on it now.
    pub fn may_be_used_by(&self, role: u32) -> Result<bool> {
        let usage = "SELECT to_jsonb(has_server_privilege($1::oid, $2::oid, 'USAGE'))";
        let has: Option<bool> = identity::as_owner(|| {
            sql::document(usage, &[i64::from(role).into(), i64::from(self.oid).into()])
        })?;
        // NULL: the role or the server is gone.
        Ok(has.unwrap_or(false))
    }
}

#[derive(Deserialize)]
struct Row {
    oid: u32,
    name: String,
    wrapper: String,
    owner: u32,
    options: Options,
}

impl Row {
    /// None: a server of somebody else's wrapper.
    fn into_server(self) -> Option<Server> {
        Some(Server {
            oid: self.oid,
            wrapper: Wrapper::from_name(&self.wrapper)?,
            name: self.name,
            options: self.options,
            is_superusers: identity::is_superuser(self.owner),
        })
    }
}

const SERVER: &str = "
SELECT jsonb_build_object('oid', s.oid::bigint, 'name', s.srvname, 'wrapper', w.fdwname, 'owner', s.srvowner::bigint,
           'options', (SELECT coalesce(jsonb_object_agg(option_name, coalesce(option_value, '')), '{}') FROM pg_options_to_table(s.srvoptions)))
  FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw";

/// A server by its name; None: there is none of this name, or it is of another wrapper than the extension's.
pub fn named(name: &str) -> Result<Option<Server>> {
    let found: Option<Row> =
        identity::as_owner(|| sql::document(&format!("{SERVER} WHERE s.srvname = $1"), &[name.into()]))?;
    Ok(found.and_then(Row::into_server))
}

/// A server by its oid; None: it was dropped.
pub fn by_oid(oid: u32) -> Result<Option<Server>> {
    let found: Option<Row> = identity::as_owner(|| {
        sql::document(&format!("{SERVER} WHERE s.oid = $1::oid"), &[i64::from(oid).into()])
    })?;
    Ok(found.and_then(Row::into_server))
}

/// Servers of a wrapper on which a role has USAGE, by name.
pub fn usable(wrapper: Wrapper, role: u32) -> Result<Vec<Server>> {
    let query = format!(
        "{SERVER} WHERE w.fdwname = $1 AND has_server_privilege($2::oid, s.oid, 'USAGE') ORDER BY s.srvname"
    );
    let found: Vec<Row> =
        identity::as_owner(|| sql::documents(&query, &[wrapper.name().into(), i64::from(role).into()]))?;
    Ok(found.into_iter().filter_map(Row::into_server).collect())
}

const MAPPING: &str = "
SELECT jsonb_build_array(m.oid::bigint,
           (SELECT coalesce(jsonb_object_agg(option_name, coalesce(option_value, '')), '{}') FROM pg_options_to_table(m.umoptions)))
  FROM pg_user_mapping m WHERE m.umserver = $1::oid AND m.umuser IN ($2::oid, 0)
 ORDER BY (m.umuser = 0) = $3 DESC LIMIT 1";

/// The role's user mapping, or else PUBLIC's; None: there is no mapping.
pub fn credentials(server: &Server, role: u32) -> Result<Option<Secrets>> {
    either(server, role, false)
}

/// The same the other way round, for what is told of a role: whoever may use a server may make a mapping for themselves.
#[cfg(feature = "webhook")]
pub fn credentials_of_all(server: &Server, role: u32) -> Result<Option<Secrets>> {
    either(server, role, true)
}

fn either(server: &Server, role: u32, public_first: bool) -> Result<Option<Secrets>> {
    let args = [i64::from(server.oid).into(), i64::from(role).into(), public_first.into()];
    let found: Option<(u32, Options)> = identity::as_owner(|| sql::document(MAPPING, &args))?;
    Ok(found.map(|(mapping, options)| Secrets { mapping, options }))
}

const KNOWN: &str = "
SELECT (SELECT coalesce(jsonb_object_agg(option_name, coalesce(option_value, '')), '{}') FROM pg_options_to_table(m.umoptions))
  FROM pg_user_mapping m WHERE m.oid = $1::oid AND m.umserver = $2::oid";

/// The content of one user mapping of a server; None: it was dropped.
pub fn credentials_of(server: &Server, mapping: u32) -> Result<Option<Secrets>> {
    let args = [i64::from(mapping).into(), i64::from(server.oid).into()];
    let found: Option<Options> = identity::as_owner(|| sql::document(KNOWN, &args))?;
    Ok(found.map(|options| Secrets { mapping, options }))
}
