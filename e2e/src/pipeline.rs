//! One `EventPipeline` in the cluster: applying it, what it is made of, when it is ready.

use std::collections::BTreeMap;
use std::time::Duration;

use crd::conditions::types;
use crd::{EventPipeline, EventPipelineSpec};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use serde_json::Value;

use crate::cluster::{Cluster, Look, is_ready, until, when};
use crate::error::{Error, Result, ensure};

/// From nothing to ready on two slow cores; the bootstrap waits for an election of each set.
pub const READY_TIMEOUT: Duration = Duration::from_mins(6);

/// A pod without a node is given 30 s before it is called a trouble, and an external store is asked twice a minute.
const TOLD_TIMEOUT: Duration = Duration::from_mins(2);

/// A pipeline.
#[derive(Clone)]
pub struct Pipeline {
    /// Its cluster.
    pub cluster: Cluster,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Pipeline {
    /// `kubectl apply` of a manifest of this pipeline.
    pub async fn apply(&self, manifest: &Value) -> Result<()> {
        self.kubectl(&["apply", "-f", "-"], Some(manifest)).await
    }

    /// kubectl in its namespace.
    pub async fn kubectl(&self, arguments: &[&str], input: Option<&Value>) -> Result<()> {
        let arguments = [&["--namespace", self.namespace.as_str()], arguments].concat();
        self.cluster.kubectl(&arguments, input).await.map(|_| ())
    }

    /// The object.
    pub async fn get(&self) -> Result<EventPipeline> {
        let found = self.cluster.of::<EventPipeline>(&self.namespace).get(&self.name).await;
        found.map_err(Error::cluster(format!("read EventPipeline {}", self.name)))
    }

    /// The object, if it is there.
    pub async fn get_opt(&self) -> Result<Option<EventPipeline>> {
        let found = self.cluster.of::<EventPipeline>(&self.namespace).get_opt(&self.name).await;
        found.map_err(Error::cluster(format!("read EventPipeline {}", self.name)))
    }

    /// What selects its objects, those that Kubernetes made for it included.
    pub fn labels(&self) -> String {
        format!("app.kubernetes.io/name=eventpipeline,app.kubernetes.io/instance={}", self.name)
    }

    /// Its pods; those of one part, or all.
    pub async fn pods(&self, part: Option<&str>) -> Result<Vec<Pod>> {
        let part = part.map(|part| format!(",app.kubernetes.io/component={part}")).unwrap_or_default();
        self.cluster.list(&self.namespace, &(self.labels() + &part)).await
    }

    /// The Deployment of its workers.
    pub async fn workers(&self) -> Result<Deployment> {
        let name = format!("{}-worker", self.name);
        let found = self.cluster.of::<Deployment>(&self.namespace).get(&name).await;
        found.map_err(Error::cluster(format!("read Deployment {name}")))
    }

    /// A key of one of its Secrets, as text.
    pub async fn secret(&self, end: &str, key: &str) -> Result<String> {
        let name = format!("{}-{end}", self.name);
        let secret = self.cluster.of::<Secret>(&self.namespace).get(&name).await;
        let secret = secret.map_err(Error::cluster(format!("read Secret {name}")))?;
        let value = secret.data.as_ref().and_then(|data| data.get(key));
        let value = value.ok_or_else(|| Error::Otherwise(format!("Secret {name} has no key {key}")))?;
        Ok(String::from_utf8_lossy(&value.0).into_owned())
    }

    /// The first API key.
    pub async fn api_key(&self) -> Result<String> {
        self.secret("credentials", "api-key").await
    }

    /// Waits until it is ready for its present generation.
    pub async fn ready(&self) -> Result<EventPipeline> {
        until(&format!("{} is Ready", self.name), READY_TIMEOUT, async || {
            let pipeline = self.get().await?;
            Ok(readiness(&pipeline).map_or_else(Look::NotYet, |()| Look::There(pipeline)))
        })
        .await
    }

    /// Waits until a condition has this status and reason, and these words in its message, which is returned.
    pub async fn says(&self, type_: &str, status: &str, reason: &str, words: &[&str]) -> Result<String> {
        let mut message = String::new();
        until(&format!("{type_} is {status}, {reason}"), TOLD_TIMEOUT, async || {
            let conditions = self.get().await?.status.unwrap_or_default().conditions;
            let Some(found) = conditions.iter().find(|condition| condition.type_ == type_) else {
                return Ok(Look::NotYet("it is not there".to_owned()));
            };
            message.clone_from(&found.message);
            let told = found.status == status && found.reason == reason;
            let complete = words.iter().all(|word| found.message.contains(word));
            Ok(when(told && complete, || format!("{} {}: {}", found.status, found.reason, found.message)))
        })
        .await?;
        Ok(format!("{type_} {status} {reason}: {message}"))
    }

    /// Waits until it is ready and each of its pods is there and ready, so that nothing is still ending or starting.
    pub async fn settled(&self) -> Result<()> {
        until(&format!("{} is Ready with all its pods", self.name), READY_TIMEOUT, async || {
            let (pipeline, pods) = (self.get().await?, self.pods(None).await?);
            let pods_ready = || all_pods_ready(&pipeline.spec, &pods);
            Ok(readiness(&pipeline).and_then(|()| pods_ready()).map_or_else(Look::NotYet, Look::There))
        })
        .await
    }

    /// Looks once whether all its pods are there and ready.
    pub async fn pods_ready(&self) -> Result<()> {
        let (pipeline, pods) = (self.get().await?, self.pods(None).await?);
        all_pods_ready(&pipeline.spec, &pods).map_err(Error::Otherwise)
    }

    /// Takes the finalizers off all pipelines of a namespace.
    pub async fn release_all(cluster: &Cluster, namespace: &str) -> Result<()> {
        // The definition may be gone, and every pipeline with it.
        for pipeline in cluster.list::<EventPipeline>(namespace, "").await.unwrap_or_default() {
            let (name, nothing) = (pipeline.name_any(), r#"{"metadata":{"finalizers":null}}"#);
            let arguments = ["--namespace", namespace, "patch", "epl", &name, "--type=merge", "-p", nothing];
            cluster.kubectl(&arguments, None).await?;
        }
        Ok(())
    }
}

/// Whether a pipeline is ready, and that is about the spec that it has now; else what there is instead.
pub fn readiness(pipeline: &EventPipeline) -> Result<(), String> {
    let generation = pipeline.metadata.generation;
    let Some(status) = &pipeline.status else { return Err("no status".to_owned()) };
    if status.observed_generation != generation {
        return Err(format!("generation {generation:?}, observed {:?}", status.observed_generation));
    }
    let ready = status.conditions.iter().find(|condition| condition.type_ == types::READY);
    let Some(ready) = ready else { return Err("no condition Ready".to_owned()) };
    if ready.status != "True" {
        return Err(format!("Ready is {}, {}: {}", ready.status, ready.reason, ready.message));
    }
    if ready.observed_generation != generation {
        return Err(format!("Ready is of generation {:?} of {generation:?}", ready.observed_generation));
    }
    Ok(())
}

/// How many pods each part has at least; workers may be more.
fn parts(spec: &EventPipelineSpec) -> BTreeMap<&'static str, i32> {
    let mongodb = &spec.mongodb;
    BTreeMap::from([
        ("redis", 1),
        ("postgres", 1),
        ("config", mongodb.config_members),
        ("shard", mongodb.shards * mongodb.members_per_shard),
        ("router", mongodb.routers),
        ("api", spec.api.replicas),
        ("worker", spec.workers.min_replicas),
    ])
}

fn all_pods_ready(spec: &EventPipelineSpec, pods: &[Pod]) -> Result<(), String> {
    let not_ready: Vec<String> =
        pods.iter().filter(|pod| !is_ready(pod)).map(ResourceExt::name_any).collect();
    let part_of = |pod: &Pod| pod.labels().get("app.kubernetes.io/component").cloned().unwrap_or_default();
    let missing = |(part, wanted): (&str, i32)| {
        let there = pods.iter().filter(|pod| part_of(pod) == part).count();
        let enough =
            i32::try_from(there).is_ok_and(|there| there == wanted || part == "worker" && there > wanted);
        (!enough).then(|| format!("{there} of {wanted} pods of {part}"))
    };
    let missing: Vec<String> = parts(spec).into_iter().filter_map(missing).collect();
    let text = || format!("not ready: [{}]; {}", not_ready.join(", "), missing.join(", "));
    ensure(not_ready.is_empty() && missing.is_empty(), text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pipeline(generation: i64, observed: i64, ready: &Value) -> EventPipeline {
        let conditions = if ready.is_null() { json!([]) } else { json!([ready]) };
        serde_json::from_value(json!({
            "apiVersion": crd::API_VERSION, "kind": crd::KIND, "spec": {},
            "metadata": {"name": "a", "generation": generation},
            "status": {"observedGeneration": observed, "conditions": conditions},
        }))
        .unwrap()
    }

    fn condition(status: &str, generation: i64) -> Value {
        json!({"type": "Ready", "status": status, "reason": "R", "message": "m", "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    #[test]
    fn ready_counts_only_when_it_is_about_the_present_spec() {
        assert_eq!(readiness(&pipeline(3, 3, &condition("True", 3))), Ok(()));
        let of = |generation, observed, ready: &Value| {
            readiness(&pipeline(generation, observed, ready)).unwrap_err()
        };
        assert!(of(3, 2, &condition("True", 2)).contains("observed Some(2)"));
        assert!(of(3, 3, &condition("True", 2)).contains("Ready is of generation"));
        assert_eq!(of(3, 3, &condition("False", 3)), "Ready is False, R: m");
        assert_eq!(of(3, 3, &Value::Null), "no condition Ready");
    }

    fn pod(part: &str, number: usize, ready: bool) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": format!("{part}-{number}"), "labels": {"app.kubernetes.io/component": part}},
            "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        }))
        .unwrap()
    }

    #[test]
    fn every_part_has_its_pods_and_each_is_ready() {
        let spec: EventPipelineSpec = serde_json::from_value(json!({})).unwrap();
        let mut pods: Vec<Pod> = parts(&spec)
            .into_iter()
            .flat_map(|(part, count)| (0..usize::try_from(count).unwrap()).map(move |n| pod(part, n, true)))
            .collect();
        assert_eq!(all_pods_ready(&spec, &pods), Ok(()));
        pods.push(pod("worker", 7, true));
        assert_eq!(all_pods_ready(&spec, &pods), Ok(()), "workers may be more");
        pods.push(pod("worker", 8, false));
        assert!(all_pods_ready(&spec, &pods).unwrap_err().contains("[worker-8]"));
        pods.pop();
        pods.retain(|pod| pod.name_any() != "shard-1");
        assert!(all_pods_ready(&spec, &pods).unwrap_err().contains("1 of 2 pods of shard"));
    }
}
