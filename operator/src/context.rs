//! What all passes share. It grows with the number of pipelines only: one small entry each.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crd::EventPipeline;
use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use plan::absences::Absences;
use plan::resources::volumes::Claim;
use plan::validate::Installation;

use crate::backoff::Backoff;
use crate::metrics::Metrics;
use crate::reconcile::applied::Applied;
use crate::settings::Settings;

/// `namespace/name`.
pub type Key = String;

/// Shared by all passes.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The operator's release and its cluster.
    pub installation: Installation,
    /// Events for people.
    pub recorder: Recorder,
    /// Failures in a row.
    pub backoff: Backoff,
    /// Figures.
    pub metrics: Metrics,
    memory: Mutex<HashMap<Key, Arc<Mutex<Memory>>>>,
}

/// What is remembered of one pipeline between passes; forgetting it costs some idle applies.
#[derive(Default)]
pub struct Memory {
    /// What was applied, so that what did not change is not sent again.
    pub applied: Applied,
    /// The claims that were found as large as they should be.
    pub claims: Vec<Claim>,
    /// Where Redis is, with its password, as its Secret said at the last pass.
    pub redis_url: Option<String>,
    /// Pods that were seen to be absent.
    pub absences: Absences,
    /// What the scaler saw last, for the status.
    pub lag: Option<(Option<i64>, crd::Certainty)>,
    /// The login that PostgreSQL took.
    pub postgres: crate::reconcile::Taken,
    /// Dead letters at the last count.
    pub dead_letters: Option<i64>,
}

impl Context {
    /// A fresh memory.
    pub fn new(client: Client, settings: &Settings, metrics: Metrics) -> Self {
        let reporter = Reporter {
            controller: "eventpipeline-operator".into(),
            instance: Some(settings.identity.clone()),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            installation: settings.installation.clone(),
            backoff: Backoff::default(),
            metrics,
            memory: Mutex::default(),
        }
    }

    /// The memory of one pipeline.
    pub fn memory(&self, key: &str) -> Arc<Mutex<Memory>> {
        Arc::clone(lock(&self.memory).entry(key.to_owned()).or_default())
    }

    /// Forgets all pipelines but these: one that is deleted without a finalizer is never seen again by a pass.
    pub fn retain(&self, present: &HashSet<Key>) {
        lock(&self.memory).retain(|key, _| present.contains(key));
        self.backoff.retain(present);
    }

    /// Forgets a pipeline that is gone.
    pub fn forget(&self, key: &str) {
        lock(&self.memory).remove(key);
        self.backoff.forget(key);
    }
}

/// The key of a pipeline.
pub fn key(pipeline: &EventPipeline) -> Key {
    let meta = &pipeline.metadata;
    format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

/// A poisoned lock holds what it held: nothing here is left half-changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
