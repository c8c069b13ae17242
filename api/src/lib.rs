//! The API: HTTP in, frames out; queries on what was stored. Nothing here writes to MongoDB's `events`.
//!
//! One event, top to bottom: `server` → `auth` → `routes::ingest` → `ingest::body` → `event::parse` → `ingest`
//! (`buffer`, `flight`, `write`) → the stream.

pub mod access;
pub mod admin;
pub mod app;
pub mod auth;
pub mod code;
pub mod console;
pub mod ingest;
pub mod latencies;
pub mod letters;
pub mod metrics;
pub mod openapi;
pub mod prefer;
pub mod problem;
pub mod query;
pub mod routes;
pub mod sampler;
pub mod server;
pub mod session;
pub mod settings;
pub mod stored;
pub mod stream_metrics;
