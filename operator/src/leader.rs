//! One operator at a time: a Lease, and out of the process when it is lost.

use std::time::Duration;

use kube::Client;
use kube_lease_manager::LeaseManagerBuilder;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// The Lease's name.
const LEASE: &str = "eventpipeline-operator";
/// Seconds after which another may take over from one that is silent.
const DURATION_SECONDS: i32 = 15;
/// Seconds before the end at which it is renewed.
const GRACE_SECONDS: i32 = 5;
/// What releasing it may take at the end.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Waits until this operator is the one. The answer ends when it no longer is. `None`: told to stop.
pub async fn elected(
    client: &Client,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<Option<impl Future<Output = ()>>, String> {
    let Some(namespace) = &settings.lease_namespace else {
        return Ok(Some(futures::future::Either::Left(std::future::pending())));
    };
    let failed =
        |error: kube_lease_manager::LeaseManagerError| format!("the Lease {namespace}/{LEASE}: {error}");
    let manager = LeaseManagerBuilder::new(client.clone(), LEASE)
        .with_namespace(namespace)
        .with_identity(&settings.identity)
        .with_duration(u64::try_from(DURATION_SECONDS).unwrap_or(15))
        .with_grace(u64::try_from(GRACE_SECONDS).unwrap_or(5))
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
    let stop = stop.clone();
    Ok(Some(futures::future::Either::Right(async move {
        loop {
            tokio::select! {
                changed = holds.changed() => {
                    if changed.is_err() || !*holds.borrow_and_update() {
                        return;
                    }
                }
                () = stop.cancelled() => break,
            }
        }
        // Dropping the watcher gives the Lease back, so that a successor need not wait for it to run out.
        drop(holds);
        let _ = tokio::time::timeout(RELEASE_TIMEOUT, task).await;
        std::future::pending::<()>().await;
    })))
}
