//! What one line says: growth of the counters, the lag and how sure it is, the arrival rate.

use crd::Certainty;

use super::decision::Note;
use super::number::{self, AMOUNT_MAX, TIME_MAX};
use super::observation::Observation;
use super::rates::ArrivalRates;
use super::spec::Spec;
use super::state::{READIES_MAX, STARTUP_SECONDS_MAX, State};

/// Lines running that must look like a phantom lag.
const PHANTOM_LINES: u32 = 3;
/// Over this long the ready count must have stood still …
const SETTLED_SECONDS: f64 = 10.0;
/// … to less than this ratio; below it a gain drowns in noise.
pub(super) const PAIR: f64 = 1.15;

/// Growth of a counter over the time between two lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delta {
    pub amount: f64,
    pub seconds: f64,
}

/// A line, understood.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub at: f64,
    /// `n`: what the plant obeyed.
    pub current: u32,
    pub ready: u32,
    pub starting: u32,
    pub arrived: Option<Delta>,
    pub processed: Option<Delta>,
    pub busy: Option<Delta>,
    /// Workers report busy time, whether or not it grew.
    pub busy_reported: bool,
    pub sink_errors: Option<Delta>,
    /// The lag was read, not inferred.
    pub known: bool,
    pub lag: Option<f64>,
    pub certainty: Certainty,
    pub pending: Option<f64>,
    pub orphaned: f64,
    pub oldest: Option<f64>,
    pub rates: ArrivalRates,
    /// The ready count stood still for 10 s.
    pub settled: bool,
    pub notes: Vec<Note>,
}

impl Seen {
    /// `B`: events that wait for a worker. Orphaned ones are as good as undelivered.
    pub fn backlog(&self) -> f64 {
        (self.lag.unwrap_or(0.0) + self.orphaned).min(AMOUNT_MAX)
    }

    /// Whether an event arrived since the last line.
    pub fn arrived_any(&self) -> bool {
        self.arrived.is_some_and(|arrived| arrived.amount > 0.0)
    }

    /// Whether an event was finished since the last line.
    pub fn processed_any(&self) -> bool {
        self.processed.is_some_and(|processed| processed.amount > 0.0)
    }

    /// Age of the oldest queued event, 0 when it was not read.
    pub fn age(&self) -> f64 {
        self.oldest.unwrap_or(0.0)
    }
}

/// Understands one line, and remembers of it what the next lines need to be understood.
pub(super) fn observe(state: &mut State, line: &Observation, spec: &Spec) -> Seen {
    let at = number::time(line.at).or(state.last_at).unwrap_or(0.0);
    if state.is_ahead_of(at) {
        state.no_later_than(at);
    }
    let mut notes = Vec::new();
    let [arrived, processed, busy, sink_errors] = growth(state, line, at, &mut notes);
    let pending = number::amount(line.pending_events);
    let oldest = number::amount(line.oldest_seconds).map(|age| age.min(TIME_MAX));
    let mut seen = Seen {
        at,
        current: line.workers.desired,
        ready: line.workers.ready,
        starting: line.workers.starting,
        arrived,
        processed,
        busy,
        busy_reported: number::counter(line.busy_seconds).is_some(),
        sink_errors,
        known: false,
        lag: None,
        certainty: Certainty::Unknown,
        pending,
        orphaned: number::amount(line.orphaned_events).unwrap_or(0.0),
        oldest,
        rates: ArrivalRates { base: 0.0, fast: 0.0, lambda: 0.0 },
        settled: false,
        notes,
    };
    lag(state, line, &mut seen);
    arrival_rate(state, &mut seen);
    times(state, &seen);
    startup(state, &seen);
    seen.settled = settled(state, &seen);
    state.forget_desires(at - f64::from(spec.scale_down.period_seconds));
    state.desire(at, seen.current);
    seen
}

/// The four counters' growth. When one went back, another store or other workers count now: no growth this line.
fn growth(state: &mut State, line: &Observation, at: f64, notes: &mut Vec<Note>) -> [Option<Delta>; 4] {
    let counters = [line.arrived_events, line.processed_events, line.busy_seconds, line.sink_errors]
        .map(number::counter);
    let went_back = |(now, last): (&Option<f64>, &Option<(f64, f64)>)| {
        now.zip(*last).is_some_and(|(now, (_, last))| now < last)
    };
    let reset = counters.iter().zip(&state.last).any(went_back);
    if reset {
        state.offset_stale = true;
        notes.push(Note::CountersReset);
    }
    let mut deltas = [None; 4];
    for ((now, last), delta) in counters.into_iter().zip(&mut state.last).zip(&mut deltas) {
        let Some(now) = now else { continue };
        let seconds = last.map_or(f64::INFINITY, |(time, _)| at - time);
        if !reset
            && seconds > 0.0
            && let Some((_, last)) = *last
        {
            *delta = Some(Delta { amount: (now - last).min(AMOUNT_MAX), seconds });
        }
        // Where the time stood still, the growth is the next line's.
        if reset || seconds > 0.0 {
            *last = Some((at, now));
        }
    }
    deltas
}

/// The lag: read, or conserved from the counters, or inferred from age and rate, or unknown.
fn lag(state: &mut State, line: &Observation, seen: &mut Seen) {
    let waiting = relative(line);
    let read = number::amount(line.lag_events);
    seen.known = read.is_some();
    let phantom = read.is_some_and(|lag| lag > 0.0)
        && seen.oldest.is_some_and(|age| age <= 0.0)
        && seen.arrived.is_some_and(|arrived| arrived.amount <= 0.0);
    state.phantom = if phantom { state.phantom.saturating_add(1) } else { 0 };
    if let Some(mut lag) = read {
        if state.phantom >= PHANTOM_LINES {
            lag = 0.0;
            seen.notes.push(Note::Phantom);
        }
        seen.certainty = Certainty::Known;
        seen.lag = Some(lag);
        if let Some(waiting) = waiting {
            state.offset = Some(lag - waiting);
            state.offset_stale = false;
        }
    } else {
        if state.offset_stale
            && let Some(waiting) = waiting
        {
            state.offset = state.last_lag.map(|lag| lag - waiting);
            state.offset_stale = false;
        }
        let conserved = waiting
            .zip(state.offset.filter(|_| !state.offset_stale))
            .map(|(waiting, offset)| (waiting + offset).max(0.0));
        let aged = seen.oldest.zip(state.base).map(|(age, base)| age * base);
        seen.lag = conserved.or(aged).map(|lag| lag.min(AMOUNT_MAX));
        match (conserved, aged) {
            (Some(_), _) => seen.notes.push(Note::LagConserved),
            (None, Some(_)) => seen.notes.push(Note::LagFromAge),
            (None, None) => {}
        }
        seen.certainty = if seen.lag.is_some() { Certainty::Estimated } else { Certainty::Unknown };
    }
    state.last_lag = seen.lag.or(state.last_lag);
}

/// arrived − processed − pending: the lag but for where the counters began.
fn relative(line: &Observation) -> Option<f64> {
    let [arrived, processed] = [line.arrived_events, line.processed_events].map(number::counter);
    Some(arrived? - processed? - number::amount(line.pending_events)?)
}

fn arrival_rate(state: &mut State, seen: &mut Seen) {
    if let Some(arrived) = seen.arrived {
        state.arrivals.push(seen.at, arrived.amount, arrived.seconds);
    }
    if let Some(rates) = state.arrivals.rates(seen.at) {
        state.base = Some(rates.base);
        seen.rates = rates;
    } else {
        // Before the first line of this memory: the rate of the last one, if it was kept.
        let base = state.base.unwrap_or(0.0);
        seen.rates = ArrivalRates { base, fast: 0.0, lambda: base };
    }
}

fn times(state: &mut State, seen: &Seen) {
    let t0 = *state.t0.get_or_insert(seen.at);
    state.last_arrival.get_or_insert(t0);
    if seen.arrived_any() {
        state.last_arrival = Some(seen.at);
    }
    if !seen.known {
        state.last_unknown = Some(seen.at);
    }
    let ready_before = state.readies.back().map(|(_, ready)| *ready);
    let became_ready = ready_before.is_some_and(|before| seen.ready > before);
    if state.progress.is_none() || became_ready || seen.starting == 0 {
        state.progress = Some(seen.at);
    }
}

/// Measures how long a raise takes: image pulls and slow nodes count. What stops workers that were ready does not: while
/// the sink is away none is, old or new, and the raise would be taken to last as long as that.
fn startup(state: &mut State, seen: &Seen) {
    let State { ups, startup, readies, unready, .. } = state;
    let before = readies.back().map_or(0, |(_, ready)| *ready);
    if seen.ready < before.min(seen.current) {
        *unready = true;
        ups.clear();
    } else if seen.ready >= seen.current {
        *unready = false;
    }
    ups.retain(|(asked, count)| {
        let (took, there) = (seen.at - asked, seen.ready >= *count);
        let starts = took <= STARTUP_SECONDS_MAX;
        if there && starts {
            *startup += 0.5 * (took - *startup);
        }
        !there && starts
    });
}

fn settled(state: &mut State, seen: &Seen) -> bool {
    let readies = &mut state.readies;
    readies.push_back((seen.at, seen.ready));
    // The one in force when the window began stays.
    while readies.len() > READIES_MAX
        || readies.get(1).is_some_and(|(at, _)| *at <= seen.at - SETTLED_SECONDS)
    {
        readies.pop_front();
    }
    let counts = readies.iter().map(|(_, ready)| f64::from(*ready));
    let (least, most) = counts.fold((f64::MAX, 0.0_f64), |(least, most), n| (least.min(n), most.max(n)));
    least > 0.0 && most < PAIR * least
}
