//! `acct_export_diff`: the rows of two stored files, in one form. The server compares them (sql/diff.sql), with its own
//! memory and temporary files; here nothing is kept but one row and one chunk of a file.

use super::content::Content;
use super::file::{self, File};
use crate::decode::{self, Look, Normal, Row, Rows};
use crate::encode::{json_string, Format, Kind, Options};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::job::origin::{self, Origin};
use crate::job::output::ARCHIVE_TYPE;
use crate::model::{FileSpec, Shape};
use crate::pg::zone::Zone;
use crate::pg::{identity, report};
use crate::value::{key_text, storable};
use std::collections::HashMap;

/// The name of this access in the audit trail.
const WAY: &str = "diff";

/// A file's job, and the shape of the dataset's own rows in the file.
struct About {
    job: Origin,
    shape: Option<Shape>,
}

/// One row of one of the two files.
pub struct Compared {
    /// The key's text; None: NULL.
    pub key: Option<String>,
    /// Of the second file.
    pub later: bool,
    /// Its number in its file, from 1.
    pub place: i64,
    /// Its values by field, a JSON object of texts and nulls: the same text where the rows are the same.
    pub cells: String,
}

/// The rows of the first file, then those of the second.
pub struct Both {
    /// The second file's, then the first's.
    sides: Vec<Side>,
    normal: Normal,
    names: Vec<Name>,
    row: Row,
    place: i64,
}

struct Side {
    rows: Box<dyn Rows>,
    kinds: Vec<Kind>,
    key: Vec<usize>,
}

/// A column of either file.
struct Name {
    /// The bytes before its values: bracket or comma, name, colon.
    before: Vec<u8>,
    /// Its places in the first file and in the second; None: the file has no such column, which is NULL then.
    places: [Option<usize>; 2],
}

/// Checks that the caller may read both files now and that they can be compared, and writes the audit events.
///
/// Errors: those of [`file::open`] for either; 22023 for jobs of two datasets, tenants, keys or choices of fields, for files without
/// the key, and for times of two time zones without offsets.
pub fn compare(job_a: Option<&str>, job_b: Option<&str>) -> Result<Both> {
    let files = [file::find(job_a, Some(1), WAY)?, file::find(job_b, Some(1), WAY)?];
    files.iter().try_for_each(holds_all_rows)?;
    let pair = [about(&files[0])?, about(&files[1])?];
    same_selection(&pair)?;
    let [shape, other] = [held(&pair[0])?, held(&pair[1])?];
    let key = |shape: &'_ Shape| -> Vec<String> {
        shape.key.iter().map(|place| shape.columns[*place].field.clone()).collect()
    };
    if key(shape) != key(other) {
        return Err(Error::invalid("exports by different keys cannot be compared")
            .hint("The key of the dataset was changed between the two exports. Request the export again with acct_export_start."));
    }
    let specs = [FileSpec::of(&pair[0].job.request)?, FileSpec::of(&pair[1].job.request)?];
    let formats = [specs[0].format, specs[1].format];
    let look = |side: usize, shape: &Shape| Look {
        format: formats[side],
        options: &specs[side].options,
        columns: shape.columns.len(),
    };
    let looks = [look(0, shape), look(1, other)];
    let zone = zone(&pair, &looks, shape)?;
    let normal = Normal::new(&looks, Box::new(move |utc| zone.wall_clock(utc)));
    // Both, before a byte of either leaves.
    files.iter().try_for_each(|file| file.tell(WAY))?;
    let [first, second] = files;
    let sides = vec![
        Side::new(second, formats[1], &specs[1].options, other)?,
        Side::new(first, formats[0], &specs[0].options, shape)?,
    ];
    Ok(Both { sides, normal, names: names(shape, other)?, row: Row::new(), place: 0 })
}

fn about(file: &File) -> Result<About> {
    let job = identity::as_owner(|| origin::of(&file.job))?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotInPrerequisiteState,
            format!("export job {} was deleted in the meantime", file.job),
        )
    })?;
    Ok(About { job, shape: file.stored.parts.first().map(|part| part.shape.clone()) })
}

/// 22023 for a file of changes, and for an archive.
fn holds_all_rows(file: &File) -> Result<()> {
    if file.stored.parts.first().is_some_and(|part| part.selection.changes.is_some()) {
        return Err(Error::invalid(format!(
            "export job {} has changes only, which cannot be compared",
            file.job
        ))
        .hint("Compare exports without option changes_since."));
    }
    if file.stored.media_type != ARCHIVE_TYPE {
        return Ok(());
    }
    Err(Error::invalid(format!("export job {} is an archive, which cannot be compared", file.job))
        .hint("Compare exports without option archive."))
}

fn same_selection([a, b]: &[About; 2]) -> Result<()> {
    let refused = |what: String, hint: &str| Err(Error::invalid(what).hint(hint));
    if a.job.dataset != b.job.dataset {
        let what =
            format!("exports of datasets \"{}\" and \"{}\" cannot be compared", a.job.dataset, b.job.dataset);
        return refused(what, "Compare two exports of one dataset.");
    }
    if a.job.request.all_tenants != b.job.request.all_tenants
        || (!a.job.request.all_tenants && a.job.tenant != b.job.tenant)
    {
        return refused(
            "exports of different tenants cannot be compared".into(),
            "Compare two exports of one tenant.",
        );
    }
    let [one, other] = [fields(a), fields(b)];
    let names = |fields: &[(String, bool)]| fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(&one) != names(&other) {
        return Err(Error::invalid("exports of different fields cannot be compared")
            .detail(format!(
                "One has {}; the other has {}.",
                names(&one).join(", "),
                names(&other).join(", ")
            ))
            .hint("Export the same fields in the same order, named by fields => '{...}'."));
    }
    if let Some(((name, _), _)) = one.iter().zip(&other).find(|(one, other)| one.1 != other.1) {
        let what = format!("exports cannot be compared if only one has field \"{name}\" as columns");
        return refused(what, "Export both as csv or xlsx, or both as ndjson or json.");
    }
    Ok(())
}

/// The fields of an export, and whether a field is written as columns of the keys that it has: these may differ.
fn fields(about: &About) -> Vec<(String, bool)> {
    let mut fields: Vec<(String, bool)> = Vec::new();
    for column in about.shape.iter().flat_map(|shape| &shape.columns) {
        let field = (column.of.as_ref().unwrap_or(&column.field).clone(), column.of.is_some());
        if !field.1 || fields.last() != Some(&field) {
            fields.push(field);
        }
    }
    fields
}

/// The file's columns, the key among them.
fn held(about: &About) -> Result<&Shape> {
    about.shape.as_ref().filter(|shape| !shape.key.is_empty()).ok_or_else(|| {
        Error::invalid(format!(
            "an export of dataset \"{}\" does not contain the unmodified key",
            about.job.dataset
        ))
        .hint("Export both with the dataset's key among the fields, neither masked nor anonymised.")
    })
}

/// The zone on whose clock a file of the pair shows instants.
fn zone(pair: &[About; 2], looks: &[Look<'_>; 2], shape: &Shape) -> Result<Zone> {
    let mut names = pair.iter().zip(looks).filter(|(_, look)| look.shows_wall_clock());
    let first = names.next().map(|(about, _)| about.job.time_zone.as_str());
    let second = names.next().map(|(about, _)| about.job.time_zone.as_str());
    let has_instants = shape.columns.iter().any(|column| column.kind == Kind::Instant);
    if let (Some(first), Some(second), true) = (first, second, has_instants && first != second) {
        return Err(Error::invalid(format!(
            "exports with times in time zones \"{first}\" and \"{second}\" cannot be compared"
        ))
        .hint(
            "Export both in the same time zone, or one of them as csv or ndjson with timestamps \"iso\".",
        ));
    }
    match first {
        None => Ok(Zone::of_session()),
        Some(name) => Zone::named(name).ok_or_else(|| {
            Error::new(
                ErrorKind::NotInPrerequisiteState,
                format!("time zone \"{name}\" does not exist any more"),
            )
            .hint("Request the export again with acct_export_start.")
        }),
    }
}

/// The columns of both files: those of the first, then those that only the second has.
fn names(first: &Shape, second: &Shape) -> Result<Vec<Name>> {
    let mut places: HashMap<&str, usize> =
        second.columns.iter().map(|column| column.field.as_str()).zip(0..).collect();
    let mut found: Vec<(&str, [Option<usize>; 2])> = first
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| (column.field.as_str(), [Some(place), places.remove(column.field.as_str())]))
        .collect();
    let others = second.columns.iter().map(|column| column.field.as_str());
    found.extend(others.filter_map(|field| Some((field, [None, Some(places.remove(field)?)]))));
    let name = |(index, (field, places)): (usize, (&str, _))| {
        let mut before = vec![if index == 0 { b'{' } else { b',' }];
        json_string(field.as_bytes(), &mut before)?;
        before.push(b':');
        Ok(Name { before, places })
    };
    found.into_iter().enumerate().map(name).collect()
}

impl Side {
    fn new(file: File, format: Format, options: &Options, shape: &Shape) -> Result<Side> {
        Ok(Side {
            rows: decode::rows(format, options, shape, Content::new(file))?,
            kinds: shape.columns.iter().map(|column| column.kind).collect(),
            key: shape.key.clone(),
        })
    }
}

impl Both {
    fn read(&mut self) -> Result<Option<Compared>> {
        while let Some(side) = self.sides.last_mut() {
            if !side.rows.next(&mut self.row)? {
                self.sides.pop();
                self.place = 0;
                continue;
            }
            self.place += 1;
            for (value, kind) in self.row.iter_mut().zip(&side.kinds) {
                self.normal.apply(*kind, value)?;
            }
            let values: Option<Vec<&str>> =
                side.key.iter().map(|place| self.row.get(*place)?.as_deref()).collect();
            let key = values.map(|values| key_text::joined(&values).into_owned());
            let later = self.sides.len() == 1;
            let mut cells = Vec::new();
            for name in &self.names {
                cells.extend_from_slice(&name.before);
                match name.places[usize::from(later)].and_then(|place| self.row.get(place)?.as_ref()) {
                    Some(text) => json_string(text.as_bytes(), &mut cells)?,
                    None => cells.extend_from_slice(b"null"),
                }
            }
            cells.push(b'}');
            let cells = String::from_utf8(cells)
                .map_err(|_| Error::new(ErrorKind::Internal, "a value of an export is not UTF-8"))?;
            // The server would quote what it cannot hold.
            let cells = storable(&cells).into_owned();
            return Ok(Some(Compared { key, later, place: self.place, cells }));
        }
        Ok(None)
    }
}

impl Iterator for Both {
    type Item = Compared;

    fn next(&mut self) -> Option<Compared> {
        self.read().unwrap_or_else(|error| report::raise(error))
    }
}

/// True if a key is in neither file more than once, as it is if it is unique: always true, or 22023.
pub fn once(first: i64, second: i64) -> Result<bool> {
    if first <= 1 && second <= 1 {
        return Ok(true);
    }
    Err(Error::invalid("exports whose key is not unique cannot be compared")
        .hint("Compare exports of one tenant, whose keys are neither null nor equal."))
}
