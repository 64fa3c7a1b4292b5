//! Documents as exports show them, for filters: what is redacted in the file must not be found out by asking for it.

use super::declared::Declared;
use crate::error::{Error, Kind, Result};
use crate::pg::{identity, sql};
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
    const SCHEMA: &str = "
SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_acctexport'::name";
    let schema = identity::as_owner(|| sql::text(SCHEMA, &[]))?
        .ok_or_else(|| Error::new(Kind::Internal, "the extension is in no schema"))?;
    Ok(format!("{}.acct_export_without_secrets", quote_ident(&schema)))
}
