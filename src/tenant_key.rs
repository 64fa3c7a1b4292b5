//! The secret of a tenant from which its pseudonyms are made: one key each, made when first needed, never exported.

use crate::error::{Error, Kind, Result};
use crate::pg::{identity, sql, xact};

/// The key of a tenant (none: the database's own). Within a read-only transaction it has to exist already.
pub fn of(tenant: Option<&str>) -> Result<[u8; 32]> {
    let tenant = tenant.unwrap_or_default();
    let read = || {
        sql::text("SELECT encode(key, 'hex') FROM acct_export.tenant_key WHERE tenant = $1", &[tenant.into()])
    };
    let hex = identity::as_owner(|| match read()? {
        None if xact::may_write() => {
            // Two version-4 UUIDs carry 244 bits of the server's strong random source; hashed to 256. Another session that
            // makes the key at this moment wins, and its key is returned.
            sql::change::<String>(
                "INSERT INTO acct_export.tenant_key AS k (tenant, key)
                 VALUES ($1, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())))
                     ON CONFLICT (tenant) DO UPDATE SET key = k.key
                 RETURNING to_jsonb(encode(key, 'hex'))",
                &[tenant.into()],
            )
        }
        found => Ok(found),
    })?;
    hex.and_then(|hex| bytes(&hex)).ok_or_else(|| {
        Error::new(
            Kind::ReadOnlyTransaction,
            "the tenant has no key for pseudonyms yet, and this transaction may not write",
        )
        .hint("Ask once for an export with anonymise => true on the primary.")
    })
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map_while(|place| u8::from_str_radix(hex.get(place * 2..place * 2 + 2)?, 16).ok())
        .collect();
    bytes.try_into().ok()
}
