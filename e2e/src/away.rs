//! A store away: Redis has no node to run on. Senders are told when to try again, and what was acknowledged is there
//! when it comes back.

use std::time::Duration;

use crd::conditions::types;
use eventpipeline::sender::Event;
use reqwest::Client;
use tokio::time::sleep;

use crate::cluster::{Look, until};
use crate::error::{Error, Result, ensure};
use crate::load;
use crate::report::{Report, note, scenario};
use crate::world::World;

/// The API notices with its next write, the operator with the pod.
const NOTICED_TIMEOUT: Duration = Duration::from_mins(1);
/// Two seconds a probe, three failures, and some to spare.
const STAYS: Duration = Duration::from_secs(15);
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
    let what = "events are answered 503 with Retry-After for as long as it is away, reads go on, and RedisReady says so";
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
    let refused = async || {
        let url = format!("{}/api/v1/events", world.api);
        let event = Event::numbered(RUN, 0).json;
        let response = client.post(url).header("x-api-key", &key).json(&event).send().await;
        let response = response.map_err(Error::http("send an event"))?;
        let (status, after) = (response.status().as_u16(), response.headers().get("retry-after").cloned());
        let body = response.text().await.unwrap_or_default();
        Ok(if status == 503 && after.is_some() {
            Look::There(format!("503, Retry-After {after:?}: {body}"))
        } else {
            Look::NotYet(format!("{status}: {body}"))
        })
    };
    let words = until("an event is answered 503 with Retry-After", NOTICED_TIMEOUT, &refused).await?;
    let condition = until("RedisReady is False", NOTICED_TIMEOUT, async || {
        let conditions = pipeline.get().await?.status.unwrap_or_default().conditions;
        let redis = conditions.into_iter().find(|condition| condition.type_ == types::REDIS_READY);
        Ok(match redis {
            Some(redis) if redis.status == "False" => Look::There(redis),
            other => Look::NotYet(format!("{other:?}")),
        })
    })
    .await?;
    // Longer than a probe of the kubelet and its failures take: the API must not leave its Service.
    sleep(STAYS).await;
    if let Look::NotYet(other) = refused().await? {
        return Err(Error::Otherwise(format!("after {} s an event is answered {other}", STAYS.as_secs())));
    }
    let url = format!("{}/api/v1/events?userId=nobody", world.api);
    let read = client.get(url).header("x-api-key", &key).send().await.map_err(Error::http("read events"))?;
    ensure(read.status() == 200, || format!("reading is answered {}", read.status()))?;
    Ok(format!("RedisReady False {}: {}\n{words}", condition.reason, condition.message))
}
