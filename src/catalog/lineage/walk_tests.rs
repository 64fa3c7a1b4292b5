//! The walk over a query as PostgreSQL 15 stored it (tests/golden/lineage/view.sql) on a table t(id, email, pw, j, tags)
//! whose third column is secret.

use super::super::functions::{Function, Kind};
use super::super::tree::{self, Node};
use super::*;
use proptest::prelude::*;
use std::cell::Cell;

const TREE: &str = include_str!("../../../tests/golden/lineage/view.tree");

/// The functions that the query calls, by their oids in the server's catalogue.
const FUNCTIONS: &[(u32, &str)] = &[
    (65, "int4eq"),
    (67, "texteq"),
    (147, "int4gt"),
    (177, "int4pl"),
    (1717, "convert_to"),
    (2129, "max"),
    (2803, "count"),
    (3100, "row_number"),
    (3197, "json_object_agg"),
    (3214, "jsonb_object_field_text"),
    (3932, "jsonb_each_text"),
    (3940, "jsonb_extract_path_text"),
    (6276, "json_agg_strict"),
    (6282, "json_object_agg_unique_strict"),
];

/// The stack that a walk may use: half of that of a test's thread.
const STACK: usize = 1 << 20;

thread_local! {
    /// The address of a variable of the first call.
    static BASE: Cell<usize> = const { Cell::new(0) };
}

/// The server's test of the stack, with addresses of variables as its own.
fn is_stack_deep() -> bool {
    let here = 0_u8;
    let here = std::ptr::from_ref(&here).addr();
    if BASE.get() == 0 {
        BASE.set(here);
    }
    BASE.get().abs_diff(here) > STACK
}

pub(super) struct Fixture;

impl World for Fixture {
    fn column(&self, _: u32, attnum: i64) -> Flow {
        match attnum {
            1 | 2 | 5 => Flow::plain(),
            3 => Flow::barred("it is the secret"),
            4 => Flow { json: true, ..Flow::plain() },
            _ => Flow::barred("there is no such column"),
        }
    }

    fn row(&self, relation: u32) -> Flow {
        (1..=5).map(|attnum| self.column(relation, attnum)).collect()
    }

    fn is_enum(&self, _: u32) -> bool {
        false
    }

    fn is_stack_deep(&self) -> bool {
        is_stack_deep()
    }

    fn rows(&self, _: u32) -> RowFlow {
        RowFlow::default()
    }

    fn is_single(&self, _: u32) -> bool {
        true
    }

    fn is_choice(&self, _: u32) -> bool {
        true
    }

    fn is_column(&self, _: u32, attnum: i64) -> bool {
        (1..=5).contains(&attnum)
    }

    fn keys(&self, _: u32) -> Vec<Key> {
        vec![Key { columns: [1].into(), identifies: true }]
    }

    fn function(&self, oid: u32) -> Function {
        match FUNCTIONS.iter().find(|(known, _)| *known == oid) {
            Some((_, name)) => Function { name: (*name).to_owned(), kind: Kind::BuiltIn },
            None => Function { name: oid.to_string(), kind: Kind::Opaque },
        }
    }

    fn is_json(&self, type_oid: u32) -> bool {
        matches!(type_oid, 114 | 3802)
    }

    fn is_secret_name(&self, name: &str) -> bool {
        name.contains("token")
    }
}

pub(super) fn query<'t>(tree: &'t Node<'t>) -> &'t Struct<'t> {
    tree.items()[0].as_struct().unwrap()
}

#[test]
fn each_column_is_judged_by_what_is_in_it() {
    let tree = tree::read(TREE).unwrap();
    let flows = Walk::new(&Fixture).columns(query(&tree));
    let names = [
        "id", "tok", "sub", "e2", "cs", "mx", "rn", "cc", "arr", "whole", "ex", "sa", "jt", "gr", "cu",
        "col", "a", "jid", "fv", "vx", "tg", "pth", "nf", "braces",
    ];
    let barred: Vec<&str> =
        names.iter().zip(&flows).filter(|(_, flow)| flow.bar.is_some()).map(|(name, _)| *name).collect();
    assert_eq!(barred, ["tok", "mx", "rn", "cc", "whole", "fv", "pth"]);
    let json: Vec<&str> =
        names.iter().zip(&flows).filter(|(_, flow)| flow.json).map(|(name, _)| *name).collect();
    assert_eq!(json, ["tok", "sub", "whole", "jt", "fv", "pth"]);
}

/// WITH RECURSIVE t(a, b) AS (SELECT pw, email … UNION ALL SELECT b, a FROM t): both columns hold the secret in the end.
#[test]
fn columns_that_change_places_are_followed_to_the_end() {
    let variable =
        |number, attnum| format!("{{VAR :varno {number} :varattno {attnum} :vartype 25 :varlevelsup 0}}");
    let target = |place, expression: String| {
        format!("{{TARGETENTRY :expr {expression} :resno {place} :resjunk false}}")
    };
    let branch = |table: &str, first, second| {
        let targets = format!("{} {}", target(1, variable(1, first)), target(2, variable(1, second)));
        format!("{{RANGETBLENTRY :rtekind 1 :subquery {{QUERY :rtable ({table}) :targetList ({targets})}}}}")
    };
    let myself = "{RANGETBLENTRY :rtekind 6 :ctename t :ctelevelsup 2 :self_reference true}";
    let outside = "{RANGETBLENTRY :rtekind 6 :ctename t :ctelevelsup 0 :self_reference false}";
    let base = "{RANGETBLENTRY :rtekind 0 :relid 7}";
    let both = format!("{} {}", target(1, variable(1, 1)), target(2, variable(1, 2)));
    let union = "{SETOPERATIONSTMT :larg {RANGETBLREF :rtindex 1} :rarg {RANGETBLREF :rtindex 2}}";
    let with = format!(
        "{{COMMONTABLEEXPR :ctename t :cterecursive true :ctequery {{QUERY :rtable ({} {}) :targetList ({both}) :setOperations {union}}}}}",
        branch(base, 3, 2),
        branch(myself, 2, 1)
    );
    let text = format!("({{QUERY :cteList ({with}) :rtable ({outside}) :targetList ({both})}})");
    let tree = tree::read(&text).unwrap();
    let flows = Walk::new(&Fixture).columns(query(&tree));
    assert!(flows.len() == 2 && flows.iter().all(|flow| flow.bar.is_some()), "{flows:?}");
}

#[test]
fn what_is_not_understood_is_barred() {
    for text in [
        "({QUERY :rtable <> :targetList ({TARGETENTRY :expr {VAR :varno 1 :varattno 1} :resno 1})})",
        "({QUERY :rtable ({RANGETBLENTRY :rtekind 77}) :targetList ({TARGETENTRY :expr {VAR :varno 1 :varattno 1} :resno 1})})",
        "({QUERY :rtable <> :targetList ({TARGETENTRY :expr {VAR :varno 1 :varattno 1 :varlevelsup 3} :resno 1})})",
        "({QUERY :rtable <> :targetList ({TARGETENTRY :expr {FUNCEXPR :funcid 99999} :resno 1})})",
        "({QUERY :rtable ({RANGETBLENTRY :rtekind 0 :relid 7}) :targetList ({TARGETENTRY :expr {NEWNODE :x {VAR :varno 1 :varattno 4}} :resno 1})})",
        "({QUERY :rtable ({RANGETBLENTRY :rtekind 0 :relid 7}) :targetList ({TARGETENTRY :expr {NEWNODE :x ((<> {VAR :varno 1 :varattno 3}))} :resno 1})})",
    ] {
        let tree = tree::read(text).unwrap();
        let flows = Walk::new(&Fixture).columns(query(&tree));
        assert!(flows.len() == 1 && flows[0].bar.is_some(), "{text}");
    }
}

/// Each WITH query reads the one before twice: a walk that remembers nothing would take 2^300 steps.
#[test]
fn a_query_that_branches_at_each_level_is_followed_once() {
    let mut with = Vec::new();
    for level in 0..120 {
        let (table, sum) = match level {
            0 => ("{RANGETBLENTRY :rtekind 0 :relid 7}".to_owned(), 2),
            _ => (format!("{{RANGETBLENTRY :rtekind 6 :ctename w{} :ctelevelsup 1}}", level - 1), 1),
        };
        let variable = format!("{{VAR :varno 1 :varattno {sum} :vartype 25}}");
        with.push(format!(
            "{{COMMONTABLEEXPR :ctename w{level} :ctequery {{QUERY :rtable ({table}) :targetList ({{TARGETENTRY :resno 1 :expr {{ARRAYEXPR :elements ({variable} {variable})}}}})}}}}"
        ));
    }
    let text = format!(
        "({{QUERY :cteList ({}) :rtable ({{RANGETBLENTRY :rtekind 6 :ctename w119 :ctelevelsup 0}}) :targetList ({{TARGETENTRY :resno 1 :expr {{VAR :varno 1 :varattno 1}}}})}})",
        with.join(" ")
    );
    let tree = tree::read(&text).unwrap();
    assert!(Walk::new(&Fixture).columns(query(&tree))[0].bar.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// A tree with numbers changed at random leads to some answer: no panic, no endless walk.
    #[test]
    fn a_tree_with_other_numbers_is_walked_to_an_end(seeds in prop::collection::vec((any::<prop::sample::Index>(), 0..9u8), 1..40)) {
        let places: Vec<usize> = TREE.match_indices(|letter: char| letter.is_ascii_digit()).map(|(place, _)| place).collect();
        let mut text = TREE.to_owned().into_bytes();
        for (index, digit) in seeds {
            text[*index.get(&places)] = b'0' + digit;
        }
        let text = String::from_utf8(text).unwrap();
        if let Some(tree) = tree::read(&text) {
            let _ = Walk::new(&Fixture).columns(query(&tree));
        }
    }
}
