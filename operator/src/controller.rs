//! What is watched, and what ends a pass: the wiring of kube's controller.

use std::sync::Arc;
use std::time::Duration;

use crd::EventPipeline;
use futures::StreamExt;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::Store;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client};
use plan::resources::labels;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Key};
use crate::error::Error;
use crate::reconcile;
use crate::settings::Settings;

/// A pipeline that may be undecodable: one bad object must not stop the watch of all others.
pub type Guarded = DeserializeGuard<EventPipeline>;

/// The key of one, whether it can be read or not.
pub fn key_of(pipeline: &Guarded) -> Key {
    use kube::ResourceExt;
    format!("{}/{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any())
}

/// Changes that come in a burst, as pods of a roll-out do, make one pass.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// Between two looks for the definition.
const DEFINITION_LOOK: Duration = Duration::from_secs(2);
/// The definition of the API.
const DEFINITION: &str = "eventpipelines.eventpipeline.dev";

/// A client from the pod's service account or the kubeconfig.
pub async fn client() -> Result<Client, String> {
    Client::try_default().await.map_err(|error| {
        format!("no cluster: {error}; set KUBECONFIG, or run in a pod with a service account")
    })
}

/// The pipelines that are watched.
pub fn pipelines<K>(client: &Client, settings: &Settings) -> Api<K>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match &settings.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Waits until pipelines can be listed, and warns of a definition that is older than the operator.
pub async fn wait_for_definition(
    client: &Client,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<(), String> {
    let api: Api<Guarded> = pipelines(client, settings);
    let mut said = false;
    while let Err(error) = api.list(&kube::api::ListParams::default().limit(1)).await {
        if !said {
            tracing::warn!(%error, "pipelines cannot be listed; is the definition {DEFINITION} installed, and may the operator list them?");
            said = true;
        }
        tokio::select! {
            () = tokio::time::sleep(DEFINITION_LOOK) => (),
            () = stop.cancelled() => return Ok(()),
        }
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let installed = definitions.get(DEFINITION).await;
    if let Err(error) = &installed {
        // With a role for one namespace it cannot be read.
        tracing::info!(%error, "whether the definition {DEFINITION} is this operator's is not known: it may not be read");
    }
    if let Ok(installed) = installed {
        let fields = |definition: &CustomResourceDefinition| {
            serde_json::to_value(&definition.spec.versions).unwrap_or_default()
        };
        if fields(&installed) != fields(&crd::definition()) {
            tracing::warn!(
                "the definition {DEFINITION} in the cluster is not this operator's. An older one drops fields or does not check them: upgrade the release with crds.install=true, or apply crds/eventpipelines.yaml of its source. With a newer one, upgrade the operator"
            );
        }
    }
    Ok(())
}

/// The controller, until told to stop, and what it knows of the pipelines.
pub fn run(
    context: &Arc<Context>,
    settings: &Settings,
    stop: CancellationToken,
) -> (impl Future<Output = ()> + use<>, Store<Guarded>) {
    let client = &context.client;
    let ours = watcher::Config::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGER));
    let controller = Controller::new(pipelines::<Guarded>(client, settings), watcher::Config::default())
        .with_config(Config::default().concurrency(settings.concurrency).debounce(DEBOUNCE))
        .owns(pipelines::<StatefulSet>(client, settings), ours.clone())
        .owns(pipelines::<Deployment>(client, settings), ours)
        .graceful_shutdown_on(async move { stop.cancelled().await });
    let store = controller.store();
    let metrics = context.metrics.clone();
    let pipelines = store.clone();
    let running = controller.run(reconcile::guarded, failed, Arc::clone(context)).for_each(move |result| {
        metrics.pipelines.set(i64::try_from(pipelines.len()).unwrap_or(i64::MAX));
        if let Err(error) = result {
            // An object that went while it was queued is no news.
            tracing::debug!(%error, "a pass ended");
        }
        std::future::ready(())
    });
    (running, store)
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that kube calls")]
fn failed(pipeline: Arc<Guarded>, error: &Error, context: Arc<Context>) -> Action {
    let key = key_of(&pipeline);
    let class = error.class();
    context.metrics.ended(class.label());
    let pause = context.backoff.failed(&key);
    tracing::warn!(pipeline = key, class = class.label(), %error, "the pass failed");
    class.requeue(pause)
}
