//! The dataset's own function that has to say true to each request. It runs as whoever asks, so only those may bring it who could put
//! code into the source as well: its owner and superusers. This is asked when the dataset is registered and again at each call, since
//! the name can belong to another function by then.

use crate::error::Result;
use crate::pg::{identity, sql};

/// A function that may authorize requests.
pub struct Function {
    /// Quoted, with its schema; there is one of this name that takes one jsonb.
    pub name: String,
    pub owner: u32,
}

/// The stored signature is resolved by the catalogue and quoted by it: only what is a function gets into a text.
const FIND: &str = "
SELECT jsonb_build_array(quote_ident(n.nspname) || '.' || quote_ident(p.proname), p.proowner::bigint)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.oid = to_regprocedure($1) AND p.prorettype = 'boolean'::regtype AND NOT p.proretset AND p.prokind = 'f'::\"char\"
   AND NOT pg_is_other_temp_schema(n.oid) AND n.oid <> pg_my_temp_schema()
   AND (p.proowner = (SELECT c.relowner FROM pg_class c WHERE c.oid = $2::oid)
        OR (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = p.proowner))";

/// The function of a stored signature, where it is there and may authorize requests of a source. `source` None: it is gone, and only a
/// superuser's function counts.
pub fn find(signature: &str, source: Option<u32>) -> Result<Option<Function>> {
    let source = i64::from(source.unwrap_or(0));
    let found: Option<(String, u32)> =
        identity::as_owner(|| sql::document(FIND, &[signature.into(), source.into()]))?;
    Ok(found.map(|(name, owner)| Function { name, owner }))
}
