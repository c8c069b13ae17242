//! Assertion 4: the operator killed in the middle of a bootstrap; operator, a worker and the API killed under load.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tokio::time::{Instant, sleep};

use crate::cluster::{Look, until};
use crate::error::{Error, Result, ensure};
use crate::load::Stream;
use crate::mongo;
use crate::operator::Operator;
use crate::pipeline::{Pipeline, READY_TIMEOUT};
use crate::report::{Report, note, scenario};
use crate::world::{self, World};
use crate::{away, changes, exchanged, lost};

/// Steps with a replica set initiated behind and work before them.
const MIDDLE: [&str; 8] =
    ["Record", "Users", "Shards", "Routers", "DefaultConcern", "AddShards", "ShardCollections", "Indexes"];
/// So many times at most; each next operator waits for the Lease of the killed one.
const KILLS: usize = 2;
const RUN: &str = "faults";
/// Each has connections of its own, so that every pod of the API has some of them.
const SENDERS: usize = 8;
/// Load before the first fault, between faults, and after the last one.
const BETWEEN_FAULTS: Duration = Duration::from_secs(5);

/// Carries it out.
pub async fn run(world: &mut World, report: &mut Report) {
    interrupted(world, report).await;
    exchanged::run(world, report).await;
    lost::run(world, report).await;
    report.check("the interrupted pipeline is told to go", world.leave(world::INTERRUPTED)).await;
    under_load(world, report).await;
    away::run(world, report).await;
    Box::pin(changes::run(world, report)).await;
}

async fn interrupted(world: &World, report: &mut Report) {
    scenario("4a. The operator killed in the middle of the bootstrap");
    let pipeline = world.interrupted();
    let what =
        "a second pipeline begins its bootstrap, and the operator is killed at one step after the other";
    let Some((steps, before)) = report.check(what, interrupt(world, &pipeline)).await else { return };
    note(&format!("at {}", steps.join(", ")));
    let recovers = async {
        world.operator.ready().await?;
        pipeline.ready().await?;
        pipeline.settled().await
    };
    report.check("the next operator takes it to Ready", recovers).await;
    let what = "each replica set was initiated once all the same";
    let once = async { mongo::initiated_once(&pipeline, &(before + &world.operator.log().await?)).await };
    report.check(what, once).await;
    report.check("its collections are sharded", mongo::sharded(&pipeline)).await;
}

/// The steps at which the operator was killed, and what it had said until then.
async fn interrupt(world: &World, pipeline: &Pipeline) -> Result<(Vec<String>, String)> {
    world.cluster.namespace(&pipeline.namespace).await?;
    pipeline.apply(&world::beside(&world.manifest, &pipeline.name)).await?;
    let (mut steps, mut log) = (Vec::new(), String::new());
    while steps.len() < KILLS {
        let step = until("the bootstrap is at another step", READY_TIMEOUT, async || {
            let status = pipeline.get().await?.status.unwrap_or_default();
            let step = status.mongodb.and_then(|mongodb| mongodb.step).unwrap_or_default();
            let new = MIDDLE.contains(&step.as_str()) && !steps.contains(&step);
            Ok(if new || step == "Ready" { Look::There(step) } else { Look::NotYet(step) })
        })
        .await?;
        if step == "Ready" {
            break;
        }
        log += &world.operator.kill().await?;
        steps.push(step);
    }
    ensure(!steps.is_empty(), || "the bootstrap was over before it could be interrupted".to_owned())?;
    Ok((steps, log))
}

async fn under_load(world: &mut World, report: &mut Report) {
    let pipeline = world.pipeline.clone();
    scenario("4b. Operator, worker and API killed under load");
    let killed = async {
        let mut senders = Vec::new();
        for _ in 0..SENDERS {
            senders.push(world.sender().await?);
        }
        let stream = Stream::start(senders, RUN);
        let result = kill_each(&world.operator, &pipeline).await;
        // Whatever came of it, the stream ends.
        let (outcome, sent) = stream.stop().await?;
        result?;
        outcome.all_acknowledged(sent)?;
        Ok(outcome)
    };
    let what =
        "operator, a worker and an API pod are killed; all events sent meanwhile are acknowledged in the end";
    let outcome = report.check(what, killed).await;
    let recovers = async {
        world.operator.ready().await?;
        pipeline.settled().await
    };
    report.check("the pipeline is Ready again with all its pods", recovers).await;
    let Some(outcome) = outcome else { return };
    if let Some(figures) = report.check("nothing is lost or stored twice", world.stored_once(outcome)).await {
        note(&figures);
    }
}

async fn kill_each(operator: &Operator, pipeline: &Pipeline) -> Result<()> {
    sleep(BETWEEN_FAULTS).await;
    operator.kill().await?;
    for part in ["worker", "api"] {
        sleep(BETWEEN_FAULTS).await;
        let pods = pipeline.pods(Some(part)).await?;
        let pod = pods.first().ok_or_else(|| Error::Otherwise(format!("there is no pod of {part}")))?;
        pipeline.cluster.kill(pod).await?;
        replaced(pipeline, part, pod).await?;
    }
    sleep(BETWEEN_FAULTS).await;
    Ok(())
}

/// Waits until the pod is gone and its part is whole again.
async fn replaced(pipeline: &Pipeline, part: &str, killed: &Pod) -> Result<()> {
    let began = Instant::now();
    until(&format!("{part} has another pod for the killed one"), READY_TIMEOUT, async || {
        let pods = pipeline.pods(Some(part)).await?;
        let gone = pods.iter().all(|pod| pod.uid() != killed.uid());
        let names: Vec<String> = pods.iter().map(ResourceExt::name_any).collect();
        let after = began.elapsed().as_secs();
        let ready = !pods.is_empty() && pods.iter().all(crate::cluster::is_ready);
        Ok(crate::cluster::when(gone && ready, || format!("after {after} s {names:?}, ready: {ready}")))
    })
    .await
}
