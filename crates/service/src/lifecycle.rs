//! How a service begins and ends: one TLS provider, one stop signal.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Installs ring as the process's TLS provider. A second call changes nothing.
pub fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A token that is cancelled at the first SIGTERM or SIGINT. A second one ends the process the usual way,
/// so that a person is never stuck behind a drain.
pub fn stop_token() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: no new work is taken");
        stop.cancel();
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        tracing::warn!("second signal: stopping at once; what was in flight is delivered again later");
        std::process::abort();
    });
    Ok(token)
}
