//! The checks of a request that becomes a job, or that is read at once.

use crate::catalog::{load, reference, rights, settings_read};
use crate::encode::{Format, Options, Order};
use crate::error::{Error, Kind, Result};
use crate::foreign_server;
use crate::job::captured_session::CapturedSession;
use crate::model::{ExportRequest, FileSpec};
use crate::notify;
use crate::pg::catalog;
use crate::pg::identity::{self, Reader};
use crate::source::changes;
use crate::source::dataset_export::{DatasetExport, Planner};
use crate::tenant::SessionTenant;

/// A request that may become a job, or be read.
pub struct Checked {
    pub main: DatasetExport,
    pub options: Options,
    /// Of the dataset and of those that ride along.
    pub titles: Vec<String>,
    /// Of these, and of the datasets that it refers to.
    pub tenants: Vec<SessionTenant>,
    /// Of a request that becomes a job: the rows of one of them depend on who has logged in.
    pub reads_login: bool,
}

/// Everything that can be wrong with a request is found here, before there is a job. `held`: it is read now, so what the rows come
/// from is locked.
pub fn check(asked: &ExportRequest, format: Format, order: Order, held: bool) -> Result<Checked> {
    if !catalog::database_is_utf8() {
        return Err(Error::new(Kind::FeatureNotSupported, "exports need a database with encoding UTF8"));
    }
    load::check_exists(&asked.dataset)?;
    let FileSpec { options, .. } = FileSpec::in_format(asked, format)?;
    let context = CapturedSession::capture(asked, options.time_zone.as_deref())?;
    let settings = context.of_request(&options);
    let reader = Reader { settings: &settings, ..Reader::checking(identity::current_user()) };
    if held {
        // Nothing is locked for one who may not ask for it.
        rights::may_ask(&load::load_named(&asked.dataset)?.dataset, reader.role)?;
    }
    let planner = Planner { context: &context, format, options: &options, order, reader: &reader, held };
    let main = planner.main(asked)?;
    changes::check(&main, &options)?;
    let mut titles = vec![main.loaded.dataset.title.clone()];
    let mut tenants = vec![main.context.tenant.clone()];
    let mut reads_login = !held && settings_read::reads_login(&main.loaded.lineage)?;
    for name in &main.plan.companions {
        let companion = planner.companion(&main, name)?;
        reads_login = reads_login || (!held && settings_read::reads_login(&companion.loaded.lineage)?);
        titles.push(companion.loaded.dataset.title);
        tenants.push(companion.context.tenant);
    }
    for reference in reference::of(&asked.dataset)? {
        let target = &reference.target.dataset;
        tenants.push(main.context.tenant_of(target)?);
        if !held && !reads_login {
            // A target that cannot be loaded fails when it is read; until then the job is shown to fewer sessions.
            let target =
                load::load_named(target).and_then(|target| settings_read::reads_login(&target.lineage));
            reads_login = target.unwrap_or(true);
        }
    }
    Ok(Checked { main, options, titles, tenants, reads_login })
}

/// Everything that can be wrong with a request that becomes a job. `in_background`: a worker makes its files.
pub fn ready(asked: &ExportRequest, in_background: bool) -> Result<Checked> {
    let format = Format::parse(&asked.format)?;
    if let Some(destination) = &asked.destination {
        foreign_server::for_files(destination, identity::current_user())?;
        if !in_background {
            return Err(Error::new(
                Kind::FeatureNotSupported,
                "exports to a destination run in the background only, and acct_export.async is off",
            )
            .hint("Leave destination out, or turn acct_export.async on."));
        }
    }
    notify::check(asked)?;
    check(asked, format, Order::Key, false)
}
