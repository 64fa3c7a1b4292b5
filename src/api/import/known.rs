//! True if a workbook is an export of this dataset and tenant, as far as its `Export info` says.

use super::super::session_read::Reading;
use crate::encode::xlsx::INFO_SHEET;
use crate::import::info::Info;
use crate::import::problem::{quoted, Problems};
use crate::model::Dataset;

/// False, with a problem, where comparing would only tell that everything is another thing.
pub fn is_comparable(
    dataset: &Dataset,
    info: &Info,
    reading: &Reading,
    names: &[String],
    problems: &mut Problems,
) -> bool {
    let sheet = names.iter().position(|name| name == INFO_SHEET);
    let mut is_comparable = true;
    let mut tell = |line: &str, problem: String| {
        problems.add(sheet, None, Some((0, line)), problem);
        is_comparable = false;
    };
    if let Some(other) = info.dataset.as_ref().filter(|name| **name != dataset.name) {
        tell("Dataset", format!("the workbook is an export of dataset {}", quoted(other)));
    }
    if let Some(other) = info.tenant.as_ref().filter(|_| dataset.tenant_column.is_some()) {
        let tenant = &reading.context.tenant;
        let exported = tenant.ty.read(other).ok().flatten();
        if tenant.value.is_none() || exported.map(|value| value.key).as_deref() != tenant.key() {
            tell("Tenant", "the workbook was exported for another tenant".to_owned());
        }
    }
    if info.is_anonymised {
        tell("Anonymised", "the workbook is anonymised: its values cannot be imported".to_owned());
    }
    is_comparable
}
