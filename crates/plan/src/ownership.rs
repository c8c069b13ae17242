//! Whose an object is that has the name of one of a pipeline's. What is a stranger's is never applied over: it would go
//! with the pipeline.

use crd::conditions::reasons;
use serde_json::Value;

use crate::resources::{Kind, labels};
use crate::status::Trouble;
use crate::validate::ValidatedPipeline;

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This pipeline's.
    Ours,
    /// A deleted pipeline's of the same name: Kubernetes is about to delete it.
    Predecessors,
    /// Somebody else's.
    Strangers,
}

/// Whose an object is: its owners say so. One without owners is ours by its labels: somebody deleted a pipeline and
/// left its objects, with `kubectl delete --cascade=orphan`.
pub fn whose(object: &Value, pipeline: &ValidatedPipeline) -> Whose {
    let owners: &[Value] = object["metadata"]["ownerReferences"].as_array().map_or(&[], Vec::as_slice);
    let is_namesake = |owner: &Value| {
        let of_our_group = owner["apiVersion"].as_str().and_then(|text| text.split_once('/'));
        of_our_group.is_some_and(|(group, _)| group == crd::GROUP)
            && owner["kind"] == crd::KIND
            && owner["name"] == pipeline.names.pipeline()
    };
    if owners.iter().any(|owner| owner["uid"] == pipeline.owner.uid.as_str()) {
        Whose::Ours
    } else if owners.iter().any(is_namesake) {
        Whose::Predecessors
    } else if owners.is_empty() && labels::are_of(&object["metadata"]["labels"], pipeline.names.pipeline()) {
        Whose::Ours
    } else {
        Whose::Strangers
    }
}

/// What a person has to be told of a stranger's object.
pub fn taken(kind: Kind, name: &str) -> Trouble {
    Trouble {
        reason: reasons::NAME_TAKEN,
        message: format!(
            "{} {name} exists and is not this pipeline's: it is left alone, and nothing new is made; rename one of the \
             two or delete it",
            kind.word()
        ),
    }
}
