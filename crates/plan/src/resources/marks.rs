//! A mark of what the Secrets of API and workers hold, on their pods: with another value there come other pods. Values
//! are read when a container starts, so pods that run do not notice a new one, and those that ended over a wrong one
//! wait for the kubelet, for minutes.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::object::{Kind, Object};
use crate::names::Part;
use crate::validate::ValidatedPipeline;

/// The annotation of the pods.
pub const MARK: &str = "eventpipeline.dev/secrets";
/// The mark is of 16 bits: enough to tell a new value from the old one, and too few to try passwords against.
const MARK_BITS: u32 = 16;

/// Marks the Deployments of API and workers. `value` reads a key of a Secret; `living` is the Deployment of a name as
/// it stands; `trusted` says that no store refused what the Secrets hold now. A mark changes only then, or where no pod
/// is ready: pods that serve must not give way to pods that cannot. (Users of a managed MongoDB are given the
/// Secret's password first.)
pub fn mark<'a>(
    pipeline: &ValidatedPipeline,
    objects: &mut [Object],
    value: impl Fn(&str, &str) -> Option<String>,
    living: impl Fn(&str) -> Option<&'a Value>,
    trusted: bool,
) {
    for part in [Part::Api, Part::Worker] {
        let name = pipeline.names.of(part);
        let found = objects.iter_mut().find(|object| object.kind == Kind::Deployment && object.name == name);
        let Some(object) = found else { continue };
        let mut hasher = DefaultHasher::new();
        for (secret, key) in named(&object.body) {
            (secret, key, value(secret, key)).hash(&mut hasher);
        }
        let now = format!("{:04x}", hasher.finish() >> (u64::BITS - MARK_BITS));
        let there = living(&name);
        let old = there.and_then(|there| there["spec"]["template"]["metadata"]["annotations"][MARK].as_str());
        let serves = there.is_some_and(|there| there["status"]["readyReplicas"].as_i64() > Some(0));
        let mark = if serves && !trusted { old.map(str::to_owned) } else { Some(now) };
        if let Some(mark) = mark {
            object.body["spec"]["template"]["metadata"]["annotations"][MARK] = mark.into();
        }
    }
}

/// The Secrets and their keys that a Deployment's containers have in their environment.
fn named(body: &Value) -> impl Iterator<Item = (&str, &str)> {
    let containers = body["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
    let variables = containers.flat_map(|container| container["env"].as_array().into_iter().flatten());
    variables.filter_map(|variable| {
        let named = &variable["valueFrom"]["secretKeyRef"];
        Some((named["name"].as_str()?, named["key"].as_str()?))
    })
}
