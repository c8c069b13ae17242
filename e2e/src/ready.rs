//! Assertion 1: from an empty namespace that enforces `restricted` to a Ready pipeline, and what it is made of.

use serde_json::json;

use crate::cluster::Cluster;
use crate::error::{Error, Result, ensure};
use crate::mongo;
use crate::operator;
use crate::report::{Report, scenario};
use crate::world::{self, World};

/// Whether the pipeline is Ready, which the other scenarios need.
pub async fn run(world: &World, report: &mut Report) -> bool {
    let (cluster, pipeline) = (&world.cluster, &world.pipeline);
    scenario("1. From nothing to Ready");
    let namespaces = async {
        for namespace in [operator::NAMESPACE, world::NAMESPACE] {
            cluster.namespace(namespace).await?;
            refuses_privileged(cluster, namespace).await?;
        }
        Ok(())
    };
    report
        .check("the namespaces enforce Pod Security restricted: a privileged pod is refused", namespaces)
        .await;
    let install = async {
        world.operator.install().await?;
        world.operator.ready().await?;
        let log = world.operator.log().await?;
        ensure(!log.contains(operator::OTHER_DEFINITION), || format!("it warns of its own definition: {log}"))
    };
    if report.check("helm install: the operator is ready, with its definition", install).await.is_none() {
        return false;
    }
    let become_ready = async {
        pipeline.apply(&world.manifest).await?;
        let ready = pipeline.ready().await?;
        let generation = ready.metadata.generation.unwrap_or_default();
        ensure(generation == 1, || format!("the operator changed the spec: generation {generation}"))
    };
    let what = "the EventPipeline is Ready with observedGeneration 1";
    let is_ready = report.check(what, become_ready).await.is_some();
    if !is_ready {
        return false;
    }
    let what = "every pod is ready: redis, postgres, config, 2 shards, router, api, worker";
    report.check(what, pipeline.pods_ready()).await;
    let initiated = async { mongo::initiated_once(pipeline, &world.operator.log().await?).await };
    report.check("each of the three replica sets was initiated once, and is recorded", initiated).await;
    report.check("both shards and both collections are in status.mongodb", in_status(world)).await;
    let what = "the router has both shards, and events and events_dlq sharded by hashed userId";
    report.check(what, mongo::sharded(pipeline)).await;
    let what = format!("{} serves the console, which takes nothing from elsewhere", world.console);
    report.check(&what, console(world)).await;
    true
}

/// The page, its policy, and the API behind it. Without Node on the building machine it says how it is built.
async fn console(world: &World) -> Result<()> {
    let get = async |path: &str| {
        let attempted = format!("open {}{path}", world.console);
        reqwest::get(format!("{}{path}", world.console)).await.map_err(Error::http(attempted))
    };
    let page = get("/").await?;
    let policy = page.headers().get("content-security-policy").cloned();
    let policy = policy.as_ref().and_then(|policy| policy.to_str().ok()).unwrap_or_default().to_owned();
    ensure(policy.contains("default-src 'none'"), || format!("its policy is {policy:?}"))?;
    let text = page.text().await.map_err(Error::http("read the page"))?;
    ensure(text.contains("<title>EventPipeline"), || format!("the page is {text:.200}"))?;
    let live = get("/api/live").await?;
    ensure(live.status().is_success(), || format!("/api/live answers {}", live.status()))
}

async fn refuses_privileged(cluster: &Cluster, namespace: &str) -> Result<()> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "privileged", "namespace": namespace},
        "spec": {"containers": [{"name": "a", "image": "a", "securityContext": {"privileged": true}}]},
    });
    match cluster.kubectl(&["create", "--dry-run=server", "-f", "-"], Some(&pod)).await {
        Err(Error::Command { output, .. }) if output.contains("violates PodSecurity \"restricted") => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::Otherwise(format!("{namespace} takes a privileged pod"))),
    }
}

async fn in_status(world: &World) -> Result<()> {
    let status = world.pipeline.get().await?.status.unwrap_or_default();
    let mongodb = status.mongodb.unwrap_or_default();
    let not_ready: Vec<_> = mongodb.shards.iter().filter(|shard| shard.state != "Ready").collect();
    ensure(mongodb.shards.len() == 2 && not_ready.is_empty(), || format!("shards are {:?}", mongodb.shards))?;
    for name in ["events", "events_dlq"] {
        // With or without the database before it.
        let entry = mongodb.collections.iter().find(|c| c.name.rsplit('.').next() == Some(name));
        ensure(entry.is_some_and(|entry| entry.sharded), || format!("{name} is {entry:?}"))?;
    }
    Ok(())
}
