//! What one poll found. Everything but the time and the workers may be null: unknown is a value, and never zero.

use serde::{Deserialize, Deserializer, Serialize};

/// One line: what was read at one time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Seconds on a clock that all lines share; where it starts does not matter.
    pub at: f64,
    /// Events not yet delivered to a worker. Null and negative are unknown.
    pub lag_events: Option<f64>,
    /// Events that workers hold and have not acknowledged.
    pub pending_events: Option<f64>,
    /// Of those, the ones whose worker seems dead: nobody works on them.
    pub orphaned_events: Option<f64>,
    /// Age of the oldest undelivered event.
    pub oldest_seconds: Option<f64>,
    /// Events ever accepted. Cumulative; may go back when the store is replaced.
    pub arrived_events: Option<f64>,
    /// Events ever finished. Cumulative.
    pub processed_events: Option<f64>,
    /// Seconds that all workers together spent working. Cumulative.
    pub busy_seconds: Option<f64>,
    /// The fleet.
    pub workers: Workers,
    /// Errors of the sink. Cumulative; reported, never steered by: a sink that refuses all is seen as a stall, one
    /// that refuses some as a slower sink.
    pub sink_errors: Option<f64>,
}

/// The fleet, in pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workers {
    /// What the plant was told and obeyed, starting ones included. It is the truth, whatever the last answer was.
    #[serde(deserialize_with = "count")]
    pub desired: u32,
    /// Ready to work.
    #[serde(default, deserialize_with = "count")]
    pub ready: u32,
    /// On their way.
    #[serde(default, deserialize_with = "count")]
    pub starting: u32,
    /// Leaving.
    #[serde(default, deserialize_with = "count")]
    pub terminating: u32,
}

/// A whole number of pods; null and negative are none, and a number too large is the largest.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?.unwrap_or(0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    let whole = number as u32;
    Ok(whole)
}
