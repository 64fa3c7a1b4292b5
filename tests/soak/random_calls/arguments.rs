//! Random arguments by type and name: values that fit, values that almost fit, and others.

use std::sync::Mutex;

use support::asking::hostile;
use support::random::Random;

use crate::fuzz::mutate::mutated_text;

/// Values that arguments are taken from; the jobs grow while calls are made.
pub struct Pool {
    pub jobs: Mutex<Vec<String>>,
    pub roles: Vec<String>,
    pub files: Vec<Vec<u8>>,
    hostile: Vec<String>,
}

const DATASETS: &[&str] = &["users", "users", "users", "tenants", "nothing"];
const FORMATS: &[&str] = &["csv", "csv", "ndjson", "json", "xlsx", "pdf"];
const FIELDS: &[&str] = &[
    "id",
    "email",
    "name",
    "phone",
    "status",
    "tags",
    "created_at",
    "last_login",
    "api_token",
    "nothing",
    "*",
];
const PERIODS: &[&str] =
    &["last_week", "last_year", "this_month", "previous_quarter", "2025", "2025-Q1", "2025-01", "20x5"];
const CRONS: &[&str] =
    &["* * * * *", "0 3 * * MON", "@daily", "61 * * * *", "0 0 L * *", "*/5 1-3 15W * MON#2"];
const ZONES: &[&str] = &["UTC", "Europe/Paris", "+02", "Nowhere/City"];
const NAMES: &[&str] = &["nightly", "monthly", "started", "completed", "failed", "x"];
const TREATMENTS: &[&str] = &["keep", "redact", "pseudonymise", "last4", "drop", "none", "other"];
const FILTERS: &[&str] = &[
    r#"{"status":"active"}"#,
    r#"{"id":{"gt":10,"le":40}}"#,
    r#"{"or":[{"email":{"ew":"@a.example","ci":true}},{"name":null}]}"#,
    r#"{"not":{"tags":{"co":"x"}},"created_after":"2025-01-02"}"#,
    r#"{"custom.department":"D1"}"#,
    r#"{"api_token":"a"}"#,
];
const OPTIONS: &[&str] = &[
    "{}",
    r#"{"order":["created_at desc","name nulls first"]}"#,
    r#"{"order":"none","time_zone":"Europe/Paris","timestamps":"local"}"#,
    r#"{"compression":"gzip"}"#,
    r#"{"count":true}"#,
    r#"{"digests":true,"manifest":true,"if_active":"return"}"#,
    r#"{"changes_since":"last"}"#,
    r#"{"archive":"zip","labels":{"email":"E-mail"}}"#,
    r#"{"delimiter":";","bom":true,"null_as":"NULL"}"#,
    r#"{"info_sheet":false,"compact":true,"reproducible":true}"#,
];
const SCIM: &[&str] = &[
    r#"status eq "active""#,
    r#"not (email co "a") and id gt 3"#,
    r#"emails[type eq "work"]"#,
    "name pr",
    "(((",
];
const MOMENTS: &[&str] =
    &["2025-01-15 12:00Z", "2025-06-01", "1999-12-31 23:59:59.999Z", "-infinity", "infinity"];
const DATES: &[&str] = &["2025-01-01", "2025-02-28", "2024-02-29", "-infinity", "infinity", "4713-01-01 BC"];
const INTERVALS: &[&str] =
    &["0", "50 ms", "1 second", "-1 second", "10 minutes", "7 days", "178000000 years"];
const NUMBERS: &[&str] = &["0", "1", "1", "2", "5", "-1", "100", "2147483647", "-2147483648"];
const RELATIONS: &[&str] =
    &["app.users", "app.tenants", "app.users_pkey", "pg_class", "acct_export.job", "acct_export_jobs"];
const FUNCTIONS: &[&str] =
    &["app.authorized(jsonb)", "pg_catalog.now()", "pg_catalog.jsonb_typeof(jsonb)", "app.missing(jsonb)"];

impl Pool {
    pub fn new(roles: Vec<String>, files: Vec<Vec<u8>>) -> Self {
        Self { jobs: Mutex::default(), roles, files, hostile: hostile() }
    }

    pub fn remember(&self, job: String) {
        let mut jobs = self.jobs.lock().unwrap();
        jobs.push(job);
    }

    /// The SQL of a value for the argument of this name and type.
    pub fn value(&self, name: &str, type_name: &str, random: &mut Random) -> String {
        if random.chance(5) {
            return format!("NULL::{type_name}");
        }
        match type_name {
            "uuid" => literal(&self.job(random), type_name),
            "text" | "name" => literal(&self.text(name, random), type_name),
            "text[]" | "name[]" => {
                let count = random.below(4);
                let items: Vec<String> =
                    (0..count).map(|_| literal(&self.item(name, random), "text")).collect();
                format!("ARRAY[{}]::{type_name}", items.join(", "))
            }
            "jsonb" => {
                let list = if name == "options" { OPTIONS } else { FILTERS };
                let text = random.text(list);
                // Most mutations are no JSON any more, which the cast refuses.
                let text = if random.chance(10) { mutated_text(text, random) } else { text.to_owned() };
                literal(&text, type_name)
            }
            "date" => literal(random.text(DATES), type_name),
            "timestamp with time zone" => literal(random.text(MOMENTS), type_name),
            "interval" => literal(random.text(INTERVALS), type_name),
            "integer" | "bigint" => literal(random.text(NUMBERS), type_name),
            "boolean" => random.text(&["true", "false"]).to_owned(),
            "regclass" => literal(random.text(RELATIONS), type_name),
            "regprocedure" => literal(random.text(FUNCTIONS), type_name),
            "acct_export_jobs" => "(SELECT j FROM acct_export_jobs AS j LIMIT 1)".to_owned(),
            "bytea" => {
                let file = random.of(&self.files);
                let hex: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("'\\x{hex}'::bytea")
            }
            _ => format!("NULL::{type_name}"),
        }
    }

    fn job(&self, random: &mut Random) -> String {
        let jobs = self.jobs.lock().unwrap();
        if jobs.is_empty() || random.chance(5) {
            return format!("00000000-0000-4000-8000-{:012x}", random.number());
        }
        // Recent ones are queued or running.
        let recent = jobs.len().saturating_sub(30);
        let from = if random.chance(60) { recent } else { 0 };
        jobs[from + random.below(jobs.len() - from)].clone()
    }

    fn text(&self, name: &str, random: &mut Random) -> String {
        if random.chance(7) {
            return random.of(&self.hostile).clone();
        }
        let list = match name {
            "dataset" | "companion" | "ref_dataset" => DATASETS,
            "format" => FORMATS,
            "period" => PERIODS,
            "cron" => CRONS,
            "time_zone" => ZONES,
            "name" => NAMES,
            "on_anonymise" | "mask" => TREATMENTS,
            "filter" => SCIM,
            "role" | "schema_name" => return random.of(&self.roles).clone(),
            "reason" => return format!("reason {}", random.below(1000)),
            "destination" => &["nowhere"],
            "notify_email" => &["a@a.example", "nobody"],
            // Secrets must stay secrets: the campaign looks for their values afterwards.
            "column_name" => &["id", "email", "phone", "nothing"],
            _ => FIELDS,
        };
        random.text(list).to_owned()
    }

    fn item(&self, name: &str, random: &mut Random) -> String {
        match name {
            "required_roles" | "approver_roles" => random.of(&self.roles).clone(),
            "companions" => random.text(DATASETS).to_owned(),
            "reset" => random.text(&["title", "max_rows", "approve_above", "tenant_setting", "x"]).to_owned(),
            _ => self.text("fields", random),
        }
    }
}

fn literal(text: &str, type_name: &str) -> String {
    let quoted = text.replace('\\', "\\\\").replace('\'', "''");
    format!("E'{quoted}'::{type_name}")
}
