//! Settings that an expression reads, as its stored tree (pg_node_tree) has them, and those that a function's text reads.
//!
//! A name that is put together when the expression runs is not found. `session_user` counts as the setting `session_authorization`.

use super::tree::{self, Node, Struct};
use super::FIRST_USER_OID;
use crate::pg::catalog;
use std::collections::BTreeSet;

/// Names and functions that were found in an expression or a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Names of settings.
    pub settings: BTreeSet<String>,
    /// Oids of functions that are not the server's own.
    pub functions: BTreeSet<u32>,
    /// Names of what a text calls.
    pub calls: BTreeSet<String>,
}

/// The setting that says who has logged in.
pub const LOGIN: &str = "session_authorization";
/// `SVFOP_SESSION_USER` (SQLValueFunctionOp, nodes/primnodes.h).
const SESSION_USER: i64 = 12;

/// True for functions whose result is the login: `system_user` from PostgreSQL 16 on.
fn gives_login(function: &str) -> bool {
    matches!(function, "session_user" | "system_user")
}

/// Of a stored tree. What cannot be read reads none.
pub fn of_tree(text: &str) -> Reads {
    of(text, &catalog::function_name)
}

fn of(text: &str, name_of: &dyn Fn(u32) -> Option<String>) -> Reads {
    let mut reads = Reads::default();
    if let Some(tree) = tree::read(text) {
        walk(&tree, name_of, &mut reads);
    }
    reads
}

fn walk(node: &Node<'_>, name_of: &dyn Fn(u32) -> Option<String>, reads: &mut Reads) {
    match node {
        Node::List(items) => items.iter().for_each(|item| walk(item, name_of, reads)),
        Node::Struct(node) => {
            let called = ["funcid", "opfuncid", "aggfnoid", "winfnoid"].map(|field| node.oid(field));
            reads.functions.extend(called.into_iter().filter(|oid| *oid >= FIRST_USER_OID));
            let function = node.oid("funcid");
            let name = (function != 0 && function < FIRST_USER_OID).then(|| name_of(function)).flatten();
            match name.as_deref() {
                Some("current_setting") => {
                    reads.settings.extend(node.get("args").items().first().and_then(constant));
                }
                Some(name) if gives_login(name) => {
                    reads.settings.insert(LOGIN.to_owned());
                }
                _ => {}
            }
            if node.label == "SQLVALUEFUNCTION" && node.number("op") == Some(SESSION_USER) {
                reads.settings.insert(LOGIN.to_owned());
            }
            node.values().for_each(|value| walk(value, name_of, reads));
        }
        Node::Nothing | Node::Token(_) | Node::Bytes(_) => {}
    }
}

/// The text of a constant, below casts too.
fn constant(node: &Node<'_>) -> Option<String> {
    let node: &Struct<'_> = node.as_struct()?;
    if node.label != "CONST" {
        return constant(node.get("arg"));
    }
    let Node::Bytes(bytes) = node.get("constvalue") else { return None };
    // A varlena has a header of four bytes, or of one whose lowest bit is set (varatt.h).
    let header = if bytes.first().is_some_and(|first| first & 1 == 1) { 1 } else { 4 };
    let name = bytes.get(header..)?;
    Some(String::from_utf8_lossy(name).to_lowercase()).filter(|name| !name.is_empty())
}

/// Of the text of a function: `current_setting('name'`, and the names of what it calls.
pub fn of_text(text: &str) -> Reads {
    let mut reads = Reads::default();
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let mut rest = text;
    while let Some(begin) = rest.find(is_part) {
        rest = &rest[begin..];
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        if gives_login(&word.to_lowercase()) {
            reads.settings.insert(LOGIN.to_owned());
            continue;
        }
        let Some(arguments) = behind.trim_start_matches(['"', ' ', '\t', '\r', '\n']).strip_prefix('(')
        else {
            continue;
        };
        let word = word.to_lowercase();
        if word == "current_setting" {
            let quoted = arguments.trim_start().trim_start_matches(['E', 'e']).strip_prefix('\'');
            let name = quoted.and_then(|name| name.split('\'').next()).map(str::to_lowercase);
            reads.settings.extend(name.filter(|name| !name.is_empty()));
        } else {
            reads.calls.insert(word);
        }
    }
    reads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &BTreeSet<String>) -> Vec<&str> {
        found.iter().map(String::as_str).collect()
    }

    #[test]
    fn constants_of_a_tree() {
        // 3294 is current_setting(text, boolean); the second argument is a constant too.
        let call = "{COERCEVIAIO :arg {FUNCEXPR :funcid 3294 :args ({CONST :consttype 25 :constvalue 7 [ 28 0 0 0 65 46 98 ]} \
                    {CONST :consttype 16 :constvalue 1 [ 1 0 0 0 0 0 0 0 ]})} :resulttype 2950}";
        let tree = format!("{{OPEXPR :opno 2972 :opfuncid 2956 :args ({{SUBLINK :subselect {{QUERY :targetList ({call})}}}} \
                            {{FUNCEXPR :funcid 16999 :args <>}})}}");
        let reads = of(&tree, &|function| (function == 3294).then(|| "current_setting".to_owned()));
        assert_eq!(names(&reads.settings), ["a.b"]);
        assert_eq!(reads.functions, BTreeSet::from([16999]));
        // Another function, a name that is put together, no tree.
        assert!(of(&tree, &|_| None).settings.is_empty());
        let dynamic = "{FUNCEXPR :funcid 3294 :args ({OPEXPR :opfuncid 1258 :args ({CONST :constvalue 5 [ 20 0 0 0 97 ]})})}";
        assert!(of(dynamic, &|_| Some("current_setting".to_owned())).settings.is_empty());
        assert_eq!(of("{FUNCEXPR", &|_| None), Reads::default());
    }

    #[test]
    fn the_login_is_a_setting() {
        let is_read = |text: &str| names(&of(text, &|_| Some("session_user".to_owned())).settings) == [LOGIN];
        assert!(is_read("({OPEXPR :args ({SQLVALUEFUNCTION :op 12 :type 19 :typmod -1})})"));
        assert!(is_read("{FUNCEXPR :funcid 746 :args <>}"));
        // 10 is current_user.
        assert!(!is_read("{SQLVALUEFUNCTION :op 10 :type 19 :typmod -1}"));
        for text in ["SELECT $1 = SESSION_USER", "RETURN system_user;", "x := pg_catalog.session_user()"] {
            assert_eq!(names(&of_text(text).settings), [LOGIN], "{text}");
        }
        assert!(of_text("SELECT current_user, session_users, my_session_user").settings.is_empty());
    }

    #[test]
    fn calls_of_a_text() {
        let reads = of_text(
            "SELECT coalesce( CURRENT_SETTING ( 'App.User', true), pg_catalog.current_setting('b.c'), auth.\"uid\"(), current_setting(x))",
        );
        assert_eq!(names(&reads.settings), ["app.user", "b.c"]);
        assert_eq!(names(&reads.calls), ["coalesce", "uid"]);
        assert_eq!(
            of_text("'é(' current_setting"),
            Reads { calls: BTreeSet::from(["é".to_owned()]), ..Reads::default() }
        );
        assert_eq!(of_text(""), Reads::default());
    }
}
