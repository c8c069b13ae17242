//! The bootstrap of a sharded MongoDB: what is wanted, what was seen, and the one next step.
//!
//! Invariants: a set is initiated only when every member was reached and none has a configuration, and never when our
//! record or the cluster knows it; what was initiated is recorded before anything else is done; status may veto an
//! initiation, nothing but the servers can vouch for one.

pub mod codes;
mod collections;
mod ladder;
pub mod observed;
mod of_pipeline;
pub mod progress;
pub mod refusal;
mod sets;
pub mod step;
pub mod topology;

pub use codes::{Class, Command, class};
pub use ladder::next_step;
pub use observed::Observed;
pub use of_pipeline::{EVENTS, collections, wanted};
pub use progress::{Progress, progress};
pub use refusal::Refusal;
pub use step::{Pace, Rung, Step, Wait};
pub use topology::Wanted;
