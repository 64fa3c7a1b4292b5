//! `acct_export_stream`: the file of an export in pieces, made as the caller reads them; nothing is stored.

use super::session_read::{self, watched, Reading};
use super::start::Selection;
use super::stream;
use crate::audit;
use crate::encode::{encoder, Cell, Compression, Encoder, Format, Setup};
use crate::error::Result;
use crate::layout::Layout;
use crate::model::ExportRequest;
use crate::pg::argument::Jsonb;
use crate::pg::identity::{self, Reader};
use crate::pg::report::{raise, Report, Reported};
use crate::pg::stream::Stream;
use crate::redact::redactor::Redactor;
use crate::source::moment::Moment;
use crate::source::references::Occasion;
use crate::source::row_limit::RowLimit;
use crate::value::memory;
use crate::worker::info;
use crate::worker::references::{self, Lists};
use flate2::write::GzEncoder;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::prelude::*;
use serde_json::json;
use std::io::Write;
use std::ops::ControlFlow;

/// Bytes of a piece at least, but for the last one, and at most.
const LEAST: usize = 64 * 1024;
const MOST: usize = 256 * 1024;

/// The pieces of a file in the making.
struct Pieces {
    asked: ExportRequest,
    reading: Reading,
    moment: Moment,
    stream: Stream,
    redactor: Redactor,
    layout: Layout,
    row_limit: RowLimit,
    rows: u64,
    /// None: the file is complete.
    encoder: Option<Box<dyn Encoder>>,
    /// Lines of `Export info` about references.
    notes: Vec<(String, String)>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    /// Encoded and not compressed yet.
    encoded: Vec<u8>,
    ready: Vec<u8>,
    /// Bytes of `ready` that were handed out.
    sent: usize,
}

impl Pieces {
    /// Checks, opens and tells of it.
    fn open(asked: ExportRequest, format: Format) -> Result<Pieces> {
        let (reading, row_limit) = stream::open(&asked, format)?;
        let moment = Moment::of_snapshot();
        let layout = reading.layout(format, None)?;
        let lists = lists(&reading, &asked, format, &layout)?;
        let setup = Setup {
            title: reading.loaded.dataset.title.clone(),
            time_zone: reading.context.time_zone.clone(),
            references: lists.sheets,
            ..Setup::default()
        };
        let mut encoder = encoder(format, &reading.options, layout.columns(), setup)?;
        let mut encoded = Vec::new();
        encoder.begin(&mut encoded)?;
        let stream = reading.read(|| reading.open(format))?;
        reading.tell(audit::EXPORTED, &asked, json!({ "format": format.as_str(), "stream": true }))?;
        let gzip = reading
            .options
            .compression
            .map(|Compression::Gzip| GzEncoder::new(Vec::new(), flate2::Compression::new(4)));
        Ok(Pieces {
            asked,
            redactor: reading.redactor(),
            reading,
            moment,
            stream,
            layout,
            row_limit,
            rows: 0,
            encoder: Some(encoder),
            notes: lists.notes,
            gzip,
            encoded,
            ready: Vec::new(),
            sent: 0,
        })
    }

    fn next_piece(&mut self) -> Result<Option<Vec<u8>>> {
        while self.ready.len() - self.sent < LEAST && self.encoder.is_some() {
            // Less than a piece is left.
            self.ready.drain(..self.sent);
            self.sent = 0;
            if !self.fetch()? {
                self.stream.close();
                self.finish()?;
            }
            self.pack()?;
        }
        let end = self.ready.len().min(self.sent + MOST);
        let piece = self.ready[self.sent..end].to_vec();
        self.sent = end;
        if self.sent == self.ready.len() {
            memory::reuse(&mut self.ready);
            self.sent = 0;
        }
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// False: there are no more rows.
    fn fetch(&mut self) -> Result<bool> {
        let Pieces { stream, reading, redactor, layout, row_limit, rows, encoder, encoded, .. } = self;
        let Some(encoder) = encoder else { return Ok(false) };
        let mut take = |cells: &[Cell<'_>]| {
            *rows += 1;
            if !row_limit.check(*rows)? {
                return Err(row_limit.needs_approval());
            }
            redactor
                .apply(cells, &mut |cells| layout.row(cells, &mut |cells| encoder.row(cells, encoded)))?;
            Ok(if encoded.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        };
        session_read::stream(&reading.settings, || stream.fetch(&mut take))
    }

    /// Writes the end of the file.
    fn finish(&mut self) -> Result<()> {
        let Some(encoder) = self.encoder.take() else { return Ok(()) };
        let Reading { context, plan, loaded, options, .. } = &self.reading;
        let removed = plan.removed(&self.redactor);
        let occasion = info::Occasion {
            job: None,
            role: identity::current_user(),
            asked: &self.asked,
            context,
            moment: &self.moment,
            reproducible: options.reproducible,
        };
        let part = info::Part {
            title: &loaded.dataset.title,
            asked: &self.asked,
            context,
            plan,
            matched: None,
            rows: self.rows,
            removed: &removed,
            changes: None,
            foreign: loaded.lineage.reads_other_servers(),
        };
        let mut info = info::of(&occasion, &[part], &[]);
        info.entries.extend(self.notes.drain(..).map(|(name, note)| (name, note.into())));
        encoder.finish(&info, &mut self.encoded).map(drop)
    }

    /// Moves what is encoded to what is ready.
    fn pack(&mut self) -> Result<()> {
        let Some(gzip) = &mut self.gzip else {
            memory::reserve(&mut self.ready, self.encoded.len())?;
            self.ready.append(&mut self.encoded);
            memory::reuse(&mut self.encoded);
            return Ok(());
        };
        // Writing to memory does not fail.
        gzip.write_all(&self.encoded)?;
        memory::reuse(&mut self.encoded);
        if self.encoder.is_none() {
            gzip.try_finish()?;
        }
        self.ready.append(gzip.get_mut());
        Ok(())
    }
}

impl Iterator for Pieces {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.next_piece().unwrap_or_else(|error| raise(error))
    }
}

/// The references of a workbook's columns, read as the caller.
fn lists(reading: &Reading, asked: &ExportRequest, format: Format, layout: &Layout) -> Result<Lists> {
    if format != Format::Xlsx || !reading.options.xlsx.reference_sheets {
        return Ok(Lists::default());
    }
    let streaming = Reader::streaming(identity::current_user());
    let reader = Reader { settings: &reading.settings, ..streaming };
    let occasion = Occasion { asked, context: &reading.context, reader: &reader, disabled: false };
    references::gather(&reading.loaded.dataset, layout.columns(), &occasion)
}

/// Streams the file of an export in pieces of 64 to 256 KiB, in any format; put together they are the file. In a select list nothing is
/// stored.
///
/// Errors: as `acct_export_ndjson`.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)] // one for each argument in SQL
fn acct_export_stream(
    dataset: Option<String>,
    format: default!(Option<String>, "'xlsx'"),
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
) -> std::result::Result<SetOfIterator<'static, Vec<u8>>, Report> {
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
    let asked = selection.into_asked().reported()?;
    let format = Format::parse(format.as_deref().unwrap_or("xlsx")).reported()?;
    let pieces = watched(&asked.clone(), format, "stream", || Pieces::open(asked, format)).reported()?;
    Ok(SetOfIterator::new(pieces))
}
