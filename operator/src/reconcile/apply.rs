//! Server-side apply of a pipeline's objects, in order; what is left over from an older spec goes. Makes no choices.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use plan::names::Part;
use plan::ownership::{self, Whose};
use plan::resources::turns::Turns;
use plan::resources::worker::{WorkerReplicas, replicas};
use plan::resources::{Kind, Object, Progress, labels, redis, volumes};
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
    /// What the API server refused for good, and what is somebody else's.
    pub troubles: Vec<Trouble>,
    /// Whether a deleted pipeline's objects are waited for to go.
    pub waits: bool,
    /// Workloads whose change waits for that of another.
    pub held_back: Vec<String>,
    /// What somebody had changed of ours and is again as it was.
    pub undone: Vec<String>,
}

/// Applies what differs from what was applied before, and deletes orphans.
pub async fn objects(
    valid: &ValidatedPipeline,
    desired: &[Object],
    live: &Live,
    progress: Progress,
    redis_used: Option<u64>,
    context: &Context,
) -> Result<Done, Error> {
    let memory = context.memory(&valid.names().key());
    let owners = owners(valid, desired, live, context).await?;
    let whose = |object: &Object| owners.get(&(object.kind, object.name.as_str())).copied();
    let mut done = Done {
        troubles: desired
            .iter()
            .filter(|object| whose(object) == Some(Whose::Strangers))
            .map(|object| ownership::taken(object.kind, &object.name))
            .collect(),
        waits: owners.values().any(|whose| *whose == Whose::Predecessors),
        ..Done::default()
    };
    let mut turns = Turns::new(progress.catching_up);
    // Pods would find a stranger's object in place of ours.
    let nothing_new = !done.troubles.is_empty();
    let worker = valid.names().of(Part::Worker);
    let mut has_workers = owners.get(&(Kind::Deployment, worker.as_str())) == Some(&Whose::Ours);
    for object in desired {
        let living = live.get(object.kind, &object.name);
        let known = match whose(object) {
            Some(Whose::Ours) => true,
            Some(Whose::Predecessors | Whose::Strangers) => continue,
            None => false,
        };
        if !object.may_be_applied(living.is_some(), progress) || (nothing_new && !known) {
            continue;
        }
        let object = living
            .map_or_else(|| object.clone(), |living| volumes::with_living_templates(object.clone(), living));
        let stands = living.is_some_and(|living| {
            lock(&memory).applied.stands(object.kind, &object.name, &object.body, living)
        });
        if let Some(living) = living {
            if stands {
                turns.passed(&object, living, false);
                continue;
            }
            if turns.holds_back(&object, living) || redis::gets_less_than_it_uses(&object, living, redis_used)
            {
                done.held_back.push(object.name);
                continue;
            }
        }
        let api = api(&context.client, valid, object.kind);
        let attempted = format!("apply {} {}", object.kind.word(), object.name);
        // What came since it was looked for is not taken over: it is a conflict.
        let how = PatchParams { force: known, ..PatchParams::apply(MANAGER) };
        let patched =
            call(attempted, async { api.patch(&object.name, &how, &Patch::Apply(&object.body)).await }).await;
        match patched {
            Ok(now) => {
                context.metrics.writes.inc();
                let now = serde_json::to_value(now).unwrap_or_default();
                if let Some(living) = living {
                    let changed = living["metadata"]["generation"] != now["metadata"]["generation"];
                    turns.passed(&object, living, changed);
                }
                let mut memory = lock(&memory);
                // It is again what was remembered: somebody had changed what is ours, and nothing else.
                if living.is_some() && memory.applied.stands(object.kind, &object.name, &object.body, &now) {
                    done.undone.push(format!("{} {}", object.kind.word(), object.name));
                }
                memory.applied.note(object.kind, &object.name, &object.body, &now);
                has_workers |= object.kind == Kind::Deployment && object.name == worker;
            }
            Err(error) => done.troubles.push(error.lasting()?),
        }
    }
    if has_workers {
        workers(valid, live, context).await?;
    }
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

/// Whose the objects are that are there already. Those that were not found by our labels are asked for by name until
/// they are made: also those that wait for the bootstrap, so that a trouble comes before it.
async fn owners<'a>(
    valid: &ValidatedPipeline,
    desired: &'a [Object],
    live: &Live,
    context: &Context,
) -> Result<BTreeMap<(Kind, &'a str), Whose>, Error> {
    let (mut owners, mut unknown) = (BTreeMap::new(), Vec::new());
    for object in desired {
        match live.get(object.kind, &object.name) {
            Some(living) => {
                owners.insert((object.kind, object.name.as_str()), ownership::whose(living, valid));
            }
            None => unknown.push(object),
        }
    }
    let asked = try_join_all(unknown.into_iter().map(|object| {
        let api = api(&context.client, valid, object.kind);
        async move {
            let attempted = format!("read {} {}", object.kind.word(), object.name);
            let there = call(attempted, async { api.get_opt(&object.name).await }).await?;
            Ok::<_, Error>(there.map(|there| (object, there)))
        }
    }));
    for (object, there) in asked.await?.into_iter().flatten() {
        let there = serde_json::to_value(there).unwrap_or_default();
        owners.insert((object.kind, object.name.as_str()), ownership::whose(&there, valid));
    }
    Ok(owners)
}

/// The number of workers where it is not the lag's: by the scaler's field manager, which is the one writer of it.
async fn workers(valid: &ValidatedPipeline, live: &Live, context: &Context) -> Result<(), Error> {
    let name = valid.names().of(Part::Worker);
    let living = live.get(Kind::Deployment, &name);
    let there = living.and_then(|living| living["spec"]["replicas"].as_i64());
    match replicas(valid) {
        WorkerReplicas::Fixed(wanted) if there != Some(i64::from(wanted)) => {
            scale(valid, wanted, context).await
        }
        WorkerReplicas::ByLag { first } if living.is_none() => scale(valid, first, context).await,
        _ => Ok(()),
    }
}

/// Sets the number of workers, which whoever calls this has found to be ours.
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
