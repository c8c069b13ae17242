//! The last decision as a person would tell it: of a pipeline in a cluster, or of the one that runs on this machine.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use clap::Args;
use crd::{DesiredState, EventPipeline, Scaling, ScalingStatus};
use kube::{Api, Client};
use plan::scaling::{Decision, Spec, State, explain};
use stream::decisions::Mode;

use crate::dev::facts::Facts;

/// A cluster or a Redis that takes longer does not answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A kubeconfig is not always where a newcomer thinks.
const CLUSTER_HINT: &str = "is KUBECONFIG set, and does `kubectl get epl` work?";

/// Whose decision.
#[derive(Args, Clone, Debug)]
pub struct Explain {
    /// The `EventPipeline` in the cluster of the kubeconfig. Without it: the pipeline that `eventpipeline dev` runs here.
    pub name: Option<String>,
    /// Its namespace; by default the kubeconfig's.
    #[arg(short, long, requires = "name")]
    pub namespace: Option<String>,
}

impl Explain {
    /// The text.
    pub async fn text(&self) -> Result<String, String> {
        match &self.name {
            Some(name) => tokio::time::timeout(TIMEOUT, self.of_cluster(name)).await.map_err(|_| {
                format!("the cluster does not answer within {} s: {CLUSTER_HINT}", TIMEOUT.as_secs())
            })?,
            None => tokio::time::timeout(TIMEOUT, of_this_machine())
                .await
                .map_err(|_| format!("Redis does not answer within {} s", TIMEOUT.as_secs()))?,
        }
    }

    async fn of_cluster(&self, name: &str) -> Result<String, String> {
        let client =
            Client::try_default().await.map_err(|error| format!("no cluster: {error}; {CLUSTER_HINT}"))?;
        let namespace = self.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        let api: Api<EventPipeline> = Api::namespaced(client, &namespace);
        let found = api.get_opt(name).await;
        let found =
            found.map_err(|error| format!("{namespace}/{name} cannot be read: {error}; {CLUSTER_HINT}"))?;
        let pipeline = found.ok_or_else(|| {
            format!(
                "there is no EventPipeline {name} in namespace {namespace}; `kubectl get epl -A` lists all"
            )
        })?;
        let workers = &pipeline.spec.workers;
        let Some(scaling) = pipeline.status.and_then(|status| status.scaling) else {
            return Err(format!(
                "no decision was made for {namespace}/{name} yet: workers are created once MongoDB is set up; \
                 `kubectl describe epl {name}` says how far that is"
            ));
        };
        let mut text = format!("{namespace}/{name}{}\n", since(&scaling));
        text += &explain(&scaling, &Spec::of(workers));
        text += &obeyed(pipeline.spec.desired_state, workers.scaling);
        Ok(text)
    }
}

fn since(scaling: &ScalingStatus) -> String {
    let Some(changed) = &scaling.changed_at else { return String::new() };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds =
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_sub(changed.0.as_second()).max(0);
    match seconds {
        0..=119 => format!(", last changed {seconds} s ago"),
        120..=7199 => format!(", last changed {} min ago", seconds / 60),
        _ => format!(", last changed {} h ago", seconds / 3600),
    }
}

fn obeyed(state: DesiredState, scaling: Scaling) -> String {
    match (state, scaling) {
        (DesiredState::Running, Scaling::Lag) => String::new(),
        (DesiredState::Running, _) => format!(
            "\nIt is not obeyed: `spec.workers.scaling` is {scaling:?}, `spec.workers.replicas` counts.\n"
        ),
        _ => format!("\nIt is not obeyed: `spec.desiredState` is {state:?}, there are to be no workers.\n"),
    }
}

async fn of_this_machine() -> Result<String, String> {
    let facts = Facts::running().ok_or(
        "no pipeline runs here (no .eventpipeline/dev.json); start one with `make run`, or name one in a cluster",
    )?;
    let mut redis = stream::connect(&facts.redis).await.map_err(|error| error.to_string())?;
    let told =
        stream::decisions::read(&mut redis, &facts.pipeline).await.map_err(|error| error.to_string())?;
    let newest = told.into_iter().next().ok_or(
        "no decision was made yet: the first comes within seconds, unless the number of workers is fixed \
         (`--workers`, or `scaling: Manual`)",
    )?;
    let decision: Decision = serde_json::from_value(newest.record)
        .map_err(|error| format!("the last decision was written by another release: {error}"))?;
    let spec = facts.law.unwrap_or_default();
    let mut text = format!("{}\n", facts.pipeline);
    let _ = write!(text, "{}", explain(&decision.status(&State::default(), None), &spec));
    if newest.mode == Some(Mode::DryRun) {
        text += &obeyed(DesiredState::Running, Scaling::DryRun);
    }
    Ok(text)
}
