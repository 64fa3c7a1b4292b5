//! Queries as later versions of the server store them, on the table of the walk's tests: t(id, email, pw, j, tags).

use super::tests::{query, Fixture};
use super::*;
use crate::catalog::lineage::tree;

fn column(attnum: i64) -> String {
    format!("{{VAR :varno 1 :varattno {attnum} :vartype 25 :varlevelsup 0}}")
}

/// The flows of target expressions over the table and, as second table expression, GROUP BY of these.
fn flows(targets: &[String], grouped: &[String]) -> Vec<Flow> {
    let targets = targets
        .iter()
        .enumerate()
        .map(|(index, target)| format!("{{TARGETENTRY :expr {target} :resno {} :resjunk false}}", index + 1));
    let text = format!(
        "({{QUERY :rtable ({{RANGETBLENTRY :rtekind 0 :relid 7}} {{RANGETBLENTRY :rtekind 9 :groupexprs ({})}}) \
          :jointree {{FROMEXPR :fromlist ({{RANGETBLREF :rtindex 1}}) :quals <>}} :targetList ({})}})",
        grouped.join(" "),
        targets.collect::<Vec<_>>().join(" ")
    );
    let tree = tree::read(&text).unwrap();
    Walk::new(&Fixture).columns(query(&tree))
}

fn barred(targets: &[String]) -> Vec<bool> {
    flows(targets, &[]).iter().map(|flow| flow.bar.is_some()).collect()
}

/// PostgreSQL 18 stores a grouped expression as a variable of GROUP BY.
#[test]
fn a_variable_of_group_by_is_the_expression() {
    let guess = format!(
        "{{NULLIFEXPR :opfuncid 67 :args ({} {{CONST :consttype 25 :constvalue 5 [ 20 0 0 0 120 ]}})}}",
        column(3)
    );
    let test = |attnum| {
        format!("{{NULLTEST :arg {{VAR :varno 2 :varattno {attnum} :vartype 25 :varlevelsup 0}} :nulltesttype 0}}")
    };
    let flows = flows(&[test(1), test(2), test(3)], &[guess, column(3), column(1)]);
    let barred: Vec<bool> = flows.iter().map(|flow| flow.bar.is_some()).collect();
    assert_eq!(barred, [true, false, false]);
}

#[test]
fn constructors_are_made_of_their_arguments() {
    let object = |attnum| {
        format!(
            "{{JSONCONSTRUCTOREXPR :type 1 :args ({{CONST :consttype 25 :constvalue 5 [ 20 0 0 0 120 ]}} {{JSONVALUEEXPR :raw_expr {0} \
             :formatted_expr {0} :format {{JSONFORMAT :format_type 0}}}}) :func <> :coercion <> :returning {{JSONRETURNING :format <> :typid 3802}}}}",
            column(attnum)
        )
    };
    let flows = flows(&[object(2), object(3), object(4)], &[]);
    assert_eq!(flows.iter().map(|flow| flow.bar.is_some()).collect::<Vec<_>>(), [false, true, false]);
    assert!(flows[0].json && flows[2].json);
    let is_json = |attnum| format!("{{JSONISPREDICATE :expr {} :format <> :item_type 0}}", column(attnum));
    assert_eq!(barred(&[is_json(2), is_json(3), is_json(4)]), [false, true, false]);
}

/// `$.ab` and `$.token` of document and secret; `$.*`.
#[test]
fn queries_follow_plain_paths() {
    let path = |kind: u8, key: &str| {
        let mut bytes = vec![0, 0, 0, 0, 1, 0, 0, 128, 27, 0, 0, 0, 8, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend((key.len() as u32).to_le_bytes());
        bytes.extend(key.bytes().chain([0]));
        let texts: Vec<String> = bytes.iter().map(|byte| (*byte as i8).to_string()).collect();
        format!("{{CONST :consttype 4072 :constvalue {} [ {} ]}}", bytes.len(), texts.join(" "))
    };
    let ask = |op, attnum, path: &str| {
        format!("{{JSONEXPR :op {op} :formatted_expr {} :path_spec {path} :returning {{JSONRETURNING :typid 25}} :on_error {{JSONBEHAVIOR :btype 0 :expr <>}}}}", column(attnum))
    };
    for op in [0, 1, 2] {
        let targets = [
            ask(op, 4, &path(25, "ab")),
            ask(op, 4, &path(25, "token")),
            ask(op, 3, &path(25, "ab")),
            ask(op, 4, &path(22, "")),
            ask(op, 4, &column(2)),
        ];
        assert_eq!(barred(&targets), [false, true, true, true, true], "{op}");
    }
    // JSON_TABLE(j, '$.ab' COLUMNS (a text PATH '$.ab', b text PATH '$.token')).
    let context = |path: &str| {
        format!("{{JSONEXPR :op 2 :formatted_expr {{CASETESTEXPR :typeId 3802}} :path_spec {path} :returning {{JSONRETURNING :typid 25}}}}")
    };
    let text = format!(
        "({{QUERY :rtable ({{RANGETBLENTRY :rtekind 0 :relid 7}} {{RANGETBLENTRY :rtekind 4 :tablefunc {{TABLEFUNC :functype 1 :docexpr {} \
          :coltypes (o 25 25) :colvalexprs ({} {}) :plan {{JSONTABLEPATHSCAN :path {{JSONTABLEPATH :value {} :name x}}}}}}}}) \
          :targetList ({{TARGETENTRY :resno 1 :expr {{VAR :varno 2 :varattno 1}}}} {{TARGETENTRY :resno 2 :expr {{VAR :varno 2 :varattno 2}}}})}})",
        ask(3, 4, &path(25, "ab")),
        context(&path(25, "ab")),
        context(&path(25, "token")),
        path(25, "ab")
    );
    let tree = tree::read(&text).unwrap();
    let flows = Walk::new(&Fixture).columns(query(&tree));
    assert_eq!(flows.iter().map(|flow| flow.bar.is_some()).collect::<Vec<_>>(), [false, true]);
}

/// The queries of tests/golden/lineage/sql_json.sql: columns that hold or tell of the secret are called so.
#[test]
fn sql_json_as_the_server_stores_it() {
    const TREES: &str = include_str!("../../../tests/golden/lineage/sql_json.tree");
    let mut seen = 0;
    for text in TREES.lines() {
        let tree = tree::read(text).unwrap();
        let query = query(&tree);
        let names = query.get("targetList").items().iter().filter_map(Node::as_struct);
        let names: Vec<String> = names
            .filter(|target| !target.is_true("resjunk"))
            .map(|target| target.get("resname").name().unwrap())
            .collect();
        let relation = Walk::new(&Fixture).relation(query);
        let by_secret = !relation.is_choice && relation.rows.chosen.bar.is_some();
        assert_eq!(by_secret, names == ["id", "name"], "{names:?}");
        if by_secret {
            continue;
        }
        for (name, column) in names.iter().zip(&relation.columns) {
            let is_secret = name.ends_with("_pw") || name.contains("token") || name == "bytes";
            assert_eq!(column.flow.bar.is_some(), is_secret, "{name} of {names:?}: {:?}", column.flow.bar);
            seen += 1;
        }
    }
    assert_eq!(seen, 45);
}

#[test]
fn unknown_nodes_are_barred() {
    assert_eq!(
        barred(&["{NEWNODE :x 1}".to_owned(), "{MERGESUPPORTFUNC :msftype 25}".to_owned()]),
        [true, true]
    );
}
