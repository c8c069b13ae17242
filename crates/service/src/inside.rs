//! The listener that only the cluster sees: `/metrics`, `/livez`, `/readyz`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::metrics::info::Info;
use tokio::net::TcpListener;

use crate::process::Process;
use crate::registrar::Registrar;

/// Says whether the service can do its work now, and if not, why in a few words.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The metrics of a service, and of its process.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Registrar>>);

impl Default for Metrics {
    fn default() -> Self {
        let mut registrar = Registrar::default();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registrar.register("eventpipeline_build", "The release of this program", build);
        registrar.register_collector(Box::new(Process));
        Self(Arc::new(Mutex::new(registrar)))
    }
}

impl Metrics {
    /// Registers metrics; names get no prefix.
    pub fn register(&self, register: impl FnOnce(&mut Registrar)) {
        register(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What `--metrics` prints: all that a scrape gives, and those that a scrape leaves out as long as they are empty.
    pub fn described(&self) -> String {
        let registrar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registrar.described().unwrap_or_else(|error| format!("# the metrics cannot be written: {error}\n"))
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

/// Binds the inside listener.
pub async fn bind(listen: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(listen).await
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, metrics: Metrics, ready: Ready) -> std::io::Result<()> {
    let app = Router::new()
        .route("/metrics", get(scrape))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state((metrics, ready));
    axum::serve(listener, app).await
}

async fn scrape(State((metrics, _)): State<(Metrics, Ready)>) -> Response {
    match metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn readyz(State((_, ready)): State<(Metrics, Ready)>) -> Response {
    match ready() {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
