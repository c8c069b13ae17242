//! The operator: reads and writes the cluster, decides nothing. Decisions are `plan`'s.
//!
//! One reconcile, top to bottom: `reconcile` (observe → validate → plan → apply → act → report); one scaling decision:
//! `scaler` (sample → decide → scale → report). The two never share a field manager.

pub mod backoff;
pub mod context;
pub mod controller;
pub mod error;
pub mod events;
pub mod leader;
pub mod metrics;
pub mod reconcile;
pub mod scaler;
pub mod settings;
