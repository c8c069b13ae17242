//! Secrets: made once when they are absent and no data need the lost ones, never applied over. Those of external stores are the user's.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crd::conditions::reasons;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use plan::resources::labels;
use plan::secrets::{Content, Kept, WantedSecret, locked, missing, required, wanted};
use plan::status::Trouble;
use plan::validate::ValidatedPipeline;

use crate::context::Context;
use crate::error::{Error, call};

/// What passes need of them.
#[derive(Default)]
pub struct Secrets {
    /// By name.
    values: BTreeMap<String, Secret>,
    /// What is missing and must come from a person.
    pub trouble: Option<Trouble>,
}

impl Secrets {
    /// A value, when it is there and is text.
    pub fn value(&self, secret: &str, key: &str) -> Option<String> {
        value(self.values.get(secret)?, key)
    }
}

/// A key's value as text.
pub fn value(secret: &Secret, key: &str) -> Option<String> {
    String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok()
}

/// Reads one.
pub async fn read(namespace: &str, name: &str, context: &Context) -> Result<Option<Secret>, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    call(format!("read Secret {name}"), async { api.get_opt(name).await }).await
}

/// Makes those that are absent, unless data are there that were set up with them, and reads all.
pub async fn ensure(valid: &ValidatedPipeline, context: &Context) -> Result<Secrets, Error> {
    let namespace = valid.names().namespace();
    let mut secrets = Secrets::default();
    let mut lacking_all = Vec::new();
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    for wanted in wanted(valid) {
        match read(namespace, &wanted.name, context).await? {
            Some(there) => present.push((wanted, there)),
            None => absent.push(wanted),
        }
    }
    if !absent.is_empty() {
        match locked(valid.names().pipeline(), &absent, &kept(valid, context).await?) {
            Some(why) => lacking_all.push(why),
            None => {
                for wanted in absent {
                    let made = create(valid, &wanted, context).await?;
                    present.push((wanted, made));
                }
            }
        }
    }
    for (wanted, there) in present {
        let keys = there.data.iter().flatten().map(|(key, _)| key.as_str());
        let lacking = missing(&wanted, keys);
        if !lacking.is_empty() {
            let labels = there.metadata.labels.clone().unwrap_or_default();
            let is_ours = wanted.labels.iter().all(|(key, value)| labels.get(key) == Some(value));
            let advice = if is_ours {
                "it is never made anew, since what was set up with it would not open; restore it from a copy"
            } else {
                "it is not this pipeline's; rename one of the two or delete it"
            };
            lacking_all.push(format!("Secret {} lacks {}: {advice}", wanted.name, lacking.join(", ")));
        }
        secrets.values.insert(wanted.name, there);
    }
    for required in required(valid) {
        let there = read(namespace, &required.name, context).await?;
        let has_key = there.as_ref().is_some_and(|secret| value(secret, required.key).is_some());
        if !has_key {
            let what = if there.is_none() { "is not there" } else { "lacks this key" };
            lacking_all.push(format!(
                "{} names Secret {}, which {what}: create it with the key `{}`",
                required.field, required.name, required.key
            ));
        }
        secrets.values.extend(there.map(|secret| (required.name, secret)));
    }
    if !lacking_all.is_empty() {
        secrets.trouble = Some(Trouble { reason: reasons::SECRET_MISSING, message: lacking_all.join("; ") });
    }
    Ok(secrets)
}

/// Volumes and StatefulSets of the pipeline's stores. What is being deleted already goes, and its data with it.
async fn kept(valid: &ValidatedPipeline, context: &Context) -> Result<Vec<Kept>, Error> {
    let namespace = valid.names().namespace();
    let ours = ListParams::default().labels(&labels::of_pipeline(valid.names().pipeline()));
    let of = |kind, meta: ObjectMeta| {
        let part = meta.labels?.remove(labels::COMPONENT)?;
        meta.deletion_timestamp.is_none().then(|| Kept { kind, name: meta.name.unwrap_or_default(), part })
    };
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), namespace);
    let claims = call("list persistentvolumeclaims", async { claims.list(&ours).await }).await?;
    let sets: Api<StatefulSet> = Api::namespaced(context.client.clone(), namespace);
    let sets = call("list statefulsets", async { sets.list(&ours).await }).await?;
    // A predecessor's goes by itself.
    let own = |meta: &ObjectMeta| meta.owner_references.iter().flatten().any(|o| o.uid == valid.owner().uid);
    Ok(claims
        .into_iter()
        .filter_map(|claim| of("PersistentVolumeClaim", claim.metadata))
        .chain(
            sets.into_iter()
                .filter(|set| own(&set.metadata))
                .filter_map(|set| of("StatefulSet", set.metadata)),
        )
        .collect())
}

async fn create(
    valid: &ValidatedPipeline,
    wanted: &WantedSecret,
    context: &Context,
) -> Result<Secret, Error> {
    let mut data = BTreeMap::new();
    for (key, content) in &wanted.keys {
        data.insert((*key).to_owned(), make(content)?);
    }
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(wanted.name.clone()),
            namespace: Some(valid.names().namespace().to_owned()),
            labels: Some(wanted.labels.clone()),
            ..ObjectMeta::default()
        },
        string_data: Some(data),
        type_: Some("Opaque".into()),
        ..Secret::default()
    };
    let api: Api<Secret> = Api::namespaced(context.client.clone(), valid.names().namespace());
    let how = PostParams { field_manager: Some(super::apply::MANAGER.into()), ..PostParams::default() };
    let made =
        call(format!("create Secret {}", wanted.name), async { api.create(&how, &secret).await }).await?;
    context.metrics.writes.inc();
    tracing::info!(secret = wanted.name, "made");
    Ok(made)
}

/// Letters and digits.
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn make(content: &Content) -> Result<String, Error> {
    match content {
        Content::Text(text) => Ok(text.clone()),
        Content::Letters(count) => letters(*count),
        Content::Base64(count) => {
            let mut bytes = vec![0; *count];
            getrandom::fill(&mut bytes).map_err(|error| Error::NoRandomness(error.to_string()))?;
            Ok(STANDARD.encode(bytes))
        }
        Content::ApiKey => Ok(format!("epk_{}_{}", letters(12)?, letters(40)?)),
    }
}

/// Bytes of 248 and more would make the first letters likelier, and are drawn again.
fn letters(count: usize) -> Result<String, Error> {
    let mut text = String::with_capacity(count);
    let mut bytes = [0; 64];
    while text.len() < count {
        getrandom::fill(&mut bytes).map_err(|error| Error::NoRandomness(error.to_string()))?;
        let good = bytes.iter().filter(|byte| **byte < 248);
        text.extend(good.take(count - text.len()).map(|byte| char::from(LETTERS[usize::from(*byte) % 62])));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_has_the_asked_length_and_letters_and_never_comes_twice() {
        let (one, other) = (letters(48).unwrap(), letters(48).unwrap());
        assert!(one.len() == 48 && one != other && one.chars().all(|c| c.is_ascii_alphanumeric()), "{one}");
        let key = make(&Content::ApiKey).unwrap();
        assert!(key.starts_with("epk_") && key.len() == 4 + 12 + 1 + 40, "{key}");
        assert_eq!(make(&Content::Base64(756)).unwrap().len(), 1008);
    }
}
