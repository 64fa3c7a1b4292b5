//! The client of this session.

use pgrx::datum::Inet;
use pgrx::pg_sys;

/// Address of the client; None: a local socket, or a process without a client.
pub fn address() -> Option<String> {
    // SAFETY: a function without arguments that reads the port of this process (network.c) and gives an inet or NULL.
    unsafe { pgrx::direct_function_call::<Inet>(pg_sys::inet_client_addr, &[]) }.map(|address| address.0)
}
