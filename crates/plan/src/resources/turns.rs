//! Servers of the MongoDB cluster are changed one set after the other, in the order that MongoDB asks for in upgrades:
//! config servers, shards, routers. A change of its image or its memory would otherwise stop all shards at once.

use serde_json::Value;

use super::labels;
use super::object::{Kind, Object};
use crate::names::Part;

/// Whose turn it is, while objects are gone through in their order.
#[derive(Debug, Default)]
pub struct Turns {
    busy: bool,
}

impl Turns {
    /// `catching_up`: whether a member of a set copies the data of its primary, which it may do for hours. It listens
    /// meanwhile, and so is a ready pod, but without another member the set would have no majority.
    pub fn new(catching_up: bool) -> Self {
        Self { busy: catching_up }
    }

    /// Whether a change of a workload that is there has to wait. One without a ready pod never does: there is nothing
    /// to keep, and the change may be what mends it.
    pub fn holds_back(&self, object: &Object, living: &Value) -> bool {
        self.busy && is_of_mongodb(object) && living["status"]["readyReplicas"].as_i64() > Some(0)
    }

    /// Notes a workload that stays as it is, or (`changed`) was just changed.
    pub fn passed(&mut self, object: &Object, living: &Value, changed: bool) {
        self.busy |= is_of_mongodb(object) && (changed || !is_in_order(object.kind, living));
    }
}

fn is_of_mongodb(object: &Object) -> bool {
    let component = object.body["metadata"]["labels"][labels::COMPONENT].as_str();
    let parts = [Part::Config, Part::Shard, Part::Router].map(|part| Some(part.word()));
    matches!(object.kind, Kind::StatefulSet | Kind::Deployment) && parts.contains(&component)
}

fn is_in_order(kind: Kind, living: &Value) -> bool {
    let ready = living["status"]["readyReplicas"].as_i64().unwrap_or_default();
    is_rolled_out(kind, living) && ready >= living["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// Whether the controller of a workload has seen its last change, and every pod is of the present template.
pub fn is_rolled_out(kind: Kind, living: &Value) -> bool {
    let (status, number) = (&living["status"], |value: &Value| value.as_i64().unwrap_or_default());
    let wanted = living["spec"]["replicas"].as_i64().unwrap_or(1);
    let seen = status["observedGeneration"].as_i64() >= living["metadata"]["generation"].as_i64();
    let updated = number(&status["updatedReplicas"]);
    seen && updated == wanted
        && match kind {
            // Pods of the old template go when their successors are ready.
            Kind::Deployment => number(&status["replicas"]) <= updated,
            _ => status["currentRevision"] == status["updateRevision"],
        }
}
