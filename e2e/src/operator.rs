//! The operator: installed and removed by its chart, its pods, what it says.

use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::LogParams;

use crate::cluster::{Cluster, Look, is_ready, until, when};
use crate::error::{Error, Result};

/// Where the one of the whole cluster is installed.
pub const NAMESPACE: &str = "eventpipeline-system";
/// What it says of a definition that is another release's.
pub const OTHER_DEFINITION: &str = "is not this operator's";
/// The release.
const RELEASE: &str = "eventpipeline";
/// Selects its pods, whatever the release is called.
pub const PODS: &str = "app.kubernetes.io/name=eventpipeline-operator";
/// Images are on the node already; the API server has to take a definition.
const INSTALL_TIMEOUT: &str = "2m";
/// It finishes the pass that it is in.
const STOP_TIMEOUT: Duration = Duration::from_mins(1);
/// A killed operator's Lease runs out before the next one works.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// The operator and what it is installed from.
#[derive(Clone)]
pub struct Operator {
    /// Where it runs.
    pub cluster: Cluster,
    /// The release's namespace.
    pub namespace: &'static str,
    /// The chart.
    pub chart: PathBuf,
    /// Files of values.
    pub values: Vec<PathBuf>,
    /// Values that go before those of the files, as `--set` takes them.
    pub set: &'static [&'static str],
}

impl Operator {
    /// `helm install`, and waits until it is ready.
    pub async fn install(&self) -> Result<()> {
        let chart = self.chart.display().to_string();
        let values: Vec<String> = self.values.iter().map(|file| file.display().to_string()).collect();
        let mut arguments = vec![
            "install",
            RELEASE,
            &chart,
            "--namespace",
            self.namespace,
            "--wait",
            "--timeout",
            INSTALL_TIMEOUT,
        ];
        values.iter().for_each(|file| arguments.extend(["--values", file]));
        self.set.iter().for_each(|value| arguments.extend(["--set", value]));
        self.cluster.helm(&arguments).await.map(|_| ())
    }

    /// `helm uninstall`, and waits until it is gone: helm does not wait for pods.
    pub async fn uninstall(&self) -> Result<()> {
        let arguments = ["uninstall", RELEASE, "--namespace", self.namespace, "--ignore-not-found", "--wait"];
        self.cluster.helm(&arguments).await?;
        self.gone().await
    }

    /// Stops it, and waits until it is gone.
    pub async fn stop(&self) -> Result<()> {
        self.scale("--replicas=0").await?;
        self.gone().await
    }

    /// Starts it again, and waits until it is ready.
    pub async fn start(&self) -> Result<()> {
        self.scale("--replicas=1").await?;
        self.ready().await.map(|_| ())
    }

    async fn scale(&self, replicas: &str) -> Result<()> {
        let arguments = ["--namespace", self.namespace, "scale", "deployment", "--selector", PODS, replicas];
        self.cluster.kubectl(&arguments, None).await.map(|_| ())
    }

    async fn gone(&self) -> Result<()> {
        until("the operator's pods are gone", STOP_TIMEOUT, async || {
            let pods = self.pods().await?;
            Ok(when(pods.is_empty(), || format!("{} pods", pods.len())))
        })
        .await
    }

    /// Its pods.
    pub async fn pods(&self) -> Result<Vec<Pod>> {
        self.cluster.list(self.namespace, PODS).await
    }

    /// Its one pod, once it is ready and no other is left.
    pub async fn ready(&self) -> Result<Pod> {
        until("the operator is ready", START_TIMEOUT, async || {
            let mut pods = self.pods().await?;
            match pods.pop() {
                Some(pod) if pods.is_empty() && is_ready(&pod) => Ok(Look::There(pod)),
                Some(pod) => Ok(Look::NotYet(format!("{} of {} pods", pod.name_any(), pods.len() + 1))),
                None => Ok(Look::NotYet("no pod".to_owned())),
            }
        })
        .await
    }

    /// All that its pods said.
    pub async fn log(&self) -> Result<String> {
        let mut text = String::new();
        for pod in self.pods().await? {
            text += &self.cluster.logs(self.namespace, &pod.name_any(), &LogParams::default()).await?;
        }
        Ok(text)
    }

    /// Kills it, and gives back what it had said until then.
    pub async fn kill(&self) -> Result<String> {
        let pods = self.pods().await?;
        let log = self.log().await?;
        let pod = pods.first().ok_or_else(|| Error::Otherwise("there is no operator to kill".to_owned()))?;
        self.cluster.kill(pod).await?;
        Ok(log)
    }
}

/// How often a log says that a replica set was initiated. A refused attempt is none.
pub fn initiations(log: &str, set: &str) -> usize {
    let step = format!("initiate replica set {set} of ");
    log.lines().filter(|line| line.contains(&step) && line.contains(r#""done""#)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_initiations_that_were_done_count_and_only_of_that_set() {
        let log = r#"{"message":"not done","step":"initiate replica set a-shard-1 of h:27017","fault":"down"}
{"message":"done","step":"initiate replica set a-shard-1 of h:27017","host":"h:27017"}
{"message":"done","step":"initiate replica set a-shard-10 of h:27017","host":"h:27017"}
{"message":"done","step":"create user eventpipeline"}"#;
        assert_eq!(initiations(log, "a-shard-1"), 1);
        assert_eq!(initiations(log, "a-config"), 0);
    }
}
