//! Pipelines on the stores of the one under test, as external ones: they are Ready within seconds, and share its
//! collections.

use serde_json::{Value, json};

use crate::error::Result;
use crate::world::World;

/// The Secrets that [`stores`] names, with the addresses of the stores.
pub async fn secrets(world: &World) -> Result<Vec<Value>> {
    let stores = &world.pipeline;
    let host = |part: &str| format!("{}-{part}.{}.svc.cluster.local", stores.name, stores.namespace);
    let redis = format!("redis://:{}@{}:6379", stores.secret("redis", "password").await?, host("redis"));
    let postgres = format!(
        "postgres://eventpipeline:{}@{}:5432/eventpipeline",
        stores.secret("postgres", "password").await?,
        host("postgres")
    );
    let mongodb = format!(
        "mongodb://eventpipeline:{}@{}:27017/?authSource=admin",
        stores.secret("mongodb", "password").await?,
        host("router")
    );
    let secret = |(name, url)| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"url": url}});
    Ok([("queue", redis), ("accounts", postgres), ("documents", mongodb)].map(secret).to_vec())
}

/// A spec on them, with one small pod of the API, and these workers.
pub fn spec(mut workers: Value) -> Value {
    let small = json!({"requests": {"cpu": "1m", "memory": "16Mi"}});
    workers["resources"] = small.clone();
    json!({
        "api": {"replicas": 1, "resources": small},
        "workers": workers,
        "redis": {"external": {"secretName": "queue"}},
        "postgres": {"external": {"secretName": "accounts"}},
        "mongodb": {"external": {"secretName": "documents"}},
    })
}

/// One of them.
pub fn pipeline(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": crd::API_VERSION, "kind": crd::KIND, "metadata": {"name": name}, "spec": spec})
}

/// A list, as kubectl applies it.
pub fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}
