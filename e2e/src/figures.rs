//! What the operator costs, for `make bench`: from apply to Ready, memory, CPU and writes at rest with one pipeline and
//! with many, and how soon a decision is in the cluster. Told as a table; only the writes are asserted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crd::conditions::types;
use kube::ResourceExt;
use reqwest::Client;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::cluster::{Look, until, when};
use crate::error::{Error, Result, ensure};
use crate::forward::Forward;
use crate::outside;
use crate::pipeline::{Pipeline, readiness};
use crate::report::{Report, note, scenario};
use crate::world::{self, World};

/// Pipelines of the second measurement; one pod of the API each, and a node takes 110 pods.
const MANY: usize = 50;
/// How long the operator is watched at rest.
const REST: Duration = Duration::from_mins(1);
/// Without a write for so long, it is at rest: the scaler refreshes its numbers every 30 s while arrivals are remembered.
const QUIET: Duration = Duration::from_secs(40);
const QUIET_TIMEOUT: Duration = Duration::from_mins(6);
/// Fifty pods start on two cores.
const MANY_TIMEOUT: Duration = Duration::from_mins(8);
/// Port of `/metrics`.
const METRICS_PORT: u16 = 9090;
const WRITES: &str = "eventpipeline_operator_writes_total";

/// Carries it out. Run it after `scaling`, which makes the decisions that are timed.
pub async fn run(world: &World, report: &mut Report) {
    scenario("Figures of the operator");
    let Some(ready) = report.check("seconds from apply to Ready", since_applied(&world.pipeline)).await
    else {
        return;
    };
    let mut table = format!("from apply to Ready: {ready} s\n");
    if let Some(one) = report.check("at rest with one pipeline nothing is written", at_rest(world)).await {
        let _ = writeln!(table, "1 pipeline: {one}");
    }
    let many = async {
        let seconds = apply_many(world).await?;
        Ok(format!("{MANY} pipelines: {} (all Ready after {seconds:.0} s)", at_rest(world).await?))
    };
    let what = format!("at rest with {MANY} pipelines nothing is written");
    if let Some(many) = report.check(&what, many).await {
        let _ = writeln!(table, "{many}");
    }
    let decision = async {
        let metrics = metrics(world).await?;
        let of = |name: &str| metrics.get(&format!("eventpipeline_operator_scaling_seconds_{name}")).copied();
        match (of("sum"), of("count")) {
            (Some(sum), Some(count)) if count > 0.0 => Ok(format!(
                "from a sample of the lag to the scale written: {:.0} ms, mean of {count}",
                1000.0 * sum / count
            )),
            _ => Err(Error::Otherwise("there was no decision: run the scenario `scaling` before".to_owned())),
        }
    };
    if let Some(decision) = report.check("decisions were timed", decision).await {
        let _ = writeln!(table, "{decision}");
    }
    let gone = async {
        world.cluster.delete_namespace(world::MANY).await?;
        world.cluster.namespace_gone(world::MANY).await
    };
    report.check("the many are deleted", gone).await;
    note(&table);
}

async fn since_applied(pipeline: &Pipeline) -> Result<i64> {
    let object = pipeline.get().await?;
    let made = object.creation_timestamp().map(|time| time.0);
    let conditions = object.status.unwrap_or_default().conditions;
    let ready =
        conditions.iter().find(|condition| condition.type_ == types::READY && condition.status == "True");
    let ready = ready.map(|condition| condition.last_transition_time.0);
    match (made, ready) {
        (Some(made), Some(ready)) => Ok(ready.duration_since(made).as_secs()),
        _ => Err(Error::Otherwise("it is not Ready".to_owned())),
    }
}

/// CPU, memory and writes of the operator over a minute, once it is at rest.
async fn at_rest(world: &World) -> Result<String> {
    let mut writes = metrics(world).await?.remove(WRITES).unwrap_or_default();
    let mut since = Instant::now();
    until("the operator is at rest", QUIET_TIMEOUT, async || {
        let now = metrics(world).await?.remove(WRITES).unwrap_or_default();
        if (now - writes).abs() > 0.5 {
            (writes, since) = (now, Instant::now());
        }
        sleep(Duration::from_secs(2)).await;
        // An operator that waits for the Lease writes nothing, either.
        Ok(when(now > 0.5 && since.elapsed() >= QUIET, || format!("{now} writes so far")))
    })
    .await?;
    let before = metrics(world).await?;
    sleep(REST).await;
    let after = metrics(world).await?;
    let grown = |name: &str| {
        after.get(name).copied().unwrap_or_default() - before.get(name).copied().unwrap_or_default()
    };
    let (seconds, writes) = (REST.as_secs_f64(), grown(WRITES));
    ensure(writes.abs() < 0.5, || format!("{writes} writes in {seconds} s"))?;
    let memory = after.get("process_resident_memory_bytes").copied().unwrap_or_default() / f64::from(1 << 20);
    let cpu = 1000.0 * grown("process_cpu_seconds_total") / seconds;
    let passes: f64 = after
        .keys()
        .filter(|name| name.starts_with("eventpipeline_operator_reconciles_total"))
        .map(|name| grown(name))
        .sum();
    Ok(format!(
        "{memory:.0} MiB, {cpu:.1} thousandths of a core, {passes:.0} passes and {writes:.0} writes in {seconds:.0} s"
    ))
}

/// Every sample by its name with labels.
async fn metrics(world: &World) -> Result<BTreeMap<String, f64>> {
    let pod = world.operator.ready().await?;
    let way = Forward::to(&pod, METRICS_PORT).await?;
    let url = format!("http://127.0.0.1:{}/metrics", way.port);
    let attempted = || "read the operator's metrics".to_owned();
    let text = Client::new().get(url).send().await.map_err(Error::http(attempted()))?;
    let text = text.text().await.map_err(Error::http(attempted()))?;
    Ok(samples(&text))
}

fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// Pipelines on the stores of the one under test, each with one small pod of the API and its workers at zero.
async fn apply_many(world: &World) -> Result<f64> {
    let cluster = &world.cluster;
    cluster.namespace(world::MANY).await?;
    let spec = outside::spec(json!({"minReplicas": 0, "idleAfterSeconds": 10}));
    let mut all = outside::secrets(world).await?;
    all.extend((0..MANY).map(|n| outside::pipeline(&format!("many-{n:02}"), &spec)));
    let list = outside::list(&all);
    let began = Instant::now();
    cluster.kubectl(&["--namespace", world::MANY, "apply", "-f", "-"], Some(&list)).await?;
    until("all of them are Ready", MANY_TIMEOUT, async || {
        let there = cluster.list::<crd::EventPipeline>(world::MANY, "").await?;
        let waiting = there.iter().filter_map(|pipeline| readiness(pipeline).err());
        let waiting: Vec<String> = waiting.collect();
        Ok(if there.len() == MANY && waiting.is_empty() {
            Look::There(())
        } else {
            Look::NotYet(format!("{} of {} are not: {:?}", waiting.len(), there.len(), waiting.first()))
        })
    })
    .await?;
    Ok(began.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_their_labels_and_comments_go() {
        let read = samples("# HELP a b\na_total{result=\"ok\"} 3\nb 0.5\n# EOF\n");
        assert_eq!(read.len(), 2);
        assert!((read["a_total{result=\"ok\"}"] - 3.0).abs() < 1e-9);
    }
}
