//! Changes of what runs: by hand, of a Secret, and of MongoDB under load.

use std::collections::BTreeSet;
use std::time::Duration;

use crd::conditions::{reasons, types};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

use crate::cluster::{Look, is_ready, until, when};
use crate::error::{Error, Result, ensure};
use crate::load::Stream;
use crate::pipeline::{Pipeline, READY_TIMEOUT};
use crate::report::{Report, note, scenario};
use crate::world::World;

/// The operator sees what it owns at once, and looks at Secrets once a minute.
const SEEN_TIMEOUT: Duration = Duration::from_secs(100);
const RUN: &str = "changes";

/// Carries it out.
pub async fn run(world: &mut World, report: &mut Report) {
    scenario("4f. What runs is changed: by hand, by a Secret, by the spec");
    let pipeline = world.pipeline.clone();
    let what = "a change by hand is undone, and an Event says so";
    if let Some(words) = report.check(what, Box::pin(by_hand(&pipeline))).await {
        note(&words);
    }
    let what = "with another value in their Secret, pods of the API are made anew and take events";
    report.check(what, by_a_secret(&pipeline)).await;
    let changed = async {
        let stream = Stream::start(vec![world.sender().await?], RUN);
        let result = of_mongodb(&pipeline).await;
        // Whatever came of it, the stream ends.
        let (outcome, sent) = stream.stop().await?;
        let words = result?;
        outcome.all_acknowledged(sent)?;
        Ok((outcome, words))
    };
    let what = "a change of MongoDB under load starts one set after the other, the config servers first";
    let Some((outcome, words)) = report.check(what, changed).await else { return };
    note(&words);
    if let Some(figures) = report.check("nothing is lost or stored twice", world.stored_once(outcome)).await {
        note(&figures);
    }
}

async fn by_hand(pipeline: &Pipeline) -> Result<String> {
    let name = format!("{}-api", pipeline.name);
    let deployments = pipeline.cluster.of::<Deployment>(&pipeline.namespace);
    let replicas = async || {
        let found = deployments.get(&name).await.map_err(Error::cluster("read the API's Deployment"))?;
        Ok::<_, Error>(found.spec.and_then(|spec| spec.replicas))
    };
    let before = replicas().await?;
    pipeline.kubectl(&["scale", "deployment", &name, "--replicas=3"], None).await?;
    until("its replicas are what they were", SEEN_TIMEOUT, async || {
        let now = replicas().await?;
        Ok(when(now == before, || format!("{now:?} of {before:?}")))
    })
    .await?;
    let events = pipeline.cluster.of::<Event>(&pipeline.namespace);
    let told = until("an Event tells of it", SEEN_TIMEOUT, async || {
        let ours = ListParams::default().fields(&format!("reason={}", reasons::CHANGE_UNDONE));
        let found = events.list(&ours).await.map_err(Error::cluster("list Events"))?;
        let told =
            found.items.into_iter().find_map(|event| event.message.filter(|text| text.contains(&name)));
        Ok(told.map_or_else(|| Look::NotYet("no such Event".to_owned()), Look::There))
    })
    .await?;
    pipeline.settled().await?;
    Ok(told)
}

async fn by_a_secret(pipeline: &Pipeline) -> Result<()> {
    let uids = async || {
        Ok::<_, Error>(pipeline.pods(Some("api")).await?.iter().filter_map(ResourceExt::uid).collect())
    };
    let before: BTreeSet<String> = uids().await?;
    // With another secret people have to sign in again; nothing else is lost.
    let change = json!({"stringData": {"jwt-secret": "another-secret-of-at-least-thirty-two-characters"}});
    let (secret, patch) = (format!("{}-credentials", pipeline.name), change.to_string());
    pipeline.kubectl(&["patch", "secret", &secret, "--type=merge", "-p", &patch], None).await?;
    until("every pod of the API is another one", SEEN_TIMEOUT, async || {
        let now: BTreeSet<String> = uids().await?;
        Ok(when(now.is_disjoint(&before), || {
            format!("{} of {}", now.intersection(&before).count(), before.len())
        }))
    })
    .await?;
    pipeline.settled().await
}

/// The servers in the order in which they were replaced.
async fn of_mongodb(pipeline: &Pipeline) -> Result<String> {
    let servers = async || {
        let mut servers = Vec::new();
        for part in ["config", "shard", "router"] {
            servers.extend(pipeline.pods(Some(part)).await?);
        }
        Ok::<_, Error>(servers)
    };
    let members = |servers: &[Pod]| {
        servers.iter().filter(|pod| is_ready(pod) && !pod.name_any().contains("-router-")).count()
    };
    let before = servers().await?;
    let old: BTreeSet<String> = before.iter().filter_map(ResourceExt::uid).collect();
    let (mut order, mut ready_least) = (Vec::new(), members(&before));
    let change = json!({"spec": {"mongodb": {"annotations": {"example.com/changed": "once"}}}}).to_string();
    pipeline.kubectl(&["patch", "epl", &pipeline.name, "--type=merge", "-p", &change], None).await?;
    until("every server of MongoDB is another one", READY_TIMEOUT, async || {
        let now = servers().await?;
        ready_least = ready_least.min(members(&now));
        let (kept, made): (Vec<_>, Vec<_>) =
            now.iter().partition(|pod| pod.uid().is_some_and(|uid| old.contains(&uid)));
        for name in made.into_iter().map(ResourceExt::name_any) {
            if !order.contains(&name) {
                order.push(name);
            }
        }
        Ok(when(kept.is_empty(), || format!("{} are as before; so far {order:?}", kept.len())))
    })
    .await?;
    let at_once = members(&before) - ready_least;
    ensure(at_once <= 1, || format!("{at_once} members of sets were away at once: {order:?}"))?;
    let at = |end: Option<&String>, part| end.is_some_and(|name| name.contains(part));
    let in_order = at(order.first(), "-config-") && at(order.last(), "-router-");
    ensure(in_order, || format!("not in the order of MongoDB's own upgrades: {order:?}"))?;
    pipeline.settled().await?;
    let settled = pipeline.says(types::RECONCILING, "False", reasons::UP_TO_DATE, &[]).await?;
    Ok(format!("{}\n{settled}", order.join(", ")))
}
