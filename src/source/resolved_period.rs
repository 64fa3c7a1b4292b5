//! The period of an export as it was resolved: the field that it selects on and its bounds, as that field's type has them.

use super::plan::Plan;
use crate::job::captured_session::{CapturedSession, Moment};
use crate::model::Dataset;

/// Rows without a value of the field are not in it.
pub struct ResolvedPeriod<'a> {
    pub field: &'a str,
    /// Rows at this moment or day, and later ones.
    pub from: Option<&'a str>,
    /// Rows before this moment or day.
    pub before: Option<&'a str>,
}

impl<'a> ResolvedPeriod<'a> {
    /// None: the export has no period.
    pub fn of(plan: &'a Plan, context: &'a CapturedSession, dataset: &Dataset) -> Option<ResolvedPeriod<'a>> {
        let field = plan.period_field.as_deref()?;
        let class = dataset.field(field)?.ty.class;
        let bounds = &context.bounds;
        let shown = |moment: Option<&'a Moment>| moment?.as_type(class);
        Some(ResolvedPeriod {
            field,
            from: shown(bounds.from.as_ref().or(bounds.since.as_ref())),
            before: shown(bounds.until.as_ref()),
        })
    }
}
