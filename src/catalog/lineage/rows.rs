//! Views whose rows are rows of one relation, some of them or all, each once: what is unique below is unique above.

use super::tree::{Node, Struct};

/// Where the rows of a simple query come from.
pub struct Rows {
    pub relation: u32,
    /// Its place in the range table.
    number: i64,
}

/// The relation, if a query is no more than a choice of its rows and columns.
pub fn of(query: &Struct<'_>) -> Option<Rows> {
    let many = query.get("setOperations").as_struct().is_some()
        || query.is_true("hasTargetSRFs")
        || query.get("limitCount").as_struct().is_some()
        || query.get("limitOffset").as_struct().is_some()
        || !query.get("groupingSets").items().is_empty();
    let [Node::Struct(from)] = query.get("jointree").as_struct()?.get("fromlist").items() else {
        return None;
    };
    if many || from.label != "RANGETBLREF" {
        return None;
    }
    let number = from.number("rtindex")?;
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    let table = query.get("rtable").items().get(index)?.as_struct()?;
    (table.number("rtekind") == Some(0)).then(|| Rows { relation: table.oid("relid"), number })
}

impl Rows {
    /// The column of the relation that an entry of the target list is, as it is.
    pub fn column(&self, query: &Struct<'_>, index: usize) -> Option<i64> {
        let target = query.get("targetList").items().get(index)?.as_struct()?;
        let variable = target.get("expr").as_struct().filter(|node| node.label == "VAR")?;
        let own = variable.number("varlevelsup") == Some(0) && variable.number("varno") == Some(self.number);
        variable.number("varattno").filter(|attnum| own && *attnum > 0)
    }
}
