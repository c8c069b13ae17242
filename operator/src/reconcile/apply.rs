//! Server-side apply of a pipeline's objects, in order; what is left over from an older spec goes. Makes no choices.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use plan::names::Part;
use plan::resources::worker::{WorkerReplicas, replicas};
use plan::resources::{Kind, Object, Progress, labels, volumes};
use plan::status::Trouble;
use plan::validate::ValidatedPipeline;
use serde_json::json;

use super::live::{Live, api};
use crate::context::{Context, lock};
use crate::error::{Error, call};
use crate::scaler::SCALER;

/// The field manager of everything here.
pub const MANAGER: &str = "eventpipeline-operator";

/// What came of it.
#[derive(Default)]
pub struct Done {
    /// What the API server refused for good.
    pub troubles: Vec<Trouble>,
}

/// Applies what differs from what was applied before, and deletes orphans.
pub async fn objects(
    valid: &ValidatedPipeline,
    desired: &[Object],
    live: &Live,
    progress: Progress,
    context: &Context,
) -> Result<Done, Error> {
    let memory = context.memory(&valid.names().key());
    let mut done = Done::default();
    for object in desired {
        let living = live.get(object.kind, &object.name);
        if !object.may_be_applied(living.is_some(), progress) {
            continue;
        }
        let object = living
            .map_or_else(|| object.clone(), |living| volumes::with_living_templates(object.clone(), living));
        let stands = living.is_some_and(|living| {
            lock(&memory).applied.stands(object.kind, &object.name, &object.body, living)
        });
        if stands {
            continue;
        }
        let api = api(&context.client, valid, object.kind);
        let attempted = format!("apply {} {}", object.kind.word(), object.name);
        let how = PatchParams::apply(MANAGER).force();
        let patched =
            call(attempted, async { api.patch(&object.name, &how, &Patch::Apply(&object.body)).await }).await;
        match patched {
            Ok(now) => {
                context.metrics.writes.inc();
                let now = serde_json::to_value(now).unwrap_or_default();
                lock(&memory).applied.note(object.kind, &object.name, &object.body, &now);
            }
            Err(error) => done.troubles.push(error.lasting()?),
        }
    }
    workers(valid, live, progress, context).await?;
    done.troubles.extend(grow_claims(valid, desired, live, context).await?);
    for orphan in plan::orphans::orphans(desired, &live.owned(), &valid.owner().uid) {
        let api = api(&context.client, valid, orphan.kind);
        let attempted = format!("delete {} {}", orphan.kind.word(), orphan.name);
        let deleted = call(attempted, async { api.delete(&orphan.name, &DeleteParams::background()).await });
        match deleted.await {
            Ok(_) => context.metrics.writes.inc(),
            Err(Error::Cluster { source: kube::Error::Api(status), .. }) if status.code == 404 => continue,
            Err(error) => return Err(error),
        };
        lock(&memory).applied.forget(orphan.kind, &orphan.name);
        tracing::info!(kind = orphan.kind.word(), name = orphan.name, "deleted: no longer wanted");
    }
    Ok(done)
}

/// The number of workers where it is not the lag's: by the scaler's field manager, which is the one writer of it.
async fn workers(
    valid: &ValidatedPipeline,
    live: &Live,
    progress: Progress,
    context: &Context,
) -> Result<(), Error> {
    let name = valid.names().of(Part::Worker);
    let living = live.get(Kind::Deployment, &name);
    let sharded = valid.spec().mongodb.external.is_some() || progress.collections_sharded;
    if living.is_none() && !sharded {
        return Ok(());
    }
    let there = living.and_then(|living| living["spec"]["replicas"].as_i64());
    match replicas(valid) {
        WorkerReplicas::Fixed(wanted) if there != Some(i64::from(wanted)) => {
            scale(valid, wanted, context).await
        }
        WorkerReplicas::ByLag { first } if living.is_none() => scale(valid, first, context).await,
        _ => Ok(()),
    }
}

/// Sets the number of workers.
pub async fn scale(valid: &ValidatedPipeline, workers: i32, context: &Context) -> Result<(), Error> {
    let name = valid.names().of(Part::Worker);
    let body = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": valid.names().namespace()},
        "spec": {"replicas": workers},
    });
    let api = api(&context.client, valid, Kind::Deployment);
    let how = PatchParams::apply(SCALER).force();
    call(format!("scale {name} to {workers}"), async { api.patch(&name, &how, &Patch::Apply(&body)).await })
        .await?;
    context.metrics.writes.inc();
    Ok(())
}

/// Volumes never shrink; those that are to be larger are told so. Once all are, nobody asks until a size or a store's
/// pods change.
async fn grow_claims(
    valid: &ValidatedPipeline,
    desired: &[Object],
    live: &Live,
    context: &Context,
) -> Result<Vec<Trouble>, Error> {
    let wanted = volumes::claims(desired);
    let sets = desired.iter().filter(|object| object.kind == Kind::StatefulSet);
    let memory = context.memory(&valid.names().key());
    let known = lock(&memory).claims == wanted;
    if known && volumes::stand(sets.filter_map(|set| live.get(set.kind, &set.name))) {
        return Ok(Vec::new());
    }
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), valid.names().namespace());
    let ours = labels::of_pipeline(valid.names().pipeline());
    let list =
        call("list persistentvolumeclaims", async { api.list(&ListParams::default().labels(&ours)).await })
            .await?;
    let size = |claim: PersistentVolumeClaim| {
        let asked = claim.spec?.resources?.requests?.remove("storage")?;
        Some((claim.metadata.name?, asked.0))
    };
    let present: Vec<(String, String)> = list.items.into_iter().filter_map(size).collect();
    let growth = volumes::growth(&wanted, &present);
    let mut troubles = Vec::new();
    for (name, patch) in &growth.patches {
        let how = PatchParams::default();
        let grown = call(format!("grow PersistentVolumeClaim {name}"), async {
            api.patch(name, &how, &Patch::Merge(patch)).await
        });
        match grown.await {
            Ok(_) => {
                context.metrics.writes.inc();
            }
            Err(error) => troubles.push(error.lasting()?),
        }
    }
    lock(&memory).claims = if growth.settled { wanted } else { Vec::new() };
    Ok(troubles)
}
