//! What is there of a pipeline in the cluster: its objects and its pods, in one look.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use plan::orphans::Owned;
use plan::resources::{Kind, labels};
use plan::validate::ValidatedPipeline;
use serde_json::Value;

use crate::context::Context;
use crate::error::{Error, call};

/// What is there.
pub struct Live {
    objects: BTreeMap<(Kind, String), Value>,
    /// Its pods.
    pub pods: Vec<Pod>,
}

impl Live {
    /// An object as the API server has it.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, name.to_owned()))
    }

    /// Those of a kind, with their names.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&str, &Value)> {
        self.objects
            .iter()
            .filter(move |((of, _), _)| *of == kind)
            .map(|((_, name), value)| (name.as_str(), value))
    }

    /// All of them, with their owners.
    pub fn owned(&self) -> Vec<Owned> {
        let owned = |((kind, name), value): (&(Kind, String), &Value)| Owned {
            kind: *kind,
            name: name.clone(),
            owner_uid: value["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap_or_default().to_owned(),
        };
        self.objects.iter().map(owned).collect()
    }
}

/// Objects of a kind in the pipeline's namespace.
pub fn api(client: &Client, valid: &ValidatedPipeline, kind: Kind) -> Api<DynamicObject> {
    let (group, version) = kind.group_version();
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
        kind: kind.word().to_owned(),
        plural: kind.plural().to_owned(),
    };
    Api::namespaced_with(client.clone(), valid.names().namespace(), &resource)
}

/// Reads all of it.
pub async fn read(valid: &ValidatedPipeline, context: &Context) -> Result<Live, Error> {
    let ours = ListParams::default().labels(&labels::of_pipeline(valid.names().pipeline()));
    let kinds = Kind::ALL
        .into_iter()
        .filter(|kind| *kind != Kind::PodMonitor || context.installation.pod_monitors.is_some());
    let lists = try_join_all(kinds.map(|kind| {
        let (api, ours) = (api(&context.client, valid, kind), ours.clone());
        async move {
            let list = call(format!("list {}", kind.plural()), async { api.list(&ours).await }).await?;
            Ok::<_, Error>(list.items.into_iter().map(move |object| (kind, object)))
        }
    }))
    .await?;
    let mut objects = BTreeMap::new();
    for (kind, object) in lists.into_iter().flatten() {
        let name = object.metadata.name.clone().unwrap_or_default();
        objects.insert((kind, name), serde_json::to_value(object).unwrap_or_default());
    }
    let of_pods =
        format!("{}={},{}={}", labels::NAME, labels::APP, labels::INSTANCE, valid.names().pipeline());
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), valid.names().namespace());
    let list = call("list pods", async { pods.list(&ListParams::default().labels(&of_pods)).await }).await?;
    Ok(Live { objects, pods: list.items })
}
