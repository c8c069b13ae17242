//! The whole: 50,000 events a second offered, whether answers come or not, with the double as the store; what was
//! acknowledged is counted in it. One worker.

use std::sync::Arc;
use std::time::Duration;

use testbed::{Options, Pipeline, eventually};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Failure;
use crate::host::{Meter, cores, float};
use crate::sender::{Connection, body};
use crate::table::{Cell, Row, thousands};

/// Events a second that are offered.
const RATE: u32 = 50_000;
/// Events a request.
const BATCH: usize = 100;
/// Connections; one that is late sends at once, until it is not.
const CONNECTIONS: usize = 16;
/// How long events are offered.
const LOAD: Duration = Duration::from_secs(15);
/// What is behind when the load ends has so long to be stored.
const PATIENCE: Duration = Duration::from_mins(1);

const PARTS: [Cell; 5] = [Cell::Api, Cell::Redis, Cell::Worker, Cell::Store, Cell::Sender];

pub async fn run() -> Result<(), Failure> {
    let quiet = vec![("LOG_LEVEL", "warn")];
    let options =
        Options { spec: crate::SPEC, api_env: quiet.clone(), worker_env: quiet, ..Options::default() };
    let pipeline = Arc::new(Pipeline::start(options).await);
    let meter = Meter::start(&pipeline)?;
    let (acknowledged, mut late_ms) = offer(&pipeline).await?;
    let sent_for = meter.seconds();
    let empty = eventually(PATIENCE, async || pipeline.observe().await.lag().events == Some(0)).await;
    let metered = meter.stop()?;
    let events = pipeline.database().await.collection::<bson::Document>("events");
    let stored = events.count_documents(bson::doc! {}).await?;

    let (rate, offered) = (float(acknowledged) / sent_for, f64::from(RATE));
    let what = format!("whole, {} a second offered, {BATCH} a request", thousands(offered));
    let row = Row::new(what).rate(rate).of(rate / offered);
    metered.cells(row, &PARTS, acknowledged).print();
    let share = |cell| format!("{:.0} %", 100.0 * metered.cpu(cell) / metered.seconds);
    PARTS
        .into_iter()
        .fold(Row::new("· as a share of one core"), |row, cell| row.set(cell, share(cell)))
        .print();
    late_ms.sort_unstable();
    let percentile =
        |of: usize| late_ms.get((late_ms.len() * of / 100).min(late_ms.len() - 1)).copied().unwrap_or(0);
    let used: f64 = PARTS.into_iter().map(|cell| metered.cpu(cell)).sum();
    println!(
        "- The whole: {} acknowledged in {sent_for:.1} s, {} stored {:.1} s later; {:.0} % of {} cores; an answer came \
         {} ms (p50) and {} ms (p99) after its request was due.",
        thousands(float(acknowledged)),
        thousands(float(stored)),
        metered.seconds - sent_for,
        100.0 * used / metered.seconds / float(cores() as u64),
        cores(),
        percentile(50),
        percentile(99)
    );
    if let Some(pipeline) = Arc::into_inner(pipeline) {
        pipeline.stop().await;
    }
    if !empty || stored != acknowledged {
        return Err(format!("{acknowledged} events were acknowledged and {stored} stored").into());
    }
    Ok(())
}

/// Sends by the clock; answers how many events were accepted, and how late each answer was in milliseconds.
async fn offer(pipeline: &Arc<Pipeline>) -> Result<(u64, Vec<u64>), Failure> {
    let a_request = Duration::from_secs(1) * u32::try_from(BATCH)? / RATE;
    let requests = u32::try_from(LOAD.as_micros() / a_request.as_micros())?;
    let (began, mut tasks) = (Instant::now(), JoinSet::new());
    for n in 0..CONNECTIONS {
        let pipeline = Arc::clone(pipeline);
        tasks.spawn(async move {
            let mut open =
                Connection::open(&pipeline.api(), &pipeline.key).await.map_err(|e| e.to_string())?;
            let (mut accepted, mut late) = (0, Vec::new());
            for request in (u32::try_from(n).unwrap_or(0)..requests).step_by(CONNECTIONS) {
                let due = began + a_request * request;
                tokio::time::sleep_until(due).await;
                let body = body(n, u64::from(request), BATCH);
                accepted += open.send(&body, BATCH).await.map_err(|error| error.to_string())?;
                late.push(u64::try_from(due.elapsed().as_millis()).unwrap_or(u64::MAX));
            }
            Ok::<_, String>((accepted, late))
        });
    }
    let (mut accepted, mut late) = (0, Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (more, times) = done??;
        accepted += more;
        late.extend(times);
    }
    Ok((accepted, late))
}
