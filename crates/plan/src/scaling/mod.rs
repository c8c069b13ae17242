//! How many workers: the fewest that keep every queued event younger than the age target, at the utilization the user
//! asked for. [`decide`] is total and deterministic; one call is one line of observation.
//!
//! The need is the greatest of three terms (`choose`): *steady* pays for arrivals with headroom, *dead* for the
//! deadline of what is queued, *drain* for a backlog that stands. Everything else is about not being fooled: a lag that
//! is unknown (`observe`), a sink that gives no more with more workers (`learn`), a burst that looks like a rate.

mod ceiling;
mod choose;
mod decision;
mod explain;
mod learn;
mod number;
mod observation;
mod observe;
mod rates;
mod reason;
mod saved;
mod sentence;
mod spec;
mod state;
mod told;
mod window;

pub use decision::{Clamp, ClampBy, Decision, Note, Rates, Terms};
pub use explain::explain;
pub use observation::{Observation, Workers};
pub use reason::Reason;
pub use spec::{ScaleDown, ScaleUp, Spec};
pub use state::State;
pub use told::still_told;

/// Decides how many workers there should be, and what to remember of it.
///
/// The order matters: the choice is made with the capacity, ceiling and stall learned *before* this line. That is what
/// makes the answer monotone in the backlog: a longer queue in this line can change the verdict only in the next one.
pub fn decide(state: State, observation: &Observation, spec: &Spec) -> (Decision, State) {
    step(state, observation, spec, true)
}

/// Likewise where somebody else says how many there are: what is answered changes nothing, and is not remembered as a
/// change. Otherwise the pauses between two changes would begin anew with each answer.
pub fn advise(state: State, observation: &Observation, spec: &Spec) -> (Decision, State) {
    step(state, observation, spec, false)
}

fn step(mut state: State, observation: &Observation, spec: &Spec, obeyed: bool) -> (Decision, State) {
    let spec = spec.bounded();
    let seen = observe::observe(&mut state, observation, &spec);
    let choice = choose::choose(&mut state, &seen, &spec);
    let learned = learn::learn(&mut state, &seen);
    state.remember(seen.at, seen.current, if obeyed { choice.desired } else { seen.current });
    (Decision::new(&seen, choice, learned, &spec), state)
}
