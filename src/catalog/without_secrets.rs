//! Documents as exports show them, for filters: what is redacted in the file must not be found out by asking for it.

use super::declared::Declared;
use super::definition::extension_schema;
use crate::error::Result;
use crate::pg::identity;
use crate::redact::scrub::{Care, Scrubber};
use crate::secret::Names;
use crate::value::quote_ident;
use std::cell::RefCell;

thread_local! {
    /// By the names of secrets that the newest plan of this process was built with.
    static SCRUBBER: RefCell<Option<Scrubber>> = const { RefCell::new(None) };
}

/// The names of secrets from now on.
pub fn keep(names: &Names) {
    SCRUBBER.set(Some(Scrubber::new(names.clone())));
}

/// A JSON document without secrets; None: it has none.
pub fn document(json: &str) -> Result<Option<String>> {
    let mut scrubber = match SCRUBBER.take() {
        Some(scrubber) => scrubber,
        None => {
            let declared = identity::as_owner(Declared::load)?;
            Scrubber::new(Names::with(&declared.names))
        }
    };
    let shown = scrubber.json(json, Care::default());
    SCRUBBER.set(Some(scrubber));
    shown
}

/// The SQL function that does this, with its schema.
pub fn function() -> Result<String> {
    let schema = extension_schema()?;
    Ok(format!("{}.acct_export_without_secrets", quote_ident(&schema)))
}
