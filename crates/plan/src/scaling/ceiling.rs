//! The most workers that make sense while the sink bounds the pipeline, and the looks above that.

use super::number::workers;
use super::state::{RETRY_SECONDS, State};

/// Headroom above the ceiling: a recovered sink shows itself by it.
const HEADROOM: f64 = 1.2;
/// A look above the ceiling is the way out when the capacity of a worker was taken too high for the headroom to do it.
const RETRY: f64 = 1.25;
/// Beyond a start-up, how long a look lasts.
const RETRY_BEYOND_STARTUP_SECONDS: f64 = 30.0;

/// `top`; none while no ceiling holds. The ceiling itself never drifts: one that follows the throughput shrinks the
/// fleet, which shrinks the throughput, down to one worker.
pub(super) fn top(state: &mut State, at: f64, mu: f64) -> Option<u32> {
    let c = state.ceiling? / mu;
    let top = workers(HEADROOM * c).max(workers(c).saturating_add(1));
    let retry_at = *state.retry_at.get_or_insert(at + RETRY_SECONDS);
    if at >= retry_at {
        state.retry_until = Some(at + state.startup + RETRY_BEYOND_STARTUP_SECONDS);
        // After a gap between lines there is one look and not one for each that was missed.
        let next = retry_at + RETRY_SECONDS;
        state.retry_at = Some(if next > at { next } else { at + RETRY_SECONDS });
    }
    let looking = state.retry_until.is_some_and(|until| at < until);
    Some(if looking { workers(RETRY * f64::from(top)) } else { top })
}
