//! What the figures are held against, measured on the same stores: redis-benchmark, and inserts past the worker.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use bson::RawDocumentBuf;
use event::keys::FRAME_FIELD;
use mongodb::options::{Acknowledgment, CollectionOptions, WriteConcern};
use testbed::Pipeline;
use tokio::task::JoinSet;

use crate::Failure;
use crate::host::float;

/// As many events as a worker inserts at once, by as many writers as one worker has.
const INSERT_EVENTS: usize = 1000;
const WRITERS: usize = 2;
/// As many frames as a worker reads at once.
const READ_FRAMES: u64 = 16;

/// Frames of this size a second, written by redis-benchmark.
pub fn writes(pipeline: &Pipeline, bytes: f64) -> Result<f64, Failure> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
    let frame = vec![b'x'; bytes as usize];
    let requests = if frame.len() > 16_000 { "20000" } else { "200000" };
    let arguments = ["-n", requests, "-c", "16", "-P", "4", "-x", "XADD", "bench", "*", FRAME_FIELD];
    redis_benchmark(pipeline, &arguments, &frame)
}

/// Frames a second, read once by redis-benchmark as a worker reads them, and looked at by nobody.
pub fn reads(pipeline: &Pipeline, frames: u64) -> Result<f64, Failure> {
    let (requests, count) = ((frames / READ_FRAMES).max(1).to_string(), READ_FRAMES.to_string());
    let key = pipeline.keys().frames;
    let arguments = ["-n", &requests, "-c", "1", "XRANGE", &key, "-", "+", "COUNT", &count];
    Ok(redis_benchmark(pipeline, &arguments, &[])? * float(READ_FRAMES))
}

/// Requests a second.
fn redis_benchmark(pipeline: &Pipeline, arguments: &[&str], input: &[u8]) -> Result<f64, Failure> {
    let port = pipeline.processes.stores.redis.spec.port.to_string();
    let mut child = Command::new("redis-benchmark")
        .args(["-p", &port, "--csv"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    child.stdin.take().ok_or("no standard input")?.write_all(input)?;
    let text = String::from_utf8(child.wait_with_output()?.stdout)?;
    // The command, which may have a comma, and then the figures, each in quotes.
    let mut fields = text.lines().last().unwrap_or_default().split("\",\"").skip(1);
    let rate = fields.find_map(|field| field.trim_matches('"').parse::<f64>().ok());
    rate.ok_or_else(|| format!("redis-benchmark printed no rate: {text}").into())
}

/// Documents a second, inserted past the worker: the same collection, write concern and size of an insert.
pub async fn inserts(pipeline: &Pipeline, documents: Vec<RawDocumentBuf>) -> Result<f64, Failure> {
    let count = documents.len();
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let options = CollectionOptions::builder().write_concern(majority).build();
    let events = pipeline.database().await.collection_with_options::<RawDocumentBuf>("events", options);
    let parts: Vec<Vec<RawDocumentBuf>> =
        documents.chunks(count.div_ceil(WRITERS)).map(<[RawDocumentBuf]>::to_vec).collect();
    drop(documents);
    let (began, mut writers) = (Instant::now(), JoinSet::new());
    for part in parts {
        let events = events.clone();
        writers.spawn(async move {
            for documents in part.chunks(INSERT_EVENTS) {
                events.insert_many(documents).ordered(false).await?;
            }
            Ok::<_, mongodb::error::Error>(())
        });
    }
    while let Some(done) = writers.join_next().await {
        done??;
    }
    Ok(float(count as u64) / began.elapsed().as_secs_f64())
}
