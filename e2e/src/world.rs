//! What the scenarios share: the operator, the pipeline under test, and the ledger of every event sent to it so far.

use std::path::PathBuf;

use eventpipeline::ledger::Ledger;
use eventpipeline::sender::Sender;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use serde_json::{Value, json};

use crate::Options;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::load::Outcome;
use crate::mongo;
use crate::operator::{self, Operator};
use crate::pipeline::Pipeline;

/// Where the pipeline under test is.
pub const NAMESPACE: &str = "e2e";
/// Where the one is whose bootstrap is interrupted.
pub const INTERRUPTED: &str = "e2e-interrupted";
/// Where the one is that sleeps.
pub const ASLEEP: &str = "e2e-asleep";
/// Where mistakes are made.
pub const MISTAKES: &str = "e2e-mistakes";
/// Where many pipelines are at once.
pub const MANY: &str = "e2e-many";
/// Where an operator is that has rights in this namespace alone, and its pipeline.
pub const OWN: &str = "e2e-own";
/// Where the definition's rules are tried.
pub const RULES: &str = "e2e-rules";
/// Every namespace that a run makes.
pub const NAMESPACES: [&str; 8] =
    [NAMESPACE, ASLEEP, INTERRUPTED, MISTAKES, MANY, OWN, RULES, operator::NAMESPACE];

/// What the scenarios share.
pub struct World {
    /// The cluster.
    pub cluster: Cluster,
    /// The operator.
    pub operator: Operator,
    /// The example, as it is applied.
    pub manifest: Value,
    /// The pipeline under test.
    pub pipeline: Pipeline,
    /// Every event sent to it, and what was told of it.
    pub ledger: Ledger,
    /// Where its API answers.
    pub api: String,
    /// Where its console answers.
    pub console: String,
}

impl World {
    /// From the options, on a cluster that is there.
    pub fn new(cluster: Cluster, options: &Options) -> Result<Self> {
        let manifest = read(&options.example)?;
        let field = |pointer: &str| {
            manifest
                .pointer(pointer)
                .ok_or_else(|| Error::Otherwise(format!("{} has no {pointer}", options.example.display())))
        };
        let name = field("/metadata/name")?.as_str().unwrap_or_default().to_owned();
        let at = |given: &Option<String>, part: &str| match given {
            Some(given) => Ok(given.clone()),
            None => field(&format!("/spec/{part}/nodePort")).map(|port| format!("http://127.0.0.1:{port}")),
        };
        let (api, console) = (at(&options.api, "api")?, at(&options.console, "console")?);
        let operator = Operator {
            cluster: cluster.clone(),
            namespace: operator::NAMESPACE,
            chart: options.chart.clone(),
            values: options.values.clone(),
            set: &[],
        };
        let pipeline = Pipeline { cluster: cluster.clone(), namespace: NAMESPACE.to_owned(), name };
        Ok(Self { cluster, operator, manifest, pipeline, ledger: Ledger::default(), api, console })
    }

    /// The one whose bootstrap is interrupted.
    pub fn interrupted(&self) -> Pipeline {
        let (namespace, name) = (INTERRUPTED.to_owned(), "interrupted".to_owned());
        Pipeline { cluster: self.cluster.clone(), namespace, name }
    }

    /// The operator that looks after one namespace, and has no rights elsewhere.
    pub fn operator_of_one(&self) -> Operator {
        let set = &["scope=Namespaced", "crds.install=false"];
        Operator { namespace: OWN, set, ..self.operator.clone() }
    }

    /// A sender to the pipeline's API with its first key.
    pub async fn sender(&self) -> Result<Sender> {
        let key = self.pipeline.api_key().await?;
        Sender::new(&self.api, &key).map_err(Error::http("make a client of the API"))
    }

    /// Asks for a namespace to be deleted that no scenario needs any more. It takes its time, so nobody waits here: the
    /// namespace controller looks again only when pods have used half of their grace.
    pub async fn leave(&self, namespace: &str) -> Result<()> {
        self.cluster.delete_namespace(namespace).await
    }

    /// Waits until the namespaces that were left are gone, with all that was in them.
    pub async fn left_are_gone(&self) -> Result<()> {
        for namespace in [ASLEEP, INTERRUPTED, MISTAKES] {
            self.cluster.namespace_gone(namespace).await?;
        }
        Ok(())
    }

    /// Takes over what a load was told, and holds all that was ever sent against what is stored.
    pub async fn stored_once(&mut self, outcome: Outcome) -> Result<String> {
        let (sent, took) = (outcome.sent, outcome.took.as_secs_f64());
        self.ledger.merge(outcome.ledger);
        let verdict = mongo::stored_once(&self.pipeline, &self.ledger).await?;
        Ok(format!(
            "{} accepted, {} duplicates, {} requests sent again, in {took:.1} s; stored so far {}",
            sent.accepted, sent.duplicates, sent.resent, verdict.stored
        ))
    }

    /// Removes what an earlier run left on a cluster that was kept.
    pub async fn clear(&self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.cluster.client.clone());
        let mut left = Vec::new();
        for name in NAMESPACES {
            let found = namespaces.get_opt(name).await.map_err(Error::cluster("look for an earlier run"))?;
            left.extend(found.map(|_| name));
        }
        if left.is_empty() {
            return Ok(());
        }
        println!("removing what an earlier run left: {}", left.join(", "));
        self.operator.uninstall().await?;
        self.operator_of_one().uninstall().await?;
        for name in &left {
            // Nobody is left who would take finalizers off.
            Pipeline::release_all(&self.cluster, name).await?;
            self.cluster.delete_namespace(name).await?;
        }
        for name in left {
            self.cluster.namespace_gone(name).await?;
        }
        Ok(())
    }
}

fn read(path: &PathBuf) -> Result<Value> {
    let unreadable = |why: String| Error::Otherwise(format!("{} cannot be read: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    serde_yaml::from_str(&text).map_err(|error| unreadable(error.to_string()))
}

/// The example under another name, without ports of the node, which another pipeline has, and without what slows it.
pub fn beside(manifest: &Value, name: &str) -> Value {
    let mut manifest = manifest.clone();
    manifest["metadata"] = json!({"name": name});
    for part in ["api", "console"] {
        if let Some(fields) = manifest.pointer_mut(&format!("/spec/{part}")).and_then(Value::as_object_mut) {
            fields.retain(|field, _| field != "nodePort" && field != "serviceType");
        }
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_pipeline_takes_no_port_of_the_first_and_keeps_the_rest() {
        let example = read(&"../examples/e2e.yaml".into()).unwrap();
        let other = beside(&example, "other");
        assert_eq!(other["metadata"], json!({"name": "other"}));
        assert!(!other.to_string().contains("odePort"), "{other}");
        assert_eq!(other["spec"]["workers"], example["spec"]["workers"]);
        assert_eq!(example["spec"]["api"]["nodePort"], 30301);
    }
}
