//! Visibility of jobs by session settings, logins, tenants as typed values, places of workers, estimates, and errors for roles that may not know
//! of a dataset.

mod estimates;
mod logins;
mod persons;
mod places;
mod settings;
mod strangers;
mod tenants;
