//! A plant to drive: events arrive, workers start after a while and take from a first-in-first-out queue, a sink may
//! take less than they could. Steps of a second, a poll every five. Deterministic, and without functions whose last
//! digit depends on the machine, so that golden numbers hold everywhere.

use std::collections::VecDeque;

use plan::scaling::{Decision, Observation, Spec, State, Workers, decide};

pub const POLL_SECONDS: u32 = 5;

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// Within 0..1.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        #[allow(clippy::cast_precision_loss, reason = "53 bits are what is wanted")]
        let fraction = ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0;
        fraction
    }

    /// A count of a Poisson stream: a normal one by twelve uniforms, good enough above a few.
    pub fn poisson(&mut self, mean: f64) -> f64 {
        let normal: f64 = (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0;
        (mean + mean.sqrt() * normal).round().max(0.0)
    }

    pub fn below(&mut self, n: u32) -> u32 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below n")]
        let whole = (self.uniform() * f64::from(n)) as u32;
        whole
    }
}

/// A sine in −1..1 by parabolas; its shape is what counts.
pub fn sine(turns: f64) -> f64 {
    let x = 2.0 * (turns - turns.floor()) - 1.0;
    let y = 4.0 * x * (1.0 - x.abs());
    -(0.225 * (y * y.abs() - y) + y)
}

/// What the plant is like.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seconds: u32,
    pub arrivals: fn(u32) -> f64,
    pub per_worker: fn(u32) -> f64,
    pub noise: f64,
    pub startup_seconds: u32,
    pub sink: fn(u32) -> f64,
    /// Whether Redis answers a lag, given the time and whether a worker has read since the start.
    pub lag_is_there: fn(u32, bool) -> bool,
    pub reports_busy: bool,
    /// Changes a line before the law sees it.
    pub spoil: fn(u32, &mut Observation),
    /// Pods that were asked for after this second never become ready.
    pub pods_stick_from: u32,
    pub start: u32,
    pub seed: u64,
    pub spec: Spec,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seconds: 7200,
            arrivals: |_| 0.0,
            per_worker: |_| 50.0,
            noise: 0.15,
            startup_seconds: 20,
            sink: |_| f64::INFINITY,
            lag_is_there: |_, _| true,
            reports_busy: true,
            spoil: |_, _| {},
            pods_stick_from: u32::MAX,
            start: 1,
            seed: 1,
            spec: Spec { max_replicas: 50, ..Spec::default() },
        }
    }
}

/// One poll of a run.
#[derive(Clone)]
pub struct Step {
    pub observation: Observation,
    pub before: State,
    pub decision: Decision,
}

/// What came of a run.
pub struct Run {
    pub steps: Vec<Step>,
    /// Starting ones included.
    pub worker_hours: f64,
    /// Of the oldest queued event, a value a second, sorted.
    pub ages: Vec<f64>,
    pub state: State,
}

impl Run {
    pub fn changes(&self) -> usize {
        self.directions().len()
    }

    /// +1 or −1 a change.
    pub fn directions(&self) -> Vec<i32> {
        let signs = self.steps.iter().map(|s| s.decision.desired.cmp(&s.decision.current) as i32);
        signs.filter(|sign| *sign != 0).collect()
    }

    pub fn reversals(&self) -> usize {
        self.directions().windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    pub fn p99_age(&self) -> f64 {
        self.ages[self.ages.len() * 99 / 100]
    }

    pub fn last(&self) -> &Decision {
        &self.steps.last().expect("a run has polls").decision
    }
}

struct Plant {
    random: Random,
    queue: VecDeque<(u32, f64)>,
    starting: Vec<u32>,
    ready: u32,
    arrived: f64,
    processed: f64,
    busy: f64,
    pending: f64,
    read_once: bool,
}

impl Plant {
    fn obey(&mut self, now: u32, desired: u32, setup: &Setup) {
        #[allow(clippy::cast_possible_truncation, reason = "at most maxReplicas")]
        let there = self.ready + self.starting.len() as u32;
        for _ in there..desired {
            let stuck = now >= setup.pods_stick_from;
            self.starting.push(if stuck { u32::MAX } else { now + setup.startup_seconds });
        }
        for _ in desired..there {
            // Those that are not ready yet leave first.
            if self.starting.pop().is_none() {
                self.ready -= 1;
            }
        }
    }

    fn second(&mut self, now: u32, setup: &Setup) {
        let before = self.starting.len();
        self.starting.retain(|at| *at > now);
        #[allow(clippy::cast_possible_truncation, reason = "at most maxReplicas")]
        let became_ready = (before - self.starting.len()) as u32;
        self.ready += became_ready;

        let mean = (setup.arrivals)(now);
        let count = if mean > 0.0 { self.random.poisson(mean) } else { 0.0 };
        if count > 0.0 {
            self.queue.push_back((now, count));
            self.arrived += count;
        }
        let each = (setup.per_worker)(now);
        let fleet: f64 =
            (0..self.ready).map(|_| each * (1.0 + setup.noise * (2.0 * self.random.uniform() - 1.0))).sum();
        let possible = fleet.min((setup.sink)(now)).floor();
        let mut left = possible;
        while let Some(front) = self.queue.front_mut() {
            let taken = front.1.min(left);
            front.1 -= taken;
            left -= taken;
            if front.1 > 0.0 {
                break;
            }
            self.queue.pop_front();
        }
        let taken = possible - left;
        self.read_once |= taken > 0.0;
        // What is read in this second is finished in the next.
        self.processed += self.pending;
        self.pending = taken;
        if possible > 0.0 {
            // A worker that waits for the sink is busy.
            self.busy += f64::from(self.ready) * taken / possible;
        } else if !self.queue.is_empty() {
            self.busy += f64::from(self.ready);
        }
    }

    fn age(&self, now: u32) -> f64 {
        self.queue.front().map_or(0.0, |(born, _)| f64::from(now - born))
    }

    fn observe(&self, now: u32, desired: u32, setup: &Setup) -> Observation {
        let lag: f64 = self.queue.iter().map(|(_, count)| count).sum();
        let there = (setup.lag_is_there)(now, self.read_once);
        let mut line = Observation {
            at: f64::from(now),
            lag_events: there.then_some(lag),
            pending_events: Some(self.pending),
            orphaned_events: Some(0.0),
            oldest_seconds: Some(self.age(now)),
            arrived_events: Some(self.arrived),
            processed_events: Some(self.processed),
            busy_seconds: setup.reports_busy.then_some(self.busy),
            workers: Workers {
                desired,
                ready: self.ready,
                #[allow(clippy::cast_possible_truncation, reason = "at most maxReplicas")]
                starting: self.starting.len() as u32,
                terminating: 0,
            },
            sink_errors: Some(0.0),
        };
        (setup.spoil)(now, &mut line);
        line
    }
}

/// Runs the law on the plant.
pub fn run(setup: &Setup) -> Run {
    let (mut state, mut steps) = (State::default(), Vec::new());
    let Driven { worker_hours, ages, .. } = drive(setup, |observation| {
        let before = state.clone();
        let (decision, after) = decide(std::mem::take(&mut state), &observation, &setup.spec);
        state = after;
        let desired = decision.desired;
        steps.push(Step { observation, before, decision });
        desired
    });
    Run { steps, worker_hours, ages, state }
}

/// What came of a run under any law.
pub struct Driven {
    /// Starting ones included.
    pub worker_hours: f64,
    /// Of the oldest queued event, a value a second, sorted.
    pub ages: Vec<f64>,
    /// Times that the number of workers changed.
    pub changes: usize,
}

impl Driven {
    pub fn p99_age(&self) -> f64 {
        self.ages[self.ages.len() * 99 / 100]
    }
}

/// Runs the plant under any law.
pub fn drive(setup: &Setup, mut law: impl FnMut(Observation) -> u32) -> Driven {
    let mut plant = Plant {
        random: Random(setup.seed.wrapping_mul(0x5851_F42D_4C95_7F2D)),
        queue: VecDeque::new(),
        starting: Vec::new(),
        ready: setup.start,
        arrived: 0.0,
        processed: 0.0,
        busy: 0.0,
        pending: 0.0,
        read_once: false,
    };
    let mut desired = setup.start;
    let (mut ages, mut worker_seconds, mut changes) = (Vec::new(), 0.0, 0);
    for now in 0..setup.seconds {
        plant.second(now, setup);
        worker_seconds += f64::from(desired);
        ages.push(plant.age(now));
        if now % POLL_SECONDS == 0 {
            let answer = law(plant.observe(now, desired, setup));
            changes += usize::from(answer != desired);
            desired = answer;
            plant.obey(now, desired, setup);
        }
    }
    ages.sort_by(f64::total_cmp);
    Driven { worker_hours: worker_seconds / 3600.0, ages, changes }
}
