//! What this line teaches about the plant: whether it stalls, what one worker does, what the sink takes.
//!
//! A full queue behind slow workers has two causes that look the same: a slow sink and slow events. So while saturated
//! the capacity of a worker may rise but not fall; only the gain test, which compares two fleet sizes, may lower it.
//! While the verdict is open the backlog grows and raises the fleet, and that is the test. Only where events are older
//! than promised already is one step taken for the test's own sake: `choose::overdue_and_slow`.

use super::decision::Note;
use super::number::{RATE_MAX, RATE_MIN, rate};
use super::observe::{PAIR, Seen};
use super::state::{POINTS_MAX, RETRY_SECONDS, State};

/// A queue of more than this many seconds of work saturates the workers …
const SATURATED_SECONDS: f64 = 2.0;
/// … when they are busy above this. Busy without a queue is a well-sized fleet.
const SATURATED_UTILIZATION: f64 = 0.9;
/// A ceiling ends when the queue was not saturated for this long.
const UNSATURATED_SECONDS: f64 = 120.0;
/// Time constant of the capacity: shorter takes a slow sink for slow workers before the queue shows it.
const CAPACITY_SECONDS: f64 = 60.0;
/// Throughput below this share of what the fleet should do is slow.
const SLOW: f64 = 0.75;
/// Less than this share of the linear gain is a sink at its limit; one shared with others still gives some.
const GAIN: f64 = 0.35;
/// Two start-ups and a verdict; less misses a sink that slows in small steps.
const MEMORY_SECONDS: f64 = 300.0;
/// Lines whose mean is one point of the test.
const RECENT_LINES: usize = 3;
/// Throughput within these shares of the ceiling confirms it.
const CEILING_HOLDS: std::ops::RangeInclusive<f64> = 0.75..=1.1;

/// Learns, and says what changed a verdict.
pub(super) fn learn(state: &mut State, seen: &Seen) -> Vec<Note> {
    let mut notes = Vec::new();
    stall(state, seen);
    let (true, Some(processed)) = (seen.ready > 0, seen.processed.filter(|delta| delta.amount > 0.0)) else {
        return notes;
    };
    let ready = f64::from(seen.ready);
    let throughput = rate(processed.amount, processed.seconds).max(RATE_MIN);
    // Busy time of another span than the events' says nothing about them.
    let busy = seen.busy.filter(|busy| (busy.seconds - processed.seconds).abs() < 1e-9);
    let utilization = busy.map(|busy| (busy.amount / (processed.seconds * ready)).min(1.0));
    let saturated = seen.lag.is_some_and(|lag| lag > SATURATED_SECONDS * throughput.max(1.0))
        && utilization.is_none_or(|share| share > SATURATED_UTILIZATION);
    if saturated {
        state.sat_at = Some(seen.at);
    } else if state.sat_at.is_none_or(|last| seen.at - last >= UNSATURATED_SECONDS) {
        if state.ceiling.is_some() {
            notes.push(Note::CeilingEnded);
        }
        no_ceiling(state);
        state.slow_since = None;
    }
    let one = match busy {
        Some(busy) if busy.amount > 0.0 => Some(processed.amount / busy.amount),
        None if !seen.busy_reported && saturated && seen.settled => Some(throughput / ready),
        _ => None,
    };
    let Some(one) = one.map(|one| one.clamp(RATE_MIN, RATE_MAX)) else { return notes };
    let Some(mu) = state.mu else {
        state.mu = Some(one);
        notes.push(Note::CapacityMeasured);
        return notes;
    };
    if !seen.settled {
        state.recent.clear();
    } else if saturated {
        state.recent.push_back(throughput);
        if state.recent.len() > RECENT_LINES {
            state.recent.pop_front();
        }
        if state.recent.len() == RECENT_LINES {
            let mean = state.recent.iter().sum::<f64>() / 3.0;
            notes.extend(gain_test(state, seen.at, seen.ready, mean, mu));
        }
    }
    let mu = state.mu.unwrap_or(mu);
    if state.ceiling.is_none() && state.slow_since.is_none() && (one >= mu || !saturated) {
        let weight = 1.0 - (-processed.seconds / CAPACITY_SECONDS).exp();
        state.mu = Some((mu + weight * (one - mu)).clamp(RATE_MIN, RATE_MAX));
    }
    notes
}

/// Nothing is processed though there are workers and work.
fn stall(state: &mut State, seen: &Seen) {
    let Some(processed) = seen.processed else {
        if seen.lag.is_some_and(|lag| lag <= 0.0) {
            state.stall_since = None;
        }
        return;
    };
    if processed.amount > 0.0 || seen.lag.is_some_and(|lag| lag <= 0.0) {
        state.stall_since = None;
    } else if seen.ready > 0 && seen.lag.is_some() {
        state.stall_since.get_or_insert(seen.at);
    }
}

fn no_ceiling(state: &mut State) {
    state.ceiling = None;
    state.retry_at = None;
    state.retry_until = None;
}

/// Compares the throughput `r` of `n` workers with that of another fleet size: more workers and no more events is the
/// sink, more workers and more events is that the events are heavier.
fn gain_test(state: &mut State, at: f64, n: u32, r: f64, mu: f64) -> Option<Note> {
    if let Some(ceiling) = state.ceiling {
        if CEILING_HOLDS.contains(&(r / ceiling)) {
            return None;
        }
        no_ceiling(state);
        state.points.clear();
        return Some(Note::CeilingEnded);
    }
    while state.points.front().is_some_and(|(time, ..)| *time < at - MEMORY_SECONDS) {
        state.points.pop_front();
    }
    let size = f64::from(n);
    let slow = r < SLOW * mu * size;
    if !slow {
        state.slow_since = None;
    } else if state.slow_since.is_none() {
        let same_size = state.points.iter().any(|(_, other, _)| ratio(n, *other) < PAIR);
        state.slow_since = Some(if same_size { at } else { at - MEMORY_SECONDS });
    }
    let from = state.slow_since.unwrap_or(f64::NEG_INFINITY);
    let mut nearest: Option<(u32, f64)> = None;
    for (time, other, rate) in &state.points {
        let nearer = nearest.is_none_or(|(best, _)| ratio(n, *other) <= ratio(n, best));
        if ratio(n, *other) >= PAIR && *time >= from && nearer {
            nearest = Some((*other, *rate));
        }
    }
    state.points.push_back((at, n, r));
    if state.points.len() > POINTS_MAX {
        state.points.pop_front();
    }
    let (other, other_r) = nearest.filter(|_| slow)?;
    let (small, big) = if other < n { ((other, other_r), (n, r)) } else { ((n, r), (other, other_r)) };
    let growth = f64::from(big.0) / f64::from(small.0) - 1.0;
    let gain = (big.1 - small.1) / (small.1 * growth);
    state.slow_since = None;
    if gain < GAIN {
        state.ceiling = Some(r.clamp(RATE_MIN, RATE_MAX));
        state.retry_at = Some(at + RETRY_SECONDS);
        state.retry_until = None;
        Some(Note::CeilingFound)
    } else {
        state.mu = Some((r / size).clamp(RATE_MIN, RATE_MAX));
        Some(Note::CapacityLowered)
    }
}

/// The larger of two fleets over the smaller; both have workers.
fn ratio(a: u32, b: u32) -> f64 {
    f64::from(a.max(b)) / f64::from(a.min(b).max(1))
}
