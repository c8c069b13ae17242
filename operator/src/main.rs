//! Starts the operator, and stops it: no new pass, the running ones finished, out. A lost Lease ends the process.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use operator::context::Context;
use operator::metrics::{Metrics, Share};
use operator::settings::Settings;
use operator::{controller, leader, scaler};
use service::program::Program;
use service::{inside, lifecycle};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = Program {
        name: "eventpipeline-operator",
        version: env!("CARGO_PKG_VERSION"),
        settings: Settings::read,
        telemetry: |settings| &settings.telemetry,
        prints: &[("--metrics", metrics)],
    };
    program.main(run)
}

/// What `--metrics` prints. Labels are seen once there is a child.
fn metrics() -> String {
    let (registry, metrics) = (inside::Metrics::default(), Metrics::default());
    metrics.register(&registry);
    metrics.ended("ok");
    metrics.count_scaling("up", "BacklogAboveTarget");
    let mut share = Share::new(&metrics);
    share.set_workers(0, 0);
    share.set_conditions(std::iter::once(("Ready", "True")));
    registry.described()
}

async fn run(settings: Settings) -> Result<(), String> {
    let stop = lifecycle::stop_token().map_err(|error| format!("signals cannot be caught: {error}"))?;
    let listener = inside::bind(settings.inside_listen).await.map_err(|error| {
        format!("INSIDE_LISTEN={} cannot be listened on: {error}", settings.inside_listen)
    })?;
    let (registry, metrics) = (inside::Metrics::default(), Metrics::default());
    metrics.register(&registry);
    let watching = Arc::new(AtomicBool::new(false));
    let ready: inside::Ready = {
        let watching = Arc::clone(&watching);
        Arc::new(
            move || {
                if watching.load(Ordering::Relaxed) { Ok(()) } else { Err("not watching yet".into()) }
            },
        )
    };
    tokio::spawn(inside::serve(listener, registry, ready));

    let client = controller::client().await?;
    let context = Arc::new(Context::new(client.clone(), &settings, metrics));
    controller::wait_for_definition(&client, &settings, &stop).await?;
    if stop.is_cancelled() {
        return Ok(());
    }
    // A standby is ready: it watches nothing yet, but takes over within the Lease's time.
    watching.store(true, Ordering::Relaxed);
    let leader = context.metrics.leader.clone();
    let Some(mut leadership) = leader::elected(&client, &settings, &stop).await? else { return Ok(()) };
    leader.set(1);
    let (controller, store) = controller::run(&context, &settings, stop.clone());
    let scaling = tokio::spawn(scaler::run(Arc::clone(&context), store, stop.clone()));
    tokio::select! {
        () = controller => (),
        // Two operators at once would undo each other; the process starts again and waits for its turn.
        () = leadership.lost() => return Err("the Lease was lost: another operator may be at work".into()),
    }
    scaling.abort();
    leadership.release().await;
    Ok(())
}
