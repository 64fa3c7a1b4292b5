//! Functions that a condition on a table calls once per row, as its stored tree (pg_node_tree) has them.
//!
//! A sub-select that refers to nothing outside of itself is run once per query (an InitPlan, or a hashed SubPlan:
//! optimizer/plan/subselect.c); one that refers to the row is run for each.

use super::tree::{self, Node, Struct};

/// True if the condition calls a function that `is_meant` for each row. What cannot be read calls none.
pub fn calls_per_row(condition: &str, is_meant: &dyn Fn(u32) -> bool) -> bool {
    tree::read(condition).is_some_and(|condition| calls(&condition, is_meant))
}

fn calls(node: &Node<'_>, is_meant: &dyn Fn(u32) -> bool) -> bool {
    match node {
        Node::List(items) => items.iter().any(|item| calls(item, is_meant)),
        Node::Struct(query) if query.label == "QUERY" && !refers_outside(query, 0) => false,
        Node::Struct(node) => {
            (node.label == "FUNCEXPR" && is_meant(node.oid("funcid")))
                || node.values().any(|value| calls(value, is_meant))
        }
        Node::Nothing | Node::Token(_) | Node::Bytes(_) => false,
    }
}

/// True if a column in a query, `level` queries within the one that is asked about, belongs to none of them.
fn refers_outside(node: &Struct<'_>, level: i64) -> bool {
    if node.label == "VAR" {
        return node.number("varlevelsup").is_some_and(|up| up > level);
    }
    node.values().any(|value| refers(value, level))
}

fn refers(node: &Node<'_>, level: i64) -> bool {
    match node {
        Node::List(items) => items.iter().any(|item| refers(item, level)),
        Node::Struct(node) => refers_outside(node, level + i64::from(node.label == "QUERY")),
        Node::Nothing | Node::Token(_) | Node::Bytes(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As PostgreSQL 15 stores it, without what does not matter here. 3294 is current_setting(text, boolean).
    const CALL: &str = "{COERCEVIAIO :arg {NULLIFEXPR :opno 98 :opfuncid 67 :args ({FUNCEXPR :funcid 3294 :args ({CONST \
        :consttype 25 :constvalue 7 [ 28 0 0 0 97 46 98 ]})} {CONST :consttype 25 :constvalue 4 [ 16 0 0 0 ]})} \
        :resulttype 2950}";

    fn own_column(levels_up: i64) -> String {
        format!("{{VAR :varno 1 :varattno 2 :vartype 2950 :varlevelsup {levels_up}}}")
    }

    fn equal(left: &str, right: &str) -> String {
        format!("{{OPEXPR :opno 2972 :opfuncid 2956 :args ({left} {right})}}")
    }

    fn select(condition: &str, target: &str) -> String {
        format!(
            "{{SUBLINK :subLinkType 4 :testexpr <> :subselect {{QUERY :commandType 1 :rtable ({{RANGETBLENTRY :rtekind 0}}) \
             :jointree {{FROMEXPR :fromlist ({{RANGETBLREF :rtindex 1}}) :quals {condition}}} \
             :targetList ({{TARGETENTRY :expr {target}}})}}}}"
        )
    }

    fn found(condition: &str) -> bool {
        calls_per_row(condition, &|function| function == 3294)
    }

    #[test]
    fn a_call_beside_the_column_is_made_for_each_row() {
        assert!(found(&equal(&own_column(0), CALL)));
        assert!(found(&format!("{{BOOLEXPR :boolop and :args ({0} {0})}}", equal(&own_column(0), CALL))));
        // `= ANY (SELECT …)`: what is compared stands outside of the sub-select.
        let test = equal(CALL, "{PARAM :paramkind 2 :paramid 1}");
        assert!(found(&format!(
            "{{SUBLINK :subLinkType 2 :testexpr {test} :subselect {{QUERY :rtable <>}}}}"
        )));
    }

    #[test]
    fn a_sub_select_that_stands_alone_is_run_once() {
        assert!(!found(&equal(&own_column(0), &select("<>", CALL))));
        // Its own columns, and those of a query in it that refers to it.
        let inner = select(&equal(&own_column(0), &own_column(1)), CALL);
        assert!(!found(&select(&equal(&own_column(0), &inner), CALL)));
    }

    #[test]
    fn a_sub_select_that_refers_to_the_row_is_run_for_each() {
        assert!(found(&select(&equal(&own_column(0), &own_column(1)), CALL)));
        let inner = select(&equal(&own_column(0), &own_column(2)), CALL);
        assert!(found(&select(&inner, "{CONST :consttype 23}")));
        // Within it the call can stand in a sub-select of its own.
        let once = equal(&own_column(1), &select("<>", CALL));
        assert!(!found(&select(&once, "{CONST :consttype 23}")));
    }

    #[test]
    fn other_functions_and_what_is_no_tree_call_none() {
        let other = CALL.replace("3294", "2078");
        assert!(!found(&equal(&own_column(0), &other)));
        assert!(!found("{OPEXPR :args ("));
        assert!(!found(""));
    }
}
