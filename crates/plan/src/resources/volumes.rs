//! Volumes. The templates of a StatefulSet can never be changed, so a store that grows keeps the template that it was
//! made with, and its claims are told to grow one by one.

use serde_json::{Value, json};

use super::object::{Kind, Object};
use super::workload::DATA;
use crate::quantity;

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

/// Every claim of the stores among these objects.
pub fn claims(objects: &[Object]) -> Vec<Claim> {
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

/// What to do about claims, given the size of each that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// What to apply, by name.
    pub patches: Vec<(String, Value)>,
    /// Whether all of them are there, and as large as they should be.
    pub settled: bool,
}

/// Compares claims with those that are there, name and size. One that is not there will be made by its StatefulSet,
/// perhaps of an older size.
pub fn growth(wanted: &[Claim], present: &[(String, String)]) -> Growth {
    let mut growth = Growth { patches: Vec::new(), settled: true };
    for claim in wanted {
        match present.iter().find(|(name, _)| *name == claim.name) {
            Some((_, size)) => {
                let patch = claim.growth(size);
                growth.patches.extend(patch.map(|patch| (claim.name.clone(), patch)));
            }
            None => growth.settled = false,
        }
    }
    growth.settled &= growth.patches.is_empty();
    growth
}

/// Whether every store among the objects has its pods: a volume is made anew only for a pod that starts.
pub fn stand<'a>(sets: impl IntoIterator<Item = &'a Value>) -> bool {
    sets.into_iter().all(|set| {
        let number = |value: &Value| value.as_i64().unwrap_or_default();
        number(&set["status"]["readyReplicas"]) >= number(&set["spec"]["replicas"])
    })
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
