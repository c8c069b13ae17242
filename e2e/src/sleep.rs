//! The autoscaler at zero and out of charge: asleep while nothing comes, woken by the first event, straight to the size
//! that a remembered capacity asks for, only told (`DryRun`), and overruled (`Manual`).

use std::time::Duration;

use crd::conditions::types;
use crd::{SLOW_INSERTS_ANNOTATION, ScalingStatus};
use eventpipeline::scale::Explain;
use eventpipeline::sender::Sender;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cluster::{until, when};
use crate::error::{Error, Result, ensure};
use crate::forward::Forward;
use crate::load::{self, Outcome};
use crate::operator;
use crate::outside;
use crate::pipeline::Pipeline;
use crate::report::{Report, note, scenario};
use crate::world::{self, World};

/// Each insert waits so long: a worker with two inserts of 1,000 events at once stores 500 a second.
const SLOW_MS: u32 = 4_000;
/// For a worker's capacity to be learned.
const FIRST_EVENTS: u64 = 2_000;
/// 16 s of one such worker, with 5 s for the drain target.
const BACKLOG: u64 = 8_000;
/// A period that nobody would wait for; what wakes within less was not the regular look.
const LONG_PERIOD: u32 = 60;
/// Of those that the example has.
const TWO_SHORT_PERIODS: Duration = Duration::from_secs(2);
/// Well below that.
const WAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// `idleAfterSeconds`, slow inserts, and pods that end.
const SLEEP_TIMEOUT: Duration = Duration::from_mins(2);
/// One decision, or pods that start.
const SHORT: Duration = Duration::from_mins(1);
const RUN: &str = "asleep";
const API_PORT: u16 = 3001;

/// Carries it out.
pub async fn run(world: &mut World, report: &mut Report) {
    scenario("3b. Workers that sleep, wake, and are set by hand");
    let sleeper = Pipeline {
        cluster: world.cluster.clone(),
        namespace: world::ASLEEP.to_owned(),
        name: "sleeper".to_owned(),
    };
    carry_out(world, &sleeper, report).await;
    report.check("the sleeper is told to go", world.leave(world::ASLEEP)).await;
}

/// `None`: a check failed that the next ones need.
async fn carry_out(world: &mut World, sleeper: &Pipeline, report: &mut Report) -> Option<()> {
    let what = "a pipeline with minReplicas: 0 is Ready, and sleeps";
    report.check(what, begin(world, sleeper)).await?;
    let way = report.check("its API is reached", reach(sleeper)).await?;

    let what = "2,000 events wake it; a worker's capacity is learned";
    let (first, learned) = report.check(what, learn(sleeper, &way)).await?;
    note(&format!("{learned} events/s"));
    report.check("after idleAfterSeconds it sleeps again", asleep(sleeper)).await?;

    let what = format!("looked at every {LONG_PERIOD} s only, it is woken by the first event all the same");
    let (second, sentence) = report.check(&what, pushed(sleeper, &way)).await?;
    note(&sentence);
    report.check("and sleeps again", asleep(sleeper)).await?;

    let what =
        "8,000 events come while there is no operator: the next one wakes it straight to the wanted size";
    let (third, scaling) = report.check(what, wake_by_new_operator(world, sleeper, &way, learned)).await?;
    note(&scaling);
    if let Some(text) =
        report.check("`eventpipeline scale explain` tells a decision", explained(sleeper)).await
    {
        note(&text);
    }
    for outcome in [first, second] {
        world.ledger.merge(outcome.ledger);
    }
    let stored = report.check("nothing is lost or stored twice", world.stored_once(third)).await?;
    note(&stored);

    let what = "DryRun: `replicas` workers, and status.scaling tells what the lag asks for";
    if let Some(text) = report.check(what, dry_run(sleeper)).await {
        note(&text);
    }
    if let Some(text) = report.check("Manual: `replicas` workers", manual(sleeper)).await {
        note(&text);
    }
    report.check("Lag again: it sleeps", by_lag(sleeper)).await
}

async fn begin(world: &World, sleeper: &Pipeline) -> Result<()> {
    world.cluster.namespace(&sleeper.namespace).await?;
    let workers = json!({
        "minReplicas": 0, "maxReplicas": 4, "idleAfterSeconds": 10, "pollPeriodSeconds": 1, "drainTargetSeconds": 5,
        "scaleDown": {"stabilizationSeconds": 5, "periodSeconds": 5},
    });
    let mut pipeline = outside::pipeline(&sleeper.name, &outside::spec(workers));
    pipeline["metadata"]["annotations"] = json!({SLOW_INSERTS_ANNOTATION: SLOW_MS.to_string()});
    let mut all = outside::secrets(world).await?;
    all.push(pipeline);
    sleeper.apply(&outside::list(&all)).await?;
    sleeper.ready().await?;
    asleep(sleeper).await
}

/// A way to its API, and a sender that goes there.
struct Way {
    sender: Sender,
    _forward: Forward,
}

async fn reach(sleeper: &Pipeline) -> Result<Way> {
    let pods = sleeper.pods(Some("api")).await?;
    let pod = pods.first().ok_or_else(|| Error::Otherwise("there is no pod of the API".to_owned()))?;
    let forward = Forward::to(pod, API_PORT).await?;
    let key = sleeper.api_key().await?;
    let sender = Sender::new(&format!("http://127.0.0.1:{}", forward.port), &key);
    Ok(Way { sender: sender.map_err(Error::http("make a client of the API"))?, _forward: forward })
}

async fn send(way: &Way, numbers: std::ops::Range<u64>) -> Result<Outcome> {
    let numbers: Vec<u64> = numbers.collect();
    let outcome = load::send(&way.sender, RUN, &numbers).await?;
    outcome.all_acknowledged(numbers.len())?;
    Ok(outcome)
}

async fn learn(sleeper: &Pipeline, way: &Way) -> Result<(Outcome, i64)> {
    let outcome = send(way, 0..FIRST_EVENTS).await?;
    let mut learned = 0;
    until("a worker's capacity is learned", SHORT, async || {
        let scaling = scaling(sleeper).await?;
        learned = scaling.worker_events_per_second.unwrap_or_default();
        Ok(when(learned > 0, || scaling.message))
    })
    .await?;
    Ok((outcome, learned))
}

async fn pushed(sleeper: &Pipeline, way: &Way) -> Result<(Outcome, String)> {
    patch(sleeper, &json!({"pollPeriodSeconds": LONG_PERIOD})).await?;
    // The operator sees a change within milliseconds, and by then the last look by the short period is over.
    sleep(TWO_SHORT_PERIODS).await;
    let outcome = send(way, FIRST_EVENTS..FIRST_EVENTS + 1).await?;
    awake(sleeper, 1, WAKE_TIMEOUT).await?;
    patch(sleeper, &json!({"pollPeriodSeconds": 1})).await?;
    Ok((outcome, told(sleeper, "WokeUp").await?))
}

/// With what the last operator learned the next one knows how many workers a backlog needs.
async fn wake_by_new_operator(
    world: &World,
    sleeper: &Pipeline,
    way: &Way,
    learned: i64,
) -> Result<(Outcome, String)> {
    scale_operator(world, 0).await?;
    let begin = FIRST_EVENTS + 1;
    let sent = send(way, begin..begin + BACKLOG).await;
    // Whatever came of it, there is an operator again.
    scale_operator(world, 1).await?;
    let outcome = sent?;
    awake(sleeper, 2, SHORT).await?;
    let remembered = scaling(sleeper).await?.worker_events_per_second.unwrap_or_default();
    // It changes slowly with what is seen; one that was forgotten would not be there before the first worker is busy.
    ensure(remembered * 2 > learned, || format!("{remembered} events/s are remembered of {learned}"))?;
    Ok((outcome, told(sleeper, "WokeUp").await?))
}

async fn explained(sleeper: &Pipeline) -> Result<String> {
    let explain = Explain { name: Some(sleeper.name.clone()), namespace: Some(sleeper.namespace.clone()) };
    let text = explain.text().await.map_err(Error::Otherwise)?;
    ensure(text.contains("What was seen") && text.contains("/s"), || text.clone())?;
    Ok(text)
}

async fn scale_operator(world: &World, replicas: u32) -> Result<()> {
    let replicas_argument = format!("--replicas={replicas}");
    let arguments = [
        "--namespace",
        operator::NAMESPACE,
        "scale",
        "deployment",
        "--selector",
        operator::PODS,
        &replicas_argument,
    ];
    world.cluster.kubectl(&arguments, None).await?;
    if replicas > 0 {
        return world.operator.ready().await.map(|_| ());
    }
    until("there is no operator", SHORT, async || {
        let pods = world.operator.pods().await?;
        Ok(when(pods.is_empty(), || format!("{} pods", pods.len())))
    })
    .await
}

async fn dry_run(sleeper: &Pipeline) -> Result<String> {
    patch(sleeper, &json!({"scaling": "DryRun", "replicas": 2})).await?;
    sleeper.says(types::SCALING_ACTIVE, "False", "DryRun", &["2"]).await?;
    let mut sentence = String::new();
    until("two workers are held, and the lag would have fewer", SLEEP_TIMEOUT, async || {
        let (scaling, workers) = (scaling(sleeper).await?, sleeper.workers().await?);
        sentence.clone_from(&scaling.message);
        let held = replicas(&workers) == 2 && ready(&workers) == 2;
        Ok(when(held && scaling.current == 2 && scaling.desired < 2, || {
            format!("{} of {} ready; {}", ready(&workers), replicas(&workers), scaling.message)
        }))
    })
    .await?;
    // A decision was made, and is not obeyed by a later one, either.
    looked_at(sleeper).await?;
    ensure(replicas(&sleeper.workers().await?) == 2, || "the decision was obeyed".to_owned())?;
    Ok(sentence)
}

async fn manual(sleeper: &Pipeline) -> Result<String> {
    patch(sleeper, &json!({"scaling": "Manual", "replicas": 3})).await?;
    until("there are three workers", SHORT, async || {
        let workers = sleeper.workers().await?;
        Ok(when(ready(&workers) == 3, || format!("{} of {} ready", ready(&workers), replicas(&workers))))
    })
    .await?;
    sleeper.says(types::SCALING_ACTIVE, "False", "ScalingManual", &["3"]).await
}

async fn by_lag(sleeper: &Pipeline) -> Result<()> {
    patch(sleeper, &json!({"scaling": "Lag", "replicas": null})).await?;
    asleep(sleeper).await
}

async fn patch(sleeper: &Pipeline, workers: &Value) -> Result<()> {
    let change = json!({"spec": {"workers": workers}}).to_string();
    sleeper.kubectl(&["patch", "epl", &sleeper.name, "--type=merge", "-p", &change], None).await
}

/// Waits until the autoscaler has looked at the present spec.
async fn looked_at(sleeper: &Pipeline) -> Result<()> {
    until("the autoscaler has seen the change", SHORT, async || {
        let object = sleeper.get().await?;
        let generation = object.metadata.generation;
        let conditions = object.status.unwrap_or_default().conditions;
        let seen = conditions.iter().find(|condition| condition.type_ == types::SCALING_ACTIVE);
        let seen = seen.and_then(|condition| condition.observed_generation);
        Ok(when(seen == generation, || format!("{seen:?} of {generation:?}")))
    })
    .await
}

async fn asleep(sleeper: &Pipeline) -> Result<()> {
    until("there is no worker, on purpose", SLEEP_TIMEOUT, async || {
        let (scaling, workers) = (scaling(sleeper).await?, sleeper.workers().await?);
        let pods = sleeper.pods(Some("worker")).await?.len();
        let said = ["Idle", "WentIdle"].contains(&scaling.reason.as_str());
        Ok(when(said && replicas(&workers) == 0 && pods == 0, || {
            format!("{} asked for, {pods} pods; {}: {}", replicas(&workers), scaling.reason, scaling.message)
        }))
    })
    .await
}

async fn awake(sleeper: &Pipeline, least: i32, within: Duration) -> Result<()> {
    until("it is awake", within, async || {
        let (workers, scaling) = (sleeper.workers().await?, scaling(sleeper).await?);
        Ok(when(replicas(&workers) >= least, || format!("{}: {}", scaling.reason, scaling.message)))
    })
    .await
}

/// The newest Event of the pipeline with this reason.
async fn told(sleeper: &Pipeline, reason: &str) -> Result<String> {
    let mut text = String::new();
    until("an Event tells of it", SHORT, async || {
        let events = sleeper.cluster.of::<Event>(&sleeper.namespace).list(&ListParams::default()).await;
        let events = events.map_err(Error::cluster("list the Events"))?.items;
        let of = events.iter().filter(|event| event.reason.as_deref() == Some(reason));
        let newest = of.max_by_key(|event| event.event_time.clone());
        text = newest.and_then(|event| event.note.clone()).unwrap_or_default();
        Ok(when(!text.is_empty(), || format!("{} other Events", events.len())))
    })
    .await?;
    Ok(text)
}

async fn scaling(sleeper: &Pipeline) -> Result<ScalingStatus> {
    Ok(sleeper.get().await?.status.and_then(|status| status.scaling).unwrap_or_default())
}

fn replicas(workers: &Deployment) -> i32 {
    workers.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

fn ready(workers: &Deployment) -> i32 {
    workers.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0)
}
