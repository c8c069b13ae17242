//! Which replica sets were once initiated, in the Secret `NAME-mongodb`: it outlives the pipeline, as the volumes do.

use bootstrap::{Record, RecordError, enter};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use plan::mongo::observed::Initiated;
use serde_json::json;

use super::apply::MANAGER;
use crate::error::call;

/// The key of the record.
const KEY: &str = "initiated";

/// The record of one pipeline.
pub struct SecretRecord {
    api: Api<Secret>,
    name: String,
}

impl SecretRecord {
    /// In this Secret.
    pub fn new(client: &Client, namespace: &str, name: String) -> Self {
        Self { api: Api::namespaced(client.clone(), namespace), name }
    }

    fn unusable(&self, attempted: &'static str, why: &impl ToString) -> RecordError {
        RecordError::Unusable { place: format!("Secret {}", self.name), attempted, why: why.to_string() }
    }

    /// The record with the version of the Secret that it was read from.
    async fn load(&self) -> Result<(Initiated, Option<String>), RecordError> {
        let secret = call(format!("read Secret {}", self.name), async { self.api.get(&self.name).await })
            .await
            .map_err(|error| self.unusable("read", &error))?;
        let version = secret.metadata.resource_version.clone();
        let record = match secret.data.as_ref().and_then(|data| data.get(KEY)) {
            Some(ByteString(bytes)) => {
                serde_json::from_slice(bytes).map_err(|error| self.unusable("read", &error))?
            }
            None => Initiated::new(),
        };
        Ok((record, version))
    }
}

impl Record for SecretRecord {
    async fn read(&self) -> Result<Initiated, RecordError> {
        Ok(self.load().await?.0)
    }

    async fn write(&self, set: &str, replica_set_id: &str) -> Result<(), RecordError> {
        let (mut record, version) = self.load().await?;
        if !enter(&mut record, set, replica_set_id)? {
            return Ok(());
        }
        let text = serde_json::to_string(&record).map_err(|error| self.unusable("written", &error))?;
        // With the version: another writer's entry is never lost.
        let patch = json!({"metadata": {"resourceVersion": version}, "stringData": {KEY: text}});
        let how = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        call(format!("record that {set} is initiated"), async {
            self.api.patch(&self.name, &how, &Patch::Merge(&patch)).await
        })
        .await
        .map(|_| ())
        .map_err(|error| self.unusable("written", &error))
    }
}
