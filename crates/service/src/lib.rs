//! What the three services share: settings, telemetry, the inside listener, and how they begin and end.
//! Nothing here knows what an event is.

pub mod inside;
pub mod lifecycle;
mod process;
pub mod program;
pub mod registrar;
pub mod settings;
pub mod telemetry;

pub use prometheus_client as metrics;
