//! A store away: Redis has no node to run on. Senders are told when to try again, and what was acknowledged is there
//! when it comes back.

use std::time::Duration;

use crd::conditions::types;
use eventpipeline::sender::Event;
use reqwest::Client;

use crate::cluster::{Look, until};
use crate::error::{Error, Result};
use crate::load;
use crate::report::{Report, note, scenario};
use crate::world::World;

/// The API notices with its next write, the operator with the pod.
const NOTICED_TIMEOUT: Duration = Duration::from_mins(1);
/// Longer than the API waits for Redis.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const RUN: &str = "away";
/// Every node.
const NODES: [&str; 2] = ["--selector", "kubernetes.io/os=linux"];

/// Carries it out.
pub async fn run(world: &mut World, report: &mut Report) {
    scenario("4e. Redis has no node to run on");
    let away = async {
        world.cluster.kubectl(&[&["cordon"], &NODES[..]].concat(), None).await?;
        let told = told(world).await;
        // Whatever came of it.
        world.cluster.kubectl(&[&["uncordon"], &NODES[..]].concat(), None).await?;
        told
    };
    let what = "an event is answered 503 with Retry-After, and RedisReady says that its pod is away";
    if let Some(words) = report.check(what, away).await {
        note(&words);
    }
    report.check("with a node again it is Ready", world.pipeline.settled()).await;
    // The event whose outcome is unknown is sent again, as a sender does.
    let again = async {
        let outcome = load::send(&world.sender().await?, RUN, &[0]).await?;
        outcome.all_acknowledged(1)?;
        world.stored_once(outcome).await
    };
    report.check("the event is sent again, and all that was ever acknowledged is stored, once", again).await;
}

async fn told(world: &World) -> Result<String> {
    let pipeline = &world.pipeline;
    let pods = pipeline.pods(Some("redis")).await?;
    let pod = pods.first().ok_or_else(|| Error::Otherwise("there is no Redis".to_owned()))?;
    pipeline.cluster.kill(pod).await?;
    let key = pipeline.api_key().await?;
    let client = Client::builder().timeout(REQUEST_TIMEOUT).build().map_err(Error::http("make a client"))?;
    let event = Event::numbered(RUN, 0).json;
    let words = until("an event is answered 503 with Retry-After", NOTICED_TIMEOUT, async || {
        let url = format!("{}/api/v1/events", world.api);
        let response = client.post(url).header("x-api-key", &key).json(&event).send().await;
        let response = response.map_err(Error::http("send an event"))?;
        let (status, after) = (response.status().as_u16(), response.headers().get("retry-after").cloned());
        let body = response.text().await.unwrap_or_default();
        Ok(if status == 503 && after.is_some() {
            Look::There(format!("503, Retry-After {after:?}: {body}"))
        } else {
            Look::NotYet(format!("{status}: {body}"))
        })
    })
    .await?;
    let condition = until("RedisReady is False", NOTICED_TIMEOUT, async || {
        let conditions = pipeline.get().await?.status.unwrap_or_default().conditions;
        let redis = conditions.into_iter().find(|condition| condition.type_ == types::REDIS_READY);
        Ok(match redis {
            Some(redis) if redis.status == "False" => Look::There(redis),
            other => Look::NotYet(format!("{other:?}")),
        })
    })
    .await?;
    Ok(format!("RedisReady False {}: {}\n{words}", condition.reason, condition.message))
}
