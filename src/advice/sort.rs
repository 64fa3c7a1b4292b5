//! A sort by the key that does not fit into `work_mem`.
//!
//! The planner is asked for the plan of the query that a job would run, with the current user's rights, row security and
//! settings. Nothing is read, but planning folds calls of functions that say they are immutable: code of other roles
//! never gets that far with the rights of a superuser.

use super::{size, Advice};
use crate::catalog::lineage;
use crate::catalog::load::Loaded;
use crate::encode::Order;
use crate::error::Result;
use crate::job::captured_session::CapturedSession;
use crate::model::ExportRequest;
use crate::pg::identity::{self, Reader};
use crate::pg::{explain, guc};
use crate::source::order_by::Form;
use crate::source::plan;
use serde_json::Value;

/// None: it fits, an index gives the order, or it was not looked at: code of other roles that would run with a superuser's
/// rights, and foreign tables, whose servers the planner might ask.
pub fn spill(loaded: &Loaded) -> Result<Option<Advice>> {
    let (dataset, role) = (&loaded.dataset, identity::current_user());
    if size::are_few(loaded.lineage.base_tables().map(|table| table.oid))? {
        return Ok(None);
    }
    // The source as it was checked is the source as it is planned.
    lineage::hold(dataset.source)?;
    if loaded.lineage.reads_other_servers()
        || (identity::may_run_programs(role) && !is_own_code(dataset.source, role)?)
    {
        return Ok(None);
    }
    let asked = ExportRequest { dataset: dataset.name.clone(), ..ExportRequest::default() };
    let context = CapturedSession::capture(&asked, None)?.of_dataset(dataset)?;
    let plan = plan::build(loaded, &asked, &context, &Form::in_order(Order::Key), None)?;
    let reader = Reader::checking(role);
    let average = dataset.tenant_column.is_some() && context.tenant.set.is_none();
    let sql = if average { &plan.average_sql } else { &plan.sql };
    let explained = identity::as_requester(&reader, || explain::json(sql, &plan.params))?;
    // A plan that is nested more deeply than the reader goes is not judged.
    let Some(explained) = explained.and_then(|text| serde_json::from_str::<Value>(&text).ok()) else {
        return Ok(None);
    };
    let work_mem = guc::get("work_mem").and_then(|kilobytes| kilobytes.parse::<f64>().ok());
    let (Some(bytes), Some(work_mem)) = (sorted(&explained[0]["Plan"]), work_mem.map(|kb| kb * 1024.0))
    else {
        return Ok(None);
    };
    if bytes <= work_mem {
        return Ok(None);
    }
    let whose = match &dataset.tenant_column {
        None => "",
        Some(_) if average => " for an average tenant",
        Some(_) => " for the tenant that is set",
    };
    Ok(Some(Advice {
        advice: format!(
            "an export of dataset \"{}\" in the order of its key sorts about {}{whose}, more than work_mem ({})",
            dataset.name,
            size(bytes),
            size(work_mem)
        ),
        hint: "The sort uses temporary files. Raise work_mem for the roles that export, or create an index in the order of the key."
            .to_owned(),
    }))
}

/// True if planning runs no code of weaker roles. For superusers no policy is planned; for others with rights on the server's
/// files and programs there is, and anybody's code may be in it.
fn is_own_code(source: u32, role: u32) -> Result<bool> {
    Ok(identity::is_superuser(role) && lineage::borrowed(source, role)?.is_none())
}

/// Bytes of the sort that orders the rows of a plan, by the planner's estimate; None: there is none. Nodes above it only pass
/// rows on.
fn sorted(plan: &Value) -> Option<f64> {
    match plan["Node Type"].as_str()? {
        "Sort" => {
            let (rows, width) = (plan["Plan Rows"].as_f64()?, plan["Plan Width"].as_f64()?);
            // relation_byte_size (path/costsize.c), by which the planner itself tells that a sort spills.
            let aligned = (width / 8.0).ceil() * 8.0;
            Some(rows * (aligned + 24.0))
        }
        "Gather Merge" | "Merge Append" | "Subquery Scan" | "Result" | "ProjectSet" => {
            plan["Plans"].as_array()?.iter().filter_map(sorted).reduce(f64::max)
        }
        _ => None,
    }
}

/// As `pg_size_pretty` writes it, from kB on.
fn size(bytes: f64) -> String {
    let (mut amount, mut units) = (bytes / 1024.0, ["kB", "MB", "GB"].iter());
    let mut unit = units.next();
    while amount >= 10_240.0 && units.len() > 0 {
        amount /= 1024.0;
        unit = units.next();
    }
    format!("{amount:.0} {}", unit.unwrap_or(&"TB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sort(rows: u64, width: u64) -> Value {
        json!({ "Node Type": "Sort", "Plan Rows": rows, "Plan Width": width, "Plans": [
            { "Node Type": "Limit", "Parent Relationship": "InitPlan", "Plans": [{ "Node Type": "Seq Scan" }] },
            { "Node Type": "Seq Scan", "Parent Relationship": "Outer", "Plan Rows": rows, "Plan Width": width }] })
    }

    #[test]
    fn the_sort_of_the_rows_is_found() {
        assert_eq!(sorted(&sort(1000, 33)), Some(1000.0 * 64.0));
        let parallel = json!({ "Node Type": "Gather Merge", "Plans": [sort(500, 40)] });
        assert_eq!(sorted(&parallel), Some(500.0 * 64.0));
        let parts = json!({ "Node Type": "Result", "Plans": [
            { "Node Type": "Merge Append", "Plans": [sort(5, 40), { "Node Type": "Index Scan" }, sort(9, 40)] }] });
        assert_eq!(sorted(&parts), Some(9.0 * 64.0));
    }

    #[test]
    fn sorts_for_other_ends_are_not_meant() {
        let merged = json!({ "Node Type": "Merge Join", "Plans": [sort(500, 40), sort(500, 40)] });
        assert_eq!(sorted(&merged), None);
        assert_eq!(sorted(&json!({ "Node Type": "Index Scan" })), None);
        assert_eq!(sorted(&Value::Null), None);
    }

    #[test]
    fn sizes_are_written_as_the_server_does() {
        assert_eq!(size(4096.0 * 1024.0), "4096 kB");
        assert_eq!(size(64.0 * 1024.0 * 1024.0), "64 MB");
        assert_eq!(size(1e14), "93132 GB");
    }
}
