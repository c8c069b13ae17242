//! Assertion 5: while nothing happens, nothing is written: not the `EventPipeline`, and no object of any kind that is its
//! own or made for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, ListParams};
use kube::core::discovery::{Scope, verbs};
use kube::discovery::ApiResource;
use kube::{Api, Discovery};
use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::error::{Error, Result, ensure};
use crate::pipeline::Pipeline;
use crate::report::{Report, note, scenario};
use crate::world::World;

/// How long nothing may be written.
const STEADY: Duration = Duration::from_mins(1);
/// After a scenario pods, addresses and the last decisions settle; the scaler still counts the arrivals of the last
/// minutes and writes its numbers every 30 s until they are gone.
const SETTLE_TIMEOUT: Duration = Duration::from_mins(5);
/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Written because time passes, or because something is told.
const EXCEPTED: [&str; 2] = ["Lease", "Event"];

/// Carries it out.
pub async fn run(world: &World, report: &mut Report) {
    scenario("5. Nothing is written while nothing happens");
    let steady = async {
        let kinds = kinds(&world.cluster).await?;
        let began = Instant::now();
        let mut before = snapshot(&world.pipeline, &kinds).await?;
        let mut since = Instant::now();
        let mut last = Vec::new();
        while since.elapsed() < STEADY {
            ensure(began.elapsed() < SETTLE_TIMEOUT, || {
                format!(
                    "things had not settled after {} s; last changed:\n{}",
                    SETTLE_TIMEOUT.as_secs(),
                    last.join("\n")
                )
            })?;
            sleep(LOOK_EVERY).await;
            let now = snapshot(&world.pipeline, &kinds).await?;
            let changes = changes(&before, &now);
            if !changes.is_empty() {
                (before, since, last) = (now, Instant::now(), changes);
                let scaling = world.pipeline.get().await?.status.and_then(|status| status.scaling);
                last.extend(scaling.map(|scaling| format!("{}: {}", scaling.reason, scaling.message)));
            }
        }
        Ok(before)
    };
    let what = "no resourceVersion of the EventPipeline and of what it owns moves for 60 s";
    if let Some(snapshot) = report.check(what, steady).await {
        let kinds: BTreeSet<&str> = snapshot.keys().map(|(kind, _)| kind.as_str()).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        note(&format!("{} objects: {}", snapshot.len(), kinds.join(", ")));
    }
}

/// Kind and name → version, and who wrote it when.
pub type Snapshot = BTreeMap<(String, String), (String, String)>;

/// Every kind that a namespace can have.
pub async fn kinds(cluster: &Cluster) -> Result<Vec<ApiResource>> {
    let discovery = Discovery::new(cluster.client.clone()).run().await;
    let discovery = discovery.map_err(Error::cluster("ask for all kinds"))?;
    let listed = discovery.groups().flat_map(kube::discovery::ApiGroup::recommended_resources);
    let kinds = listed.filter(|(kind, can)| {
        let excepted = EXCEPTED.contains(&kind.kind.as_str()) || kind.group == "metrics.k8s.io";
        can.scope == Scope::Namespaced && can.supports_operation(verbs::LIST) && !excepted
    });
    Ok(kinds.map(|(kind, _)| kind).collect())
}

/// The pipeline and what is its own.
pub async fn snapshot(pipeline: &Pipeline, kinds: &[ApiResource]) -> Result<Snapshot> {
    let mut objects = Vec::new();
    for kind in kinds {
        let api: Api<DynamicObject> =
            Api::namespaced_with(pipeline.cluster.client.clone(), &pipeline.namespace, kind);
        let list = api.list_metadata(&ListParams::default()).await;
        let list =
            list.map_err(Error::cluster(format!("list the {} of {}", kind.plural, pipeline.namespace)))?;
        objects.extend(list.into_iter().map(|object| (kind.kind.clone(), object.metadata)));
    }
    Ok(belonging(&objects, &pipeline.name))
}

/// The pipeline, what has its label, and what is owned by any of these, however far.
fn belonging(objects: &[(String, ObjectMeta)], pipeline: &str) -> Snapshot {
    let is_root = |kind: &str, meta: &ObjectMeta| {
        let label = |key: &str| meta.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
        kind == crd::KIND && meta.name.as_deref() == Some(pipeline)
            || label("app.kubernetes.io/name") == Some("eventpipeline")
                && label("app.kubernetes.io/instance") == Some(pipeline)
    };
    let mut uids = BTreeSet::new();
    loop {
        let owned =
            |meta: &ObjectMeta| meta.owner_references.iter().flatten().any(|owner| uids.contains(&owner.uid));
        let found: BTreeSet<String> = objects
            .iter()
            .filter(|(kind, meta)| is_root(kind, meta) || owned(meta))
            .filter_map(|(_, meta)| meta.uid.clone())
            .collect();
        if found == uids {
            break;
        }
        uids = found;
    }
    let ours = objects.iter().filter(|(_, meta)| meta.uid.as_ref().is_some_and(|uid| uids.contains(uid)));
    ours.map(|(kind, meta)| {
        let version = meta.resource_version.clone().unwrap_or_default();
        ((kind.clone(), meta.name.clone().unwrap_or_default()), (version, last_writer(meta)))
    })
    .collect()
}

fn last_writer(meta: &ObjectMeta) -> String {
    let last =
        meta.managed_fields.iter().flatten().max_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    let Some(last) = last else { return "nobody known".to_owned() };
    let at = last.time.as_ref().map(|time| time.0.to_string()).unwrap_or_default();
    let part = last.subresource.as_deref().map(|part| format!(" ({part})")).unwrap_or_default();
    format!("{}{part} at {at}", last.manager.as_deref().unwrap_or_default())
}

/// What was written, made or deleted between two snapshots.
fn changes(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let mut changes = Vec::new();
    for (object @ (kind, name), (version, _)) in before {
        match after.get(object) {
            None => changes.push(format!("{kind} {name} was deleted")),
            Some((now, _)) if now == version => (),
            Some((_, writer)) => changes.push(format!("{kind} {name} was written by {writer}")),
        }
    }
    let made = after.keys().filter(|object| !before.contains_key(object));
    changes.extend(made.map(|(kind, name)| format!("{kind} {name} was made")));
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(kind: &str, name: &str, version: &str, more: &Value) -> (String, ObjectMeta) {
        let mut meta = json!({"name": name, "uid": name, "resourceVersion": version});
        if let (Some(meta), Some(more)) = (meta.as_object_mut(), more.as_object()) {
            meta.extend(more.clone());
        }
        (kind.to_owned(), serde_json::from_value(meta).unwrap())
    }

    fn owner(uid: &str) -> Value {
        json!({"ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": uid, "uid": uid}]})
    }

    #[test]
    fn what_is_owned_by_what_is_owned_belongs_and_what_is_of_others_does_not() {
        let label = |instance: &str| json!({"labels": {"app.kubernetes.io/name": "eventpipeline", "app.kubernetes.io/instance": instance}});
        let objects = [
            object("Pod", "a-pod", "1", &owner("a-set")),
            object("ReplicaSet", "a-set", "1", &owner("a-deployment")),
            object("Deployment", "a-deployment", "1", &owner("a")),
            object("EventPipeline", "a", "1", &json!({})),
            object("Secret", "a-secret", "1", &label("a")),
            object("EventPipeline", "b", "1", &json!({})),
            object("Secret", "b-secret", "1", &label("b")),
            object("ConfigMap", "kube-root-ca.crt", "1", &json!({})),
        ];
        let names: Vec<String> = belonging(&objects, "a").into_keys().map(|(_, name)| name).collect();
        assert_eq!(names, ["a-deployment", "a", "a-pod", "a-set", "a-secret"]);
    }

    #[test]
    fn a_change_names_the_object_and_its_writer() {
        let managed = json!({"managedFields": [
            {"manager": "old", "operation": "Apply", "time": "2026-01-01T00:00:00Z"},
            {"manager": "eventpipeline-status", "operation": "Apply", "subresource": "status", "time": "2026-01-01T00:00:09Z"},
        ]});
        let before = belonging(
            &[object("EventPipeline", "a", "1", &json!({})), object("Pod", "p", "1", &owner("a"))],
            "a",
        );
        let after = belonging(
            &[object("EventPipeline", "a", "2", &managed), object("Pod", "q", "1", &owner("a"))],
            "a",
        );
        assert_eq!(changes(&before, &before), Vec::<String>::new());
        assert_eq!(
            changes(&before, &after),
            [
                "EventPipeline a was written by eventpipeline-status (status) at 2026-01-01T00:00:09Z",
                "Pod p was deleted",
                "Pod q was made",
            ]
        );
    }
}
