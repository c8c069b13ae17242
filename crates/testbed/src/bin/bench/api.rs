//! The API with as many requests as it takes, beside redis-benchmark writing frames of the same size to the same Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use event::keys::{BYTES_IN, EVENTS_IN, FRAMES_IN};
use testbed::{Options, Pipeline};
use tokio::task::JoinSet;

use crate::Failure;
use crate::host::{Meter, float};
use crate::node::Node;
use crate::peers;
use crate::sender::{Connection, body};
use crate::table::{Cell, Row};

/// How long it is loaded.
const LOAD: Duration = Duration::from_secs(5);

/// Measures requests of `events` events over so many connections.
pub async fn run(events: usize, connections: usize) -> Result<(), Failure> {
    let options =
        Options { spec: crate::SPEC, workers: 0, api_env: vec![("LOG_LEVEL", "warn")], ..Options::default() };
    let pipeline = Pipeline::start(options).await;
    let meter = Meter::start(&pipeline)?;
    let accepted = load(&pipeline.api(), &pipeline.key, events, connections).await?;
    let metered = meter.stop()?;

    let mut redis = pipeline.redis().await;
    let counters: (u64, u64, u64) = redis::cmd("HMGET")
        .arg(pipeline.keys().counters)
        .arg(EVENTS_IN)
        .arg(BYTES_IN)
        .arg(FRAMES_IN)
        .query_async(&mut redis)
        .await?;
    let (events_a_frame, bytes_a_frame) =
        (float(counters.0) / float(counters.2), float(counters.1) / float(counters.2));
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await?;
    let limit = peers::writes(&pipeline, bytes_a_frame)? * events_a_frame;
    let rate = float(accepted) / metered.seconds;
    let row = Row::new(format!("API, {events} a request, {connections} connections"))
        .rate(rate)
        .of(rate / limit)
        .set(Cell::Frame, format!("{events_a_frame:.0}"));
    metered.cells(row, &[Cell::Api, Cell::Redis, Cell::Sender], accepted).print();
    Row::new(format!("· redis-benchmark, frames of {bytes_a_frame:.0} bytes")).rate(limit).print();
    let ours = metered.cpu(Cell::Api) / float(accepted);
    beside_node(&pipeline, events, connections, (rate, ours)).await?;
    pipeline.stop().await;
    Ok(())
}

/// The same load on the peer, and how we stand beside it.
async fn beside_node(
    pipeline: &Pipeline,
    events: usize,
    connections: usize,
    (rate, cpu): (f64, f64),
) -> Result<(), Failure> {
    for (once, what) in [(true, "ids looked up"), (false, "no look-up of ids")] {
        redis::cmd("FLUSHALL").query_async::<()>(&mut pipeline.redis().await).await?;
        let Some(node) = Node::start(pipeline, once).await? else {
            println!("- No Node, or crates/testbed/peer is not installed: the API stands beside no peer.");
            return Ok(());
        };
        let meter = Meter::beside(pipeline, node.pids.clone())?;
        let accepted = load(&node.address, &pipeline.key, events, connections).await?;
        let metered = meter.stop()?;
        let (theirs, used) = (float(accepted) / metered.seconds, metered.cpu(Cell::Api) / float(accepted));
        let row = Row::new(format!("· Fastify and ioredis on Node, {what}")).rate(theirs);
        metered.cells(row, &[Cell::Api, Cell::Redis, Cell::Sender], accepted).print();
        println!(
            "- At {events} a request the API takes {:.1} times the events of the peer on Node ({what}), each for {:.2} of its CPU.",
            rate / theirs,
            cpu / used
        );
    }
    Ok(())
}

/// As many requests as are answered in its time; how many events were accepted.
async fn load(api: &str, key: &str, events: usize, connections: usize) -> Result<u64, Failure> {
    let accepted = Arc::new(AtomicU64::new(0));
    let (mut tasks, end) = (JoinSet::new(), Instant::now() + LOAD);
    for n in 0..connections {
        let (api, key, accepted) = (api.to_owned(), key.to_owned(), Arc::clone(&accepted));
        tasks.spawn(
            async move { send(&api, &key, n, events, end, &accepted).await.map_err(|e| e.to_string()) },
        );
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(accepted.load(Ordering::Relaxed))
}

/// One connection: a request as soon as the one before is answered.
async fn send(
    api: &str,
    key: &str,
    connection: usize,
    events: usize,
    end: Instant,
    accepted: &AtomicU64,
) -> Result<(), Failure> {
    let mut open = Connection::open(api, key).await?;
    for round in 0.. {
        if Instant::now() > end {
            break;
        }
        accepted.fetch_add(open.send(&body(connection, round, events), events).await?, Ordering::Relaxed);
    }
    Ok(())
}
