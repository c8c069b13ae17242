//! `make bench`: a first table. What the API takes, beside redis-benchmark writing frames of the same size to the same
//! Redis in the same run; the worker with a store that does nothing; the memory of both.
//!
//! Client, API and Redis share the machine's cores, so events/s say how the whole shares them; CPU per event is the
//! figure that carries over. Needs the release binaries.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use event::frame::{Builder, FRAME_FLUSH_BYTES};
use event::keys::{BYTES_IN, EVENTS_IN, FRAME_FIELD, FRAMES_IN};
use event::parse::{Context, batch};
use testbed::{Options, Pipeline};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long each load lasts.
const SECONDS: u64 = 5;
/// Events for the worker: half a gigabyte of frames.
const WORKER_EVENTS: usize = 1_000_000;
/// Ticks of /proc/PID/stat in a second, on every Linux we know.
const TICKS: f64 = 100.0;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    println!("{}\n", machine());
    println!(
        "{:<28} {:>12} {:>12} {:>12} {:>14} {:>9}",
        "", "events/s", "API µs/ev", "Redis µs/ev", "events/frame", "of limit"
    );
    for (events, connections) in [(1, 128), (100, 16)] {
        Box::pin(api(events, connections)).await?;
    }
    Box::pin(worker()).await
}

async fn api(events: usize, connections: usize) -> Result<(), Failure> {
    let spec = "{redis: {memory: 6Gi}}";
    let api_env = vec![("LOG_LEVEL", "warn")];
    let pipeline = Pipeline::start(Options { spec, workers: 0, api_env, ..Options::default() }).await;
    let address = pipeline.api().trim_start_matches("http://").to_owned();
    let (api, redis) = (pid(&pipeline.processes.apis[0])?, pid(&pipeline.processes.stores.redis)?);
    let (sent, end) = (Arc::new(AtomicU64::new(0)), Instant::now() + Duration::from_secs(SECONDS));
    let (api_before, redis_before, began) = (cpu(api)?, cpu(redis)?, Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..connections {
        let (address, key, sent) = (address.clone(), pipeline.key.clone(), Arc::clone(&sent));
        tasks.spawn(async move { send(&address, &key, n, events, end, &sent).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let (seconds, count) = (began.elapsed().as_secs_f64(), sent.load(Ordering::Relaxed));
    let (api_cpu, redis_cpu) = (cpu(api)? - api_before, cpu(redis)? - redis_before);

    let mut connection = pipeline.redis().await;
    let counters: (u64, u64, u64) = redis::cmd("HMGET")
        .arg(pipeline.keys().counters)
        .arg(EVENTS_IN)
        .arg(BYTES_IN)
        .arg(FRAMES_IN)
        .query_async(&mut connection)
        .await?;
    let (events_a_frame, bytes_a_frame) = (ratio(counters.0, counters.2), ratio(counters.1, counters.2));
    let (rate, memory) = (count_f(count) / seconds, resident(api)?);
    redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await?;
    let limit = redis_benchmark(pipeline.processes.stores.redis.spec.port, bytes_a_frame)? * events_a_frame;
    println!(
        "{:<28} {rate:>12.0} {:>12.2} {:>12.2} {events_a_frame:>14.1} {:>8.0}%",
        format!("API, {events} a request"),
        api_cpu * 1e6 / count_f(count),
        redis_cpu * 1e6 / count_f(count),
        100.0 * rate / limit
    );
    println!(
        "{:<28} {limit:>12.0} {:>40} API's memory {memory} MiB",
        format!("  redis-benchmark, {:.0} B", bytes_a_frame),
        ""
    );
    pipeline.stop().await;
    Ok(())
}

/// One connection: a request as soon as the one before is answered.
async fn send(
    address: &str,
    key: &str,
    connection: usize,
    events: usize,
    end: Instant,
    sent: &AtomicU64,
) -> std::io::Result<()> {
    let path = if events == 1 { "/api/v1/events" } else { "/api/v1/events/batch" };
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer) = (Vec::new(), vec![0; 64 * 1024]);
    for round in 0u64.. {
        if Instant::now() > end {
            break;
        }
        let body = body(connection, round, events);
        request.clear();
        write!(
            request,
            "POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        stream.write_all(&request).await?;
        let n = stream.read(&mut answer).await?;
        if !answer[..n].starts_with(b"HTTP/1.1 202") {
            return Err(std::io::Error::other(String::from_utf8_lossy(&answer[..n]).into_owned()));
        }
        sent.fetch_add(events as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Events of about 460 bytes.
fn body(connection: usize, round: u64, events: usize) -> String {
    let mut body = String::with_capacity(events * 480);
    let close = if events == 1 {
        ""
    } else {
        body.push('[');
        "]"
    };
    for n in 0..events {
        if n > 0 {
            body.push(',');
        }
        let user = (round * 31 + n as u64) % 5000;
        body.extend([format!(
            r#"{{"id":"{connection}-{round}-{n}","type":"order.paid","userId":"user-{user}","timestamp":"2026-01-31T12:00:00.123Z","properties":{{"order":{{"number":{round},"currency":"EUR","total":129.95,"items":[{{"sku":"A-1001","quantity":1,"price":79.95}},{{"sku":"B-2002","quantity":2,"price":25.0}}]}},"page":{{"url":"https://shop.example.com/checkout/thanks","referrer":"https://shop.example.com/cart"}},"agent":"Mozilla/5.0 (X11; Linux x86_64; rv:143.0)","logged_in":true}}}}"#
        )]);
    }
    body.push_str(close);
    body
}

/// Frames of this size a second, written by redis-benchmark.
fn redis_benchmark(port: u16, bytes: f64) -> Result<f64, Failure> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
    let frame = vec![b'x'; bytes as usize];
    let requests = if frame.len() > 16_000 { "20000" } else { "200000" };
    let mut child = Command::new("redis-benchmark")
        .args([
            "-p",
            &port.to_string(),
            "-n",
            requests,
            "-c",
            "16",
            "-P",
            "4",
            "--csv",
            "-x",
            "XADD",
            "bench",
            "*",
            FRAME_FIELD,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    child.stdin.take().ok_or("no standard input")?.write_all(&frame)?;
    let text = String::from_utf8(child.wait_with_output()?.stdout)?;
    let mut fields = text
        .lines()
        .last()
        .unwrap_or_default()
        .rsplit(',')
        .rev()
        .map(|field| field.trim_matches('"').to_owned());
    let rate = fields.find_map(|field| field.parse::<f64>().ok());
    rate.ok_or_else(|| format!("redis-benchmark printed no rate: {text}").into())
}

async fn worker() -> Result<(), Failure> {
    let spec = "{redis: {memory: 6Gi}}";
    let worker_env = vec![("SINK", "none"), ("LOG_LEVEL", "warn")];
    let mut pipeline = Pipeline::start(Options { spec, workers: 0, worker_env, ..Options::default() }).await;
    let frames = fill(&pipeline).await?;
    let began = Instant::now();
    pipeline.processes.start_worker()?;
    let worker = pid(&pipeline.processes.workers[0])?;
    while pipeline.observe().await.lag().events != Some(0) {
        if began.elapsed() > Duration::from_mins(2) {
            return Err("the worker did not drain the stream within two minutes".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (seconds, used, memory) = (began.elapsed().as_secs_f64(), cpu(worker)?, resident(worker)?);
    let events = count_f(WORKER_EVENTS as u64);
    println!(
        "\n{:<28} {:>12.0}   {:.3} µs of CPU an event = {:.1} M events/s a core; {frames} frames; memory {memory} MiB",
        "worker, no-op store",
        events / seconds,
        used * 1e6 / events,
        events / used / 1e6
    );
    pipeline.stop().await;
    Ok(())
}

/// Writes frames as the API would.
async fn fill(pipeline: &Pipeline) -> Result<u64, Failure> {
    let (mut redis, keys) = (pipeline.redis().await, pipeline.keys());
    let (mut builder, mut frames, mut done, mut round) = (Builder::new(), 0, 0, 0);
    while done < WORKER_EVENTS {
        let mut new_id = uuid_never;
        let mut context =
            Context { received_ms: 1, batch_events_max: 1000, event_bytes_max: 1 << 18, new_id: &mut new_id };
        let parsed = batch(body(0, round, 1000).as_bytes(), &mut context)?;
        round += 1;
        for accepted in parsed.events.iter().flatten() {
            builder.push(parsed.doc(accepted));
            done += 1;
            if builder.bytes() >= FRAME_FLUSH_BYTES || done == WORKER_EVENTS {
                let (count, frame) = (builder.len(), std::mem::take(&mut builder).finish(1, 1));
                let mut pipe = redis::pipe();
                pipe.cmd("XADD").arg(&keys.frames).arg("*").arg(FRAME_FIELD).arg(&frame[..]);
                pipe.cmd("HINCRBY").arg(&keys.counters).arg(EVENTS_IN).arg(count);
                pipe.query_async::<()>(&mut redis).await?;
                frames += 1;
            }
        }
    }
    Ok(frames)
}

/// All events here have ids.
fn uuid_never() -> uuid::Uuid {
    uuid::Uuid::nil()
}

fn pid(process: &local::Process) -> Result<u32, Failure> {
    process.pid().ok_or_else(|| "a process is gone".into())
}

/// Seconds of CPU that a process has used.
fn cpu(pid: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / TICKS)
}

/// MiB that a process holds in memory.
fn resident(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? / 1024)
}

fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "{cores} cores,{}; client, API and Redis share them; AOF everysec",
        model.trim_start_matches(['\t', ':'])
    )
}

#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
fn count_f(count: u64) -> f64 {
    count as f64
}

fn ratio(a: u64, b: u64) -> f64 {
    count_f(a) / count_f(b.max(1))
}
