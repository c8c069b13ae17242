//! The finalizer, held only while `deletionPolicy` is Delete, and what it deletes: volumes and generated Secrets.
//! Everything else is owned by the pipeline and goes with it.

use crd::{DeletionPolicy, EventPipeline, FINALIZER};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use plan::resources::labels;
use serde_json::json;

use crate::context::Context;
use crate::controller::Guarded;
use crate::error::{Error, call};

/// Puts the finalizer on or takes it off, as the policy says.
pub async fn hold(pipeline: &EventPipeline, context: &Context) -> Result<(), Error> {
    let wanted = pipeline.spec.deletion_policy == DeletionPolicy::Delete;
    if wanted == has(pipeline) {
        return Ok(());
    }
    set(pipeline, wanted, context).await
}

/// A pipeline that cannot be read is being deleted: it may go, and its data stay, since nobody knows what it asked for.
pub async fn release(pipeline: &Guarded, context: &Context) -> Result<(), Error> {
    if pipeline.meta().deletion_timestamp.is_none() || !has(pipeline) {
        return Ok(());
    }
    set(pipeline, false, context).await?;
    tracing::warn!(
        pipeline = pipeline.name_any(),
        "deleted without its volumes and Secrets: it could not be read"
    );
    Ok(())
}

fn has(pipeline: &impl ResourceExt) -> bool {
    pipeline.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

async fn set(pipeline: &impl ResourceExt, wanted: bool, context: &Context) -> Result<(), Error> {
    let mut finalizers: Vec<&str> =
        pipeline.finalizers().iter().map(String::as_str).filter(|f| *f != FINALIZER).collect();
    if wanted {
        finalizers.push(FINALIZER);
    }
    // With the version: another controller's finalizer is never taken off.
    let patch =
        json!({"metadata": {"finalizers": finalizers, "resourceVersion": pipeline.resource_version()}});
    let api: Api<EventPipeline> = namespaced(pipeline, context);
    call(format!("set the finalizers of {}", pipeline.name_any()), async {
        api.patch(&pipeline.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await
    })
    .await?;
    context.metrics.writes.inc();
    Ok(())
}

fn namespaced<K>(pipeline: &impl ResourceExt, context: &Context) -> Api<K>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(context.client.clone(), &pipeline.namespace().unwrap_or_default())
}

/// The pipeline is being deleted. Volumes and Secrets go when it said so: a volume stays until its last pod is gone,
/// which the API server sees to.
pub async fn finish(pipeline: &EventPipeline, context: &Context) -> Result<(), Error> {
    if !has(pipeline) {
        return Ok(());
    }
    if pipeline.spec.deletion_policy == DeletionPolicy::Delete {
        // With the manager's label: a claim or Secret that only looks like ours is somebody else's.
        let ours = ListParams::default().labels(&labels::of_pipeline(&pipeline.name_any()));
        let claims: Api<PersistentVolumeClaim> = namespaced(pipeline, context);
        let list = call("list persistentvolumeclaims", async { claims.list(&ours).await }).await?;
        for claim in list {
            delete(&claims, "PersistentVolumeClaim", &claim.name_any(), context).await?;
        }
        let secrets: Api<Secret> = namespaced(pipeline, context);
        let list = call("list secrets", async { secrets.list(&ours).await }).await?;
        for secret in list {
            delete(&secrets, "Secret", &secret.name_any(), context).await?;
        }
    }
    set(pipeline, false, context).await
}

async fn delete<K>(api: &Api<K>, kind: &str, name: &str, context: &Context) -> Result<(), Error>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let deleted =
        call(format!("delete {kind} {name}"), async { api.delete(name, &DeleteParams::default()).await });
    match deleted.await {
        Err(Error::Cluster { source: kube::Error::Api(status), .. }) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
        Ok(_) => {
            context.metrics.writes.inc();
            tracing::info!(kind, name, "deleted, as deletionPolicy says");
            Ok(())
        }
    }
}
