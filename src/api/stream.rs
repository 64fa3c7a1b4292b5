//! The streaming twins: rows of an export as lines, made as the caller reads them; nothing is stored.

use super::session_read::{self, watched, Manner, Reading};
use super::start::Selection;
use crate::audit;
use crate::encode::{encoder, Cell, Encoder, Format, Setup};
use crate::error::{Error, Kind, Result};
use crate::layout::Layout;
use crate::model::{Digests, ExportRequest};
use crate::pg::argument::Jsonb;
use crate::pg::line::{Batch, Line};
use crate::pg::query;
use crate::pg::report::{raise, Report, Reported};
use crate::pg::stream::Stream;
use crate::redact::redactor::Redactor;
use crate::source::row_limit::RowLimit;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::prelude::*;
use serde_json::json;
use std::ops::ControlFlow;

/// About how many bytes one fetch gathers.
const GATHERED: usize = 256 * 1024;

/// Lines of a running export.
struct Lines {
    stream: Stream,
    /// In place of the session's own.
    settings: Vec<(String, String)>,
    redactor: Redactor,
    layout: Layout,
    row_limit: RowLimit,
    rows: u64,
    encoder: Box<dyn Encoder>,
    ready: Batch,
    /// The bytes before the first row that are no line: a byte order mark without a header.
    mark: Vec<u8>,
    /// Bytes that the next fetch gathers: few at first, so that the first line comes at once.
    enough: usize,
    done: bool,
}

/// Checks a request that is streamed; the limit of its rows.
pub(super) fn open(asked: &ExportRequest, format: Format) -> Result<(Reading, RowLimit)> {
    let reading = Reading::of(asked, format, Manner::Stream)?;
    if reading.options.archive.is_some() {
        return Err(Error::invalid("option \"archive\" cannot be used in a stream")
            .hint("Leave option archive out, or start a job with acct_export_start."));
    }
    if asked.options.contains_key("if_active") {
        return Err(Error::invalid("option \"if_active\" cannot be used in a stream")
            .hint("Leave option if_active out, or start a job with acct_export_start."));
    }
    if reading.options.digests != Digests::Off || reading.options.changes_since.is_some() {
        return Err(Error::invalid("options \"digests\" and \"changes_since\" cannot be used in a stream")
            .hint("Leave them out, or start a job with acct_export_start."));
    }
    if reading.options.manifest {
        return Err(Error::invalid("option \"manifest\" cannot be used in a stream")
            .hint("Leave option manifest out, or start a job with acct_export_start."));
    }
    if let Some(companion) = reading.plan.companions.first() {
        return Err(Error::new(
            Kind::FeatureNotSupported,
            format!("companion \"{companion}\" cannot be included in a stream"),
        )
        .hint("Stream it by itself, or start a job with acct_export_start."));
    }
    let row_limit = RowLimit::of(&reading.loaded.dataset, false);
    if let Some(most) = row_limit.unapproved() {
        let plan = &reading.plan;
        // By the same snapshot as the rows.
        let rows = reading.read(|| query::count(&plan.sql, &plan.params, Some(most.saturating_add(1))))?;
        if rows as u64 > most {
            return Err(row_limit.needs_approval());
        }
    }
    Ok((reading, row_limit))
}

impl Lines {
    fn of(asked: &ExportRequest, format: Format) -> Result<Lines> {
        watched(asked, format, "stream", || Lines::open(asked, format))
    }

    /// Checks, opens and tells of it.
    fn open(asked: &ExportRequest, format: Format) -> Result<Lines> {
        let (reading, row_limit) = open(asked, format)?;
        if reading.options.compression.is_some() {
            return Err(Error::invalid("option \"compression\" cannot be used in a stream of lines")
                .hint("Compress the lines where they are stored, or use acct_export_stream."));
        }
        let layout = reading.layout(format, None)?;
        let setup = Setup::default();
        let mut encoder = encoder(format, &reading.options, layout.columns(), setup)?;
        let mut header = Vec::new();
        encoder.begin(&mut header)?;
        let stream = reading.read(|| reading.open(format))?;
        reading.tell(audit::EXPORTED, asked, json!({ "format": format.as_str(), "stream": true }))?;
        let mut lines = Lines {
            stream,
            settings: reading.settings.clone(),
            redactor: reading.redactor(),
            layout,
            row_limit,
            rows: 0,
            encoder,
            ready: Batch::default(),
            mark: Vec::new(),
            enough: 1,
            done: false,
        };
        if header.ends_with(b"\n") {
            let mut first = lines.ready.begin();
            first.add(|out| {
                out.append(&mut header);
                Ok(())
            })?;
            lines.ready.fill(first);
        } else {
            lines.mark = header;
        }
        Ok(lines)
    }

    fn fetch(&mut self) -> Result<()> {
        let Lines {
            stream, settings, redactor, layout, row_limit, rows, encoder, ready, mark, enough, ..
        } = self;
        let mut lines = ready.begin();
        let mut take = |cells: &[Cell<'_>]| {
            *rows += 1;
            if !row_limit.check(*rows)? {
                return Err(row_limit.needs_approval());
            }
            lines.add(|out| {
                out.append(mark);
                redactor.apply(cells, &mut |cells| layout.row(cells, &mut |cells| encoder.row(cells, out)))
            })?;
            Ok(if lines.bytes() < *enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        };
        let more = session_read::stream(settings, || stream.fetch(&mut take))?;
        if !more {
            self.done = true;
            self.stream.close();
        }
        self.enough = GATHERED;
        self.ready.fill(lines);
        Ok(())
    }
}

impl Iterator for Lines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        while self.ready.is_empty() && !self.done {
            self.fetch().unwrap_or_else(|error| raise(error));
        }
        self.ready.take()
    }
}

/// Streams an export as NDJSON, one object a row. In a select list the first rows arrive before the last are read.
///
/// Errors: as `acct_export_start`, without those of a job.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)] // one for each argument in SQL
fn acct_export_ndjson(
    dataset: Option<String>,
    period: default!(Option<String>, "NULL"),
    start_date: default!(Option<Date>, "NULL"),
    end_date: default!(Option<Date>, "NULL"),
    period_field: default!(Option<String>, "NULL"),
    since: default!(Option<TimestampWithTimeZone>, "NULL"),
    filter: default!(Option<Jsonb>, "NULL"),
    fields: default!(Option<Vec<Option<String>>>, "NULL"),
    include: default!(Option<Vec<Option<String>>>, "NULL"),
    include_disabled: default!(Option<bool>, "NULL"),
    anonymise: default!(Option<bool>, "false"),
    all_tenants: default!(Option<bool>, "false"),
    options: default!(Option<Jsonb>, "'{}'"),
) -> std::result::Result<SetOfIterator<'static, Line>, Report> {
    let selection = Selection {
        dataset,
        period,
        start_date,
        end_date,
        period_field,
        since,
        filter,
        fields,
        include,
        include_disabled,
        anonymise,
        all_tenants,
        options,
    };
    Ok(SetOfIterator::new(Lines::of(&selection.into_asked().reported()?, Format::Ndjson).reported()?))
}

/// Streams an export as CSV, the header first; a line may hold quoted line breaks.
///
/// Errors: as `acct_export_ndjson`.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)] // one for each argument in SQL
fn acct_export_csv(
    dataset: Option<String>,
    period: default!(Option<String>, "NULL"),
    start_date: default!(Option<Date>, "NULL"),
    end_date: default!(Option<Date>, "NULL"),
    period_field: default!(Option<String>, "NULL"),
    since: default!(Option<TimestampWithTimeZone>, "NULL"),
    filter: default!(Option<Jsonb>, "NULL"),
    fields: default!(Option<Vec<Option<String>>>, "NULL"),
    include: default!(Option<Vec<Option<String>>>, "NULL"),
    include_disabled: default!(Option<bool>, "NULL"),
    anonymise: default!(Option<bool>, "false"),
    all_tenants: default!(Option<bool>, "false"),
    options: default!(Option<Jsonb>, "'{}'"),
) -> std::result::Result<SetOfIterator<'static, Line>, Report> {
    let selection = Selection {
        dataset,
        period,
        start_date,
        end_date,
        period_field,
        since,
        filter,
        fields,
        include,
        include_disabled,
        anonymise,
        all_tenants,
        options,
    };
    Ok(SetOfIterator::new(Lines::of(&selection.into_asked().reported()?, Format::Csv).reported()?))
}
