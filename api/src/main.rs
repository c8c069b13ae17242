//! Starts the API, and stops it in order: not ready, no new connections, requests in flight answered, then out.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use accounts::Accounts;
use api::app::{self, App, Shared};
use api::code;
use api::console::Console;
use api::ingest::room::Room;
use api::ingest::{Ingest, Pressure};
use api::metrics::Metrics;
use api::routes::stats::Stats;
use api::server;
use api::settings::Settings;
use event::keys::Keys;
use redis::aio::ConnectionManager;
use service::lifecycle::{Unprepared, wait_for};
use service::program::Program;
use service::{inside, lifecycle};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = Program {
        name: "eventpipeline-api",
        version: env!("CARGO_PKG_VERSION"),
        settings: Settings::read,
        telemetry: |settings| &settings.telemetry,
        prints: &[("--openapi", app::document), ("--errors", code::table), ("--metrics", metrics)],
    };
    program.main(run)
}

/// What `--metrics` prints. Labels are seen once there is a child.
fn metrics() -> String {
    let registry = inside::Metrics::default();
    let metrics = Metrics::new(&registry);
    metrics.reject("missing_field");
    metrics.problem("not_found");
    metrics.streams.partition(0, &stream::PartitionView::default(), None);
    metrics.streams.shards(std::iter::once(("laptop-shard-0".to_owned(), 0, 0)));
    registry.described()
}

async fn run(settings: Settings) -> Result<(), String> {
    let files = Console::load(&settings.console_dir)?;
    let stop = lifecycle::stop_token().map_err(|error| format!("signals cannot be caught: {error}"))?;
    let inside = bind(settings.inside_listen, "INSIDE_LISTEN").await?;

    // Alive from the start, ready once there is an app.
    let registry = inside::Metrics::default();
    let running: Arc<OnceLock<Shared>> = Arc::default();
    let ready = {
        let running = Arc::clone(&running);
        Arc::new(move || {
            running.get().map_or_else(|| Err("waiting for Redis".to_owned()), |app| app.serving())
        })
    };
    let inside = tokio::spawn(inside::serve(inside, registry.clone(), ready));
    let Some((redis, facts)) = wait_for("Redis", &stop, || prepare_redis(&settings)).await? else {
        return Ok(());
    };
    let memory_bytes =
        if settings.redis_memory_bytes > 0 { settings.redis_memory_bytes } else { facts.maxmemory };
    let accounts =
        Accounts::connect(&settings.accounts, redis.clone()).await.map_err(|error| error.to_string())?;
    let store = store::connect(&settings.mongodb_uri, &settings.mongodb_database)
        .await
        .map_err(|error| format!("MONGODB_URI: {error}"))?;
    let pressure = Pressure::default();
    let ingest = Ingest::start(&settings.pipeline, settings.redis_partitions, &redis, &pressure);
    let keys: Vec<Keys> = ingest.all_keys().cloned().collect();
    pressure.watch(keys.clone(), redis.clone(), memory_bytes);
    let metrics = Metrics::new(&registry);
    let app = Arc::new(App {
        pipeline: settings.pipeline.clone(),
        console: files,
        access: settings.console_access,
        limits: settings.limits,
        room: Room::new(&settings.limits),
        pressure,
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

    tokio::select! {
        () = stop.cancelled() => (),
        why = stream::lost(app.redis.clone(), settings.redis_url.clone()) => return Err(why),
    }
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

async fn prepare_redis(settings: &Settings) -> Result<(ConnectionManager, stream::ServerFacts), Unprepared> {
    stream::prepare(&settings.redis_url, &settings.pipeline, settings.redis_partitions)
        .await
        .map_err(|error| Unprepared::from_error(error.is_permanent(), &error))
}
