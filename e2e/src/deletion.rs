//! Assertion 6: what deletion leaves with `Retain`, what it takes with `Delete`, and what `helm uninstall` leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, ResourceExt};

use crate::cluster::{until, when};
use crate::error::{Error, Result, ensure};
use crate::events;
use crate::load::Outcome;
use crate::operator;
use crate::pipeline::Pipeline;
use crate::report::{Report, scenario};
use crate::steady;
use crate::world::World;

/// Members of replica sets have two minutes to end.
const GONE_TIMEOUT: Duration = Duration::from_mins(4);
/// The operator sees a change of the spec at once.
const SEEN_TIMEOUT: Duration = Duration::from_secs(30);
/// The definition of the API.
const DEFINITION: &str = "eventpipelines.eventpipeline.dev";

/// Carries it out.
pub async fn run(world: &mut World, report: &mut Report) {
    let pipeline = world.pipeline.clone();
    scenario("6. Deletion");
    let retained = async {
        let before = data(&pipeline).await?;
        delete(&pipeline).await?;
        only(&pipeline, &["PersistentVolumeClaim", "Secret"]).await?;
        let after = data(&pipeline).await?;
        ensure(before == after && !before.is_empty(), || format!("before {before:?}\nafter {after:?}"))?;
        Ok(before)
    };
    let what = "deleted with Retain, everything goes but volumes and generated Secrets";
    let Some(before) = report.check(what, retained).await else { return };
    let again = async {
        pipeline.apply(&world.manifest).await?;
        pipeline.ready().await?;
        pipeline.settled().await?;
        let after = data(&pipeline).await?;
        ensure(before == after, || format!("before {before:?}\nafter {after:?}"))
    };
    report.check("applied again it is Ready, with the same volumes and Secrets", again).await;
    let what = "the old events are there, each once";
    report.check(what, world.stored_once(Outcome::default())).await;
    report.check("and are read through the API", events::read_back(world)).await;

    let without_operator = async {
        world.operator.uninstall().await?;
        defined(world).await?;
        pipeline.get().await?;
        ensure(before == data(&pipeline).await?, || "volumes or Secrets went".to_owned())
    };
    let what = "helm uninstall leaves the definition, the pipeline and its data";
    report.check(what, without_operator).await;
    report.check("the pipeline works on without an operator", events::read_back(world)).await;
    let back = async {
        world.operator.install().await?;
        world.operator.ready().await?;
        pipeline.settled().await
    };
    report.check("installed again, the operator finds it Ready", back).await;

    let deleted = async {
        let policy = r#"{"spec":{"deletionPolicy":"Delete"}}"#;
        pipeline.kubectl(&["patch", "epl", &pipeline.name, "--type=merge", "-p", policy], None).await?;
        until("the finalizer is there", SEEN_TIMEOUT, async || {
            let finalizers = pipeline.get().await?.finalizers().to_vec();
            Ok(when(finalizers.iter().any(|f| f == crd::FINALIZER), || format!("{finalizers:?}")))
        })
        .await?;
        delete(&pipeline).await?;
        until("volumes and Secrets are gone", GONE_TIMEOUT, async || {
            let left = data(&pipeline).await?;
            Ok(when(left.is_empty(), || format!("{:?}", left.keys())))
        })
        .await?;
        only(&pipeline, &[]).await
    };
    report.check("deleted with Delete, volumes and generated Secrets go, too", deleted).await;
    let uninstalled = async {
        world.operator.uninstall().await?;
        defined(world).await
    };
    report.check("helm uninstall leaves the definition", uninstalled).await;
}

/// Volumes and Secrets of a pipeline: kind and name → identity, and for a claim its volume.
async fn data(pipeline: &Pipeline) -> Result<BTreeMap<String, String>> {
    let (cluster, namespace, labels) = (&pipeline.cluster, &pipeline.namespace, pipeline.labels());
    let claims: Vec<PersistentVolumeClaim> = cluster.list(namespace, &labels).await?;
    let secrets: Vec<Secret> = cluster.list(namespace, &labels).await?;
    let claims = claims.into_iter().map(|claim| {
        let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).unwrap_or_default();
        (format!("claim {}", claim.name_any()), format!("{} {volume}", claim.uid().unwrap_or_default()))
    });
    let secrets = secrets
        .into_iter()
        .map(|secret| (format!("Secret {}", secret.name_any()), secret.uid().unwrap_or_default()));
    Ok(claims.chain(secrets).collect())
}

/// `kubectl delete`, and waits until it and all that runs for it are gone.
async fn delete(pipeline: &Pipeline) -> Result<()> {
    pipeline.kubectl(&["delete", "epl", &pipeline.name, "--wait=false"], None).await?;
    until("the pipeline and what runs for it are gone", GONE_TIMEOUT, async || {
        let (cluster, namespace, labels) = (&pipeline.cluster, &pipeline.namespace, pipeline.labels());
        let object = pipeline.get_opt().await?.map_or(0, |_| 1);
        let pods = cluster.list::<Pod>(namespace, &labels).await?.len();
        let sets = cluster.list::<StatefulSet>(namespace, &labels).await?.len();
        let deployments = cluster.list::<Deployment>(namespace, &labels).await?.len();
        let services = cluster.list::<Service>(namespace, &labels).await?.len();
        Ok(when(object + pods + sets + deployments + services == 0, || {
            format!(
                "{object} pipeline, {pods} pods, {sets} stateful sets, {deployments} deployments, {services} services"
            )
        }))
    })
    .await
}

/// Waits until what is left of it, of all kinds that there are, is of these alone.
async fn only(pipeline: &Pipeline, left: &[&str]) -> Result<()> {
    let kinds = steady::kinds(&pipeline.cluster).await?;
    until(&format!("what is left is of {left:?}"), GONE_TIMEOUT, async || {
        let there = steady::snapshot(pipeline, &kinds).await?;
        let others: Vec<String> = there
            .keys()
            .filter(|(kind, _)| !left.contains(&kind.as_str()))
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect();
        Ok(when(others.is_empty(), || others.join(", ")))
    })
    .await
}

async fn defined(world: &World) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(world.cluster.client.clone());
    let found = api.get_opt(DEFINITION).await.map_err(Error::cluster(format!("read {DEFINITION}")))?;
    let there = found.is_some_and(|definition| definition.metadata.deletion_timestamp.is_none());
    ensure(there, || format!("{DEFINITION} is gone; {} had it", operator::NAMESPACE))
}
