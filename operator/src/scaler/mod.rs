//! The autoscaler's loop: sample → decide → scale → report, for every pipeline at its own period. Writes the number of
//! workers, `status.scaling` and the condition `ScalingActive`, under its own field manager, and nothing else.

mod report;
mod sample;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crd::{DesiredState, EventPipeline, Scaling};
use kube::ResourceExt;
use kube::runtime::reflector::Store;
use plan::scaling::{Decision, Observation, Spec, State, advise, decide};
use plan::validate::{ValidatedPipeline, in_force};
use stream::decisions::Mode;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, key, lock};
use crate::controller::{Guarded, key_of};
use crate::error::Error;
use crate::metrics::{Metrics, Share};
use crate::reconcile::scale;
use sample::Sampler;

/// The field manager of everything here.
pub const SCALER: &str = "eventpipeline-scaler";

/// Between two looks for pipelines that are due.
const TICK: Duration = Duration::from_millis(500);
/// Samples at once: each is three round trips to a Redis.
const CONCURRENCY: usize = 16;
/// After the first event of a pipeline without workers: it says little of how many are coming.
const AFTER_WAKING: Duration = Duration::from_secs(1);
/// A sample, its decision and its writes take no longer, or are given up until the next period.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What is remembered of one pipeline between two decisions.
struct Pipeline {
    /// The last look, and how long after it the next one is due when that is sooner than the spec's period.
    looked: Option<(Instant, Option<Duration>)>,
    uid: String,
    /// What was valid last, so that an edit that is not stops no scaling.
    valid: Option<Arc<Guarded>>,
    sampler: Sampler,
    state: State,
    reported: report::Reported,
    share: Share,
}

/// Decides for every pipeline until told to stop.
pub async fn run(context: Arc<Context>, pipelines: Store<Guarded>, stop: CancellationToken) {
    let mut remembered: HashMap<String, Pipeline> = HashMap::new();
    let room = Arc::new(Semaphore::new(CONCURRENCY));
    let mut running: JoinSet<(String, Pipeline)> = JoinSet::new();
    // Whose decision is being made, by its task: one that breaks off must not keep its pipeline for ever.
    let mut away: HashMap<tokio::task::Id, String> = HashMap::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => (),
            () = stop.cancelled() => return,
            Some(done) = running.join_next_with_id() => {
                match done {
                    Ok((task, (key, pipeline))) => {
                        away.remove(&task);
                        remembered.insert(key, pipeline);
                    }
                    Err(error) => {
                        let key = away.remove(&error.id());
                        tracing::error!(pipeline = key, %error, "a scaling decision broke off");
                    }
                }
                continue;
            }
        }
        let all = pipelines.state();
        let present: HashSet<String> = all.iter().map(|guarded| key_of(guarded)).collect();
        remembered.retain(|key, _| present.contains(key));
        context.retain(&present);
        for guarded in all {
            let Ok(pipeline) = &guarded.0 else { continue };
            let key = key(pipeline);
            if away.values().any(|busy| *busy == key) || pipeline.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let uid = pipeline.uid().unwrap_or_default();
            let known = remembered.remove(&key).filter(|known| known.uid == uid);
            let known = known.unwrap_or_else(|| Pipeline::new(uid, pipeline, &context.metrics));
            if !known.is_due(pipeline) {
                remembered.insert(key, known);
                continue;
            }
            let busy = key.clone();
            let (context, room, guarded) = (Arc::clone(&context), Arc::clone(&room), Arc::clone(&guarded));
            let task = running.spawn(async move {
                let mut known = known;
                let _permit = room.acquire_owned().await;
                let woken = known.sampler.take_ring();
                known.looked = Some((Instant::now(), woken.then_some(AFTER_WAKING)));
                match tokio::time::timeout(TIMEOUT, known.once(&guarded, &context)).await {
                    Ok(Ok(())) => (),
                    Ok(Err(error)) => tracing::warn!(pipeline = key, %error, "no scaling decision"),
                    Err(_) => tracing::warn!(pipeline = key, "no scaling decision in time"),
                }
                (key, known)
            });
            away.insert(task.id(), busy);
        }
    }
}

impl Pipeline {
    /// With what the status remembers of an earlier operator.
    fn new(uid: String, pipeline: &EventPipeline, metrics: &Metrics) -> Self {
        let scaling = pipeline.status.as_ref().and_then(|status| status.scaling.as_ref());
        let learned = scaling.and_then(|scaling| scaling.learned.as_ref());
        // What cannot be read is a fresh start: nothing is lowered for a while.
        let state = learned.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Self {
            looked: None,
            uid,
            valid: None,
            sampler: Sampler::default(),
            state,
            reported: report::Reported::default(),
            share: Share::new(metrics),
        }
    }

    /// Whether it is time for the next look, by the period that the spec has now.
    fn is_due(&self, pipeline: &EventPipeline) -> bool {
        let Some((at, sooner)) = self.looked else { return true };
        let period = u64::try_from(pipeline.spec.workers.poll_period_seconds).unwrap_or(5).max(1);
        let period = Duration::from_secs(period).min(sooner.unwrap_or(Duration::MAX));
        at.elapsed() >= period || self.sampler.rings()
    }

    async fn once(&mut self, guarded: &Arc<Guarded>, context: &Context) -> Result<(), Error> {
        let Ok(pipeline) = &guarded.0 else { return Ok(()) };
        let last = self.valid.as_ref().and_then(|last| last.0.as_ref().ok());
        let valid = match in_force(pipeline, last, &context.installation) {
            Ok(valid) => valid,
            Err(faults) => return report::invalid(pipeline, &faults, &mut self.reported, context).await,
        };
        if valid.generation() == pipeline.metadata.generation.unwrap_or_default() {
            self.valid = Some(Arc::clone(guarded));
        }
        let began = Instant::now();
        let Some(observation) = self.sampler.sample(&valid, context).await? else {
            return report::waiting(pipeline, &valid, &mut self.reported, context).await;
        };
        let conditions = pipeline.status.iter().flat_map(|status| &status.conditions);
        self.share.set_conditions(conditions.map(|c| (c.type_.as_str(), c.status.as_str())));
        self.share.set_workers(observation.workers.desired, observation.workers.ready);
        let mode = mode(&valid);
        let obeyed = mode == Mode::Lag;
        let law = if obeyed { decide } else { advise };
        let spec = Spec::of(&valid.spec().workers);
        let (decision, state) = law(std::mem::take(&mut self.state), &observation, &spec);
        self.state = state;
        if obeyed && decision.desired != decision.current {
            self.scale(pipeline, &valid, &decision, context).await?;
            context.metrics.scaling_seconds.observe(began.elapsed().as_secs_f64());
        }
        self.sampler.listen(obeyed && decision.desired == 0, &valid, context).await;
        remember(&valid, &observation, &decision, context);
        self.sampler.tell(&valid, mode, &decision).await;
        report::decision(pipeline, &valid, mode, &decision, &self.state, &mut self.reported, context).await
    }

    async fn scale(
        &mut self,
        pipeline: &EventPipeline,
        valid: &ValidatedPipeline,
        decision: &Decision,
        context: &Context,
    ) -> Result<(), Error> {
        scale(valid, i32::try_from(decision.desired).unwrap_or(i32::MAX), context).await?;
        self.reported.changed();
        context.metrics.scaled(decision);
        tracing::info!(pipeline = key(pipeline), decision = decision.sentence(), "scaled");
        report::event(pipeline, decision, context).await;
        Ok(())
    }
}

/// Whether decisions are obeyed.
fn mode(valid: &ValidatedPipeline) -> Mode {
    match (valid.spec().desired_state, valid.spec().workers.scaling) {
        (DesiredState::Paused, _) => Mode::Paused,
        (DesiredState::Stopped, _) => Mode::Stopped,
        (DesiredState::Running, Scaling::Manual) => Mode::Manual,
        (DesiredState::Running, Scaling::DryRun) => Mode::DryRun,
        (DesiredState::Running, Scaling::Lag) => Mode::Lag,
    }
}

/// For the status of the next pass: what waits is what is queued and what workers hold.
fn remember(valid: &ValidatedPipeline, observation: &Observation, decision: &Decision, context: &Context) {
    let waits = decision.lag_events.map(|lag| lag + observation.pending_events.unwrap_or(0.0));
    #[allow(clippy::cast_possible_truncation, reason = "a count of events; a cast of a float saturates")]
    let events = waits.map(|waits| waits as i64);
    lock(&context.memory(&valid.names().key())).lag = Some((events, decision.certainty));
}
