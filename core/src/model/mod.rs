//! The words that all other rooms speak: datasets and their fields, a request for an export, formats and options, periods,
//! paths into JSON, and the shape of a stored file.

mod cron;
mod dataset;
mod file_spec;
mod format;
pub mod json_path;
pub mod label;
mod options;
mod order;
mod period;
pub mod personal;
mod request;
mod shape;
mod status;

pub use cron::{Cron, WallClock};
pub use dataset::{Class, Dataset, DeclaredKey, Expansion, Field, NamedBy, Policy, Printed, Treatment, Type};
pub use file_spec::FileSpec;
pub use format::Format;
pub use options::{Archive, Compression, CsvOptions, Digests, IfActive, LineEnding, Options, XlsxOptions};
pub use order::{Order, SortKey};
pub use period::{Period, Start};
pub use request::ExportRequest;
pub use shape::{Shape, ShapeColumn, Target};
pub use status::JobStatus;
