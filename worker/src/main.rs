//! Starts the worker, and stops it in order: no new frames, those in hand finished, the rest handed back.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use event::keys::Keys;
use redis::aio::ConnectionManager;
use service::lifecycle::{Unprepared, wait_for};
use service::program::Program;
use service::{inside, lifecycle};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use worker::backoff::Breaker;
use worker::in_hand::InHand;
use worker::insert::{Inserter, Sink};
use worker::metrics::{BusyClock, ClassLabel, Metrics, insert_seconds};
use worker::partition::Partition;
use worker::reader::BLOCK;
use worker::settings::{Settings, SinkKind};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = Program {
        name: "eventpipeline-worker",
        version: env!("CARGO_PKG_VERSION"),
        settings: Settings::read,
        telemetry: |settings| &settings.telemetry,
        prints: &[("--metrics", metrics)],
    };
    program.main(run)
}

/// What `--metrics` prints. Labels are seen once there is a child.
fn metrics() -> String {
    let registry = inside::Metrics::default();
    let metrics = Metrics::default();
    metrics.register(&registry, &insert_seconds());
    metrics.stage("store", std::time::Instant::now());
    let _ = metrics.dead_letters.get_or_create(&ClassLabel { class: "refused".into() });
    registry.described()
}

async fn run(settings: Settings) -> Result<(), String> {
    let stop = lifecycle::stop_token().map_err(|error| format!("signals cannot be caught: {error}"))?;
    let inside = inside::bind(settings.inside_listen).await.map_err(|error| {
        format!("INSIDE_LISTEN={} cannot be listened on: {error}", settings.inside_listen)
    })?;
    let registry = inside::Metrics::default();
    let (metrics, seconds) = (Metrics::default(), insert_seconds());
    metrics.register(&registry, &seconds);
    let (started, breaker) = (Arc::new(AtomicBool::new(false)), Arc::new(Breaker::default()));
    tokio::spawn(inside::serve(inside, registry, ready(&started, &breaker)));

    let Some((redis, _)) = wait_for("Redis", &stop, || prepare_redis(&settings)).await? else {
        return Ok(());
    };
    let sink = match settings.sink {
        SinkKind::None => Sink::None,
        SinkKind::MongoDb => {
            let store = store::connect(&settings.mongodb_uri, &settings.mongodb_database)
                .await
                .map_err(|error| format!("MONGODB_URI: {error}"))?;
            let prepare = || async {
                store::ensure_indexes(&store, settings.retention_days)
                    .await
                    .map_err(|e| Unprepared::Later(e.to_string()))
            };
            if wait_for("MongoDB", &stop, prepare).await?.is_none() {
                return Ok(());
            }
            Sink::MongoDb(store)
        }
    };
    let inserter = Arc::new(Inserter {
        sink,
        metrics: metrics.clone(),
        seconds,
        busy: BusyClock::default(),
        slow: settings.slow_inserts,
    });
    let give_up = CancellationToken::new();
    let partitions = TaskTracker::new();
    let mut lost = JoinSet::new();
    lost.spawn(stream::lost(redis.clone(), settings.redis_url.clone()));
    for n in 0..settings.redis_partitions {
        let Some(blocking) = wait_for("Redis", &stop, || async {
            stream::connect_blocking(&settings.redis_url, BLOCK)
                .await
                .map_err(|e| Unprepared::Later(e.to_string()))
        })
        .await?
        else {
            return Ok(());
        };
        lost.spawn(stream::lost(blocking.clone(), settings.redis_url.clone()));
        let partition = Arc::new(Partition {
            keys: Keys::new(&settings.pipeline, n),
            name: settings.name.clone(),
            work: settings.work,
            redis: redis.clone(),
            in_hand: InHand::default(),
            breaker: Arc::clone(&breaker),
            inserter: Arc::clone(&inserter),
            metrics: metrics.clone(),
            done: AtomicU64::new(0),
        });
        partitions.spawn(partition.run(blocking, stop.clone(), give_up.clone()));
    }
    partitions.close();
    started.store(true, Ordering::Relaxed);
    tracing::info!(pipeline = settings.pipeline, name = settings.name, "taking frames");

    tokio::select! {
        () = stop.cancelled() => (),
        Some(Ok(why)) = lost.join_next() => return Err(why),
    }
    started.store(false, Ordering::Relaxed);
    if tokio::time::timeout(settings.shutdown, partitions.wait()).await.is_err() {
        tracing::warn!("frames were still in hand after SHUTDOWN_SECONDS; they are handed back");
        give_up.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(5), partitions.wait()).await;
    }
    Ok(())
}

fn ready(started: &Arc<AtomicBool>, breaker: &Arc<Breaker>) -> inside::Ready {
    let (started, breaker) = (Arc::clone(started), Arc::clone(breaker));
    Arc::new(move || {
        if !started.load(Ordering::Relaxed) {
            return Err("starting or stopping".into());
        }
        if breaker.is_open() { Err("MongoDB does not answer".into()) } else { Ok(()) }
    })
}

async fn prepare_redis(settings: &Settings) -> Result<(ConnectionManager, stream::ServerFacts), Unprepared> {
    stream::prepare(&settings.redis_url, &settings.pipeline, settings.redis_partitions)
        .await
        .map_err(|error| Unprepared::from_error(error.is_permanent(), &error))
}
