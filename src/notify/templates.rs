//! Texts that a superuser has put in the place of the extension's own.

pub use super::template::BUILT_IN;

use super::template::{built_in, check, Template};
use crate::audit::{self, By, Event};
use crate::error::{Error, Result};
use crate::pg::{identity, sql, xact};
use crate::value::shown;
use serde_json::json;

const LOOK: &str = "SELECT jsonb_build_array(subject, body) FROM acct_export.template WHERE name = $1";

const REMOVE: &str = "DELETE FROM acct_export.template WHERE name = $1";

const SAVE: &str = "
INSERT INTO acct_export.template (name, subject, body) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET subject = excluded.subject, body = excluded.body";

/// The text about an outcome as it is in force; None: there is no mail about it. As the owner.
pub fn in_force(outcome: &str) -> Result<Option<Template>> {
    let Some(template) = built_in(outcome) else { return Ok(None) };
    let set: Option<(Option<String>, Option<String>)> = sql::document(LOOK, &[outcome.into()])?;
    let (subject, body) = set.unwrap_or_default();
    Ok(Some(Template { subject: subject.unwrap_or(template.subject), body: body.unwrap_or(template.body) }))
}

/// `acct_export_set_template`. 42501 for others than superusers, 22023 for an outcome of which no mail tells, an unknown placeholder,
/// and a subject of several lines.
pub fn set(name: Option<&str>, subject: Option<&str>, body: Option<&str>) -> Result<()> {
    if !identity::is_superuser(identity::current_user()) {
        return Err(Error::denied("must be superuser to set mail templates")
            .hint("Ask a superuser, who sees the texts in acct_export_templates."));
    }
    let names = BUILT_IN.map(|(name, ..)| name);
    let given = name.map(|name| format!(" {}", shown(name))).unwrap_or_default();
    let name = name.filter(|name| names.contains(name)).ok_or_else(|| {
        Error::invalid(format!("unknown mail template{given}"))
            .hint(format!("Mail templates: {}.", names.join(", ")))
    })?;
    if let Some(subject) = subject {
        if subject.trim().is_empty() || subject.chars().any(char::is_control) {
            return Err(Error::invalid("invalid subject of a mail template")
                .hint("Give one line of text without control characters."));
        }
        check(subject, "subject")?;
    }
    if let Some(body) = body {
        let breaks = |c: char| matches!(c, '\n' | '\r' | '\t');
        if body.trim().is_empty() || body.chars().any(|c| c.is_control() && !breaks(c)) {
            return Err(Error::invalid("invalid body of a mail template")
                .hint("Give text whose only control characters are tabs and line breaks."));
        }
        check(body, "body")?;
    }
    xact::require_write("set a mail template")?;
    let by = By::caller();
    identity::as_owner(|| {
        if subject.is_none() && body.is_none() {
            sql::run(REMOVE, &[name.into()])?;
        } else {
            sql::run(SAVE, &[name.into(), subject.into(), body.into()])?;
        }
        let detail = json!({ "template": name, "subject": subject, "body": body });
        audit::record_plain(Event::new(audit::TEMPLATE_SET, by, detail))
    })
}
