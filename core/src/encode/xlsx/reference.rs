//! Sheets that list what columns choose from, and the choices in the cells of these columns (data validations of type list,
//! ECMA-376 part 1, 18.3.1.33).

use rust_xlsxwriter::{DataValidation, Formula, Worksheet};

use super::caught::library_error;
use super::fill::Value;
use super::sheet;
use super::style::Styles;
use super::text::{clean, Counts};
use super::width::extent;
use crate::encode::{Choosing, Reference};
use crate::error::Result;

/// The last row of a worksheet, from 0.
const LAST_ROW: u32 = 1_048_575;
/// Characters that Excel takes of a message's title and of its text.
const MAX_TITLE: usize = 32;
const MAX_MESSAGE: usize = 255;
/// Characters of the widest column.
const WIDEST: u16 = 60;

/// Names of the sheets, each another one and none that a data sheet of these titles has or could get.
pub fn names(data: &[&str], references: &[Reference]) -> Vec<String> {
    let of_data = |name: &str| {
        let is = |title: &&str| sheet::folded(&sheet::name(title, number_of(name))) == sheet::folded(name);
        data.iter().any(|title| is(title) || sheet::folded(&sheet::name(title, 1)) == sheet::folded(name))
    };
    let mut names: Vec<String> = Vec::new();
    for reference in references {
        let taken = |name: &String| {
            of_data(name) || names.iter().any(|other| sheet::folded(other) == sheet::folded(name))
        };
        let listed = format!("List of {}", reference.title);
        let own = sheet::name(&reference.title, 1);
        // As many numbers as there are sheets are enough to find one that is free.
        let numbered = (1..).map(|number| sheet::name(&listed, number));
        names.extend(std::iter::once(own).chain(numbered).find(|name| !taken(name)));
    }
    names
}

/// The number that a further data sheet of this name would have: 2 of `Users (2)`.
fn number_of(name: &str) -> usize {
    let number = name.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    number.and_then(|(_, digits)| digits.parse().ok()).unwrap_or(1)
}

/// Lets the columns of a data sheet choose: in all rows below the header, those to be typed as well.
pub fn bind(sheet: &mut Worksheet, references: &[Reference], names: &[String]) -> Result<()> {
    for (reference, name) in references.iter().zip(names) {
        if reference.values.is_empty() {
            continue;
        }
        for choosing in &reference.columns {
            // At most 16,384 columns.
            let column = choosing.column as u16;
            let validation = validation(reference, name, choosing)?;
            sheet.add_data_validation(1, column, LAST_ROW, column, &validation).map_err(library_error)?;
        }
    }
    Ok(())
}

fn validation(reference: &Reference, name: &str, choosing: &Choosing) -> Result<DataValidation> {
    let range = format!("='{}'!$A$2:$A${}", name.replace('\'', "''"), reference.values.len() + 1);
    let list = DataValidation::new().allow_list_formula(Formula::new(range));
    if choosing.several {
        // The list helps to choose one; whatever else is typed is taken.
        return list
            .show_error_message(false)
            .set_input_title(cut(name, MAX_TITLE))
            .and_then(|list| list.set_input_message("Several values are separated by a comma and a space."))
            .map_err(library_error);
    }
    list.set_error_title(cut(name, MAX_TITLE))
        .and_then(|list| {
            list.set_error_message(cut(&format!("Choose a value of the sheet {name}."), MAX_MESSAGE))
        })
        .map_err(library_error)
}

fn cut(text: &str, most: usize) -> String {
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= most
    };
    text.chars().take_while(fits).collect()
}

/// Header and values, for the cells that `draw` makes.
pub fn lines(reference: &Reference) -> Vec<Value> {
    // The counts of the info sheet are about the data.
    let mut dropped = Counts::default();
    let all = std::iter::once(&reference.label).chain(&reference.values);
    all.map(|text| Value::Text(clean(text, &mut dropped).into_owned())).collect()
}

/// Makes the sheet's look and empty cells; the lines are filled in later.
pub fn draw(sheet: &mut Worksheet, name: &str, reference: &Reference, styles: &Styles) -> Result<()> {
    sheet.set_name(name).map_err(library_error)?;
    sheet.set_freeze_panes(1, 0).map_err(library_error)?;
    sheet.set_repeat_rows(0, 0).map_err(library_error)?;
    sheet.write_blank(0, 0, &styles.header).map_err(library_error)?;
    let mut width = extent(&reference.label).max(12);
    // More rows than a worksheet has are an error of the library.
    for (row, value) in (1..).zip(&reference.values) {
        sheet.write_blank(row, 0, &styles.text).map_err(library_error)?;
        width = width.max(extent(value));
    }
    sheet.set_column_format(0, &styles.text).map_err(library_error)?;
    sheet.set_column_width(0, width.min(WIDEST) + 2).map_err(library_error)?;
    sheet.set_print_fit_to_pages(1, 0);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "reference_tests.rs"]
mod tests;
