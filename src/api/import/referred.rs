//! Names that the rows of a file refer to, and whether they are there.

use super::super::session_read::Reading;
use super::columns::Columns;
use super::comparison::Known;
use crate::catalog::reference::Reference;
use crate::encode::Kind;
use crate::error::Result;
use crate::import::compare::{Rule, Value};
use crate::import::problem::{quoted, Problems};
use crate::import::several::Names;
use crate::model::ExportRequest;
use crate::model::Target;
use crate::pg::equal_text::EqualText;
use crate::pg::identity::{self, Reader};
use crate::pg::{sql, wait};
use crate::source::references::{each, Occasion, Outcome};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// A column that is there, and that the field is bound to by its number (src/catalog/load.rs).
const COLUMN: &str = "
SELECT jsonb_build_array(a.attrelid::bigint, a.attnum)
  FROM acct_export.dataset d
  JOIN acct_export.field f ON f.dataset = d.dataset AND f.relation_oid = d.source::oid
  JOIN pg_attribute a ON a.attrelid = f.relation_oid AND a.attnum = f.attnum AND a.attnum > 0 AND NOT a.attisdropped
 WHERE d.dataset = $1 AND f.field = $2";

/// The equality of the field that names refer to; None: of texts, or the field is gone, which reading it will tell. As the owner.
fn equality(target: &Target) -> Result<Option<EqualText>> {
    let column: Option<(u32, i16)> =
        sql::document(COLUMN, &[(&target.dataset).into(), (&target.field).into()])?;
    Ok(column.and_then(|(source, attnum)| EqualText::of(source, attnum)))
}

/// Tells of names that the rows refer to and that are not there.
pub fn refer(
    reading: &Reading,
    asked: &ExportRequest,
    columns: &Columns<'_>,
    references: &[Reference],
    rules: &[Rule],
    known: &[Known],
    problems: &mut Problems,
) -> Result<()> {
    let mut by_target: HashMap<&Target, Vec<usize>> = HashMap::new();
    for (place, field) in columns.fields().enumerate() {
        if let Some(reference) = references.iter().find(|reference| reference.field == field.name) {
            by_target.entry(&reference.target).or_default().push(place);
        }
    }
    let reader = Reader::checking(identity::current_user());
    let occasion = Occasion { asked, context: &reading.context, reader: &reader, disabled: true };
    for (target, places) in by_target {
        let several = |place: usize| rules.get(place).is_some_and(|rule| rule.kind == Kind::List);
        let cells = || {
            known.iter().flat_map(|row| places.iter().map(move |place| (row, *place))).filter_map(
                |(row, place)| Some((row, place, row.values.get(place)?.as_ref().and_then(Value::text)?)),
            )
        };
        let mut mentioned = Names::default();
        for (_, place, text) in cells() {
            wait::interrupted()?;
            mentioned.mention(text, several(place))?;
        }
        if mentioned.is_empty() {
            continue;
        }
        // A name that the field takes for equal is there as well, however it is written.
        let mut equal = identity::as_owner(|| equality(target))?;
        let mut spellings: HashMap<String, Vec<String>> = HashMap::new();
        if let Some(equal) = &mut equal {
            for name in mentioned.names() {
                spellings.entry(equal.key(name)?).or_default().push(name.to_owned());
            }
        }
        let outcome = each(target, &occasion, &mut |name| {
            mentioned.found(name);
            if let Some(equal) = &mut equal {
                let same = spellings.get(&equal.key(name)?);
                same.into_iter().flatten().for_each(|spelling| mentioned.found(spelling));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        match outcome {
            Outcome::Read(named) => {
                for (row, place, text) in cells() {
                    wait::interrupted()?;
                    for name in mentioned.missing(text, several(place)) {
                        let problem = format!("{} does not exist in {}", quoted(&name), named.title);
                        let column = Some(columns.shown(row.sheet, place));
                        problems.add(Some(row.sheet), Some(row.row), column, problem);
                    }
                }
            }
            Outcome::Refused(why) => {
                let mut sheets: Vec<usize> = cells().map(|(row, ..)| row.sheet).collect();
                sheets.dedup();
                for (sheet, place) in
                    sheets.into_iter().flat_map(|sheet| places.iter().map(move |place| (sheet, *place)))
                {
                    let column = Some(columns.shown(sheet, place));
                    problems.add(
                        Some(sheet),
                        None,
                        column,
                        format!("the reference cannot be checked: {why}"),
                    );
                }
            }
        }
    }
    Ok(())
}
