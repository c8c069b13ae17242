//! The worker: frames in, MongoDB out. Every event of a frame is stored, or in the dead letters, before the frame is
//! acknowledged; a frame that is not acknowledged is delivered again.
//!
//! One frame, top to bottom: `reader` (or `claim`) → `batch` → `insert` → `dead_letter` → acknowledged in `batch`.

pub mod backoff;
pub mod batch;
pub mod claim;
pub mod dead_letter;
pub mod drain;
pub mod in_hand;
pub mod insert;
pub mod metrics;
pub mod partition;
pub mod publish;
pub mod reader;
pub mod settings;
