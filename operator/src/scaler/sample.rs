//! One sample: the streams of a pipeline, and its workers. Unknown stays unknown.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use plan::names::Part;
use plan::ownership::{Whose, whose};
use plan::scaling::{Decision, Observation, Workers};
use plan::secrets::URL_KEY;
use plan::validate::ValidatedPipeline;
use redis::aio::ConnectionManager;
use std::time::{Duration, SystemTime};
use stream::decisions::{Mode, Recorder, Stored};
use stream::{Bell, Sample};

use crate::context::{Context, lock};
use crate::error::{Error, call};
use crate::reconcile::{read_secret, secret_value};

/// A Redis that takes longer has not answered this sample.
const REDIS_TIMEOUT: Duration = Duration::from_secs(5);

/// Samples one pipeline.
#[derive(Default)]
pub struct Sampler {
    redis: Option<ConnectionManager>,
    /// Where that is, and where the bell hangs.
    url: String,
    streams: stream::Sampler,
    told: Recorder,
    /// While there are no workers.
    bell: Option<Bell>,
}

impl Sampler {
    /// Looks. `None`: there are no workers to be scaled yet, or what has their name is somebody else's.
    pub async fn sample(
        &mut self,
        valid: &ValidatedPipeline,
        context: &Context,
    ) -> Result<Option<Observation>, Error> {
        let Some(workers) = workers(valid, context).await? else { return Ok(None) };
        self.follow(valid, context);
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut observation = Observation { at: at.as_secs_f64(), workers, ..Observation::default() };
        let streams = tokio::time::timeout(REDIS_TIMEOUT, self.streams(valid, context, at.as_secs()));
        match streams.await {
            Ok(Ok(sample)) => fill(&mut observation, &sample),
            // Redis is away: all that it would tell is unknown, and the law holds the fleet.
            Ok(Err(why)) => {
                self.redis = None;
                tracing::debug!(pipeline = valid.names().key(), why, "the streams were not read");
            }
            Err(_) => self.redis = None,
        }
        Ok(Some(observation))
    }

    /// Waits for the first event of a pipeline without workers, or stops to.
    pub async fn listen(&mut self, asleep: bool, valid: &ValidatedPipeline, context: &Context) {
        if !asleep {
            self.bell = None;
        } else if self.bell.is_none() {
            let Ok(url) = url(valid, context).await else { return };
            self.url.clone_from(&url);
            self.bell = Some(Bell::hang(url, &valid.names().key(), partitions(valid)));
        }
    }

    /// Whether an event came since it listens. Asked once: then it listens no longer.
    pub fn take_ring(&mut self) -> bool {
        self.bell.take_if(|bell| bell.rang()).is_some()
    }

    /// Whether [`Self::take_ring`] would say so.
    pub fn rings(&self) -> bool {
        self.bell.as_ref().is_some_and(Bell::rang)
    }

    /// Writes a decision where the console finds it. It is history: a failure costs a line of it and is not retried.
    pub async fn tell(&mut self, valid: &ValidatedPipeline, mode: Mode, decision: &Decision) {
        let Some(redis) = &mut self.redis else { return };
        let Ok(record) = serde_json::to_value(decision) else { return };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time after 1970")]
        let at_ms = (decision.at * 1000.0) as u64;
        let pipeline = valid.names().key();
        let gist = decision.gist();
        let stored = Stored::new(at_ms, mode, decision.sentence(), record);
        let note = self.told.note(redis, &pipeline, &gist, stored);
        match tokio::time::timeout(REDIS_TIMEOUT, note).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => tracing::debug!(pipeline, %error, "a decision was not told"),
            Err(_) => tracing::debug!(pipeline, "a decision was not told in time"),
        }
    }

    /// Leaves a Redis that is no longer the pipeline's: its Secret, or another one that the spec names, says so. The old
    /// one may well answer, and nothing comes there any more.
    fn follow(&mut self, valid: &ValidatedPipeline, context: &Context) {
        let now = lock(&context.memory(&valid.names().key())).redis_url.clone();
        if now.is_some_and(|now| now != self.url) {
            self.redis = None;
            self.bell = None;
        }
    }

    async fn streams(
        &mut self,
        valid: &ValidatedPipeline,
        context: &Context,
        now_seconds: u64,
    ) -> Result<Sample, String> {
        let redis = match &mut self.redis {
            Some(redis) => redis,
            none => {
                self.url = url(valid, context).await?;
                none.insert(stream::connect(&self.url).await.map_err(|error| error.to_string())?)
            }
        };
        let key = valid.names().key();
        let sample = self.streams.sample(redis, &key, partitions(valid), now_seconds).await;
        sample.map_err(|error| error.to_string())
    }
}

/// What Redis told, beside what is known of the fleet.
fn fill(observation: &mut Observation, sample: &Sample) {
    observation.lag_events = sample.lag_events;
    observation.pending_events = sample.pending_events;
    observation.orphaned_events = sample.orphaned_events;
    observation.oldest_seconds = sample.oldest_seconds;
    observation.arrived_events = sample.arrived_events;
    observation.processed_events = sample.processed_events;
    observation.busy_seconds = sample.busy_seconds;
    observation.sink_errors = sample.sink_errors;
}

fn partitions(valid: &ValidatedPipeline) -> u32 {
    u32::try_from(valid.spec().redis.partitions).unwrap_or(1)
}

async fn url(valid: &ValidatedPipeline, context: &Context) -> Result<String, String> {
    let names = valid.names();
    let read = |secret: String, key: &'static str| async move {
        let there =
            read_secret(names.namespace(), &secret, context).await.map_err(|error| error.to_string())?;
        there
            .and_then(|there| secret_value(&there, key))
            .ok_or_else(|| format!("Secret {secret} lacks {key}"))
    };
    if let Some(external) = &valid.spec().redis.external {
        read(external.secret_name.clone(), URL_KEY).await
    } else {
        Ok(names.redis_url(&read(names.of(Part::Redis), "password").await?))
    }
}

async fn workers(valid: &ValidatedPipeline, context: &Context) -> Result<Option<Workers>, Error> {
    let name = valid.names().of(Part::Worker);
    let api: Api<Deployment> = Api::namespaced(context.client.clone(), valid.names().namespace());
    let Some(deployment) =
        call(format!("read Deployment {name}"), async { api.get_opt(&name).await }).await?
    else {
        return Ok(None);
    };
    // The pass says NameTaken.
    let ours = whose(&serde_json::to_value(&deployment).unwrap_or_default(), valid) == Whose::Ours;
    if !ours {
        return Ok(None);
    }
    let n = |number: Option<i32>| u32::try_from(number.unwrap_or(0)).unwrap_or(0);
    let desired = n(deployment.spec.as_ref().and_then(|spec| spec.replicas));
    let status = deployment.status.unwrap_or_default();
    let ready = n(status.ready_replicas).min(desired);
    Ok(Some(Workers {
        desired,
        ready,
        starting: desired - ready,
        terminating: n(status.replicas).saturating_sub(desired),
    }))
}
