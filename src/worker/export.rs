//! An export from its request to complete spool files: rights, plans, rows, bytes. All of it in one snapshot.

use super::file_builder::{survivable, FileBuilder, Made, Member};
use crate::encode::Order;
use crate::error::{Error, Kind, Result};
use crate::job::captured_session::CapturedSession;
use crate::job::output::{ExportOutput, Failed, File, Reason};
use crate::job::Stage;
use crate::model::{ExportRequest, FileSpec};
use crate::pg::identity::{Reader, Requester};
use crate::pg::report::{self, Failure};
use crate::pg::{progress, xact};
use crate::source::dataset_export::{self, DatasetExport};
use crate::source::estimate;
use crate::source::moment::Moment;
use crate::value::shown;

/// The requester and the request.
pub struct Task<'a> {
    pub job: &'a str,
    pub asked: &'a ExportRequest,
    pub file: &'a FileSpec,
    pub context: &'a CapturedSession,
    pub role: u32,
    /// Titles of the dataset and its companions.
    pub titles: &'a [String],
    /// In a worker: the session that asked, which it takes on.
    pub asker: Option<Requester>,
    /// A second person has agreed to whatever number of rows.
    pub approved: bool,
}

/// Checks everything again, reads under the requester's rights and fills spools. Within a transaction of the caller's. None:
/// there are more rows than leave without approval.
pub fn produce(task: &Task<'_>) -> Result<Option<ExportOutput>> {
    let FileSpec { format, options } = task.file;
    let format = *format;
    let settings = &task.context.settings;
    let reader = match task.asker {
        Some(asker) => {
            asker.check(&task.context.login)?;
            Reader::working(task.role, asker, settings)
        }
        None => Reader { settings, ..Reader::checking(task.role) },
    };
    let moment = Moment::of_snapshot();
    progress::start(0);
    progress::stage(Stage::Preparing);
    let parts = dataset_export::Planner {
        context: task.context,
        format,
        options,
        order: Order::Key,
        reader: &reader,
        held: true,
    };
    let main = parts.main(task.asked)?;
    progress::start(main.loaded.dataset.source);
    let companions: Vec<std::result::Result<DatasetExport, Failure>> = main
        .plan
        .companions
        .iter()
        .map(|name| survivable(xact::attempt(|| parts.companion(&main, name))))
        .collect::<Result<_>>()?;
    progress::rows_total(estimate::of_job(task.job)?.unwrap_or(0));
    let builder =
        FileBuilder { task, reader: &reader, format, options, moment: &moment, rows: 0, digests: None };
    let mut files = Files { builder, titles: task.titles, made: Vec::new(), failed: None };
    let complete = if options.xlsx.one_workbook {
        files.one_workbook(&main, &companions)?
    } else {
        files.one_each(&main, &companions)?
    };
    if !complete {
        return Ok(None);
    }
    progress::rows_total(files.builder.rows as i64);
    let Files { made: mut files, failed, builder, .. } = files;
    let digests = builder.digests;
    name(&mut files, &moment);
    Ok(Some(ExportOutput { files, as_of: moment.as_of, wal_position: moment.wal_position, failed, digests }))
}

/// The files so far.
struct Files<'a> {
    builder: FileBuilder<'a>,
    titles: &'a [String],
    made: Vec<File>,
    failed: Option<Failed>,
}

type Companions<'a> = &'a [std::result::Result<DatasetExport, Failure>];

impl Files<'_> {
    /// The dataset's own file, and one of each companion. False: it needs approval.
    fn one_each(&mut self, main: &DatasetExport, companions: Companions<'_>) -> Result<bool> {
        match self.builder.file(&[Member { part: main, place: 1 }], &[])? {
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
                    self.made.push(self.builder.empty(self.title(place), Some(reason)));
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
        let builder = &mut self.builder;
        survivable(xact::attempt(|| builder.file(&[member], &[])))
    }

    /// All in one file. One that fails half-way would leave its rows in it: the file is made again without it, of the same
    /// snapshot. Before that those after it are tried, so that the dataset itself is read twice and no more.
    fn one_workbook(&mut self, main: &DatasetExport, companions: Companions<'_>) -> Result<bool> {
        let mut members = vec![Member { part: main, place: 1 }];
        let mut left_out = Vec::new();
        for (place, companion) in (2..).zip(companions) {
            match companion {
                Ok(part) => members.push(Member { part, place }),
                Err(failure) => self.leave_out(place, failure, &mut left_out),
            }
        }
        loop {
            match self.builder.file(&members, &left_out)? {
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
                        self.builder.rows = 0; // of no file that is kept
                    }
                }
            }
        }
    }

    /// Tells of a failure, and remembers the first.
    fn note(&mut self, place: usize, failure: &Failure) -> Reason {
        let (message, sqlstate) = failure.described();
        let (job, title) = (self.builder.task.job, shown(self.title(place)));
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
