//! All volumes of an initiated replica set lost: an empty one in its place would answer with nothing, and no error.

use crd::conditions::{reasons, types};

use crate::error::{Error, Result};
use crate::mongo;
use crate::pipeline::Pipeline;
use crate::report::{Report, note, scenario};
use crate::world::World;

/// Carries it out on the pipeline whose bootstrap was interrupted; it does not get ready again.
pub async fn run(world: &World, report: &mut Report) {
    let pipeline = world.interrupted();
    let set = format!("{}-shard-1", pipeline.name);
    scenario("4d. All volumes of a shard lost");
    let what = "the pipeline says DataLost, names the set, and what to do";
    if let Some(words) = report.check(what, lose(&pipeline, &set)).await {
        note(&words);
    }
    let what = "and no empty replica set was initiated in its place";
    report.check(what, mongo::uninitiated(&pipeline, &set)).await;
}

async fn lose(pipeline: &Pipeline, set: &str) -> Result<String> {
    let member = format!("{set}-0");
    let pods = pipeline.pods(Some("shard")).await?;
    let pod = pods.iter().find(|pod| pod.metadata.name.as_deref() == Some(&member));
    let pod = pod.ok_or_else(|| Error::Otherwise(format!("there is no pod {member}")))?;
    // A claim that a pod has goes with the pod; the set makes both anew.
    pipeline.kubectl(&["delete", "pvc", &format!("data-{member}"), "--wait=false"], None).await?;
    pipeline.cluster.kill(pod).await?;
    pipeline.says(types::MONGODB_READY, "False", reasons::DATA_LOST, &[set]).await
}
