//! The secret of a tenant from which its pseudonyms are made. It is derived from one key of the database, which
//! registration makes and no export touches: nothing is written where a tenant is first anonymised.

use crate::error::{Error, Kind, Result};
use crate::pg::{identity, sql};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key of a tenant (none: the database's own): HMAC-SHA-256 of its value, see [`crate::tenant`].
pub fn of(tenant: Option<&str>) -> Result<[u8; 32]> {
    let missing = || {
        Error::new(Kind::NotInPrerequisiteState, "the key for pseudonyms is missing")
            .hint("Register the dataset again with acct_export_register and replace => true.")
    };
    let hex = identity::as_owner(|| {
        sql::text("SELECT encode(key, 'hex') FROM acct_export.pseudonym_key LIMIT 1", &[])
    })?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(hex.ok_or_else(missing)?.as_bytes()).map_err(|_| missing())?;
    mac.update(tenant.unwrap_or_default().as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

/// Makes the database's key where there is none. As the owner.
pub fn ensure() -> Result<()> {
    // Two version-4 UUIDs carry 244 bits of the server's strong random source; hashed to 256.
    sql::run(
        "INSERT INTO acct_export.pseudonym_key (key)
         SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
             ON CONFLICT DO NOTHING",
        &[],
    )?;
    Ok(())
}
