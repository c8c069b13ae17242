//! One file a group of paths. A handler reads its input, asks one part to do the work, and says what came of it.

pub mod auth;
pub mod dlq;
pub mod events;
pub mod health;
pub mod ingest;
pub mod keys;
pub mod scaling;
mod selection;
pub mod stats;
pub mod users;
