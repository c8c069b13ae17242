//! Volumes of two shards exchanged, as in a restore that went wrong: each shard would answer with the other's events.

use crd::conditions::{reasons, types};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::cluster::{Look, until, when};
use crate::error::{Error, Result};
use crate::pipeline::{Pipeline, READY_TIMEOUT};
use crate::report::{Report, note, scenario};
use crate::world::World;

/// Moves all that is in one folder to the other, both ways.
const EXCHANGE: &str =
    "mkdir /a/.left && mv /a/* /a/.left/ && mv /b/* /a/ && mv /a/.left/* /b/ && rmdir /a/.left";
/// The pod that does it.
const MOVER: &str = "exchange";

/// Carries it out on the pipeline whose bootstrap was interrupted.
pub async fn run(world: &World, report: &mut Report) {
    let pipeline = world.interrupted();
    let members = ["shard-0", "shard-1"].map(|shard| format!("{}-{shard}-0", pipeline.name));
    scenario("4c. Volumes of two shards exchanged");
    let what = "the pipeline says VolumeConflict, names a member, and what its volume says";
    let told = async {
        exchange(world, &pipeline, &members).await?;
        let words = ["has a volume of another set", "Nothing is deleted"];
        pipeline.says(types::MONGODB_READY, "False", reasons::VOLUME_CONFLICT, &words).await
    };
    if let Some(words) = report.check(what, told).await {
        note(&words);
    }
    let back = async {
        exchange(world, &pipeline, &members).await?;
        pipeline.settled().await
    };
    report.check("exchanged back it is Ready again", back).await;
}

/// With nobody there to start the shards again meanwhile.
async fn exchange(world: &World, pipeline: &Pipeline, members: &[String; 2]) -> Result<()> {
    world.operator.stop().await?;
    let exchanged = async {
        let shards = pipeline.pods(Some("shard")).await?;
        let shard =
            shards.first().ok_or_else(|| Error::Otherwise("there is no pod of a shard".to_owned()))?;
        let sets = members.each_ref().map(|member| member.strip_suffix("-0").unwrap_or(member));
        pipeline.kubectl(&["scale", "statefulset", "--replicas=0", sets[0], sets[1]], None).await?;
        until("the shards are down", READY_TIMEOUT, async || {
            let left = pipeline.pods(Some("shard")).await?.len();
            Ok(when(left == 0, || format!("{left} pods")))
        })
        .await?;
        pipeline.kubectl(&["apply", "-f", "-"], Some(&mover(shard, members)?)).await?;
        until("their volumes are exchanged", READY_TIMEOUT, async || {
            let pod = pipeline.cluster.of::<Pod>(&pipeline.namespace).get(MOVER).await;
            let pod = pod.map_err(Error::cluster("read the pod that exchanges"))?;
            let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
            match phase.as_str() {
                "Failed" => Err(Error::Otherwise("they could not be exchanged".to_owned())),
                "Succeeded" => Ok(Look::There(())),
                _ => Ok(Look::NotYet(phase)),
            }
        })
        .await?;
        pipeline.kubectl(&["delete", "pod", MOVER, "--wait=true"], None).await
    };
    let exchanged = Box::pin(exchanged).await;
    // Whatever came of it.
    world.operator.start().await?;
    exchanged
}

/// A pod that may do what a shard's pod may, on the volumes of both.
fn mover(shard: &Pod, members: &[String; 2]) -> Result<Value> {
    let spec =
        shard.spec.as_ref().ok_or_else(|| Error::Otherwise(format!("{} is empty", shard.name_any())))?;
    let server = &spec.containers[0];
    let volume = |name: &str, member: &str| json!({"name": name, "persistentVolumeClaim": {"claimName": format!("data-{member}")}});
    Ok(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": MOVER},
        "spec": {
            "restartPolicy": "Never", "securityContext": spec.security_context,
            "automountServiceAccountToken": false,
            "containers": [{
                "name": MOVER, "image": server.image, "imagePullPolicy": server.image_pull_policy,
                "securityContext": server.security_context, "resources": server.resources,
                "command": ["/bin/sh", "-ec", EXCHANGE],
                "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/b"}],
            }],
            "volumes": [volume("a", &members[0]), volume("b", &members[1])],
        },
    }))
}
