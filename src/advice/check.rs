//! `acct_export_check`: whether a role could export a dataset now, and if not, what mends it.
//!
//! Catalogs and settings are looked at, with the rules that an export is held to; no row is read, and no code of others runs.

use super::refused;
use crate::catalog::lapsed::{self, Lapsed};
use crate::catalog::load::{self, Loaded};
use crate::catalog::{authorize, bound, broken, disabled, fields, lineage, owner, registration, rights};
use crate::encode::Order;
use crate::error::{Error, Result};
use crate::job::captured_session::CapturedSession;
use crate::model::ExportRequest;
use crate::pg::{catalog, identity, xact};
use crate::settings;
use crate::source::order_by::Form;
use crate::source::plan;
use crate::tenant;
use crate::value::quote_literal;
use serde_json::json;

/// One thing that an export needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub ok: bool,
    pub detail: String,
    /// The statement that mends it, or advice.
    pub hint: Option<String>,
}

/// The export that the checks are made for: a role, and its dataset.
struct CheckedExport<'a> {
    loaded: &'a Loaded,
    role: u32,
    role_name: String,
}

/// All checks, in the order in which an export would meet them. `role`: None is the caller.
///
/// Errors: 22023 for an unknown dataset or role; 42501 for a role that the caller is not a member of, unless the caller owns the
/// source or is a superuser.
pub fn of(dataset: Option<&str>, role: Option<&str>) -> Result<Vec<Check>> {
    let dataset = dataset.filter(|name| !name.is_empty()).ok_or_else(|| {
        Error::invalid("dataset must not be null or empty").hint("acct_export_datasets lists the datasets.")
    })?;
    let caller = identity::current_user();
    let owns = matches!(owner::owner_of_dataset(dataset), Ok(true));
    if !owns && !rights::check_known(dataset)? {
        return Err(load::unknown(dataset)?);
    }
    let role = match role {
        None => caller,
        Some(name) => identity::role_oid(name).ok_or_else(|| {
            Error::invalid(format!("role \"{name}\" does not exist")).hint("Name a role of this server.")
        })?,
    };
    let role_name = identity::role_name(role).unwrap_or_default();
    if role != caller && !owns && !identity::may_act_as(caller, role) {
        return Err(Error::denied(format!("must be a member of role \"{role_name}\" to check its exports"))
            .hint("Only the owner of the source and superusers can check other roles."));
    }
    xact::with_latest_snapshot(|| all(dataset, role, role_name))
}

fn all(dataset: &str, role: u32, role_name: String) -> Result<Vec<Check>> {
    let Some(kept) = registration::registered(dataset)? else { return Err(load::unknown(dataset)?) };
    let source = kept.stated.source;
    let Some(relation) = catalog::relation_name(source) else {
        let gone = load::gone(dataset);
        let mut found = vec![failed("source", gone.message, gone.hint)];
        found.extend(lapsed::of_gone_source(dataset)?.into_iter().map(declaration));
        return Ok(found);
    };
    let mut found = vec![passed("source", relation.clone())];
    found.push(required_roles(role, &role_name, &kept.stated.required_roles));
    let loaded = match xact::attempt(|| load::load(dataset)) {
        Ok(loaded) => loaded,
        Err(failure) if failure.is_of_server() => return Err(failure.into_error()),
        Err(failure) => {
            let error = failure.into_error();
            found.push(failed("security_invoker", error.message, error.hint));
            return Ok(found);
        }
    };
    found.push(passed("security_invoker", "relations are read with the rights of the requester"));
    let export = CheckedExport { loaded: &loaded, role, role_name };
    found.push(export.columns()?);
    found.push(export.fields(&kept)?);
    found.push(export.disabled_values()?);
    found.push(export.request()?);
    found.extend(export.select()?);
    found.extend(export.tenant()?);
    found.push(export.authorize()?);
    found.push(export.foreign_code()?);
    found.extend(export.companions()?);
    found.extend(lapsed::in_dataset(&loaded)?.into_iter().map(declaration));
    found.push(workers());
    Ok(found)
}

fn declaration(lapsed: Lapsed) -> Check {
    failed("declarations", lapsed.message, Some(lapsed.hint))
}

impl CheckedExport<'_> {
    /// The key, the tenant's and the status column.
    fn columns(&self) -> Result<Check> {
        let dataset = &self.loaded.dataset;
        Ok(match broken::columns(self.loaded)? {
            None => passed("key", format!("rows are identified by \"{}\"", dataset.key_names())),
            Some(reason) => failed("key", reason, Some(self.alter("key => '…'"))),
        })
    }

    /// Fields that a default export is refused for, and columns that changed since the last refresh.
    fn fields(&self, kept: &registration::Registered) -> Result<Check> {
        let dataset = &self.loaded.dataset;
        let refresh = format!("SELECT acct_export_refresh({});", quote_literal(&dataset.name));
        let refusing = dataset
            .fields
            .iter()
            .find(|field| field.eligible && field.is_default && field.ty.oid != 0 && field.barred.is_some());
        if let Some(field) = refusing {
            let reason = field.barred.as_deref().unwrap_or_default();
            let detail = format!("field \"{}\" can no longer be exported: {reason}", field.name);
            return Ok(failed("fields", detail, Some(refresh)));
        }
        let stated = kept.on(dataset.source);
        let columns = fields::columns(dataset.source)?;
        let changes = bound::changes(&dataset.name, &fields::of(&stated, &columns, &self.loaded.lineage))?;
        if changes.is_empty() {
            let barred = dataset.fields.iter().filter(|field| field.barred.is_some()).count();
            let detail = format!("fields: {}, of these barred: {barred}", dataset.fields.len());
            return Ok(passed("fields", detail));
        }
        let changes: Vec<String> =
            changes.iter().map(|change| format!("\"{}\" {}", change.field, change.kind.as_str())).collect();
        Ok(Check {
            hint: Some(refresh),
            ..passed("fields", format!("the source changed since the last refresh: {}", changes.join(", ")))
        })
    }

    fn disabled_values(&self) -> Result<Check> {
        let dataset = &self.loaded.dataset;
        let status = dataset.status_column.as_deref().and_then(|name| dataset.field(name));
        let Some(field) = status.filter(|_| !dataset.disabled_values.is_empty()) else {
            return Ok(passed("disabled_values", "the dataset has no disabled values"));
        };
        let status = disabled::Status {
            source: dataset.source,
            column: &field.column,
            type_oid: field.ty.oid,
            lineage: &self.loaded.lineage,
        };
        let checked = disabled::have_labels(&status, &dataset.disabled_values);
        Ok(match checked {
            Ok(()) => passed("disabled_values", dataset.disabled_values.join(", ")),
            Err(error) => {
                failed("disabled_values", error.message, Some(self.alter("disabled_values => '{…}'")))
            }
        })
    }

    /// True if a query can be made of the default request.
    fn request(&self) -> Result<Check> {
        Ok(outcome("request", "the default fields can be exported", self.plan().map(drop)))
    }

    fn plan(&self) -> Result<plan::Plan> {
        let (asked, context) = self.asked()?;
        plan::build(self.loaded, &asked, &context, &Form::in_order(Order::Key), None)
    }

    /// The default request of this session.
    fn asked(&self) -> Result<(ExportRequest, CapturedSession)> {
        let asked = ExportRequest { dataset: self.loaded.dataset.name.clone(), ..ExportRequest::default() };
        let context = CapturedSession::capture(&asked, None)?.of_dataset(&self.loaded.dataset)?;
        Ok((asked, context))
    }

    /// USAGE on the schema, SELECT on the columns of the source and on what it reads.
    fn select(&self) -> Result<Vec<Check>> {
        let dataset = &self.loaded.dataset;
        let role = catalog::quoted(&self.role_name);
        let mut found = Vec::new();
        if let Some(schema) = rights::schema_without_usage(dataset.source, self.role)? {
            let detail = format!("permission denied for schema {schema}");
            found.push(failed("select", detail, Some(format!("GRANT USAGE ON SCHEMA {schema} TO {role};"))));
        }
        // Of a request that cannot be made the key stands for the rest.
        let key = || dataset.key.iter().map(|field| dataset.column(field).to_owned()).collect();
        let uses = self.plan().map_or_else(|_| key(), |plan| plan.uses);
        if let Some(columns) = rights::unreadable(dataset.source, self.role, &json!(uses))? {
            let relation = catalog::relation_name(dataset.source).unwrap_or_default();
            found.push(failed(
                "select",
                format!("permission denied for {relation}: {columns}"),
                Some(format!("GRANT SELECT ON {relation} TO {role};")),
            ));
        }
        let below = self.loaded.lineage.names_of_relations().filter(|(oid, _)| *oid != dataset.source);
        for (oid, relation) in below {
            if !identity::may_select_any(self.role, oid) {
                found.push(failed(
                    "select",
                    format!("permission denied for {relation}, which the source reads"),
                    Some(format!("GRANT SELECT ON {relation} TO {role};")),
                ));
            }
        }
        if found.is_empty() {
            found.push(passed("select", "the role may read the source and the relations that it reads"));
        }
        Ok(found)
    }

    /// The tenant that is set, and row security on each table of tenants.
    fn tenant(&self) -> Result<Vec<Check>> {
        let dataset = &self.loaded.dataset;
        if dataset.tenant_column.is_none() {
            return Ok(vec![passed("tenant", "the dataset is not exported by tenant")]);
        }
        let (_, context) = self.asked()?;
        let setting = &context.tenant.setting;
        let mut found = vec![match (&context.tenant.set, tenant::check(&context.tenant, dataset)) {
            (None, _) => failed(
                "tenant",
                format!("no tenant is set: setting \"{setting}\" has no value in this session"),
                Some(format!("SET {setting} = '…';")),
            ),
            (Some(_), Err(error)) => failed("tenant", error.message, error.hint),
            (Some(_), Ok(())) => passed("tenant", format!("setting \"{setting}\" has a value")),
        }];
        let bypasses = identity::bypasses_row_security(self.role);
        for table in self.loaded.lineage.tenant_tables() {
            let name = &table.name;
            if catalog::row_security_active(table.oid, self.role) {
                found.push(passed("row_security", format!("row security is active on table {name}")));
                continue;
            }
            let hint = match bypasses {
                true => {
                    "Export all tenants with all_tenants => true, or as a role without BYPASSRLS.".to_owned()
                }
                false => refused::enable(name),
            };
            let detail =
                format!("row security is not active for role \"{}\" on table {name}", self.role_name);
            found.push(failed("row_security", detail, Some(hint)));
        }
        Ok(found)
    }

    fn authorize(&self) -> Result<Check> {
        let dataset = &self.loaded.dataset;
        let Some(function) = &dataset.authorize else {
            return Ok(passed("authorize", "the dataset has no authorize function"));
        };
        Ok(match authorize::find(function, Some(dataset.source))? {
            Some(_) => passed("authorize", format!("function {function} authorizes each request")),
            None => failed(
                "authorize",
                format!("function {function} does not exist any more, or cannot authorize a request"),
                Some(self.alter("authorize => '…(jsonb)'")),
            ),
        })
    }

    /// Code of others that would run with a superuser's rights.
    fn foreign_code(&self) -> Result<Check> {
        let outcome = rights::no_borrowed_code(&self.loaded.dataset, self.role);
        if outcome.is_ok() && !identity::may_run_programs(self.role) {
            let borrowed = lineage::borrowed(self.loaded.dataset.source, self.role)?;
            return Ok(match borrowed {
                None => passed("foreign_code", "reading the source runs no code of other roles"),
                Some(code) => passed("foreign_code", format!("{code} runs with the rights of the requester")),
            });
        }
        Ok(self::outcome(
            "foreign_code",
            "reading the source runs no code of roles with fewer rights",
            outcome,
        ))
    }

    /// Each companion: whether the role may export it.
    fn companions(&self) -> Result<Vec<Check>> {
        let mut found = Vec::new();
        for name in &self.loaded.dataset.companions {
            let may = xact::attempt(|| -> Result<()> {
                let companion = load::load(name)?;
                rights::may_ask(&companion.dataset, self.role)?;
                match self.loaded.dataset.matches.get(name) {
                    None => Ok(()),
                    Some(fields) => {
                        crate::catalog::companion::can_match(&self.loaded.dataset, &companion.dataset, fields)
                    }
                }
            });
            found.push(match may {
                Ok(()) => passed("companions", format!("\"{name}\" may be included")),
                Err(failure) if failure.is_of_server() => return Err(failure.into_error()),
                Err(failure) => {
                    let error = failure.into_error();
                    failed(
                        "companions",
                        format!("\"{name}\" cannot be included: {}", error.message),
                        error.hint,
                    )
                }
            });
        }
        Ok(found)
    }

    fn alter(&self, arguments: &str) -> String {
        format!("SELECT acct_export_alter({}, {arguments});", quote_literal(&self.loaded.dataset.name))
    }
}

fn required_roles(role: u32, role_name: &str, required: &[String]) -> Check {
    let is_missing = |required: &&String| {
        !identity::role_oid(required).is_some_and(|required| identity::may_act_as(role, required))
    };
    let missing: Vec<String> =
        required.iter().filter(is_missing).map(|required| catalog::quoted(required)).collect();
    if missing.is_empty() {
        return passed("required_roles", format!("the role is a member of all {}", required.len()));
    }
    let missing = missing.join(", ");
    let detail = format!("role \"{role_name}\" is not a member of {missing}");
    failed("required_roles", detail, Some(format!("GRANT {missing} TO {};", catalog::quoted(role_name))))
}

fn workers() -> Check {
    if !settings::runs_in_background() {
        return passed("workers", "acct_export.async is off: exports run in the session that requests them");
    }
    if settings::max_workers() == 0 {
        return failed(
            "workers",
            "the queue is paused: acct_export.max_workers is 0".to_owned(),
            Some("ALTER SYSTEM SET acct_export.max_workers = 2; SELECT pg_reload_conf();".to_owned()),
        );
    }
    passed("workers", format!("exports that run at a time: at most {}", settings::max_workers()))
}

fn passed(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, ok: true, detail: detail.into(), hint: None }
}

fn failed(name: &'static str, detail: String, hint: Option<String>) -> Check {
    Check { name, ok: false, detail, hint }
}

fn outcome(name: &'static str, well: &str, outcome: Result<()>) -> Check {
    match outcome {
        Ok(()) => passed(name, well),
        Err(error) => failed(name, error.message, error.hint),
    }
}
