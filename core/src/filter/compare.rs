//! Single tests as SQL, of two sides that are SQL already.

use super::ast::Operator;
use super::document::{guard, is_document};

/// The result of a comparison with a text that begins as a JSON document, where that needs no look: see `document`.
pub fn of_document(operator: Operator, operand: &str) -> Option<String> {
    match operator {
        Operator::Eq | Operator::Sw if is_document(operand) => Some("false".into()),
        Operator::Ne if is_document(operand) => Some("true".into()),
        _ => None,
    }
}

/// A condition on a text that asks what stands in the middle of it, or where it is in an order: not of documents.
pub fn guarded(operator: Operator, holds: String, text: &str) -> String {
    match operator {
        Operator::Co | Operator::Ew | Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => {
            format!("{holds} AND {}", guard(text))
        }
        _ => holds,
    }
}

/// Both sides under an operator. Patterns are matched under collation "C": byte by byte, which is what exact
/// means, and also where the column's collation is nondeterministic, for which the server knows no patterns.
pub fn compared(operator: Operator, left: &str, right: &str) -> String {
    match operator {
        Operator::Eq => format!("{left} = {right}"),
        Operator::Ne => format!("{left} IS DISTINCT FROM {right}"),
        Operator::Gt => format!("{left} > {right}"),
        Operator::Ge => format!("{left} >= {right}"),
        Operator::Lt => format!("{left} < {right}"),
        Operator::Le => format!("{left} <= {right}"),
        Operator::Co => format!("strpos({left} COLLATE \"C\", {right}) > 0"),
        Operator::Sw => format!("{left} COLLATE \"C\" ^@ {right}"),
        Operator::Ew => format!("right({left}, length({right})) COLLATE \"C\" = {right}"),
        // None of these compares two values; `check` gives them tests of their own.
        Operator::Pr | Operator::In | Operator::Any => "false".into(),
    }
}

/// IS NULL in the spelling that means the value itself: `IS NOT NULL` of a row asks each of its columns
/// (manual, section 9.2); with a bare NULL the parser makes the same plain test of it, which indexes serve.
pub fn null_test(value: &str, is: bool) -> String {
    format!("{value} IS {}DISTINCT FROM NULL", if is { "NOT " } else { "" })
}

pub fn or_null_test(condition: String, value: &str, or_null: bool) -> String {
    if or_null {
        format!("{condition} OR {}", null_test(value, true))
    } else {
        condition
    }
}

/// `cardinality` is NULL for NULL and 0 for an array without elements, whatever its dimensions.
pub fn present_array(column: &str, is: bool) -> String {
    if is {
        format!("cardinality({column}) > 0")
    } else {
        format!("(cardinality({column}) > 0) IS NOT TRUE")
    }
}
