//! Declarations, masks and settings of fields are bound to the column: they follow it when it is renamed, and do not pass to another
//! column or table that takes its name. Each kind of thing that is said of a column is tried against each change of the source.

mod events;
mod partitions;
mod publication;
mod restore;
mod scene;
mod triggers;
mod views;
