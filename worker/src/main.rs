//! Starts the worker, and stops it in order: no new frames, those in hand finished, the rest handed back.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use event::keys::Keys;
use redis::aio::ConnectionManager;
use service::settings::Reader;
use service::{inside, lifecycle, telemetry};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use worker::backoff::Breaker;
use worker::in_hand::InHand;
use worker::insert::{Inserter, Sink};
use worker::metrics::{BusyClock, Metrics, insert_seconds};
use worker::partition::Partition;
use worker::reader::BLOCK;
use worker::settings::{Settings, SinkKind};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Between two tries to reach a store at the start.
const RETRY: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let mut reader = Reader::from_env();
    let settings = Settings::read(&mut reader);
    match std::env::args().nth(1).as_deref() {
        Some("--settings") => {
            print!("{}", reader.example());
            return ExitCode::SUCCESS;
        }
        Some("--version") => {
            println!("eventpipeline-worker {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!(
                "eventpipeline-worker takes --settings or --version, not {other}; it is set up by environment variables"
            );
            return ExitCode::from(2);
        }
        None => (),
    }
    if let Err(faults) = reader.finish() {
        eprintln!("{faults}");
        return ExitCode::from(2);
    }
    telemetry::init(&settings.telemetry);
    lifecycle::install_tls_provider();
    let ended = tokio::runtime::Runtime::new().map_err(|error| error.to_string()).and_then(|runtime| {
        let ended = runtime.block_on(run(settings));
        runtime.shutdown_timeout(Duration::from_secs(1));
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
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

    let Some(redis) = wait_for("Redis", &stop, || prepare_redis(&settings)).await? else { return Ok(()) };
    let sink = match settings.sink {
        SinkKind::None => Sink::None,
        SinkKind::MongoDb => {
            let store = store::connect(&settings.mongodb_uri, &settings.mongodb_database)
                .await
                .map_err(|error| format!("MONGODB_URI: {error}"))?;
            let prepare = || async {
                store::ensure_indexes(&store, settings.retention_days)
                    .await
                    .map_err(|e| Failed::Later(e.to_string()))
            };
            if wait_for("MongoDB", &stop, prepare).await?.is_none() {
                return Ok(());
            }
            Sink::MongoDb(store)
        }
    };
    let inserter = Arc::new(Inserter { sink, metrics: metrics.clone(), seconds, busy: BusyClock::default() });
    let give_up = CancellationToken::new();
    let partitions = TaskTracker::new();
    for n in 0..settings.redis_partitions {
        let Some(blocking) = wait_for("Redis", &stop, || async {
            stream::connect_blocking(&settings.redis_url, BLOCK)
                .await
                .map_err(|e| Failed::Later(e.to_string()))
        })
        .await?
        else {
            return Ok(());
        };
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

    stop.cancelled().await;
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

/// Why something could not be prepared.
enum Failed {
    /// It may work later.
    Later(String),
    /// It never will, as things are set.
    Never(String),
}

async fn prepare_redis(settings: &Settings) -> Result<ConnectionManager, Failed> {
    let later = |error: stream::Error| match error {
        stream::Error::Policy(why) => Failed::Never(why),
        stream::Error::Redis(error) => Failed::Later(error.to_string()),
    };
    let mut redis = stream::connect(&settings.redis_url).await.map_err(later)?;
    stream::check_server(&mut redis).await.map_err(later)?;
    for partition in 0..settings.redis_partitions {
        stream::ensure_group(&mut redis, &Keys::new(&settings.pipeline, partition)).await.map_err(later)?;
    }
    Ok(redis)
}

/// Tries until it works, saying once that it waits. `None`: told to stop.
async fn wait_for<T, F>(
    what: &str,
    stop: &CancellationToken,
    prepare: impl Fn() -> F,
) -> Result<Option<T>, String>
where
    F: Future<Output = Result<T, Failed>>,
{
    let mut said = false;
    loop {
        let prepared = tokio::select! {
            prepared = prepare() => prepared,
            () = stop.cancelled() => return Ok(None),
        };
        match prepared {
            Ok(prepared) => return Ok(Some(prepared)),
            Err(Failed::Never(why)) => return Err(why),
            Err(Failed::Later(why)) if !said => {
                tracing::warn!(why, "waiting for {what}");
                said = true;
            }
            Err(Failed::Later(_)) => (),
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => (),
            () = stop.cancelled() => return Ok(None),
        }
    }
}
