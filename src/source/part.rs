//! One dataset's part in an export: found, planned and permitted. The same for the job that is asked for and the one that runs,
//! for the dataset that was asked for and for those that ride along.

use super::narrow::RowsOf;
use super::plan::{self, Plan};
use crate::catalog::load::{self, Loaded};
use crate::catalog::rights;
use crate::encode::{self, Format, Options, Order};
use crate::error::{Error, Result};
use crate::job::context::Context;
use crate::pg::identity::{self, Reader};
use crate::pg::params;
use crate::request::{companions, required, Asked};

/// A dataset and what is read of it.
pub struct Part {
    pub loaded: Loaded,
    pub asked: Asked,
    pub context: Context,
    pub plan: Plan,
    /// Of a companion that has no rows but those of what is exported: the dataset and its own field.
    pub matched: Option<(String, String)>,
}

/// Who asks for parts, and how they are written.
pub struct Asker<'a> {
    pub context: &'a Context,
    pub format: Format,
    pub options: &'a Options,
    /// Where the options say nothing of it.
    pub order: Order,
    pub reader: &'a Reader<'a>,
    /// What the rows come from is locked, as for reading now.
    pub held: bool,
}

impl Asker<'_> {
    /// Everything that can be wrong with a request is found here: names, values, rights.
    pub fn main(&self, asked: &Asked) -> Result<Part> {
        let part = self.part(asked.clone(), self.context.clone(), None)?;
        companions::check(asked, &part.plan.companions)?;
        Ok(part)
    }

    /// The same for a dataset that rides along, whose errors name it.
    pub fn companion(&self, main: &Part, name: &str) -> Result<Part> {
        self.riding(main, name).map_err(|error| {
            let message = format!("companion \"{name}\": {}", error.message);
            Error { message, ..error }
        })
    }

    fn riding(&self, main: &Part, name: &str) -> Result<Part> {
        let dataset = &main.loaded.dataset;
        if !dataset.companions.iter().any(|companion| companion == name) {
            return Err(Error::invalid(format!(
                "dataset \"{name}\" is not a companion of dataset \"{}\" any more",
                dataset.name
            ))
            .hint("Ask for it with an export of its own."));
        }
        let wanted = companions::companion(&main.asked, name)?;
        let rows_of = wanted.matched.as_deref().map(|field| RowsOf { dataset, plan: &main.plan, field });
        let part = self.part(wanted.asked, self.context.of_companion(name), rows_of.as_ref())?;
        match part.plan.companions.first() {
            None => Ok(part),
            Some(further) => Err(Error::invalid(format!(
                "dataset \"{further}\" cannot be a companion of \"{name}\", which is one itself"
            ))
            .hint("Name it in include, if it is a companion of the dataset that is exported.")),
        }
    }

    fn part(&self, asked: Asked, context: Context, rows_of: Option<&RowsOf<'_>>) -> Result<Part> {
        self.admit(self.load(&asked.dataset)?, asked, context, rows_of)
    }

    /// Finds a dataset; nothing of it is permitted by that.
    pub fn load(&self, dataset: &str) -> Result<Loaded> {
        if self.held {
            load::load_for_reading(dataset)
        } else {
            load::load(dataset)
        }
    }

    /// The request's plan, if everything permits it.
    pub fn admit(
        &self,
        loaded: Loaded,
        asked: Asked,
        context: Context,
        rows_of: Option<&RowsOf<'_>>,
    ) -> Result<Part> {
        let role = self.reader.role;
        let dataset = &loaded.dataset;
        rights::may_ask(dataset, role)?;
        let plan = plan::build(&loaded, &asked, &context, self.options, self.order, rows_of)?;
        let claim = rights::Claim { role, tenant: context.tenant.as_deref(), all_tenants: asked.all_tenants };
        let uses: Vec<&str> = plan.uses.iter().map(String::as_str).collect();
        rights::check(&loaded, &claim, &uses)?;
        required::filters(dataset, &plan.narrowed)?;
        // JSON places that collide are a mistake of the registration or the selection: an encoder finds them.
        encode::check(self.format, plan.outline(self.format).columns())?;
        identity::as_requester(self.reader, || params::bind(&plan.params).map(|_| ()))?;
        rights::authorize(dataset, &asked, self.reader)?;
        let matched = rows_of.map(|rows| (rows.dataset.name.clone(), rows.field.to_owned()));
        Ok(Part { loaded, asked, context, plan, matched })
    }
}
