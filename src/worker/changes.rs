//! The digests of the rows that are read, and the comparison with those of an earlier export.

use super::export::Task;
use crate::changes::{self, Change, Digester, Merge, Record, Records, Source, NOTHING};
use crate::encode::{Cell, Kind as ColumnKind};
use crate::error::{Error, Kind, Result};
use crate::job::digests::{self, Digests};
use crate::job::manifest::Changes as Told;
use crate::pg::identity;
use crate::pg::key_order::KeyOrder;
use crate::pseudonym_key;
use crate::settings;
use crate::source::changes as choice;
use crate::source::dataset_export::DatasetExport;
use crate::spool::{Packing, Spool};
use crate::value::{memory, text};
use std::cmp::Ordering;
use std::io::Write;

/// Bytes that are sent to the spool at once.
const BATCH: usize = 64 * 1024;

/// Digests under way.
pub struct Changes {
    digester: Digester,
    /// The place of the key among the columns that are read, and the kind of its values.
    key: (usize, ColumnKind),
    columns: usize,
    /// The key of the present row.
    text: Vec<u8>,
    spool: Spool,
    buffer: Vec<u8>,
    rows: u64,
    earlier: Option<(Merge<Earlier>, Told)>,
}

/// Takes a row that is written, and its change; None: all rows are written.
pub type WriteRow<'w> = dyn FnMut(Option<Change>, &[Cell<'_>]) -> Result<()> + 'w;

impl Changes {
    /// None: the export makes no digests.
    pub fn begin(task: &Task<'_>, part: &DatasetExport) -> Result<Option<Changes>> {
        let (options, plan) = (&task.file.options, &part.plan);
        if !choice::are_digests_made(part, options) {
            return Ok(None);
        }
        let key = plan.key.ok_or_else(|| Error::new(Kind::Internal, "digests without a key"))?;
        let earlier = match &options.changes_since {
            None => None,
            Some(job) => {
                choice::same(part, job, task.role)?;
                let told = Told { since: job.clone(), added: 0, changed: 0, removed: 0 };
                Some((Merge::new(Earlier::of(job, part)?)?, told))
            }
        };
        Ok(Some(Changes {
            digester: Digester::new(&pseudonym_key::of(part.context.tenant.key())?)?,
            key: (key, plan.columns[key].kind),
            columns: plan.columns.len(),
            text: Vec::new(),
            spool: Spool::create(&settings::spool_directory()?, Packing::Lz4)?,
            buffer: Vec::new(),
            rows: 0,
            earlier,
        }))
    }

    /// Takes the next row, as it leaves, and hands on what is to be written of it and of rows that were before it.
    pub fn row(&mut self, cells: &[Cell<'_>], write: &mut WriteRow<'_>) -> Result<()> {
        memory::reuse(&mut self.text);
        text::plain(&cells[self.key.0], &mut self.text)?;
        let key =
            std::str::from_utf8(&self.text).map_err(|_| Error::new(Kind::Internal, "a key is not UTF-8"))?;
        let digest = self.digester.of(cells)?;
        changes::append(key, &digest, &mut self.buffer)?;
        self.rows += 1;
        if self.buffer.len() >= BATCH {
            self.spool.write_all(&self.buffer)?;
            memory::reuse(&mut self.buffer);
        }
        let Some((merge, told)) = &mut self.earlier else { return write(None, cells) };
        let (place, columns) = (self.key, self.columns);
        let removed = &mut told.removed;
        let change = merge.row(key, &digest, &mut |key| {
            *removed += 1;
            gone(key, place, columns, write)
        })?;
        match change {
            Some(change) => {
                let count = if change == Change::Added { &mut told.added } else { &mut told.changed };
                *count += 1;
                write(Some(change), cells)
            }
            None => Ok(()),
        }
    }

    /// Hands on the earlier rows that stood behind the last one.
    pub fn rest(&mut self, write: &mut WriteRow<'_>) -> Result<()> {
        let Some((merge, told)) = &mut self.earlier else { return Ok(()) };
        let (place, columns) = (self.key, self.columns);
        merge.rest(&mut |key| {
            told.removed += 1;
            gone(key, place, columns, write)
        })
    }

    /// The digests to be stored, and the counts of changes.
    pub fn finish(mut self, part: &DatasetExport, role: u32) -> Result<(Digests, Option<Told>)> {
        self.spool.write_all(&self.buffer)?;
        let selection = choice::kept_selection(part, role);
        let digests = Digests { spooled: self.spool.finish()?, rows: self.rows, selection };
        Ok((digests, self.earlier.map(|(_, told)| told)))
    }
}

/// Writes a row that is no more: its key.
fn gone(
    key: &str,
    (place, kind): (usize, ColumnKind),
    columns: usize,
    write: &mut WriteRow<'_>,
) -> Result<()> {
    let mut cells = vec![Cell::Null; columns];
    cells[place] = match kind {
        ColumnKind::Int => key.parse().map_or(Cell::Text(key), Cell::Int),
        ColumnKind::Numeric => Cell::Numeric(key),
        _ => Cell::Text(key),
    };
    write(Some(Change::Removed), &cells)
}

/// Gives one chunk after the other.
type Chunks = Box<dyn FnMut() -> Result<Option<Vec<u8>>>>;

/// The rows of an earlier export.
struct Earlier {
    records: Records<Chunks>,
    order: KeyOrder,
}

impl Earlier {
    fn of(job: &str, part: &DatasetExport) -> Result<Earlier> {
        let dataset = &part.loaded.dataset;
        let field = dataset
            .field(&dataset.key)
            .ok_or_else(|| Error::new(Kind::Internal, "a dataset without its key"))?;
        let (job, mut number) = (job.to_owned(), 0);
        let next = move || {
            if job == NOTHING {
                return Ok(None);
            }
            number += 1;
            identity::as_owner(|| digests::read(&job, number))
        };
        Ok(Earlier {
            records: Records::new(Box::new(next)),
            order: KeyOrder::of(dataset.source, field.attnum)?,
        })
    }
}

impl Source for Earlier {
    fn next(&mut self) -> Result<Option<Record>> {
        self.records.read()
    }

    fn compare(&mut self, one: &str, other: &str) -> Result<Ordering> {
        self.order.compare(one, other)
    }
}
