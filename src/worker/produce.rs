//! An export from its request to complete spool files: rights, plans, rows, bytes. All of it in one snapshot.

use super::making::{survivable, Made, Making, Member, Moment};
use crate::encode::{Format, Order};
use crate::error::{Error, Kind, Result};
use crate::job::context::Context;
use crate::job::product::{Failed, File, Product, Reason};
use crate::job::Stage;
use crate::pg::identity::{self, Reader};
use crate::pg::report::{self, Failure};
use crate::pg::{progress, query, xact};
use crate::request::{shown, Asked};
use crate::source::part::{Asker, Part};
use crate::source::plan;

/// Who asks for what.
pub struct Task<'a> {
    pub job: &'a str,
    pub asked: &'a Asked,
    pub context: &'a Context,
    pub role: u32,
    /// Titles of the dataset and its companions.
    pub titles: &'a [String],
    /// In a worker, whose session user becomes the requester; not in a session of the requester's own.
    pub own_session: bool,
    /// A second person has agreed to whatever number of rows.
    pub approved: bool,
}

/// Checks everything again, reads under the requester's rights and fills spools. Within a transaction of the caller's. None:
/// there are more rows than leave without approval.
pub fn produce(task: &Task<'_>) -> Result<Option<Product>> {
    let format = Format::parse(&task.asked.format)?;
    let options = plan::options(task.asked, format)?;
    let reader = Reader { role: task.role, own_session: task.own_session, settings: &task.context.settings };
    let moment = Moment::of_snapshot();
    progress::start(0);
    progress::stage(Stage::Preparing);
    let asker = Asker {
        context: task.context,
        format,
        options: &options,
        order: Order::Key,
        reader: &reader,
        held: true,
    };
    let main = asker.main(task.asked)?;
    progress::start(main.loaded.dataset.source);
    let companions: Vec<std::result::Result<Part, Failure>> = main
        .plan
        .companions
        .iter()
        .map(|name| survivable(xact::attempt(|| asker.companion(&main, name))))
        .collect::<Result<_>>()?;
    progress::rows_total(estimate(&main, &companions, &reader)?);
    let making = Making { task, reader: &reader, format, options: &options, moment: &moment, rows: 0 };
    let mut files = Files { making, titles: task.titles, made: Vec::new(), failed: None };
    let complete = if options.xlsx.one_workbook {
        files.one_workbook(&main, &companions)?
    } else {
        files.one_each(&main, &companions)?
    };
    if !complete {
        return Ok(None);
    }
    progress::rows_total(files.making.rows as i64);
    let Files { made: mut files, failed, .. } = files;
    name(&mut files, &moment);
    Ok(Some(Product { files, as_of: moment.as_of, wal_position: moment.wal_position, failed }))
}

/// About how many rows there are in all.
fn estimate(
    main: &Part,
    companions: &[std::result::Result<Part, Failure>],
    reader: &Reader<'_>,
) -> Result<i64> {
    let mut rows: i64 = 0;
    for part in std::iter::once(main).chain(companions.iter().flatten()) {
        let plan = &part.plan;
        let estimate =
            || identity::as_requester(reader, || query::estimate(&plan.estimate_sql, &plan.params));
        // What cannot be planned is found when it is read, and is then the failure of what it belongs to.
        rows = rows.saturating_add(survivable(xact::attempt(estimate))?.unwrap_or(0));
    }
    Ok(rows)
}

/// The files so far.
struct Files<'a> {
    making: Making<'a>,
    titles: &'a [String],
    made: Vec<File>,
    failed: Option<Failed>,
}

type Companions<'a> = &'a [std::result::Result<Part, Failure>];

impl Files<'_> {
    /// The dataset's own file, and one of each companion. False: it needs approval.
    fn one_each(&mut self, main: &Part, companions: Companions<'_>) -> Result<bool> {
        match self.making.file(&[Member { part: main, place: 1 }], &[])? {
            Made::File(file) => self.made.push(*file),
            _ => return Ok(false),
        }
        for (place, companion) in (2..).zip(companions) {
            let made = match companion {
                Err(failure) => Err(failure.clone()),
                Ok(part) => self.alone(Member { part, place })?,
            };
            match made {
                Ok(Made::File(file)) => self.made.push(*file),
                Ok(Made::Failed(_, failure)) | Err(failure) => {
                    let reason = self.note(place, &failure);
                    self.made.push(self.making.empty(self.title(place), Some(reason)));
                }
                Ok(Made::Unapproved) => {
                    return Err(Error::new(Kind::Internal, "a companion awaits approval by itself"));
                }
            }
        }
        Ok(true)
    }

    /// A companion in a file of its own.
    fn alone(&mut self, member: Member<'_>) -> Result<std::result::Result<Made, Failure>> {
        let making = &mut self.making;
        survivable(xact::attempt(|| making.file(&[member], &[])))
    }

    /// All in one file. One that fails half-way would leave its rows in it: the file is made again without it, of the same
    /// snapshot. Before that those after it are tried, so that the dataset itself is read twice and no more.
    fn one_workbook(&mut self, main: &Part, companions: Companions<'_>) -> Result<bool> {
        let mut members = vec![Member { part: main, place: 1 }];
        let mut left_out = Vec::new();
        for (place, companion) in (2..).zip(companions) {
            match companion {
                Ok(part) => members.push(Member { part, place }),
                Err(failure) => self.leave_out(place, failure, &mut left_out),
            }
        }
        loop {
            match self.making.file(&members, &left_out)? {
                Made::File(file) => {
                    self.made.push(*file);
                    return Ok(true);
                }
                Made::Unapproved => return Ok(false),
                Made::Failed(index, failure) => {
                    let later = members.split_off(index + 1);
                    if let Some(gone) = members.pop() {
                        self.leave_out(gone.place, &failure, &mut left_out);
                    }
                    for member in later {
                        match self.alone(member)? {
                            Ok(_) => members.push(member),
                            Err(failure) => self.leave_out(member.place, &failure, &mut left_out),
                        }
                        self.making.rows = 0; // of no file that is kept
                    }
                }
            }
        }
    }

    /// Tells of a failure, and remembers the first.
    fn note(&mut self, place: usize, failure: &Failure) -> Reason {
        let (message, sqlstate) = failure.described();
        let (job, title) = (self.making.task.job, shown(self.title(place)));
        report::log(&format!("companion {title} of export {job} did not complete: {message} ({sqlstate})"));
        let reason = Reason { message, sqlstate };
        let earlier = self.failed.as_ref().map_or(usize::MAX, |failed| failed.place);
        if place < earlier {
            self.failed = Some(Failed { place, reason: reason.clone() });
        }
        reason
    }

    /// The same of one that the file has to do without: its title and why.
    fn leave_out(&mut self, place: usize, failure: &Failure, left_out: &mut Vec<(String, String)>) {
        let reason = self.note(place, failure);
        left_out.push((self.title(place).to_owned(), reason.message));
    }

    fn title(&self, place: usize) -> &str {
        self.titles.get(place - 1).map(String::as_str).unwrap_or_default()
    }
}

/// Names the files; two titles may give the same stem.
fn name(files: &mut [File], moment: &Moment) {
    for index in 0..files.len() {
        let (before, rest) = files.split_at_mut(index);
        let Some(file) = rest.first_mut() else { continue };
        let stem = file.stem.clone();
        let mut number = 2;
        while before.iter().any(|other| other.stem == file.stem) {
            file.stem = format!("{stem}-{number}");
            number += 1;
        }
        file.name = moment.file_name(&file.stem, &file.ending);
    }
}
