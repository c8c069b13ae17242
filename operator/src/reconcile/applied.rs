//! What was applied last, so that what is as it should be is not sent again: a steady pass writes nothing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use plan::resources::Kind;
use serde_json::{Value, json};

/// Hashes of what was applied, and of what the API server made of it.
#[derive(Default)]
pub struct Applied(HashMap<(Kind, String), (u64, u64)>);

impl Applied {
    /// Whether an object was applied like this, and nobody has changed it since.
    pub fn stands(&self, kind: Kind, name: &str, body: &Value, living: &Value) -> bool {
        let known = self.0.get(&(kind, name.to_owned()));
        known.is_some_and(|known| *known == (hash(body), fingerprint(body, living)))
    }

    /// Remembers what was applied and what came of it.
    pub fn note(&mut self, kind: Kind, name: &str, body: &Value, living: &Value) {
        self.0.insert((kind, name.to_owned()), (hash(body), fingerprint(body, living)));
    }

    /// Forgets an object.
    pub fn forget(&mut self, kind: Kind, name: &str) {
        self.0.remove(&(kind, name.to_owned()));
    }
}

/// Whatever the order of keys: an answer and a list may have another, and so may a map from which something was taken.
fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(value, &mut hasher);
    hasher.finish()
}

fn feed(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            ("object", entries.len()).hash(hasher);
            for (key, value) in entries {
                key.hash(hasher);
                feed(value, hasher);
            }
        }
        Value::Array(items) => {
            ("array", items.len()).hash(hasher);
            items.iter().for_each(|item| feed(item, hasher));
        }
        plain => plain.to_string().hash(hasher),
    }
}

/// Of what a person or a controller could have changed of ours: not the status, nor versions, nor a number of replicas
/// that somebody else owns.
fn fingerprint(body: &Value, living: &Value) -> u64 {
    let mut kept = living.clone();
    let metadata = &living["metadata"];
    if let Some(kept) = kept.as_object_mut() {
        kept.remove("status");
        // An object in a list says nothing of its kind; the answer to an apply does.
        kept.remove("apiVersion");
        kept.remove("kind");
        kept.insert(
            "metadata".into(),
            json!([metadata["uid"], metadata["labels"], metadata["ownerReferences"]]),
        );
    }
    if body["spec"]["replicas"].is_null()
        && let Some(spec) = kept["spec"].as_object_mut()
    {
        spec.remove("replicas");
    }
    hash(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_sent_again_when_the_wish_or_the_object_changed_and_not_when_only_its_status_did() {
        let body = json!({"spec": {"template": 1}});
        let living = |template: u8, replicas: u8, ready: u8, version: u8| json!({"metadata": {"uid": "u", "resourceVersion": version}, "spec": {"template": template, "replicas": replicas}, "status": {"ready": ready}});
        let mut applied = Applied::default();
        let kind = Kind::Deployment;
        assert!(!applied.stands(kind, "a", &body, &living(1, 1, 0, 1)));
        applied.note(kind, "a", &body, &living(1, 1, 0, 1));
        assert!(applied.stands(kind, "a", &body, &living(1, 1, 1, 2)), "its status changed");
        assert!(applied.stands(kind, "a", &body, &living(1, 9, 1, 2)), "the scaler's replicas changed");
        assert!(!applied.stands(kind, "a", &body, &living(2, 1, 1, 2)), "somebody changed it");
        assert!(!applied.stands(kind, "a", &json!({"spec": {"template": 2}}), &living(1, 1, 1, 2)));
        let answer = r#"{"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"replicas": 1, "template": 1}, "status": {"ready": 0}, "metadata": {"resourceVersion": 1, "uid": "u"}}"#;
        let answer: Value = serde_json::from_str(answer).unwrap();
        applied.note(kind, "a", &body, &answer);
        assert!(
            applied.stands(kind, "a", &body, &living(1, 1, 0, 1)),
            "a list does not repeat the kind, and its keys may be in another order"
        );
        let fixed = json!({"spec": {"template": 1, "replicas": 1}});
        applied.note(kind, "a", &fixed, &living(1, 1, 0, 1));
        assert!(!applied.stands(kind, "a", &fixed, &living(1, 2, 0, 1)), "our own replicas were changed");
    }
}
