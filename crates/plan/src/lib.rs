//! What is decided, as functions from what was observed to what should be done. Pure: no clients, no clock, no
//! async, no environment, no randomness; time comes in with the observation.

pub mod absences;
pub mod images;
pub mod lease;
pub mod mongo;
pub mod names;
pub mod orphans;
pub mod ownership;
pub mod quantity;
pub mod resources;
pub mod scaling;
pub mod secrets;
pub mod status;
mod syntax;
pub mod validate;

pub use images::Images;
pub use validate::{Fault, ValidatedPipeline, validate};
