//! Policies that read a setting for each row, where once per query would do.

use super::Advice;
use crate::catalog::lineage::{calls_per_row, Lineage};
use crate::error::Result;
use crate::pg::{catalog, identity, sql};

/// Policies that apply to the rows a SELECT reads ('*' is ALL), where row security is enabled.
const POLICIES: &str = "
SELECT jsonb_build_array(p.polname, p.polqual::text, pg_get_expr(p.polqual, p.polrelid))
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
 WHERE p.polrelid = $1::oid AND c.relrowsecurity AND p.polcmd IN ('r', '*') AND p.polqual IS NOT NULL
 ORDER BY p.polname";

/// Policies of the tables below the source, permissive and restrictive ones, for whichever roles.
pub fn slow(lineage: &Lineage) -> Result<Vec<Advice>> {
    let mut found = Vec::new();
    // Citus takes no sub-selects in policies.
    for table in lineage.base_tables().filter(|table| !lineage.is_distributed(table.oid)) {
        let policies: Vec<(String, String, String)> =
            identity::as_owner(|| sql::documents(POLICIES, &[i64::from(table.oid).into()]))?;
        let slow = policies.into_iter().filter(|(_, condition, _)| calls_per_row(condition, &reads_setting));
        found.extend(slow.map(|(policy, _, text)| advice(&policy, &table.name, &text)));
    }
    Ok(found)
}

fn reads_setting(function: u32) -> bool {
    function < catalog::FIRST_USER_OID
        && catalog::function_name(function).as_deref() == Some("current_setting")
}

fn advice(policy: &str, table: &str, condition: &str) -> Advice {
    let policy_name = catalog::quoted(policy);
    let hint = match called_once(condition) {
        Some(once) => format!("ALTER POLICY {policy_name} ON {table} USING ({once});"),
        None => format!(
            "Change the condition with ALTER POLICY {policy_name} ON {table}: call current_setting in a sub-select without columns of the table, which runs once per query."
        ),
    };
    Advice {
        advice: format!("policy \"{policy}\" on table {table} calls current_setting once per row"),
        hint,
    }
}

/// A condition, as the server writes it, with a sub-select around each call of `current_setting`; None: it has no call, or one whose
/// setting is not a constant.
fn called_once(condition: &str) -> Option<String> {
    let mut once = String::with_capacity(condition.len() + 16);
    let mut rest = condition;
    let mut found = false;
    while let Some(letter) = rest.chars().next() {
        let is_name_before =
            once.ends_with(|before: char| before.is_alphanumeric() || "_.\"$".contains(before));
        let is_call = !is_name_before && rest.starts_with("current_setting(");
        let call = if is_call { Some(call(rest)?) } else { None };
        let length = match (call, letter) {
            (Some(length), _) => length,
            (None, '\'' | '"') => quoted_length(rest, letter),
            (None, letter) => letter.len_utf8(),
        };
        let (part, behind) = rest.split_at(length);
        match call {
            Some(_) if once.ends_with("SELECT ") => once.push_str(part),
            Some(_) => {
                found = true;
                once.push_str("(SELECT ");
                once.push_str(part);
                once.push(')');
            }
            None => once.push_str(part),
        }
        rest = behind;
    }
    found.then_some(once)
}

/// The length of the call that a text begins with: `current_setting('app.tenant'::text)`, or with a second argument.
fn call(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("current_setting(")?;
    let name = quoted_length(inside, '\'');
    let behind = inside.get(name..)?;
    let end = ["::text)", "::text, true)", "::text, false)"].iter().find(|end| behind.starts_with(**end))?;
    (name > 1).then_some(text.len() - behind.len() + end.len())
}

/// The length of the quoted text that `text` begins with, in which a quote is doubled; 0: it begins with another character.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut letters = text.char_indices().peekable();
    if letters.next_if(|(_, letter)| *letter == quote).is_none() {
        return 0;
    }
    while let Some((at, letter)) = letters.next() {
        if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_a_sub_select() {
        for (condition, expected) in [
            (
                "(tenant = current_setting('app.tenant'::text))",
                Some("(tenant = (SELECT current_setting('app.tenant'::text)))"),
            ),
            (
                "((a = NULLIF(current_setting('a.b'::text, true), ''::text)) OR (b = current_setting('c.d'::text, false)))",
                Some(
                    "((a = NULLIF((SELECT current_setting('a.b'::text, true)), ''::text)) OR (b = (SELECT current_setting('c.d'::text, false))))",
                ),
            ),
            // Not a call: a text, a name, a function of another schema, a setting that the row names.
            ("(a = 'it''s current_setting(''x''::text)'::text)", None),
            ("(\"current_setting('x'::text)\" = a)", None),
            ("(app.current_setting('x'::text) = a)", None),
            ("(my_current_setting('x'::text) = a)", None),
            ("(a = current_setting(name))", None),
            ("((a = current_setting('x'::text)) AND (b = current_setting(('x'::text || name))))", None),
            ("(a = ( SELECT current_setting('x'::text) AS current_setting))", None),
            (
                "((a = ( SELECT current_setting('x'::text) AS current_setting)) AND (b = current_setting('y'::text)))",
                Some(
                    "((a = ( SELECT current_setting('x'::text) AS current_setting)) AND (b = (SELECT current_setting('y'::text))))",
                ),
            ),
            ("(a = current_setting('x'::text || name))", None),
            ("", None),
            ("'", None),
        ] {
            assert_eq!(called_once(condition).as_deref(), expected, "{condition}");
        }
    }
}
