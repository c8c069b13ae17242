//! One operator at a time: a Lease, and out of the process when it is lost.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use plan::lease::Tenure;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// The Lease's name.
const LEASE: &str = "eventpipeline-operator";
/// Seconds after which another may take over from one that is silent.
const DURATION_SECONDS: u64 = 15;
/// Seconds before the end at which it is renewed: an API server that starts again within them costs nothing.
const GRACE_SECONDS: u64 = 10;
/// Between two looks at whether it is still ours: a few between two renewals.
const LOOK: Duration = Duration::from_secs(2);
/// One look takes no longer, so that there are some before the end.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// What giving it back may take at the end.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// This operator is the one; without an election it always is.
pub struct Leadership(Option<Held>);

struct Held {
    holds: watch::Receiver<bool>,
    task: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
    leases: Api<Lease>,
    tenure: Tenure,
    since: Instant,
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
    let leases = Api::namespaced(client.clone(), namespace);
    let tenure = Tenure::new(&settings.identity, Duration::from_secs(DURATION_SECONDS), Duration::ZERO);
    Ok(Some(Leadership(Some(Held { holds, task, leases, tenure, since: Instant::now() }))))
}

impl Leadership {
    /// Ends when this operator is no longer the one.
    pub async fn lost(&mut self) {
        let Some(Held { holds, leases, tenure, since, .. }) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            () = given_up(holds) => (),
            () = run_out(leases, tenure, *since) => (),
        }
    }

    /// Gives the Lease back, so that a successor need not wait for it to run out.
    pub async fn release(self) {
        let Some(Held { holds, task, .. }) = self.0 else { return };
        // The task ends, and gives it back, when nobody watches any more.
        drop(holds);
        if tokio::time::timeout(RELEASE_TIMEOUT, task).await.is_err() {
            tracing::warn!("the Lease was not given back in time; a successor waits until it runs out");
        }
    }
}

/// Ends when the one who renews it says that it is another's.
async fn given_up(holds: &mut watch::Receiver<bool>) {
    while holds.changed().await.is_ok() {
        if !*holds.borrow_and_update() {
            return;
        }
    }
}

/// Ends when it may be another's. The one who renews it says so only once it could read the Lease again, and after
/// failures it waits for up to half a minute before it tries; a successor is at work by then.
async fn run_out(leases: &Api<Lease>, tenure: &mut Tenure, since: Instant) {
    loop {
        let asked = since.elapsed();
        let within = LOOK_TIMEOUT.min(tenure.left(asked));
        match tokio::time::timeout(within, leases.get_opt(LEASE)).await {
            Ok(Ok(lease)) => tenure.look(lease.and_then(|lease| lease.spec).as_ref(), asked),
            Ok(Err(error)) => tracing::warn!(%error, "the Lease was not read"),
            Err(_) => tracing::warn!("the Lease was not read in time"),
        }
        let left = tenure.left(since.elapsed());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(LOOK.min(left)).await;
    }
}

#[cfg(test)]
mod tests {
    use kube::Config;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// An API server that gives this answer to every request, or none.
    async fn api_server(answer: Option<&'static str>) -> Api<Lease> {
        service::lifecycle::install_tls_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut silent = Vec::new();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let Some(body) = answer else {
                    silent.push(connection);
                    continue;
                };
                let _ = connection.read(&mut [0; 4096]).await;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        Api::namespaced(Client::try_from(Config::new(address.parse().unwrap())).unwrap(), "default")
    }

    async fn seconds_until_lost(leases: &Api<Lease>, lasts: Duration) -> f64 {
        let since = Instant::now();
        let mut tenure = Tenure::new("this", lasts, Duration::ZERO);
        tokio::time::timeout(Duration::from_secs(20), run_out(leases, &mut tenure, since)).await.unwrap();
        since.elapsed().as_secs_f64()
    }

    #[tokio::test]
    async fn an_api_server_that_is_silent_ends_it_with_the_lease_and_not_before() {
        let took = seconds_until_lost(&api_server(None).await, Duration::from_millis(700)).await;
        assert!((0.7..3.0).contains(&took), "{took}");
    }

    #[tokio::test]
    async fn a_lease_that_another_holds_ends_it_at_once() {
        let lease = r#"{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "eventpipeline-operator"},
            "spec": {"holderIdentity": "another", "renewTime": "2026-01-01T12:00:00.000000Z"}}"#;
        let took = seconds_until_lost(&api_server(Some(lease)).await, Duration::from_secs(15)).await;
        assert!(took < 10.0, "{took}");
    }
}
