//! One file of an export: the rows of a dataset, or of several in one workbook, read and encoded into a spool.

use super::changes::Changes as Digesting;
use super::export::Task;
use super::info;
use super::references::{self, Lists};
use super::written::{parts, Read, Written};
use crate::changes::Change;
use crate::encode::{encoder, Cell, Column, Compression, Encoder, Format, Options, Setup, Tally};
use crate::error::{Error, Kind, Result};
use crate::job::digests::Digests;
use crate::job::output::{File, Reason};
use crate::job::Stage;
use crate::layout::Layout;
use crate::pg::identity::{self, Reader};
use crate::pg::report::Failure;
use crate::pg::{progress, query, wait, xact};
use crate::pseudonym_key;
use crate::request::slug;
use crate::settings;
use crate::source::changes as choice;
use crate::source::dataset_export::DatasetExport;
use crate::source::moment::Moment;
use crate::source::references::Occasion;
use crate::source::row_limit::RowLimit;
use crate::spool::{Packing, Spool};
use crate::value::memory;
use std::io::Write;
use std::ops::ControlFlow;

/// Characters of a title in a file's name: with the moment and an ending it is short enough for every system.
pub const LONGEST_STEM: usize = 60;

/// The number of encoded bytes that are sent to the spool at once.
const BATCH: usize = 64 * 1024;

/// The parts that all files of a job share.
pub struct FileBuilder<'a> {
    pub task: &'a Task<'a>,
    pub reader: &'a Reader<'a>,
    pub format: Format,
    pub options: &'a Options,
    pub moment: &'a Moment,
    /// Rows of the files that are complete.
    pub rows: u64,
    /// Of the rows of the dataset itself.
    pub digests: Option<Digests>,
}

/// A dataset of the job and its place among them, from 1; the first is the one that was asked for.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    pub part: &'a DatasetExport,
    pub place: usize,
}

/// The columns written of a dataset, and the secret of its pseudonyms.
struct Columns {
    layout: Layout,
    /// The column before them: the file is one of changes.
    change: Option<Column>,
    key: Option<[u8; 32]>,
}

impl Columns {
    fn written(&self) -> Vec<Column> {
        self.change.iter().chain(self.layout.columns()).cloned().collect()
    }
}

/// The outcome, if it is not an error of the whole job.
pub enum Made {
    File(Box<File>),
    /// There are more rows than leave without approval.
    Unapproved,
    /// The companion at this index could not be read.
    Failed(usize, Failure),
}

impl FileBuilder<'_> {
    /// Makes one file of these, the first of which decides about its name. `failed`: companions that were to be in it, with the
    /// reasons.
    pub fn file(&mut self, members: &[Member<'_>], failed: &[(String, String)]) -> Result<Made> {
        let Some(first) = members.first() else {
            return Err(Error::new(Kind::Internal, "a file of no dataset"));
        };
        let directory = settings::spool_directory()?;
        let mut spool = Spool::create(&directory, self.packing())?;
        let title = &first.part.loaded.dataset.title;
        let mut columns = self.columns_of(first.part)?;
        let of_removed = self.put_change_first(first.part, &mut columns)?;
        let mut lists = self.lists(first.part, &columns.layout)?;
        if columns.change.is_some() {
            let choosing = lists.sheets.iter_mut().flat_map(|sheet| &mut sheet.columns);
            choosing.for_each(|choosing| choosing.column += 1);
        }
        let setup = Setup {
            title: title.clone(),
            time_zone: self.task.context.time_zone.clone(),
            references: lists.sheets,
            of_removed,
        };
        let mut encoder = encoder(self.format, self.options, &columns.written(), setup)?;
        let mut buffer = Vec::with_capacity(BATCH * 2);
        encoder.begin(&mut buffer)?;
        let mut read: Vec<Read<'_>> = Vec::new();
        let mut tallies: Vec<Tally> = Vec::new();
        let Some(Written { rows, removed, changes }) =
            self.write_rows(*first, &columns, 0, encoder.as_mut(), &mut buffer, &mut spool)?
        else {
            return Ok(Made::Unapproved);
        };
        read.push(Read { part: first.part, layout: columns.layout, rows, removed, changes });
        for (index, member) in members.iter().enumerate().skip(1) {
            let before: u64 = read.iter().map(|read| read.rows).sum();
            // A failure of a companion's source is the companion's failure.
            let attempt = xact::attempt(|| {
                let (part, columns) = (member.part, self.columns_of(member.part)?);
                let title = &part.loaded.dataset.title;
                tallies.push(encoder.part(title, columns.layout.columns(), &mut buffer)?);
                let written =
                    self.write_rows(*member, &columns, before, encoder.as_mut(), &mut buffer, &mut spool)?;
                let layout = columns.layout;
                Ok(written.map(|Written { rows, removed, .. }| Read {
                    part,
                    layout,
                    rows,
                    removed,
                    changes: None,
                }))
            });
            match survivable(attempt)? {
                Ok(Some(companion)) => read.push(companion),
                Ok(None) => return Ok(Made::Unapproved),
                Err(failure) => return Ok(Made::Failed(index, failure)),
            }
        }
        spool.write_all(&buffer)?;
        let told: Vec<info::Part<'_>> = read.iter().map(Read::told).collect();
        let occasion = info::Occasion {
            job: Some(self.task.job),
            role: self.task.role,
            asked: self.task.asked,
            context: self.task.context,
            moment: self.moment,
            reproducible: self.options.reproducible,
        };
        let mut info = info::of(&occasion, &told, failed);
        info.entries.extend(lists.notes.into_iter().map(|(name, note)| (name, note.into())));
        tallies.push(encoder.finish(&info, &mut spool)?);
        let mut parts = parts(&read, &tallies)?;
        if let Some(first) = parts.first_mut() {
            first.shape.references = lists.targets;
        }
        let file = File { spooled: Some(spool.finish()?), parts, ..self.empty(title, None) };
        self.rows += file.rows();
        Ok(Made::File(Box::new(file)))
    }

    /// The reference data that the columns of a workbook's first dataset refer to.
    fn lists(&self, part: &DatasetExport, layout: &Layout) -> Result<Lists> {
        if self.format != Format::Xlsx || !self.options.xlsx.reference_sheets {
            return Ok(Lists::default());
        }
        let (asked, context) = (&part.asked, &part.context);
        let occasion = Occasion { asked, context, reader: self.reader, disabled: false };
        references::gather(&part.loaded.dataset, layout.columns(), &occasion)
    }

    /// The columns written of a dataset; where it has a column for each key of its documents, the keys are looked for.
    fn columns_of(&self, part: &DatasetExport) -> Result<Columns> {
        let plan = &part.plan;
        let key =
            if plan.pseudonymises() { Some(pseudonym_key::of(part.context.tenant.key())?) } else { None };
        let layout = identity::as_requester(self.reader, || plan.layout(self.format, key, None))?;
        Ok(Columns { layout, change: None, key })
    }

    /// Puts the column of changes before the others where that is asked for; the places of what a removed row has.
    fn put_change_first(&self, part: &DatasetExport, columns: &mut Columns) -> Result<Vec<usize>> {
        if self.options.changes_since.is_none() {
            return Ok(Vec::new());
        }
        let change = choice::column(columns.layout.columns(), self.format)?;
        columns.change = Some(change);
        let key = columns.layout.shape(&part.plan.key, 0).key;
        // Without a key no row is known to be gone.
        let places = key.iter().map(|place| place + 1);
        Ok(if key.is_empty() { Vec::new() } else { std::iter::once(0).chain(places).collect() })
    }

    /// Reads one dataset; the number of rows, and what was taken out of the fields' values. None: it was left at the first row that needs approval. So nothing is counted
    /// beforehand, and the answer is exact also where a source gives other rows each time it is read. `before`: rows that the file
    /// has already.
    fn write_rows(
        &mut self,
        member: Member<'_>,
        Columns { layout, key, .. }: &Columns,
        before: u64,
        encoder: &mut dyn Encoder,
        buffer: &mut Vec<u8>,
        spool: &mut Spool,
    ) -> Result<Option<Written>> {
        let (part, is_main) = (member.part, member.place == 1);
        let plan = &part.plan;
        let mut redactor = plan.redactor(*key);
        let mut keys = plan.key_check();
        // The approval is about the dataset that was asked for.
        let row_limit = RowLimit::of(&part.loaded.dataset, is_main && self.task.approved);
        let local = self.format == Format::Xlsx || self.options.text_form.local_times;
        let mut digests = if is_main { Digesting::begin(self.task, part, local)? } else { None };
        let (mut rows, mut written, mut admitted) = (0u64, 0u64, true);
        progress::part(member.place);
        progress::stage(Stage::Reading);
        identity::as_requester(self.reader, || {
            query::for_each_ordered_row(&plan.sql, &plan.params, local, keys.as_mut(), &mut |cells| {
                rows += 1;
                if !row_limit.check(rows)? {
                    admitted = false;
                    return Ok(ControlFlow::Break(()));
                }
                redactor.apply(cells, &mut |cells| {
                    // Also between the rows of one call: of rows that are gone there may be any number.
                    let mut write = |change: Option<Change>, cells: &[Cell<'_>]| {
                        written += 1;
                        layout.row(cells, &mut |cells| write_row(encoder, change, cells, buffer))?;
                        flush(buffer, spool)
                    };
                    match &mut digests {
                        None => write(None, cells),
                        Some(digests) => digests.row(cells, &mut write),
                    }
                })?;
                if rows.is_multiple_of(1024) {
                    wait::interrupted()?;
                    progress::rows(self.rows + before + rows);
                }
                Ok(ControlFlow::Continue(()))
            })?;
            match &mut digests {
                Some(digests) if admitted => digests.rest(&mut |change, cells| {
                    written += 1;
                    layout.row(cells, &mut |cells| write_row(encoder, change, cells, buffer))?;
                    flush(buffer, spool)
                }),
                _ => Ok(()),
            }
        })?;
        if !admitted && !is_main {
            return Err(row_limit.needs_approval());
        }
        progress::rows(self.rows + before + rows);
        if !admitted {
            return Ok(None);
        }
        let mut changes = None;
        if let Some(digests) = digests {
            let is_key_whole = plan.key.iter().all(|place| !redactor.removed()[*place].any());
            (self.digests, changes) = digests.finish(part, self.task.role, is_key_whole)?;
        }
        Ok(Some(Written { rows: written, removed: plan.removed(&redactor), changes }))
    }

    /// Workbooks are compressed as they are; text is unless it is asked for in gzip, or goes into an archive or a bucket.
    fn packing(&self) -> Packing {
        match (self.format, self.options.compression) {
            (_, Some(Compression::Gzip)) => Packing::Gzip,
            (Format::Xlsx, None) => Packing::None,
            _ if self.options.archive.is_some() || self.task.asked.destination.is_some() => Packing::None,
            (Format::Csv | Format::Ndjson | Format::Json, None) => Packing::Zstd,
        }
    }

    /// A file of this title without anything in it; why it has nothing.
    pub fn empty(&self, title: &str, failed: Option<Reason>) -> File {
        let packed = self.options.compression.is_some();
        File {
            stem: slug(title, LONGEST_STEM),
            ending: format!("{}{}", self.format.extension(), if packed { ".gz" } else { "" }),
            name: String::new(),
            media_type: if packed { "application/gzip" } else { self.format.media_type() },
            spooled: None,
            failed,
            parts: Vec::new(),
        }
    }
}

/// Sends what is encoded to the spool, once it is worth it.
fn flush(buffer: &mut Vec<u8>, spool: &mut Spool) -> Result<()> {
    if buffer.len() >= BATCH {
        spool.write_all(buffer)?;
        memory::reuse(buffer);
    }
    Ok(())
}

/// Writes a row, behind its change where the file is one of changes.
fn write_row(
    encoder: &mut dyn Encoder,
    change: Option<Change>,
    cells: &[Cell<'_>],
    buffer: &mut Vec<u8>,
) -> Result<()> {
    let Some(change) = change else { return encoder.row(cells, buffer) };
    let cells: Vec<Cell<'_>> =
        std::iter::once(Cell::text(change.as_str())).chain(cells.iter().copied()).collect();
    match change {
        Change::Removed => encoder.removed_row(&cells, buffer),
        Change::Added | Change::Changed => encoder.row(&cells, buffer),
    }
}

/// A failure that the rest of the job survives: any but a cancel request or a time limit, which is about the whole job.
pub fn survivable<T>(attempt: std::result::Result<T, Failure>) -> Result<std::result::Result<T, Failure>> {
    match attempt {
        Err(failure) if failure.is_cancel() => Err(failure.into_error()),
        outcome => Ok(outcome),
    }
}
