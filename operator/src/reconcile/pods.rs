//! The pods of a part, from its workloads and from what the pods say of themselves.

use crd::conditions::reasons;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use plan::absences::{self, Absences};
use plan::names::Part;
use plan::resources::turns::is_rolled_out;
use plan::resources::{Kind, labels};
use plan::status::{Pods, Trouble};
use plan::validate::ValidatedPipeline;
use serde_json::Value;

use super::live::Live;

/// A pod without a node is given this long: volumes are made, nodes come.
const UNSCHEDULED_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// The pods of StatefulSets that are not there.
pub fn absent(live: &Live) -> Vec<String> {
    let pods = live.pods.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
    let sets = live.of_kind(Kind::StatefulSet);
    let replicas = |set: &Value| set["spec"]["replicas"].as_i64().unwrap_or(1);
    sets.flat_map(|(name, set)| absences::absent(name, replicas(set), &pods).collect::<Vec<_>>()).collect()
}

/// The pods of a part: all its workloads together, as the shards are.
pub fn of(valid: &ValidatedPipeline, live: &Live, part: Part, absences: &Absences, now: Timestamp) -> Pods {
    let names = names(valid, part);
    let workloads: Vec<(Kind, &Value)> =
        names.iter().filter_map(|(kind, name)| Some((*kind, live.get(*kind, name)?))).collect();
    let mut pods = Pods { exists: !workloads.is_empty(), up_to_date: true, ..Pods::default() };
    for (kind, workload) in &workloads {
        let (spec, status) = (&workload["spec"], &workload["status"]);
        let number = |value: &Value| value.as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
        let wanted = spec["replicas"].as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(1);
        pods.wanted += wanted;
        pods.present += number(&status["replicas"]);
        pods.ready += number(&status["readyReplicas"]);
        pods.up_to_date &= is_rolled_out(*kind, workload);
    }
    let refused = workloads.iter().filter_map(|(_, workload)| refused(workload));
    let absent = names.iter().filter_map(|(_, name)| absences.trouble(name, now));
    let own = live.pods.iter().filter(|pod| {
        pod.metadata.labels.as_ref().and_then(|l| l.get(labels::COMPONENT)).map(String::as_str)
            == Some(part.word())
    });
    let of_pods = own.filter_map(|pod| trouble(pod, storage_class(valid, part), now));
    // A pod that is absent is mostly one that was refused.
    pods.trouble = Trouble::by_reason(of_pods.chain(refused)).or_else(|| Trouble::by_reason(absent));
    pods
}

fn names(valid: &ValidatedPipeline, part: Part) -> Vec<(Kind, String)> {
    let names = valid.names();
    match part {
        Part::Shard => {
            (0..valid.spec().mongodb.shards).map(|n| (Kind::StatefulSet, names.shard(n))).collect()
        }
        Part::Redis | Part::Postgres | Part::Config => vec![(Kind::StatefulSet, names.of(part))],
        Part::Api | Part::Console | Part::Worker | Part::Router => vec![(Kind::Deployment, names.of(part))],
    }
}

/// A Deployment whose pods are refused says so.
fn refused(workload: &Value) -> Option<Trouble> {
    let conditions = workload["status"]["conditions"].as_array()?;
    let failure = conditions.iter().find(|c| c["type"] == "ReplicaFailure" && c["status"] == "True")?;
    let message = failure["message"].as_str().unwrap_or_default();
    Some(Trouble {
        reason: reasons::PODS_REFUSED,
        message: format!("pods are refused: {message}; raise the quota or change the policy"),
    })
}

/// The class that the part's volumes are asked of; none: the cluster's default.
fn storage_class(valid: &ValidatedPipeline, part: Part) -> Option<&str> {
    let spec = valid.spec();
    let class = match part {
        Part::Redis => &spec.redis.storage_class_name,
        Part::Postgres => &spec.postgres.storage_class_name,
        Part::Config | Part::Shard => &spec.mongodb.storage_class_name,
        Part::Api | Part::Console | Part::Worker | Part::Router => &None,
    };
    class.as_deref()
}

/// What keeps a pod from getting ready and will not pass by itself.
fn trouble(pod: &Pod, class: Option<&str>, now: Timestamp) -> Option<Trouble> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = pod.status.as_ref()?;
    let mut containers =
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    if let Some(trouble) = containers.find_map(|container| of_container(name, container)) {
        return Some(trouble);
    }
    let unscheduled = status.conditions.iter().flatten().find(|c| {
        c.type_ == "PodScheduled" && c.status == "False" && c.reason.as_deref() == Some("Unschedulable")
    })?;
    let age = now.duration_since(pod.metadata.creation_timestamp.as_ref()?.0);
    if age < UNSCHEDULED_AFTER {
        return None;
    }
    let message = unscheduled.message.as_deref().unwrap_or_default();
    let lower = message.to_lowercase();
    if lower.contains("storageclass") || lower.contains("persistentvolumeclaim") {
        let asked =
            class.map_or("of the default class".to_owned(), |class| format!("of storageClassName `{class}`"));
        return Some(Trouble {
            reason: reasons::STORAGE_CLASS_MISSING,
            message: format!(
                "{name} waits for its volume {asked}: {message}; the class must be one that `kubectl get storageclass` lists, and a volume of it must be free or be made"
            ),
        });
    }
    Some(Trouble {
        reason: reasons::POD_UNSCHEDULABLE,
        message: format!("no node takes {name}: {message}; add nodes, or ask for less"),
    })
}

/// The last line that a container said; of a log in JSON its message.
fn last_words(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let json = serde_json::from_str::<serde_json::Value>(line).ok();
    let message = json.as_ref().and_then(|json| json["message"].as_str());
    message.unwrap_or(line).to_owned()
}

fn times(count: i32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn of_container(pod: &str, container: &ContainerStatus) -> Option<Trouble> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    let (reason, message) = match waiting.reason.as_deref()? {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => (
            reasons::IMAGE_PULL_FAILED,
            format!(
                "{pod} cannot pull {}: {message}; correct the image or the registry's access",
                container.image
            ),
        ),
        "CreateContainerConfigError" => {
            (reasons::SECRET_MISSING, format!("{pod} cannot start: {message}; create what is missing"))
        }
        "CrashLoopBackOff" => {
            let ended = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            let code = ended.map_or(0, |ended| ended.exit_code);
            let words = ended.and_then(|ended| ended.message.as_deref()).map_or_else(String::new, last_words);
            (
                reasons::CRASH_LOOPING,
                format!(
                    "{pod} ended {}, at last with code {code}: {words}; see `kubectl logs {pod} -c {} --previous`",
                    times(container.restart_count),
                    container.name
                ),
            )
        }
        _ => return None,
    };
    Some(Trouble { reason, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_those_of_the_last_line_and_of_json_its_message() {
        assert_eq!(last_words("one\ntwo\n\n"), "two");
        let json = r#"{"level":"ERROR","message":"REDIS_URL is not set","target":"api"}"#;
        assert_eq!(last_words(&format!("first\n{json}\n")), "REDIS_URL is not set");
        assert_eq!(last_words(""), "");
    }
}
