//! The roles that may define the exports of a relation: its owner, and superusers.

use super::rights;
use crate::error::{Error, Result};
use crate::pg::{identity, sql};

/// True if the dataset exists. 42501 if the caller does not own its source, 22023 if the caller may not know that it exists.
pub fn owner_of_dataset(dataset: &str) -> Result<bool> {
    rights::check_known(dataset)?;
    let source: Option<(u32, Option<String>)> = identity::as_owner(|| {
        sql::document(
            "SELECT jsonb_build_array(source::oid::bigint, (SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid = d.source))
               FROM acct_export.dataset d WHERE dataset = $1",
            &[dataset.into()],
        )
    })?;
    match source {
        None => Ok(false),
        // The relation is gone, and with it its owner: the name is not free for others to take.
        Some((_, None)) if identity::is_superuser(identity::current_user()) => Ok(true),
        Some((_, None)) => {
            Err(Error::denied(format!("the source of dataset \"{dataset}\" does not exist any more"))
                .hint("Only a superuser can register or unregister the dataset."))
        }
        Some((source, relation)) => owner_only(source, relation.as_deref().unwrap_or(dataset)).map(|()| true),
    }
}

/// 42501 where the caller is neither the owner of a relation nor a superuser.
pub(super) fn owner_only(source: u32, relation: &str) -> Result<()> {
    let caller = identity::current_user();
    let owner = identity::as_owner(|| {
        sql::text(
            "SELECT 'x' FROM pg_class WHERE oid = $1::oid AND pg_has_role($2::oid, relowner, 'USAGE')",
            &[i64::from(source).into(), i64::from(caller).into()],
        )
    })?;
    if owner.is_some() || identity::is_superuser(caller) {
        return Ok(());
    }
    Err(Error::denied(format!("must be owner of relation {relation}"))
        .hint("Only the owner of a relation or a superuser can register it."))
}
