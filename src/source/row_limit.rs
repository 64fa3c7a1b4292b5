//! The limit on rows: the setting `acct_export.max_rows`, and the dataset's policy.

use crate::error::{Error, Kind, Result};
use crate::model::{Dataset, Policy};
use crate::settings;

/// The limits of one export.
pub struct RowLimit {
    dataset: String,
    policy: Policy,
    approved: bool,
    /// So many rows are within all limits.
    sure: u64,
}

impl RowLimit {
    /// `approved`: a second person has agreed, so that `approve_above` is no limit.
    pub fn of(dataset: &Dataset, approved: bool) -> RowLimit {
        let policy = dataset.policy.clone();
        let limits = [policy.max_rows, settings::max_rows(), policy.approve_above.filter(|_| !approved)];
        let sure = limits.into_iter().flatten().min().unwrap_or(u64::MAX);
        RowLimit { dataset: dataset.name.clone(), policy, approved, sure }
    }

    /// True if this many rows may leave; false: not without approval. 54000 over `max_rows`.
    pub fn check(&self, rows: u64) -> Result<bool> {
        if rows <= self.sure {
            return Ok(true);
        }
        let too_many = |whose: String| {
            Err(Error::new(
                Kind::ProgramLimitExceeded,
                format!("the export has more rows than {whose} allows"),
            )
            .hint("Narrow it with a period or a filter."))
        };
        if let Some(most) = self.policy.max_rows.filter(|most| rows > *most) {
            return too_many(format!("max_rows ({most}) in the policy of dataset \"{}\"", self.dataset));
        }
        if settings::max_rows().is_some_and(|most| rows > most) {
            return too_many("acct_export.max_rows".to_owned());
        }
        Ok(self.approved || self.policy.approve_above.is_none_or(|most| rows <= most))
    }

    /// Rows that may leave without approval, where it is needed for more.
    pub fn unapproved(&self) -> Option<u64> {
        self.policy.approve_above.filter(|_| !self.approved)
    }

    /// 42501, for those who cannot wait for approval.
    pub fn needs_approval(&self) -> Error {
        let most = self.policy.approve_above.unwrap_or_default();
        Error::denied(format!(
            "an export of more than {most} rows of dataset \"{}\" needs the approval of a second person",
            self.dataset
        ))
        .hint(format!(
            "Request it with acct_export_start. A member of {} can approve the job with acct_export_approve.",
            self.policy.approver_roles.join(" or ")
        ))
    }
}
