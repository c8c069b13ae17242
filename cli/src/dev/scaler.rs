//! How many workers: the operator's own law (`plan::scaling::decide`), fed with the operator's own sample of Redis.
//! Redis is looked at in a task of its own, so that one that does not answer holds up nothing else.

use std::time::{Duration, SystemTime};

use crd::Scaling;
use plan::scaling::{Decision, Observation, Spec, State, Workers, advise, decide};
use redis::aio::ConnectionManager;
use stream::Sample;
use stream::decisions::Mode;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::history::History;
use super::pipeline::Pipeline;
use crate::manifest::Manifest;

/// A Redis that takes longer has not answered this sample.
const REDIS_TIMEOUT: Duration = Duration::from_secs(5);
/// Workers that a core of this machine carries: a worker waits for MongoDB most of its time.
const WORKERS_PER_CORE: u32 = 2;

/// As many as `--workers` takes.
const FIXED_MAX: u64 = 64;

/// Who says how many workers there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fleet {
    /// So many.
    Fixed(u64),
    /// The law, within these bounds.
    ByLag(Spec),
    /// So many; what the law would say is only told.
    DryRun(u64, Spec),
}

impl Fleet {
    /// From the manifest, unless a number was given.
    pub fn of(manifest: &Manifest, given: Option<u64>) -> Self {
        let (workers, spec) = (&manifest.spec.workers, law(manifest));
        let replicas = u64::from(workers.replicas.unsigned_abs()).min(FIXED_MAX);
        match (given, workers.scaling) {
            (Some(workers), _) => Self::Fixed(workers),
            (None, Scaling::Manual) => Self::Fixed(replicas),
            (None, Scaling::DryRun) => Self::DryRun(replicas, spec),
            (None, Scaling::Lag) => Self::ByLag(spec),
        }
    }

    /// Workers at the start. With one the first backlog is measured at once.
    pub fn first(&self) -> u64 {
        match self {
            Self::Fixed(workers) | Self::DryRun(workers, _) => *workers,
            Self::ByLag(spec) => u64::from(spec.min_replicas.max(1)),
        }
    }

    /// For the card.
    pub fn words(&self, manifest: &Manifest) -> String {
        match self {
            Self::Fixed(workers) => format!("{workers}, fixed"),
            Self::DryRun(workers, _) => {
                format!("{workers}, fixed; what the autoscaler would do is told here")
            }
            Self::ByLag(spec) => {
                let (least, most) = (spec.min_replicas, spec.max_replicas);
                let asked = Spec::of(&manifest.spec.workers).max_replicas;
                let less = if most < asked {
                    format!(
                        " (the manifest allows {asked}; {WORKERS_PER_CORE} a core is what this machine carries)"
                    )
                } else {
                    String::new()
                };
                format!("{least} to {most}, by the lag{less}")
            }
        }
    }
}

/// What the manifest asks for, as far as this machine carries it.
pub fn law(manifest: &Manifest) -> Spec {
    let spec = Spec::of(&manifest.spec.workers);
    let limit = cores().saturating_mul(WORKERS_PER_CORE).max(spec.min_replicas);
    Spec { max_replicas: spec.max_replicas.min(limit), ..spec }
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// A look at Redis; nothing when it did not answer.
pub type Look = (f64, Option<Sample>);

/// Decides, sample by sample.
pub struct Scaler {
    spec: Spec,
    obeyed: bool,
    state: State,
    looks: mpsc::Receiver<Look>,
    history: History,
    /// What a dry run told last.
    told: Option<u32>,
}

impl Scaler {
    /// Begins to look at the pipeline; `None` where the number of workers is fixed.
    pub fn start(fleet: &Fleet, pipeline: &Pipeline) -> Option<Self> {
        let (spec, obeyed) = match fleet {
            Fleet::Fixed(_) => return None,
            Fleet::ByLag(spec) => (spec.clone(), true),
            Fleet::DryRun(_, spec) => (spec.clone(), false),
        };
        let (sender, looks) = mpsc::channel(1);
        let manifest = &pipeline.setup.manifest;
        let streams = Streams {
            url: pipeline.stores.redis_url(),
            pipeline: manifest.pipeline().to_owned(),
            partitions: manifest.spec.redis.partitions.unsigned_abs(),
            redis: None,
            sampler: stream::Sampler::default(),
        };
        tokio::spawn(streams.run(Duration::from_secs(spec.poll_period_seconds.max(1).into()), sender));
        let mode = if obeyed { Mode::Lag } else { Mode::DryRun };
        let history = History::start(pipeline.stores.redis_url(), manifest.pipeline().to_owned(), mode);
        Some(Self { spec, obeyed, state: State::default(), looks, history, told: None })
    }

    /// Waits for the next look at Redis.
    pub async fn look(&mut self) -> Look {
        match self.looks.recv().await {
            Some(look) => look,
            None => std::future::pending().await,
        }
    }

    /// Decides on what was seen, and does it. Whether the number of workers was changed.
    pub async fn decide(&mut self, (at, sample): Look, pipeline: &mut Pipeline) -> bool {
        let n = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (desired, ready) = (n(pipeline.workers.len()), n(pipeline.ready_workers().await));
        let terminating = n(pipeline.leaving.len());
        let workers = Workers { desired, ready, starting: desired.saturating_sub(ready), terminating };
        let observation = observation(at, sample.unwrap_or_default(), workers);
        let law = if self.obeyed { decide } else { advise };
        let (decision, state) = law(std::mem::take(&mut self.state), &observation, &self.spec);
        self.state = state;
        self.history.note(decision.clone());
        if self.obeyed { scaled(&decision, pipeline) } else { self.tell(&decision) }
    }

    /// What it would do, once for each answer.
    fn tell(&mut self, decision: &Decision) -> bool {
        if self.told != Some(decision.desired) && (decision.is_change() || self.told.is_some()) {
            println!("the autoscaler, if it were obeyed: {}", decision.sentence());
        }
        self.told = Some(decision.desired);
        false
    }
}

fn scaled(decision: &Decision, pipeline: &mut Pipeline) -> bool {
    if !decision.is_change() {
        return false;
    }
    println!("{}", decision.sentence());
    if let Err(error) = pipeline.scale(usize::try_from(decision.desired).unwrap_or(usize::MAX)) {
        println!("{error}");
    }
    true
}

fn observation(at: f64, sample: Sample, workers: Workers) -> Observation {
    Observation {
        at,
        lag_events: sample.lag_events,
        pending_events: sample.pending_events,
        orphaned_events: sample.orphaned_events,
        oldest_seconds: sample.oldest_seconds,
        arrived_events: sample.arrived_events,
        processed_events: sample.processed_events,
        busy_seconds: sample.busy_seconds,
        workers,
        sink_errors: sample.sink_errors,
    }
}

/// The streams of the pipeline.
struct Streams {
    url: String,
    pipeline: String,
    partitions: u32,
    redis: Option<ConnectionManager>,
    sampler: stream::Sampler,
}

impl Streams {
    /// Looks once a period, until nobody listens.
    async fn run(mut self, period: Duration, looks: mpsc::Sender<Look>) {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let sample = tokio::time::timeout(REDIS_TIMEOUT, self.sample(now.as_secs())).await;
            let sample = sample.ok().and_then(Result::ok);
            if sample.is_none() {
                self.redis = None;
            }
            if looks.send((now.as_secs_f64(), sample)).await.is_err() {
                return;
            }
        }
    }

    async fn sample(&mut self, now_seconds: u64) -> Result<Sample, stream::Error> {
        let redis = match &mut self.redis {
            Some(redis) => redis,
            none => none.insert(stream::connect(&self.url).await?),
        };
        Ok(self.sampler.sample(redis, &self.pipeline, self.partitions, now_seconds).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(workers: &str, given: Option<u64>) -> (Fleet, Manifest) {
        let text = format!(
            "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata:\n  name: laptop\nspec: {{workers: {workers}}}\n"
        );
        let manifest = Manifest::parse(&text).unwrap();
        (Fleet::of(&manifest, given), manifest)
    }

    #[test]
    fn a_given_number_and_manual_scaling_are_fixed_and_the_rest_is_by_the_lag() {
        assert_eq!(fleet("{}", Some(3)).0, Fleet::Fixed(3));
        assert_eq!(fleet("{scaling: Manual, replicas: 2, minReplicas: 5}", None).0, Fleet::Fixed(2));
        let (dry, _) = fleet("{scaling: DryRun, replicas: 2}", None);
        assert!(matches!(dry, Fleet::DryRun(2, _)));
        assert_eq!(fleet("{minReplicas: 0}", None).0.first(), 1);
    }

    #[test]
    fn there_are_never_more_workers_than_the_cores_carry_unless_as_many_are_the_least() {
        let most = cores() * WORKERS_PER_CORE;
        let (by_lag, manifest) = fleet("{maxReplicas: 1000}", None);
        assert!(matches!(&by_lag, Fleet::ByLag(spec) if spec.max_replicas == most));
        assert!(by_lag.words(&manifest).contains("the manifest allows 1000"), "{}", by_lag.words(&manifest));
        let (few, manifest) = fleet("{maxReplicas: 1}", None);
        assert_eq!(few.words(&manifest), "1 to 1, by the lag");
        let (many, _) = fleet("{minReplicas: 900, maxReplicas: 1000}", None);
        assert!(matches!(&many, Fleet::ByLag(spec) if spec.max_replicas == 900));
    }
}
