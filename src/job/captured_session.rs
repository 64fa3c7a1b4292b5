//! The settings that are captured and resolved when the export is requested, and hold when the job runs.

use super::session::Session;
use crate::error::{Error, Result};
use crate::model::{Class, Dataset, Period, Start};
use crate::model::{ExportRequest, Options};
use crate::pg::report::{catching, Failure};
use crate::pg::sql::Arg;
use crate::pg::zone::Zone;
use crate::pg::{guc, identity, sql};
use crate::request::companions;
use crate::settings;
use crate::tenant::{self, SessionTenant, TenantType};
use crate::value::shown;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Stored with the job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CapturedSession {
    /// The tenant of the dataset.
    pub tenant: SessionTenant,
    /// Setting of datasets that name none of their own.
    pub tenant_setting: String,
    pub actor: Option<String>,
    /// Settings that are put back, by name; empty where it was not set.
    pub settings: Vec<(String, String)>,
    pub time_zone: String,
    pub bounds: Bounds,
    /// Datasets that were to ride along when it was asked.
    #[serde(default)]
    pub included: Vec<String>,
    /// Of the companions that have a selection of their own, by name.
    #[serde(default)]
    pub companions: BTreeMap<String, Bounds>,
    /// Name of the session user who asked.
    #[serde(default)]
    pub login: String,
    /// The role that the session had taken on with SET ROLE.
    #[serde(default)]
    pub role_taken_on: Option<u32>,
    /// The moment of asking, ISO 8601 in UTC.
    pub asked_at: String,
    /// Of a job: who sees it. None: it is read at once, in the session that asks.
    #[serde(default)]
    pub session: Option<Session>,
}

/// The period as a half-open range, and `since`; each end in the three forms that a column may ask for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Bounds {
    pub from: Option<Moment>,
    pub until: Option<Moment>,
    pub since: Option<Moment>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Moment {
    pub instant: String,
    pub timestamp: String,
    pub date: String,
}

impl Moment {
    /// The text that the input function of a column's type reads.
    pub fn as_type(&self, class: Class) -> Option<&str> {
        match class {
            Class::Instant => Some(&self.instant),
            Class::Timestamp => Some(&self.timestamp),
            Class::Date => Some(&self.date),
            _ => None,
        }
    }
}

/// Settings beside the DBA's that make the read what it would be in the caller's session.
const ALWAYS: [&str; 3] = ["TimeZone", "work_mem", "max_parallel_workers_per_gather"];

/// Rolling periods reach up to this moment; days are whole days of the session's TimeZone, both included.
///
/// A day of instants begins at its first one: where clocks are put back over midnight, midnight comes twice, and the cast takes the
/// second one. A day of a local column begins at its own midnight, also where clocks skip it.
///
/// A period of the calendar is a number of days as well: of the unit that day $6 (today) is in, or of one before it.
const BOUNDS: &str = "
WITH given AS (
    SELECT clock_timestamp() AS at, $1::interval AS period, $2::date AS first, $3::date AS last, $4::timestamptz AS since,
           make_interval(months => $7::integer, days => $8::integer) AS unit
), asked AS (
    SELECT g.at, g.period, g.since,
           CASE WHEN $5 IS NULL THEN g.first ELSE c.first::date END AS first,
           CASE WHEN $5 IS NULL THEN g.last ELSE (c.first + g.unit)::date - 1 END AS last
      FROM given AS g
     CROSS JOIN LATERAL (SELECT date_trunc($5, coalesce($6::date::timestamp, g.at::timestamp)) - $9::integer * g.unit AS first) AS c
), days AS (
    SELECT a.*, a.last + 1 AS after,
           coalesce((SELECT min(t.at) FROM unnest(ARRAY[0, 20, 30, 40, 60, 90, 120, 180]) AS u(minutes)
                      CROSS JOIN LATERAL (SELECT a.first::timestamptz - make_interval(mins => u.minutes) AS at) AS t
                      WHERE t.at::date = a.first), a.first::timestamptz) AS first_instant,
           coalesce((SELECT min(t.at) FROM unnest(ARRAY[0, 20, 30, 40, 60, 90, 120, 180]) AS u(minutes)
                      CROSS JOIN LATERAL (SELECT (a.last + 1)::timestamptz - make_interval(mins => u.minutes) AS at) AS t
                      WHERE t.at::date = a.last + 1), (a.last + 1)::timestamptz) AS after_instant
      FROM asked AS a
), ends AS (
    SELECT CASE WHEN period IS NOT NULL THEN at - period ELSE first_instant END AS low,
           CASE WHEN period IS NOT NULL THEN at + interval '1 microsecond' ELSE after_instant END AS high,
           CASE WHEN period IS NOT NULL THEN (at - period)::timestamp ELSE first::timestamp END AS low_local,
           CASE WHEN period IS NOT NULL THEN (at + interval '1 microsecond')::timestamp ELSE after::timestamp END AS high_local,
           CASE WHEN period IS NOT NULL THEN (at - period)::date ELSE first END AS low_day,
           CASE WHEN period IS NOT NULL THEN at::date + 1 ELSE after END AS high_day,
           first > last AS reversed, since, at
      FROM days
)
SELECT jsonb_build_object(
    'reversed', coalesce(reversed, false),
    'asked_at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
    'bounds', jsonb_build_object(
        'from', CASE WHEN low IS NOT NULL THEN jsonb_build_object('instant', low, 'timestamp', low_local, 'date', low_day) END,
        'until', CASE WHEN high IS NOT NULL THEN jsonb_build_object('instant', high, 'timestamp', high_local, 'date', high_day) END,
        'since', CASE WHEN since IS NOT NULL THEN jsonb_build_object('instant', since, 'timestamp', since::timestamp, 'date', since::date) END))
  FROM ends";

#[derive(Deserialize)]
struct Resolved {
    reversed: bool,
    asked_at: String,
    bounds: Bounds,
}

impl Resolved {
    fn of(asked: &ExportRequest) -> Result<Resolved> {
        let period = asked.period()?;
        if period.is_none() && asked.start_date.is_none() && asked.end_date.is_none() && asked.since.is_none()
        {
            let now = DateTime::<Utc>::from(SystemTime::now());
            let asked_at = now.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
            return Ok(Resolved { reversed: false, asked_at, bounds: Bounds::default() });
        }
        let (rolling, calendar) = match period {
            Some(Period::Rolling(length)) => (Some(length), None),
            Some(Period::Calendar(calendar)) => (None, Some(calendar)),
            None => (None, None),
        };
        let (months, days) = calendar.map_or((0, 0), |calendar| calendar.unit.length());
        let (day, before) = match calendar.map(|calendar| calendar.start) {
            Some(Start::Month { year, month }) => (Some(format!("{year:04}-{month:02}-01")), 0),
            Some(Start::Before(before)) => (None, before),
            None => (None, 0),
        };
        let resolved: Option<Resolved> = sql::document(
            BOUNDS,
            &[
                rolling.into(),
                asked.start_date.as_deref().into(),
                asked.end_date.as_deref().into(),
                asked.since.as_deref().into(),
                calendar.map(|calendar| calendar.unit.name()).into(),
                day.as_deref().into(),
                Arg::Int(Some(i64::from(months))),
                Arg::Int(Some(i64::from(days))),
                Arg::Int(Some(i64::from(before))),
            ],
        )?;
        let resolved = resolved
            .ok_or_else(|| Error::new(crate::error::Kind::Internal, "the period could not be resolved"))?;
        if resolved.reversed {
            return Err(
                Error::invalid("start_date must not be after end_date").hint("Both days are included.")
            );
        }
        Ok(resolved)
    }
}

/// The first of the arguments that is a day without moments: timestamps end long before dates do (datatype/timestamp.h).
const WITHOUT_MOMENTS: &str = "
SELECT a.name FROM (VALUES (1, 'start_date', $1::date), (2, 'end_date', $2::date)) AS a(place, name, day)
 WHERE isfinite(a.day) AND a.day NOT BETWEEN '4713-01-02 BC'::date AND '294276-12-30'::date
 ORDER BY a.place LIMIT 1";

/// 22023 for a day before or after all moments.
fn days_have_moments(asked: &ExportRequest) -> Result<()> {
    if asked.start_date.is_none() && asked.end_date.is_none() {
        return Ok(());
    }
    match sql::text(WITHOUT_MOMENTS, &[asked.start_date.as_deref().into(), asked.end_date.as_deref().into()])?
    {
        None => Ok(()),
        Some(name) => Err(Error::invalid(format!("{name} is out of range"))
            .hint("Days of a period lie between 4713-01-02 BC and 294276-12-30.")),
    }
}

/// Of texts that somebody typed: ISO 8601 whatever the session's DateStyle, and the one that does not fit is named.
fn of_companion(asked: &ExportRequest) -> Result<Bounds> {
    let scope = guc::Scope::open();
    scope.set("datestyle", "ISO, YMD", guc::Rights::Superuser);
    for (key, alone) in companions::dates(asked) {
        let wrong = || companions::wrong(&asked.dataset, Some(key), "a date like 2025-01-31");
        catching(|| days_have_moments(&alone)).map_err(|failure| {
            match failure.sqlstate().starts_with("22") {
                true => wrong(),
                false => failure.into_error(),
            }
        })?;
        catching(|| Resolved::of(&alone)).map_err(|failure| match failure {
            Failure::Server(error) if error.sqlstate.starts_with("22") => wrong(),
            failure => failure.into_error(),
        })?;
    }
    Ok(Resolved::of(asked)?.bounds)
}

/// A scope with this TimeZone.
fn in_zone(name: &str) -> Result<guc::Scope> {
    let known = known_zone(name)?;
    let scope = guc::Scope::open();
    scope.set("TimeZone", &known, guc::Rights::CurrentUser);
    Ok(scope)
}

/// The name of a zone as the server spells it; 22023 for one that is not known. The server takes much more than names: it reads `UTC+3` as three hours west, as POSIX does.
pub fn known_zone(name: &str) -> Result<String> {
    // Most of what is no name does not cost a look at all names.
    let known = Zone::named(name).map(|_| sql::text(ZONE, &[name.into()])).transpose()?.flatten();
    known.ok_or_else(|| {
        Error::invalid(format!("time zone {} is not recognized", shown(name)))
            .hint("Give a name of pg_timezone_names, such as \"Europe/Paris\".")
    })
}

/// The name of a zone as the server spells it, without the files that are no zone of a place.
const ZONE: &str = "
SELECT name FROM pg_timezone_names
 WHERE lower(name) = lower($1) AND name NOT IN ('Factory', 'localtime', 'posixrules') AND name NOT LIKE 'posix/%' LIMIT 1";

/// Settings that datasets name for their tenants.
const TENANT_SETTINGS: &str =
    "SELECT DISTINCT to_jsonb(tenant_setting) FROM acct_export.dataset WHERE tenant_setting IS NOT NULL";

impl CapturedSession {
    /// The same for a dataset, whose tenant is a value of its own tenant column's type. One without a tenant column has the tenant of
    /// the dataset that it rides along with.
    ///
    /// Errors: 42501 where setting or type of the tenant are not those that decide who sees the job.
    pub fn of_dataset(self, dataset: &Dataset) -> Result<CapturedSession> {
        let setting = dataset.tenant_setting.clone().unwrap_or_else(|| self.tenant_setting.clone());
        if dataset.tenant_column.is_none() && self.tenant.setting == setting {
            return Ok(self);
        }
        let tenant = self.captured(setting, TenantType::of_dataset(dataset))?;
        if self.session.as_ref().is_some_and(|session| !session.covers(&tenant)) {
            return Err(Error::denied(format!(
                "setting or type of the tenant of dataset \"{}\" has changed since the export was requested",
                dataset.name
            ))
            .hint("Request the export again with acct_export_start."));
        }
        Ok(CapturedSession { tenant, ..self })
    }

    fn captured(&self, setting: String, ty: TenantType) -> Result<SessionTenant> {
        let captured = self.settings.iter().find(|(name, _)| name.eq_ignore_ascii_case(&setting));
        let set = captured.map(|(_, value)| value.clone()).filter(|value| !value.is_empty());
        SessionTenant::new(setting, ty, set)
    }

    /// The tenant of another dataset by its name, as `of_dataset`.
    pub fn tenant_of(&self, dataset: &str) -> Result<SessionTenant> {
        let (setting, ty) = tenant::of_dataset(dataset)?;
        let setting = setting.unwrap_or_else(|| self.tenant_setting.clone());
        if ty.base == 0 && self.tenant.setting == setting {
            return Ok(self.tenant.clone());
        }
        self.captured(setting, ty)
    }

    /// The same for a companion.
    pub fn of_companion(&self, name: &str) -> CapturedSession {
        let bounds = self.companions.get(name).cloned().unwrap_or_default();
        CapturedSession { bounds, included: Vec::new(), ..self.clone() }
    }

    /// The settings that a request asks for in place of those of the session that reads it.
    pub fn of_request(&self, options: &Options) -> Vec<(String, String)> {
        let zone = options.time_zone.as_ref().map(|_| ("TimeZone".to_owned(), self.time_zone.clone()));
        zone.into_iter().collect()
    }

    /// Captures from the caller's session, in another time zone where the request names one.
    ///
    /// Errors: 22023 for a period together with dates, for a start after its end, and for an unknown time zone.
    pub fn capture(asked: &ExportRequest, time_zone: Option<&str>) -> Result<CapturedSession> {
        // As if the session had set it.
        let _scope = time_zone.map(in_zone).transpose()?;
        days_have_moments(asked)?;
        let resolved = Resolved::of(asked)?;
        let mut companions = BTreeMap::new();
        for name in companions::described(asked)? {
            let bounds = of_companion(&companions::companion(asked, &name)?.asked)?;
            companions.insert(name, bounds);
        }
        let mut settings = Vec::new();
        let of_datasets: Vec<String> = identity::as_owner(|| sql::documents(TENANT_SETTINGS, &[]))?;
        let names = ALWAYS.into_iter().map(str::to_owned).chain(settings::captured_settings());
        for name in names.chain(of_datasets) {
            if !settings.iter().any(|(known, _): &(String, String)| known.eq_ignore_ascii_case(&name)) {
                let value = guc::get(&name).unwrap_or_default();
                settings.push((name, value));
            }
        }
        let tenant_setting = settings::tenant_setting();
        let set = guc::get(&tenant_setting);
        Ok(CapturedSession {
            tenant: SessionTenant::new(tenant_setting.clone(), TenantType::default(), set)?,
            tenant_setting,
            actor: guc::get(&settings::actor_setting()),
            settings,
            time_zone: guc::get("TimeZone").unwrap_or_default(),
            bounds: resolved.bounds,
            included: Vec::new(),
            companions,
            login: identity::role_name(identity::session_user()).unwrap_or_default(),
            role_taken_on: identity::role_taken_on(),
            asked_at: resolved.asked_at,
            session: None,
        })
    }
}
