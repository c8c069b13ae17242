//! Starts the API, and stops it in order: not ready, no new connections, requests in flight answered, then out.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use accounts::Accounts;
use api::app::{self, App, Shared};
use api::ingest::{Ingest, Pressure};
use api::metrics::Metrics;
use api::routes::stats::Stats;
use api::server;
use api::settings::Settings;
use event::keys::Keys;
use redis::aio::ConnectionManager;
use service::settings::Reader;
use service::{inside, lifecycle, telemetry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Between two tries to reach Redis at the start.
const REDIS_RETRY: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let mut reader = Reader::from_env();
    let settings = Settings::read(&mut reader);
    match std::env::args().nth(1).as_deref() {
        Some("--settings") => {
            print!("{}", reader.example());
            return ExitCode::SUCCESS;
        }
        Some("--openapi") => {
            println!("{}", app::openapi());
            return ExitCode::SUCCESS;
        }
        Some("--version") => {
            println!("eventpipeline-api {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!(
                "eventpipeline-api takes --settings, --openapi or --version, not {other}; it is set up by environment variables"
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
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(settings));
    runtime.shutdown_timeout(Duration::from_secs(1));
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
    let inside = bind(settings.inside_listen, "INSIDE_LISTEN").await?;

    // Alive from the start, ready once there is an app.
    let registry = inside::Metrics::default();
    let running: Arc<OnceLock<Shared>> = Arc::default();
    let ready = {
        let running = Arc::clone(&running);
        Arc::new(move || running.get().map_or_else(|| Err("waiting for Redis".to_owned()), |app| app.ready()))
    };
    let inside = tokio::spawn(inside::serve(inside, registry.clone(), ready));
    let Some((redis, memory_bytes)) = redis(&settings, &stop).await? else { return Ok(()) };
    let accounts =
        Accounts::connect(&settings.accounts, redis.clone()).await.map_err(|error| error.to_string())?;
    let store = store::connect(&settings.mongodb_uri, &settings.mongodb_database)
        .await
        .map_err(|error| format!("MONGODB_URI: {error}"))?;
    let ingest = Ingest::start(&settings.pipeline, settings.redis_partitions, &redis);
    let keys: Vec<Keys> = ingest.all_keys().cloned().collect();
    let metrics = Metrics::new(&registry);
    let app = Arc::new(App {
        limits: settings.limits,
        pressure: Pressure::start(keys.clone(), redis.clone(), memory_bytes),
        stats: Stats::start(keys, redis.clone(), store.clone(), metrics.clone()),
        ingest,
        accounts,
        store,
        redis,
        metrics,
        started: Instant::now(),
        draining: AtomicBool::new(false),
    });

    let _ = running.set(Arc::clone(&app));
    let public = bind(settings.api_listen, "API_LISTEN").await?;
    let console = bind(settings.console_listen, "CONSOLE_LISTEN").await?;
    let routers = app::routers(&app, &settings);
    tracing::info!(pipeline = settings.pipeline, api = %settings.api_listen, console = %settings.console_listen, "taking events");
    let public = tokio::spawn(server::serve(public, routers.public, settings.limits, stop.clone()));
    let console = tokio::spawn(server::serve(console, routers.console, settings.limits, stop.clone()));

    stop.cancelled().await;
    app.draining.store(true, Ordering::Relaxed);
    let drained = tokio::time::timeout(settings.shutdown, async {
        let _ = tokio::join!(public, console);
        app.ingest.drained().await;
    });
    if drained.await.is_err() {
        tracing::warn!("requests were still in flight after SHUTDOWN_SECONDS; their senders will resend");
    }
    inside.abort();
    tracing::info!("stopped; everything that was taken is in Redis");
    Ok(())
}

async fn bind(listen: std::net::SocketAddr, setting: &str) -> Result<TcpListener, String> {
    TcpListener::bind(listen)
        .await
        .map_err(|error| format!("{setting}={listen} cannot be listened on: {error}"))
}

/// Waits for Redis, makes the groups, and refuses a Redis that could throw frames away. `None`: told to stop.
async fn redis(
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<Option<(ConnectionManager, u64)>, String> {
    let mut said = false;
    loop {
        match prepare(settings).await {
            Ok(ready) => return Ok(Some(ready)),
            Err(stream::Error::Policy(why)) => return Err(why),
            Err(error) if !said => {
                tracing::warn!(%error, "waiting for Redis");
                said = true;
            }
            Err(_) => (),
        }
        tokio::select! {
            () = tokio::time::sleep(REDIS_RETRY) => (),
            () = stop.cancelled() => return Ok(None),
        }
    }
}

async fn prepare(settings: &Settings) -> Result<(ConnectionManager, u64), stream::Error> {
    let mut redis = stream::connect(&settings.redis_url).await?;
    let facts = stream::check_server(&mut redis).await?;
    for partition in 0..settings.redis_partitions {
        stream::ensure_group(&mut redis, &Keys::new(&settings.pipeline, partition)).await?;
    }
    let memory = if settings.redis_memory_bytes > 0 { settings.redis_memory_bytes } else { facts.maxmemory };
    Ok((redis, memory))
}
