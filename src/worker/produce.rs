//! One export from its request to a complete spool file: rights, plan, rows, bytes.

use crate::catalog::{load, rights};
use crate::decode::Shape;
use crate::encode::{encoder, Compression, Format, Info, Options, Order, Properties, Setup};
use crate::error::{Error, Kind, Result};
use crate::job::context::Context;
use crate::job::settle::Product;
use crate::job::Stage;
use crate::pg::identity::{self, Reader};
use crate::pg::{progress, query, wait, xact};
use crate::request::{file_stem, required, Asked, Stamp};
use crate::room;
use crate::settings;
use crate::sink::{Packing, Spool};
use crate::source::ceiling::Ceiling;
use crate::source::plan::{self, Plan};
use crate::tenant_key;
use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use std::io::Write;
use std::ops::ControlFlow;

/// How much is encoded before it goes to the spool.
const BATCH: usize = 64 * 1024;

/// Who asks for what.
pub struct Task<'a> {
    pub job: &'a str,
    pub asked: &'a Asked,
    pub context: &'a Context,
    pub role: u32,
    /// In a worker, whose session user becomes the requester; not in a session of the requester's own.
    pub own_session: bool,
    /// A second person has agreed to whatever number of rows.
    pub approved: bool,
}

/// Checks everything again, reads under the requester's rights and fills a spool. Within a transaction of the caller's. None:
/// there are more rows than leave without approval.
pub fn produce(task: &Task<'_>) -> Result<Option<Product>> {
    let asked = task.asked;
    let format = Format::parse(&asked.format)?;
    let options = plan::options(asked, format)?;
    let loaded = load::load_for_reading(&asked.dataset)?;
    progress::start(loaded.dataset.source);
    progress::stage(Stage::Preparing);
    let plan = plan::build(&loaded, asked, task.context, &options, Order::Key)?;
    let claim = rights::Claim {
        role: task.role,
        tenant: task.context.tenant.as_deref(),
        all_tenants: asked.all_tenants,
    };
    let uses: Vec<&str> = plan.uses.iter().map(String::as_str).collect();
    rights::check(&loaded, &claim, &uses)?;
    required::filters(&loaded.dataset, &plan.narrowed)?;
    let reader = Reader { role: task.role, own_session: task.own_session, settings: &task.context.settings };
    rights::authorize(&loaded.dataset, asked, &reader)?;
    let key = if plan.pseudonymises() { Some(tenant_key::of(task.context.tenant.as_deref())?) } else { None };

    let as_of = xact::statement_time();
    let directory = settings::spool_directory()?;
    let mut spool = Spool::create(&directory, packing(format, &options))?;
    let setup = Setup { title: loaded.dataset.title.clone(), time_zone: task.context.time_zone.clone() };
    let mut encoder = encoder(format, &options, &plan.columns, setup)?;
    let mut buffer = Vec::with_capacity(BATCH * 2);
    encoder.begin(&mut buffer)?;
    let ceiling = Ceiling::of(&loaded.dataset, task.approved);
    let read = identity::as_requester(&reader, || {
        progress::rows_total(query::estimate(&plan.estimate_sql, &plan.params)?);
        progress::stage(Stage::Reading);
        read(&plan, format, key, &ceiling, encoder.as_mut(), &mut buffer, &mut spool)
    })?;
    let Some(rows) = read else { return Ok(None) };
    spool.write_all(&buffer)?;
    progress::rows(rows);
    progress::rows_total(rows as i64);

    let moment = instant(as_of);
    let run = (!options.reproducible).then_some((as_of, &moment));
    let info = info(task, &plan, rows, run, &loaded.dataset.title);
    let tally = encoder.finish(&info, &mut spool)?;
    if tally.rows != rows {
        return Err(Error::new(Kind::Internal, format!("{rows} rows were read and {} written", tally.rows)));
    }
    Ok(Some(Product {
        name: file_name(&loaded.dataset.title, format, &options, &moment),
        media_type: if options.compression.is_some() { "application/gzip" } else { format.media_type() },
        spooled: spool.finish()?,
        rows,
        as_of,
        fields: plan.columns.iter().map(|column| column.name.clone()).collect(),
        shape: Shape::new(&plan.columns, plan.key),
    }))
}

/// Runs the query; the number of rows. None: it was left at the first row that needs approval. So nothing is counted beforehand,
/// and the answer is exact also where a source gives other rows each time it is read.
fn read(
    plan: &Plan,
    format: Format,
    key: Option<[u8; 32]>,
    ceiling: &Ceiling,
    encoder: &mut dyn crate::encode::Encoder,
    buffer: &mut Vec<u8>,
    spool: &mut Spool,
) -> Result<Option<u64>> {
    let mut shield = plan.shield(key);
    let mut rows = 0u64;
    let mut admitted = true;
    query::for_each_row(&plan.sql, &plan.params, format == Format::Xlsx, &mut |cells| {
        rows += 1;
        if !ceiling.admits(rows)? {
            admitted = false;
            return Ok(ControlFlow::Break(()));
        }
        shield.apply(cells, &mut |cells| encoder.row(cells, buffer))?;
        if buffer.len() >= BATCH {
            spool.write_all(buffer)?;
            room::reuse(buffer);
        }
        if rows.is_multiple_of(1024) {
            wait::interrupted()?;
            progress::rows(rows);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(admitted.then_some(rows))
}

/// Workbooks are compressed as they are; text is unless it is asked for in gzip.
fn packing(format: Format, options: &Options) -> Packing {
    match (format, options.compression) {
        (_, Some(Compression::Gzip)) => Packing::Gzip,
        (Format::Xlsx, None) => Packing::None,
        (Format::Csv | Format::Ndjson | Format::Json, None) => Packing::Lz4,
    }
}

/// What the `Export info` sheet says. `run`: the moment of the snapshot, in both forms; None: nothing that names the run or
/// follows from its moment is told.
fn info(task: &Task<'_>, plan: &Plan, rows: u64, run: Option<(i64, &DateTime<Utc>)>, title: &str) -> Info {
    let asked = task.asked;
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            entries.push((name.to_owned(), value));
        }
    };
    add("Dataset", Some(asked.dataset.clone()));
    add("Job", run.map(|_| task.job.to_owned()));
    add("Requested by", identity::role_name(task.role));
    add("Actor", task.context.actor.clone());
    add("Tenant", task.context.tenant.clone());
    add("Requested at", run.map(|_| task.context.asked_at.clone()));
    add("As of", run.map(|(_, moment)| moment.to_rfc3339_opts(SecondsFormat::Micros, true)));
    add("Rows", Some(rows.to_string()));
    add(
        "Fields",
        Some(plan.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")),
    );
    let bounds = &task.context.bounds;
    add("Period", asked.period.clone());
    add("Period field", asked.period_field.clone());
    // The ends of a rolling period are moments of asking.
    let fixed = run.is_some() || asked.period.is_none();
    add("From", bounds.from.as_ref().filter(|_| fixed).map(|from| from.instant.clone()));
    add("Before", bounds.until.as_ref().filter(|_| fixed).map(|until| until.instant.clone()));
    add("Since", bounds.since.as_ref().map(|since| since.instant.clone()));
    add("Filter", asked.filter.as_ref().map(ToString::to_string));
    add("Includes disabled", asked.include_disabled.map(|yes| if yes { "yes" } else { "no" }.to_owned()));
    add("Anonymised", asked.anonymise.then(|| "yes".to_owned()));
    add("All tenants", asked.all_tenants.then(|| "yes".to_owned()));
    add("Reason", asked.reason.clone());
    for (field, reason) in &plan.left_out {
        add("Left out", Some(format!("{field}: {reason}")));
    }
    let properties = Properties {
        title: title.to_owned(),
        subject: run.map_or_else(String::new, |_| task.job.to_owned()),
        created: run.map_or(0, |(as_of, _)| as_of),
    };
    Info { properties, entries }
}

/// Microseconds since 2000-01-01 as chrono's moment.
fn instant(micros: i64) -> DateTime<Utc> {
    const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
    DateTime::from_timestamp_micros(micros + POSTGRES_EPOCH).unwrap_or_default()
}

/// `users-20261121T080230Z.xlsx`.
fn file_name(title: &str, format: Format, options: &Options, moment: &DateTime<Utc>) -> String {
    let stamp = Stamp {
        year: moment.year(),
        month: moment.month() as u8,
        day: moment.day() as u8,
        hour: moment.hour() as u8,
        minute: moment.minute() as u8,
        second: moment.second() as u8,
    };
    let gzip = if options.compression.is_some() { ".gz" } else { "" };
    format!("{}.{}{gzip}", file_stem(title, &stamp), format.extension())
}
