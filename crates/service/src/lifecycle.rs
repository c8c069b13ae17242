//! How a service begins and ends: one TLS provider, one stop signal, stores waited for.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Between two tries to reach a store at the start.
const RETRY: Duration = Duration::from_secs(1);

/// Why something could not be prepared.
#[derive(Debug)]
pub enum Unprepared {
    /// It may work later.
    Later(String),
    /// It never will, as things are set.
    Never(String),
}

impl Unprepared {
    /// From an error that says of itself whether it passes.
    pub fn from_error(is_permanent: bool, error: &impl std::fmt::Display) -> Self {
        if is_permanent { Self::Never(error.to_string()) } else { Self::Later(error.to_string()) }
    }
}

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

/// Tries until it works, saying once that it waits; there is no limit, for a store may come back at any time and
/// `/readyz` says what is waited for. `None`: told to stop.
pub async fn wait_for<T, F>(
    what: &str,
    stop: &CancellationToken,
    prepare: impl Fn() -> F,
) -> Result<Option<T>, String>
where
    F: Future<Output = Result<T, Unprepared>>,
{
    let mut said = false;
    loop {
        let prepared = tokio::select! {
            prepared = prepare() => prepared,
            () = stop.cancelled() => return Ok(None),
        };
        match prepared {
            Ok(prepared) => return Ok(Some(prepared)),
            Err(Unprepared::Never(why)) => return Err(why),
            Err(Unprepared::Later(why)) if !said => {
                tracing::warn!(why, "waiting for {what}");
                said = true;
            }
            Err(Unprepared::Later(_)) => (),
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => (),
            () = stop.cancelled() => return Ok(None),
        }
    }
}
