//! The verdicts of the rules about secrets on the columns of a relation: asked once for all of them, since they are judged together.

use super::relations::{Column, Relation};
use crate::secret::{self, ColumnType, Names, TableShape, Verdict};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Verdicts by relation, in the order of its columns.
#[derive(Default)]
pub struct Verdicts(RefCell<HashMap<u32, Rc<[Verdict]>>>);

impl Verdicts {
    /// The reason why a column is barred by its name, type, table and neighbours; None: it may leave.
    pub fn reason(
        &self,
        relation: &Relation,
        column: &Column,
        names: &Names,
        ty: impl Fn(u32) -> ColumnType,
    ) -> Option<String> {
        let verdicts = self.of(relation, names, ty);
        let place = relation.columns.iter().position(|own| own.attnum == column.attnum)?;
        verdicts.get(place)?.reason().map(str::to_owned)
    }

    fn of(&self, relation: &Relation, names: &Names, ty: impl Fn(u32) -> ColumnType) -> Rc<[Verdict]> {
        if let Some(known) = self.0.borrow().get(&relation.oid) {
            return known.clone();
        }
        let columns = relation
            .columns
            .iter()
            .map(|column| secret::Column { name: &column.name, ty: ty(column.type_oid) })
            .collect();
        let verdicts: Rc<[Verdict]> =
            secret::classify(&TableShape { name: &relation.relname, columns }, names).into();
        self.0.borrow_mut().insert(relation.oid, verdicts.clone());
        verdicts
    }
}
