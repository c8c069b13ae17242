//! Pipelines as the API server would give them to the operator.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::path::PathBuf;

use crd::EventPipeline;
use plan::validate::Installation;
use plan::{Fault, Images, ValidatedPipeline, validate};

/// Every example of the repository.
pub const EXAMPLES: [&str; 4] = ["minimal", "laptop", "e2e", "production"];
pub const UID: &str = "11111111-2222-3333-4444-555555555555";

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn installation() -> Installation {
    Installation {
        images: Images {
            api: "registry.example/eventpipeline-api:0.1.0".into(),
            worker: "registry.example/eventpipeline-worker:0.1.0".into(),
            redis: "redis:7".into(),
            postgres: "postgres:16".into(),
            mongo: "mongo:7.0".into(),
        },
        cluster_domain: "cluster.local".into(),
        pod_monitors: None,
        namespace: Some("eventpipeline".into()),
    }
}

/// A pipeline of a manifest, stored.
pub fn stored(text: &str) -> EventPipeline {
    let mut pipeline: EventPipeline = serde_yaml::from_str(text).expect(text);
    pipeline.metadata.namespace.get_or_insert_with(|| "default".into());
    pipeline.metadata.uid = Some(UID.into());
    pipeline.metadata.generation = Some(1);
    pipeline
}

pub fn example(name: &str) -> ValidatedPipeline {
    let path = root().join(format!("examples/{name}.yaml"));
    let text = std::fs::read_to_string(&path).expect(name);
    validate(&stored(&text), &installation()).expect(name)
}

/// A pipeline called `clicks` with this spec.
pub fn of_spec(spec: &str) -> Result<ValidatedPipeline, Vec<Fault>> {
    let text = format!(
        "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata: {{name: clicks}}\nspec: {spec}\n"
    );
    validate(&stored(&text), &installation())
}

pub fn valid(spec: &str) -> ValidatedPipeline {
    of_spec(spec).expect(spec)
}
