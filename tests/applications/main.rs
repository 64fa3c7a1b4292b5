//! Schemas of real applications (Django, Synapse) and an HTTP gateway (PostgREST).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod django;
mod django_apps;
mod postgrest;
mod synapse;
