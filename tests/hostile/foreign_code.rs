//! Code of others in the way of the rows: in views, policies, operators, casts, aggregates and `authorize` functions. Nothing that it does
//! outlives the read: each deed is tried from each place by each way of reading, and what it would leave behind is looked for.

mod deeds;
mod known;
mod places;
mod planned;
mod session;
mod stream;
