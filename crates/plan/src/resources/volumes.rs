//! Volumes. The templates of a StatefulSet can never be changed, so a store that grows keeps the template that it was
//! made with, and its claims are told to grow one by one.

use serde_json::{Value, json};

use super::object::{Kind, Object};
use super::workload::DATA;
use crate::quantity;
use crate::validate::ValidatedPipeline;

/// A claim as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its name, `data-NAME-redis-0` for instance.
    pub name: String,
    /// Its size.
    pub size: String,
}

impl Claim {
    /// What to apply to a claim of this size to make it grow; none when it is large enough.
    pub fn growth(&self, present: &str) -> Option<Value> {
        let grows = quantity::whole(&self.size)? > quantity::whole(present)?;
        grows.then(|| json!({"spec": {"resources": {"requests": {"storage": self.size}}}}))
    }
}

/// Every claim of a pipeline's stores.
pub fn claims(pipeline: &ValidatedPipeline) -> Vec<Claim> {
    let objects = super::objects(pipeline);
    let sets = objects.iter().filter(|object| object.kind == Kind::StatefulSet);
    sets.flat_map(|set| {
        let spec = &set.body["spec"];
        let size = &spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"];
        let claim = |ordinal| Claim {
            name: format!("{DATA}-{}-{ordinal}", set.name),
            size: size.as_str().unwrap_or_default().to_owned(),
        };
        (0..spec["replicas"].as_i64().unwrap_or_default()).map(claim).collect::<Vec<_>>()
    })
    .collect()
}

/// The StatefulSet with the templates that the living one was made with: an apply with others is refused.
#[must_use]
pub fn with_living_templates(mut desired: Object, living: &Value) -> Object {
    let templates = &living["spec"]["volumeClaimTemplates"];
    if desired.kind == Kind::StatefulSet && templates.is_array() {
        desired.body["spec"]["volumeClaimTemplates"] = templates.clone();
    }
    desired
}
