//! The digests of the rows that are read, and the comparison with those of an earlier export.

use super::export::Task;
use crate::changes::{self, Change, Digester, Hashing, Merge, Record, Records, Row, Source, NOTHING};
use crate::encode::Cell;
use crate::error::{Error, Kind, Result};
use crate::job::digests::{self, Digests};
use crate::job::manifest::Changes as Told;
use crate::layout::Layout;
use crate::model::Digests as KeepDigests;
use crate::pg::identity;
use crate::pg::key_order::KeyOrder;
use crate::pseudonym_key;
use crate::settings;
use crate::source::changes as choice;
use crate::source::dataset_export::DatasetExport;
use crate::spool::Spool;
use crate::value::{key_text, memory, text};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::Write;

/// Bytes of a row's values of which the digest is made at once.
const LARGE: usize = 64 * 1024;

/// Digests under way.
pub struct Changes {
    digester: Digester,
    /// Picks the values that are compared, the same in all formats.
    layout: Layout,
    /// The places of the key among the columns that are read.
    key: Vec<usize>,
    columns: usize,
    /// The key of the present row, and the values of one of several columns.
    text: Vec<u8>,
    /// The values of the present row.
    values: Vec<u8>,
    /// The row on its way to the spool, whose thread makes its digest where nothing has to be compared.
    row: Vec<u8>,
    spool: Spool,
    rows: u64,
    /// Nobody asked for them.
    is_optional: bool,
    earlier: Option<Comparison>,
}

/// The comparison with an earlier export.
struct Comparison {
    merge: Merge<Earlier>,
    told: Told,
    /// The values of a key that is gone, as a row that has it would be read.
    values: KeyOrder,
}

/// Takes a row that is written, and its change; None: all rows are written.
pub type WriteRow<'w> = dyn FnMut(Option<Change>, &[Cell<'_>]) -> Result<()> + 'w;

impl Changes {
    /// None: the export makes no digests. `local`: rows are read with instants also as wall clock.
    pub fn begin(task: &Task<'_>, part: &DatasetExport, local: bool) -> Result<Option<Changes>> {
        let (options, plan) = (&task.file.options, &part.plan);
        if !choice::are_digests_made(part, options) {
            return Ok(None);
        }
        choice::check_key(part, options)?;
        let earlier = match &options.changes_since {
            None => None,
            Some(job) => {
                choice::same(part, job, task.role)?;
                let told = Told { since: job.clone(), added: 0, changed: 0, removed: 0 };
                let merge = Merge::new(Earlier::of(job, part)?)?;
                Some(Comparison { merge, told, values: key_order(part, local)? })
            }
        };
        let secret = pseudonym_key::of(part.context.tenant.key())?;
        let hashing = Hashing::new(Digester::new(&secret)?);
        Ok(Some(Changes {
            digester: Digester::new(&secret)?,
            layout: choice::compared(plan),
            key: plan.key.clone(),
            columns: plan.columns.len(),
            text: Vec::new(),
            values: Vec::new(),
            row: Vec::new(),
            spool: Spool::of_digests(&settings::spool_directory()?, hashing)?,
            rows: 0,
            is_optional: options.digests == KeepDigests::Auto && earlier.is_none(),
            earlier,
        }))
    }

    /// Takes the next row, as it leaves, and hands on what is to be written of it and of rows that were before it.
    pub fn row(&mut self, cells: &[Cell<'_>], write: &mut WriteRow<'_>) -> Result<()> {
        let key = key_of(&self.key, cells, &mut self.text)?;
        let key = key.as_ref();
        let values = &mut self.values;
        memory::reuse(values);
        self.layout.row(cells, &mut |cells| changes::values(cells, values))?;
        self.rows += 1;
        memory::reuse(&mut self.row);
        let Some(Comparison { merge, told, values }) = &mut self.earlier else {
            // One that is large is not sent about.
            if self.values.len() > LARGE {
                let digest = self.digester.of(&self.values)?;
                changes::append_row(key, Row::Digest(&digest), &mut self.row)?;
            } else {
                changes::append_row(key, Row::Values(&self.values), &mut self.row)?;
            }
            self.spool.write_all(&self.row)?;
            return write(None, cells);
        };
        let digest = self.digester.of(&self.values)?;
        changes::append_row(key, Row::Digest(&digest), &mut self.row)?;
        self.spool.write_all(&self.row)?;
        let (places, columns) = (&self.key, self.columns);
        let removed = &mut told.removed;
        let change = merge.row(key, &digest, &mut |key| {
            *removed += 1;
            values.cells(key, &mut |values| gone(values, places, columns, write))
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
        let Some(Comparison { merge, told, values }) = &mut self.earlier else { return Ok(()) };
        let (places, columns) = (&self.key, self.columns);
        merge.rest(&mut |key| {
            told.removed += 1;
            values.cells(key, &mut |values| gone(values, places, columns, write))
        })
    }

    /// The digests to be stored, and the counts of changes. `is_key_whole`: no key looked like a secret, of which nothing leaves.
    ///
    /// Errors: 55000 for other keys, by which rows cannot be told apart, where digests or changes were asked for.
    pub fn finish(
        self,
        part: &DatasetExport,
        role: u32,
        is_key_whole: bool,
    ) -> Result<(Option<Digests>, Option<Told>)> {
        if !is_key_whole {
            return if self.is_optional { Ok((None, None)) } else { Err(redacted_key(part)) };
        }
        let selection = choice::kept_selection(part, role);
        let digests = Digests { spooled: self.spool.finish()?, rows: self.rows, selection };
        Ok((Some(digests), self.earlier.map(|earlier| earlier.told)))
    }
}

fn redacted_key(part: &DatasetExport) -> Error {
    Error::new(
        Kind::NotInPrerequisiteState,
        format!(
            "rows of dataset \"{}\" cannot be identified: their keys look like secrets and are redacted",
            part.loaded.dataset.name
        ),
    )
    .hint("Leave options digests and changes_since out, or register the dataset with another key.")
}

/// The text of a row's key, which may be kept in `text`.
fn key_of<'t>(key: &[usize], cells: &[Cell<'_>], text: &'t mut Vec<u8>) -> Result<Cow<'t, str>> {
    memory::reuse(text);
    let mut ends = Vec::with_capacity(key.len());
    for place in key {
        text::plain(&cells[*place], text)?;
        ends.push(text.len());
    }
    let whole = std::str::from_utf8(text).map_err(|_| Error::new(Kind::Internal, "a key is not UTF-8"))?;
    if key.len() == 1 {
        return Ok(Cow::Borrowed(whole));
    }
    let mut from = 0;
    let values: Vec<&str> = ends.iter().map(|end| &whole[std::mem::replace(&mut from, *end)..*end]).collect();
    Ok(key_text::joined(&values))
}

/// Writes a row that is no more: the values of its key.
fn gone(values: &[Cell<'_>], places: &[usize], columns: usize, write: &mut WriteRow<'_>) -> Result<()> {
    let mut cells = vec![Cell::Null; columns];
    for (place, value) in places.iter().zip(values) {
        cells[*place] = *value;
    }
    write(Some(Change::Removed), &cells)
}

fn key_order(part: &DatasetExport, local: bool) -> Result<KeyOrder> {
    let dataset = &part.loaded.dataset;
    let columns: Option<Vec<i16>> =
        dataset.key.iter().map(|name| dataset.field(name).map(|field| field.attnum)).collect();
    let columns = columns.ok_or_else(|| Error::new(Kind::Internal, "a dataset without its key"))?;
    KeyOrder::of(dataset.source, &columns, local)
}

/// Gives one chunk after the other.
type Chunks = Box<dyn FnMut() -> Result<Option<Vec<u8>>>>;

/// The rows of an earlier export.
struct Earlier {
    records: Records<Chunks>,
    /// Rows that have not been read.
    left: u64,
    order: KeyOrder,
}

impl Earlier {
    fn of(job: &str, part: &DatasetExport) -> Result<Earlier> {
        let left = match job {
            NOTHING => 0,
            job => identity::as_owner(|| digests::rows_of(job))?,
        };
        let (job, mut number) = (job.to_owned(), 0);
        let next = move || {
            if job == NOTHING {
                return Ok(None);
            }
            number += 1;
            identity::as_owner(|| digests::read(&job, number))
        };
        Ok(Earlier { records: Records::new(Box::new(next)), left, order: key_order(part, false)? })
    }
}

impl Source for Earlier {
    fn next(&mut self) -> Result<Option<Record>> {
        let record = self.records.read()?;
        // A row too few would look added.
        match (record.is_some(), self.left) {
            (true, 0) | (false, 1..) => {
                return Err(Error::new(Kind::DataCorrupted, "the digests of an export are damaged"))
            }
            (true, left) => self.left = left - 1,
            (false, 0) => {}
        }
        Ok(record)
    }

    fn compare(&mut self, one: &str, other: &str) -> Result<Ordering> {
        self.order.compare(one, other)
    }
}
