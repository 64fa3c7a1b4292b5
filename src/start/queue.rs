//! A checked request becomes a queued job.

use super::check::Checked;
use crate::error::Result;
use crate::job::all_slots::Owner;
use crate::job::captured_session::CapturedSession;
use crate::job::create::{self, Created};
use crate::job::session::Session;
use crate::job::wake;
use crate::model::ExportRequest;
use crate::pg::identity;
use crate::source::dataset_export::DatasetExport;

/// Makes the job of a request that `ready` has checked. `in_background`: a worker is started at the commit.
pub fn queue(asked: &ExportRequest, checked: Checked, in_background: bool) -> Result<Created> {
    let Checked { main, titles, tenants, reads_login, options } = checked;
    let DatasetExport { loaded, context, plan, .. } = main;
    let session = Some(Session::capture(tenants, reads_login));
    let context = CapturedSession { included: plan.companions, session, ..context };
    let created = create::create(asked, &context, &loaded.dataset.policy, &titles, options.if_active)?;
    if in_background && matches!(created, Created::New(_)) {
        wake::at_commit(Some(Owner::new(context.tenant.key(), identity::current_user())));
    }
    Ok(created)
}
