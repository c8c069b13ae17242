//! The services as processes, with real stores.

mod bad_requests;
mod browsers;
mod credentials;
mod events;
mod faults;
mod kills;
mod slow;
