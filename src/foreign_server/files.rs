//! Servers that take files.

use super::{named, usable, Server, Wrapper};
use crate::error::{Error, Kind, Result};

/// The server of this name, if a role may export to it.
///
/// Errors: 22023 for one that is not there or takes no files, 42501 without USAGE, 0A000 where the extension was built without.
pub fn for_files(name: &str, role: u32) -> Result<Server> {
    let unknown = |what: String| {
        let mut known = Vec::new();
        for wrapper in Wrapper::STORES {
            known.extend(usable(wrapper, role)?.into_iter().map(|server| server.name));
        }
        let hint = match known.as_slice() {
            [] => "This role may use no destination. Create one with CREATE SERVER ... FOREIGN DATA WRAPPER acct_export_s3, and GRANT USAGE ON FOREIGN SERVER.".to_owned(),
            known => format!("Known destinations: {}. Without one, files are stored in the job table.", known.join(", ")),
        };
        Err(Error::invalid(what).hint(hint))
    };
    let Some(server) = named(name)? else {
        return unknown(format!("destination \"{name}\" does not exist"));
    };
    if !Wrapper::STORES.contains(&server.wrapper) {
        return unknown(format!("foreign server \"{name}\" is not a destination"));
    }
    if !server.may_be_used_by(role)? {
        return Err(no_usage(name));
    }
    if cfg!(not(feature = "s3")) {
        return Err(Error::new(
            Kind::FeatureNotSupported,
            "this build of pg_acctexport has no support for object stores",
        )
        .hint("Build it with feature s3, or leave destination out."));
    }
    Ok(server)
}

/// 42501, in the server's words.
pub fn no_usage(name: &str) -> Error {
    Error::denied(format!("permission denied for foreign server {name}"))
        .hint("The owner of the server can GRANT USAGE ON FOREIGN SERVER.")
}
