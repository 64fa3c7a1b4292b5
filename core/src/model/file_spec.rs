//! The form of a request's files, typed: parsed when a job is asked for and when it is taken up, and nowhere in between.

use super::{ExportRequest, Format, Options};
use crate::error::Result;
use serde_json::Value;

/// Format and options of the files of a request.
#[derive(Debug, Clone)]
pub struct FileSpec {
    pub format: Format,
    pub options: Options,
}

impl FileSpec {
    /// 22023 for an unknown format, an unknown option, or one that the format does not have.
    pub fn of(request: &ExportRequest) -> Result<FileSpec> {
        FileSpec::in_format(request, Format::parse(&request.format)?)
    }

    /// The same where the function says the format, not the request.
    pub fn in_format(request: &ExportRequest, format: Format) -> Result<FileSpec> {
        let options = Options::parse(format, &Value::Object(request.options.clone()))?;
        Ok(FileSpec { format, options })
    }
}
