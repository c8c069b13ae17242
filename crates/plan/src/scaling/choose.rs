//! The answer, from what this line says and what was learned before it. The first line of the law that applies answers.

use super::ceiling;
use super::decision::{Clamp, ClampBy, Terms};
use super::number::{AMOUNT_MAX, workers};
use super::observe::Seen;
use super::reason::Reason;
use super::spec::Spec;
use super::state::State;

/// A backlog that did not empty for this long stands; a shorter one is cleared by the headroom.
const STANDING_SECONDS: f64 = 30.0;
/// Arrivals of this long are in flight between poll and read: not a backlog.
const IN_FLIGHT_SECONDS: f64 = 2.0;
/// Workers of a backlog leave once the rest is this long for fewer.
const TAIL_SECONDS: f64 = 15.0;
/// Longer than a sink's failover should take.
const STALLED_SECONDS: f64 = 60.0;
/// Without a measured capacity the fleet doubles once per start-up and this.
const LEARNING_BEYOND_STARTUP_SECONDS: f64 = 5.0;
/// Pods that took two start-ups and this are not starting.
const NOT_STARTING_BEYOND_SECONDS: f64 = 10.0;

/// An answer with the numbers it was made of.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub desired: u32,
    pub reason: Reason,
    /// Before the limits of a step.
    pub want: Option<u32>,
    pub terms: Option<Terms>,
    pub clamps: Vec<Clamp>,
    pub mu: Option<f64>,
    pub startup: f64,
    pub ceiling: Option<f64>,
}

impl Choice {
    fn new(state: &State, desired: u32, reason: Reason) -> Self {
        Self {
            desired,
            reason,
            want: None,
            terms: None,
            clamps: Vec::new(),
            mu: state.mu,
            startup: state.startup,
            ceiling: state.ceiling,
        }
    }

    fn answer(mut self, desired: u32, reason: Reason) -> Self {
        (self.desired, self.reason) = (desired, reason);
        self
    }

    /// Lowers `value` to `most`, and says so.
    fn at_most(&mut self, value: u32, most: u32, by: ClampBy) -> u32 {
        if value > most {
            self.clamps.push(Clamp { by, from: value, to: most });
        }
        value.min(most)
    }

    /// Raises `value` to `least`, and says so.
    fn at_least(&mut self, value: u32, least: u32, by: ClampBy) -> u32 {
        if value < least {
            self.clamps.push(Clamp { by, from: value, to: least });
        }
        value.max(least)
    }

    fn was_cut(&self, by: ClampBy) -> bool {
        self.clamps.iter().any(|clamp| clamp.by == by)
    }

    /// What bounds the fleet from above: the last that cut.
    fn cut_or(&self, reason: Reason) -> Reason {
        if self.was_cut(ClampBy::MaxReplicas) {
            Reason::AtMaxReplicas
        } else if self.was_cut(ClampBy::SinkCeiling) {
            Reason::SinkCeiling
        } else {
            reason
        }
    }
}

/// Answers.
pub(super) fn choose(state: &mut State, seen: &Seen, spec: &Spec) -> Choice {
    let (at, n) = (seen.at, seen.current);
    if let Some((desired, reason)) = without_numbers(state, seen, spec) {
        return Choice::new(state, desired, reason);
    }
    let stands = state.backs.take(at, seen.backlog(), STANDING_SECONDS);
    let stands = if since(at, state.t0) >= STANDING_SECONDS { stands } else { 0.0 };
    let lambda = seen.rates.lambda;
    let peak = state.peak.take(at, lambda, f64::from(spec.scale_down.stabilization_seconds));
    let Some(mu) = state.mu else { return learning(state, seen, spec) };

    let terms = terms(state, seen, spec, mu, stands);
    let mut choice = Choice::new(state, n, Reason::Steady);
    let want = want(&mut choice, seen, spec, mu, terms, state.startup);
    let top = ceiling::top(state, at, mu);
    let want = if overdue_and_slow(state, seen, spec) {
        // A quarter more, one at least: two sizes that the gain test can tell apart.
        choice.at_least(want, n.saturating_add((n / 4).max(1)), ClampBy::MaxAge)
    } else {
        want
    };
    let want = top.map_or(want, |top| choice.at_most(want, top, ClampBy::SinkCeiling));
    let want = choice.at_most(want, spec.max_replicas, ClampBy::MaxReplicas);
    let want = choice.at_least(want, spec.min_replicas, ClampBy::MinReplicas).max(1);
    choice.want = Some(want);
    choice.terms = Some(terms);
    let window = f64::from(spec.scale_up.stabilization_seconds);
    let least_want = state.wants.take(at, f64::from(want), window);

    match want.cmp(&n) {
        std::cmp::Ordering::Greater => raise(state, seen, spec, choice, least_want),
        std::cmp::Ordering::Equal => {
            let reason = choice.cut_or(Reason::Steady);
            choice.answer(n, reason)
        }
        std::cmp::Ordering::Less => lower(state, seen, spec, choice, (mu, peak, top)),
    }
}

/// Events are older than the promise, all workers are at it, and they do far less than was learned. The terms divide by
/// what was learned and ask for nothing until the backlog is as many times longer; so one more step is taken, and the
/// gain test sees from it whether the workers are slow or the sink is.
fn overdue_and_slow(state: &State, seen: &Seen, spec: &Spec) -> bool {
    let rested = since(seen.at, state.last_up) > state.startup + LEARNING_BEYOND_STARTUP_SECONDS;
    let all_at_work = seen.starting == 0 && seen.ready >= seen.current && seen.current > 0;
    let overdue = seen.backlog() > 0.0 && seen.age() > f64::from(spec.max_age_seconds);
    overdue && all_at_work && rested && state.slow_since.is_some() && state.ceiling.is_none()
}

/// The answers that need no arithmetic.
fn without_numbers(state: &State, seen: &Seen, spec: &Spec) -> Option<(u32, Reason)> {
    let (at, n) = (seen.at, seen.current);
    if !(spec.min_replicas..=spec.max_replicas).contains(&n) {
        return Some((n.clamp(spec.min_replicas, spec.max_replicas), Reason::Bounds));
    }
    if seen.lag.is_none() {
        return Some((n, Reason::HeldUnknownLag));
    }
    let empty = seen.backlog() <= 0.0;
    let stirs = !seen.known && (seen.arrived_any() || seen.age() > 0.0);
    if n == 0 && empty && !stirs {
        return Some((0, Reason::Idle));
    }
    let quiet = [state.last_arrival, state.t0, state.last_unknown]
        .into_iter()
        .all(|time| since(at, time) >= f64::from(spec.idle_after_seconds));
    let alone = spec.min_replicas == 0 && n == 1 && top_of_period(state, spec) <= 1;
    let done = seen.known && empty && seen.pending.is_some_and(|pending| pending <= 0.0);
    if alone && done && seen.starting == 0 && quiet {
        return Some((0, Reason::WentIdle));
    }
    None
}

/// No worker was busy yet: one, then doubling per settled start-up while events wait. More would be a guess.
fn learning(state: &State, seen: &Seen, spec: &Spec) -> Choice {
    let n = seen.current;
    let rested = since(seen.at, state.last_up) > state.startup + LEARNING_BEYOND_STARTUP_SECONDS;
    // The first events after a rest are in flight between poll and read; where no age is read, what waits waits.
    let waits = seen.backlog() > 0.0 && seen.oldest.is_none_or(|age| age > IN_FLIGHT_SECONDS);
    let desired = if n == 0 {
        1
    } else if seen.ready >= n && waits && rested {
        n.saturating_mul(2).min(step(n, spec)).min(spec.max_replicas)
    } else if let Some(fewer) = idle_without_knowledge(state, seen, spec) {
        return Choice::new(state, fewer, Reason::LoadFell);
    } else {
        n
    };
    Choice::new(state, desired, Reason::LearningCapacity)
}

/// Nothing waits, nothing came for as long as a load stays paid for, and no worker is needed to find that out: the fleet
/// goes down by the steps of `scaleDown`, whoever made it larger.
fn idle_without_knowledge(state: &State, seen: &Seen, spec: &Spec) -> Option<u32> {
    let (at, n, down) = (seen.at, seen.current, &spec.scale_down);
    let quiet = f64::from(down.stabilization_seconds.max(down.period_seconds));
    let empty = seen.known && seen.backlog() <= 0.0 && seen.pending.is_some_and(|pending| pending <= 0.0);
    let rested =
        [state.last_arrival, state.t0, state.last_change].into_iter().all(|then| since(at, then) >= quiet);
    let greatest = u64::from(top_of_period(state, spec).max(n));
    let share = (greatest * u64::from(100 - down.max_percent.min(100))).div_ceil(100);
    let share = u32::try_from(share).unwrap_or(n).min(n.saturating_sub(1));
    let fewer = share.max(spec.min_replicas).max(1);
    (empty && rested && fewer < n).then_some(fewer)
}

/// The three terms of the need, in workers.
fn terms(state: &State, seen: &Seen, spec: &Spec, mu: f64, stands: f64) -> Terms {
    let (lambda, startup, backlog) = (seen.rates.lambda, state.startup, seen.backlog());
    // Read before new workers could help.
    let cap = mu * startup * (f64::from(seen.ready) + f64::from(seen.starting) / 2.0);
    let steady = lambda / (mu * spec.utilization());
    let target = spec.target_age();
    // First in, first out: what can be read before the oldest is T old breaks no promise. The floor keeps a deadline
    // already missed from asking for infinity.
    let time = startup.max(target / 4.0).max(target - startup - seen.age());
    let dead = if backlog > 0.0 { ((backlog - cap) / (mu * time)).max(0.0) } else { 0.0 };
    let projected = stands.min(backlog + lambda * startup - cap);
    let drained_in = mu * f64::from(spec.drain_target_seconds);
    let drain = lambda / mu + ((projected - IN_FLIGHT_SECONDS * lambda) / drained_in).max(0.0);
    Terms { steady, dead, drain }
}

/// Workers wanted by the terms alone: with a band, and never more than there are events.
fn want(choice: &mut Choice, seen: &Seen, spec: &Spec, mu: f64, terms: Terms, startup: f64) -> u32 {
    let n = f64::from(seen.current);
    let lambda = seen.rates.lambda;
    // Raised only from half-way between the target and all of it; else noise would move the fleet.
    let in_band = terms.steady > n && lambda <= mu * n * f64::midpoint(1.0, spec.utilization());
    let keep = if in_band { n } else { terms.steady };
    let wanted = workers(keep.max(terms.dead).max(terms.drain));
    let events = workers((seen.backlog() + lambda * startup).min(AMOUNT_MAX)).max(1);
    choice.at_most(wanted, events, ClampBy::QueuedEvents)
}

fn raise(state: &State, seen: &Seen, spec: &Spec, mut choice: Choice, least_want: f64) -> Choice {
    let (at, n) = (seen.at, seen.current);
    let mut want = choice.want.unwrap_or(n);
    if n == 0 {
        return choice.answer(want, Reason::WokeUp);
    }
    let stalled = state.stall_since.is_some_and(|since| at - since >= STALLED_SECONDS);
    if stalled && !seen.processed_any() {
        return choice.answer(n, Reason::HeldStalled);
    }
    let patience = 2.0 * state.startup + NOT_STARTING_BEYOND_SECONDS;
    if seen.starting > 0 && since(at, state.progress) > patience {
        return choice.answer(n, Reason::HeldPodsNotStarting);
    }
    if seen.age() <= f64::from(spec.max_age_seconds) {
        want = choice.at_most(want, workers(least_want).max(n), ClampBy::ScaleUpStabilization);
        if want == n {
            return choice.answer(n, Reason::HeldStabilizing);
        }
    }
    let desired = choice.at_most(want, step(n, spec), ClampBy::ScaleUpStep);
    let cause = match choice.terms {
        Some(terms)
            if terms.steady >= terms.dead
                && terms.steady >= terms.drain
                && !choice.clamps.iter().any(|clamp| clamp.by == ClampBy::MaxAge) =>
        {
            Reason::ArrivalRate
        }
        _ => Reason::BacklogAboveTarget,
    };
    let reason = choice.cut_or(cause);
    choice.answer(desired, reason)
}

fn lower(
    state: &State,
    seen: &Seen,
    spec: &Spec,
    mut choice: Choice,
    (mu, peak, top): (f64, f64, Option<u32>),
) -> Choice {
    let (at, n) = (seen.at, seen.current);
    if !seen.known {
        return choice.answer(n, Reason::HeldUnknownLag);
    }
    let down = &spec.scale_down;
    let period = f64::from(down.period_seconds);
    if since(at, state.t0) < period.max(f64::from(down.stabilization_seconds)) {
        return choice.answer(n, Reason::HeldStabilizing);
    }
    let lambda = seen.rates.lambda;
    let paid = peak / (mu * spec.utilization());
    let rest = (seen.backlog() - IN_FLIGHT_SECONDS * lambda).max(0.0);
    let tail = lambda / mu + rest / (mu * TAIL_SECONDS);
    let mut least = workers(paid.max(tail));
    if let Some(top) = top {
        least = choice.at_most(least, top, ClampBy::SinkCeiling);
    }
    let want = choice.want.unwrap_or(n).max(spec.min_replicas).max(1);
    let lowest = choice.at_least(want, least, ClampBy::ScaleDownStabilization);
    let greatest = top_of_period(state, spec);
    let share = u64::from(greatest) * u64::from(100 - down.max_percent.min(100));
    let share = u32::try_from(share.div_ceil(100)).unwrap_or(greatest);
    let lowest = choice.at_least(lowest, share.min(greatest.saturating_sub(1)), ClampBy::ScaleDownPercent);
    if lowest >= n {
        return choice.answer(n, Reason::Steady);
    }
    if since(at, state.last_change) < period {
        return choice.answer(n, Reason::HeldStabilizing);
    }
    let reason = if choice.was_cut(ClampBy::SinkCeiling) { Reason::SinkCeiling } else { Reason::LoadFell };
    choice.answer(lowest, reason)
}

/// `limit`: one decision raises to at most this.
fn step(n: u32, spec: &Spec) -> u32 {
    let factor = u64::from(n) * u64::from(spec.scale_up.max_factor_percent) / 100;
    n.saturating_add(spec.scale_up.min_step).max(u32::try_from(factor).unwrap_or(u32::MAX))
}

/// `topN`: the greatest fleet of the period, from which a lowering is measured.
fn top_of_period(state: &State, spec: &Spec) -> u32 {
    let greatest = state.desires.iter().map(|(_, desired)| *desired).max().unwrap_or(0);
    greatest.min(spec.max_replicas)
}

/// Seconds since a time; for ever when it never was.
fn since(at: f64, time: Option<f64>) -> f64 {
    time.map_or(f64::INFINITY, |time| at - time)
}
