//! What is captured and resolved at the moment of asking, and holds when the job runs.

use crate::catalog::model::Class;
use crate::error::{Error, Result};
use crate::pg::report::{catching, Failure};
use crate::pg::{guc, sql};
use crate::request::{companions, Asked};
use crate::settings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stored with the job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Context {
    pub tenant: Option<String>,
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
    /// The moment of asking, ISO 8601 in UTC.
    pub asked_at: String,
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
const BOUNDS: &str = "
WITH asked AS (
    SELECT clock_timestamp() AS at, $1::interval AS period, $2::date AS first, $3::date AS last, $4::timestamptz AS since
), ends AS (
    SELECT CASE WHEN period IS NOT NULL THEN at - period ELSE first::timestamptz END AS low,
           CASE WHEN period IS NOT NULL THEN at + interval '1 microsecond' ELSE (last + 1)::timestamptz END AS high,
           CASE WHEN period IS NOT NULL THEN (at - period)::date ELSE first END AS low_day,
           CASE WHEN period IS NOT NULL THEN at::date + 1 ELSE last + 1 END AS high_day,
           first > last AS reversed, since, at
      FROM asked
)
SELECT jsonb_build_object(
    'reversed', coalesce(reversed, false),
    'asked_at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
    'bounds', jsonb_build_object(
        'from', CASE WHEN low IS NOT NULL THEN jsonb_build_object('instant', low, 'timestamp', low::timestamp, 'date', low_day) END,
        'until', CASE WHEN high IS NOT NULL THEN jsonb_build_object('instant', high, 'timestamp', high::timestamp, 'date', high_day) END,
        'since', CASE WHEN since IS NOT NULL THEN jsonb_build_object('instant', since, 'timestamp', since::timestamp, 'date', since::date) END))
  FROM ends";

#[derive(Deserialize)]
struct Resolved {
    reversed: bool,
    asked_at: String,
    bounds: Bounds,
}

impl Resolved {
    fn of(asked: &Asked) -> Result<Resolved> {
        let period = asked.period()?;
        let resolved: Option<Resolved> = sql::document(
            BOUNDS,
            &[
                period.map(|period| period.interval()).into(),
                asked.start_date.as_deref().into(),
                asked.end_date.as_deref().into(),
                asked.since.as_deref().into(),
            ],
        )?;
        let resolved = resolved
            .ok_or_else(|| Error::new(crate::error::Kind::Internal, "the period could not be resolved"))?;
        if resolved.reversed {
            return Err(Error::invalid("start_date is after end_date")
                .hint("Exchange the two; both days are included."));
        }
        Ok(resolved)
    }
}

/// Of texts that somebody typed: ISO 8601 whatever the session's DateStyle, and the one that does not fit is named.
fn of_companion(asked: &Asked) -> Result<Bounds> {
    let scope = guc::Scope::open();
    scope.set("datestyle", "ISO, YMD", guc::Rights::Superuser);
    for (key, alone) in companions::dates(asked) {
        catching(|| Resolved::of(&alone)).map_err(|failure| match failure {
            Failure::Server(error) if error.sqlstate.starts_with("22") => {
                companions::wrong(&asked.dataset, Some(key), "a date like 2025-01-31")
            }
            failure => failure.into_error(),
        })?;
    }
    Ok(Resolved::of(asked)?.bounds)
}

impl Context {
    /// The same for a companion.
    pub fn of_companion(&self, name: &str) -> Context {
        let bounds = self.companions.get(name).cloned().unwrap_or_default();
        Context { bounds, included: Vec::new(), ..self.clone() }
    }

    /// Captures from the caller's session. 22023 for a period together with dates, and for a start after its end.
    pub fn capture(asked: &Asked) -> Result<Context> {
        let resolved = Resolved::of(asked)?;
        let mut companions = BTreeMap::new();
        for name in companions::described(asked)? {
            let bounds = of_companion(&companions::companion(asked, &name)?.asked)?;
            companions.insert(name, bounds);
        }
        let mut settings = Vec::new();
        for name in ALWAYS.into_iter().map(str::to_owned).chain(settings::captured_settings()) {
            let value = guc::get(&name).unwrap_or_default();
            settings.push((name, value));
        }
        Ok(Context {
            tenant: guc::get(&settings::tenant_setting()),
            actor: guc::get(&settings::actor_setting()),
            settings,
            time_zone: guc::get("TimeZone").unwrap_or_default(),
            bounds: resolved.bounds,
            included: Vec::new(),
            companions,
            asked_at: resolved.asked_at,
        })
    }
}
