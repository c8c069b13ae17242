//! One worker on a full stream: with a store that does nothing, beside redis-benchmark reading the same frames; with a
//! store, beside inserts past the worker into the same collection.

use std::time::Duration;

use local::mongo::Kind;
use testbed::{Options, Pipeline};

use crate::Failure;
use crate::host::{Meter, Metered, float};
use crate::table::{Cell, Row, thousands};
use crate::{frames, peers};

/// Events for the store that does nothing: half a gigabyte of frames.
const NOOP_EVENTS: usize = 1_000_000;
/// Events for the double, and as many past the worker before.
pub const DOUBLE_EVENTS: usize = 300_000;
/// Events for what stands in MongoDB's place on a laptop, FerretDB unless it is MongoDB, and as many before.
pub const STORE_EVENTS: usize = 15_000;
/// Between two looks at how much is left.
const LOOK: Duration = Duration::from_millis(5);

/// With a store that does nothing.
pub async fn noop() -> Result<(), Failure> {
    let mut pipeline = start(vec![("SINK", "none"), ("LOG_LEVEL", "warn")]).await;
    let frames = frames::fill(&pipeline, 0, NOOP_EVENTS).await?;
    let events_a_frame = float(NOOP_EVENTS as u64) / float(frames);
    let limit = peers::reads(&pipeline, frames)? * events_a_frame;
    let metered = drain(&mut pipeline).await?;
    let row = row("worker, no-op store", &metered, NOOP_EVENTS, limit);
    let row = row.set(Cell::Frame, format!("{events_a_frame:.0}"));
    metered.cells(row, &[Cell::Redis, Cell::Worker], NOOP_EVENTS as u64).print();
    Row::new("· redis-benchmark, reading the same frames").rate(limit).print();
    let a_core = float(NOOP_EVENTS as u64) / metered.cpu(Cell::Worker);
    println!("- The worker alone takes {} events a second of one core's time.", thousands(a_core));
    pipeline.stop().await;
    Ok(())
}

/// With the store that runs here; `name` is what the table calls it, its own name when empty.
pub async fn storing(name: &str, events: usize) -> Result<(), Failure> {
    let mut pipeline = start(vec![("LOG_LEVEL", "warn")]).await;
    let own = match pipeline.processes.stores.mongo.kind {
        Kind::MongoDb => "MongoDB",
        Kind::FerretDb => "FerretDB",
    };
    let name = if name.is_empty() { own } else { name };
    let limit = peers::inserts(&pipeline, frames::documents(1, events)?).await?;
    frames::fill(&pipeline, 0, events).await?;
    let metered = drain(&mut pipeline).await?;
    let collection = pipeline.database().await.collection::<bson::Document>("events");
    let (stored, wanted) = (collection.count_documents(bson::doc! {}).await?, 2 * events as u64);
    if stored != wanted {
        return Err(format!("{stored} events are stored of {wanted}").into());
    }
    let row = row(&format!("worker, {name}"), &metered, events, limit);
    metered.cells(row, &[Cell::Redis, Cell::Worker, Cell::Store], events as u64).print();
    Row::new(format!("· 2 writers, inserting past the worker into {name}")).rate(limit).print();
    pipeline.stop().await;
    Ok(())
}

async fn start(worker_env: Vec<(&'static str, &'static str)>) -> Pipeline {
    let spec = crate::SPEC;
    Pipeline::start(Options { spec, workers: 0, worker_env, ..Options::default() }).await
}

/// Starts a worker and waits until the stream is empty. The caller bounds the wait.
async fn drain(pipeline: &mut Pipeline) -> Result<Metered, Failure> {
    pipeline.processes.start_worker()?;
    let meter = Meter::start(pipeline)?;
    while pipeline.observe().await.lag().events != Some(0) {
        tokio::time::sleep(LOOK).await;
    }
    meter.stop()
}

fn row(what: &str, metered: &Metered, events: usize, limit: f64) -> Row {
    let rate = float(events as u64) / metered.seconds;
    Row::new(what).rate(rate).of(rate / limit)
}
