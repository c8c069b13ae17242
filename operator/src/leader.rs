//! One operator at a time: a Lease, and out of the process when it is lost.

use std::time::Duration;

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// The Lease's name.
const LEASE: &str = "eventpipeline-operator";
/// Seconds after which another may take over from one that is silent.
const DURATION_SECONDS: u64 = 15;
/// Seconds before the end at which it is renewed.
const GRACE_SECONDS: u64 = 5;
/// What giving it back may take at the end.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// This operator is the one; without an election it always is.
pub struct Leadership(Option<Held>);

struct Held {
    holds: watch::Receiver<bool>,
    task: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

/// Waits until this operator is the one. `None`: told to stop.
pub async fn elected(
    client: &Client,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<Option<Leadership>, String> {
    let Some(namespace) = &settings.lease_namespace else { return Ok(Some(Leadership(None))) };
    let failed = |error: LeaseManagerError| format!("the Lease {namespace}/{LEASE}: {error}");
    let manager = LeaseManagerBuilder::new(client.clone(), LEASE)
        .with_namespace(namespace)
        .with_identity(&settings.identity)
        .with_duration(DURATION_SECONDS)
        .with_grace(GRACE_SECONDS)
        .build()
        .await
        .map_err(failed)?;
    let (mut holds, task) = manager.watch().await;
    tracing::info!(namespace, identity = settings.identity, "waiting for the Lease");
    while !*holds.borrow_and_update() {
        tokio::select! {
            changed = holds.changed() => {
                if changed.is_err() {
                    return Err(format!("the Lease {namespace}/{LEASE} cannot be watched"));
                }
            }
            () = stop.cancelled() => return Ok(None),
        }
    }
    tracing::info!("this operator holds the Lease");
    Ok(Some(Leadership(Some(Held { holds, task }))))
}

impl Leadership {
    /// Ends when this operator is no longer the one.
    pub async fn lost(&mut self) {
        let Some(held) = &mut self.0 else { return std::future::pending().await };
        while held.holds.changed().await.is_ok() {
            if !*held.holds.borrow_and_update() {
                return;
            }
        }
    }

    /// Gives the Lease back, so that a successor need not wait for it to run out.
    pub async fn release(self) {
        let Some(Held { holds, task }) = self.0 else { return };
        // The task ends, and gives it back, when nobody watches any more.
        drop(holds);
        if tokio::time::timeout(RELEASE_TIMEOUT, task).await.is_err() {
            tracing::warn!("the Lease was not given back in time; a successor waits until it runs out");
        }
    }
}
