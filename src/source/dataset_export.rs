//! One dataset's part in an export: found, planned and permitted. The same for the job that is asked for and the one that runs,
//! for the dataset that was asked for and for those that ride along.

use super::order_by::Form;
use super::plan::{self, Plan};
use super::where_clause::{KeyMatch, Owner};
use crate::catalog::load::{self, Loaded};
use crate::catalog::{distributed, rights};
use crate::encode::{self, Format, Options, Order};
use crate::error::{Error, Result};
use crate::filter::Param;
use crate::job::captured_session::CapturedSession;
use crate::model::ExportRequest;
use crate::pg::guard::Level;
use crate::pg::identity::{self, Reader};
use crate::pg::params;
use crate::pg::report::Failure;
use crate::request::companions::{self, Companion};
use crate::request::required;
use crate::tenant;
use std::collections::BTreeMap;

/// A dataset and what is read of it.
pub struct DatasetExport {
    pub loaded: Loaded,
    pub asked: ExportRequest,
    pub context: CapturedSession,
    pub plan: Plan,
    /// Of a companion that has no rows but those of what is exported: the datasets and its own fields.
    pub matched: Option<(String, String)>,
}

/// The requester of the parts, and the way they are written.
pub struct Planner<'a> {
    pub context: &'a CapturedSession,
    pub format: Format,
    pub options: &'a Options,
    /// The order where the options do not say it.
    pub order: Order,
    pub reader: &'a Reader<'a>,
    /// The tables of the rows are locked, as for reading now.
    pub held: bool,
}

impl Planner<'_> {
    /// Everything that can be wrong with a request is found here: names, values, rights.
    pub fn main(&self, asked: &ExportRequest) -> Result<DatasetExport> {
        let form = Form {
            order: self.options.order.clone().unwrap_or_else(|| self.order.clone()),
            labels: self.options.labels.clone(),
        };
        let part = self.part(asked.clone(), self.context.clone(), &form, None)?;
        companions::check(asked, &part.plan.companions)?;
        Ok(part)
    }

    /// The same for a dataset that rides along, whose errors name it. Whoever may know the dataset knows the names of its companions.
    pub fn companion(&self, main: &DatasetExport, name: &str) -> Result<DatasetExport> {
        self.riding(main, name).map_err(|error| {
            let error = error.revealed();
            let message = format!("companion \"{name}\": {}", error.message);
            Error { message, ..error }
        })
    }

    fn riding(&self, main: &DatasetExport, name: &str) -> Result<DatasetExport> {
        let wanted = companions::companion(&main.asked, name)?;
        // Each plan has the parameters of the one before it in front of its own, so that the numbers of all of them hold together.
        let mut params = main.plan.params.clone();
        let mut between: Vec<DatasetExport> = Vec::new();
        for of in wanted.of.iter().filter(|of| **of != main.asked.dataset) {
            let owner = companions::companion(&main.asked, of)?;
            let owner = self.owned(main, of, owner, vec![main], params)?;
            params = owner.plan.params.clone();
            between.push(owner);
        }
        let is_own = wanted.of.is_empty() || wanted.of.contains(&main.asked.dataset);
        let owners = is_own.then_some(main).into_iter().chain(&between).collect();
        self.owned(main, name, wanted, owners, params)
    }

    /// A companion, held to rows of these exports: all of its owners, or the dataset alone for one that is an owner itself. `params`: of all of
    /// them.
    fn owned(
        &self,
        main: &DatasetExport,
        name: &str,
        wanted: Companion,
        owners: Vec<&DatasetExport>,
        params: Vec<Param>,
    ) -> Result<DatasetExport> {
        let mut found = Vec::new();
        for owner in owners {
            let dataset = &owner.loaded.dataset;
            if !dataset.companions.iter().any(|companion| companion == name) {
                return Err(Error::invalid(format!(
                    "dataset \"{name}\" is not a companion of dataset \"{}\" any more",
                    dataset.name
                ))
                .hint("Export it with a job of its own."));
            }
            match wanted.matched.as_ref().or(dataset.matches.get(name)) {
                Some(fields) => found.push(Owner { dataset, plan: &owner.plan, fields }),
                // All rows of it, where nobody said whose they are to be.
                None if wanted.of.is_empty() => {}
                None => return Err(Error::invalid(format!(
                    "dataset \"{name}\" has no match for the key of \"{}\"",
                    dataset.name
                ))
                .hint(
                    "Give the field that contains the key with \"match\", or with acct_export_set_companion.",
                )),
            }
        }
        let key_match = Some(KeyMatch { owners: found, params });
        // Fields and labels that the options name are those of the dataset that is exported.
        let order = match self.options.order.as_ref().unwrap_or(&self.order) {
            Order::By(_) => Order::Key,
            order => order.clone(),
        };
        let form = Form { order, labels: BTreeMap::new() };
        let part = self.part(wanted.asked, main.context.of_companion(name), &form, key_match.as_ref())?;
        match part.plan.companions.first() {
            None => Ok(part),
            Some(further) => Err(Error::invalid(format!(
                "dataset \"{further}\" cannot be a companion of \"{name}\", which is itself a companion"
            ))
            .hint("Name it in include, if it is a companion of the dataset that is exported.")),
        }
    }

    fn part(
        &self,
        asked: ExportRequest,
        context: CapturedSession,
        form: &Form,
        key_match: Option<&KeyMatch<'_>>,
    ) -> Result<DatasetExport> {
        self.admit(self.load(&asked.dataset)?, asked, context, form, key_match)
    }

    /// Finds a dataset; nothing of it is permitted by that.
    pub fn load(&self, dataset: &str) -> Result<Loaded> {
        if self.held {
            load::load_for_reading(dataset)
        } else {
            load::load_named(dataset)
        }
    }

    /// The request's plan, if everything permits it.
    pub fn admit(
        &self,
        loaded: Loaded,
        asked: ExportRequest,
        context: CapturedSession,
        form: &Form,
        key_match: Option<&KeyMatch<'_>>,
    ) -> Result<DatasetExport> {
        let role = self.reader.role;
        let dataset = &loaded.dataset;
        rights::may_ask(dataset, role)?;
        let context = context.of_dataset(dataset)?;
        let plan = plan::build(&loaded, &asked, &context, form, key_match)?;
        let claim = rights::Claim { role, tenant: &context.tenant, all_tenants: asked.all_tenants };
        let uses: Vec<&str> = plan.uses.iter().map(String::as_str).collect();
        rights::check(&loaded, &claim, &uses)?;
        let in_background = !self.held || self.reader.level == Level::Job;
        distributed::check(&loaded.lineage, &dataset.name, role, in_background)?;
        if !asked.all_tenants {
            tenant::check(&context.tenant, dataset)?;
        }
        required::filters(dataset, &plan.narrowed)?;
        // JSON places that collide are a mistake of the registration or the selection: an encoder finds them.
        encode::check(self.format, plan.outline(self.format).columns())?;
        // Domains and casts of users run in there.
        self.reader
            .undone(|| identity::as_requester(self.reader, || params::bind(&plan.params).map(|_| ())))
            .map_err(Failure::into_error)?;
        rights::authorize(dataset, &asked, self.reader)?;
        let matched = key_match.and_then(KeyMatch::described);
        Ok(DatasetExport { loaded, asked, context, plan, matched })
    }
}
