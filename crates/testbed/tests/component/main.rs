//! The services as processes, with real stores.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test ends this way, and tables are long"
)]

mod bad_requests;
mod browsers;
mod credentials;
mod dev;
mod events;
mod faults;
mod kills;
mod slow;
