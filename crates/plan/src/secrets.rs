//! What Secrets must exist, as a description without a single secret: making them is for who has randomness. They are
//! created if absent, never applied over, and have no owner: a pipeline that is deleted and made again finds its data.

use std::collections::BTreeMap;

use crate::names::Part;
use crate::resources::labels;
use crate::validate::ValidatedPipeline;

/// MongoDB takes key files of 6 to 1024 characters of base64; 756 bytes make 1008.
const KEY_FILE_BYTES: usize = 756;
/// Letters and digits of a password: 190 bits.
const PASSWORD_CHARS: usize = 32;
/// HS256 wants 32 bytes at least.
const SIGNING_CHARS: usize = 48;
/// A password that a person types once; 119 bits.
const ADMIN_PASSWORD_CHARS: usize = 20;
/// Nobody's address: the first administrator signs in with it and is given a real one later.
const ADMIN_EMAIL: &str = "admin@localhost.localdomain";

/// Key of every external store's Secret.
pub const URL_KEY: &str = "url";

/// A Secret that the operator makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSecret {
    /// Its name.
    pub name: String,
    /// Its labels, by which it is found again.
    pub labels: BTreeMap<String, String>,
    /// Its keys. One that exists keeps its value for ever.
    pub keys: Vec<(&'static str, Content)>,
    /// The stores whose data were set up with it, and do not open with another.
    pub opens: &'static [Part],
}

/// A store's volume or StatefulSet that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// As in a manifest.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The word of its part.
    pub part: String,
}

/// What goes into a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// This text.
    Text(String),
    /// As many random letters and digits (base62), without bias.
    Letters(usize),
    /// As many random bytes, written as base64 on one line.
    Base64(usize),
    /// An API key: `epk_`, 12 random letters and digits, `_`, 40 more.
    ApiKey,
}

/// A Secret that somebody else makes and the spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredSecret {
    /// Its name.
    pub name: String,
    /// The key that must be there.
    pub key: &'static str,
    /// The field that names it.
    pub field: &'static str,
}

/// The Secrets that the operator makes for a pipeline.
pub fn wanted(pipeline: &ValidatedPipeline) -> Vec<WantedSecret> {
    let (names, spec) = (&pipeline.names, &pipeline.spec);
    let secret = |name: String, part, opens, keys| WantedSecret {
        name,
        labels: labels::all(pipeline, part),
        keys,
        opens,
    };
    let mut secrets = vec![secret(
        names.credentials(),
        Part::Api,
        // The first key and the first administrator are put in once.
        &[Part::Postgres],
        vec![
            ("api-key", Content::ApiKey),
            ("admin-email", Content::Text(ADMIN_EMAIL.to_owned())),
            ("admin-password", Content::Letters(ADMIN_PASSWORD_CHARS)),
            ("jwt-secret", Content::Letters(SIGNING_CHARS)),
        ],
    )];
    if spec.redis.external.is_none() {
        secrets.push(secret(
            names.of(Part::Redis),
            Part::Redis,
            &[Part::Redis],
            vec![("password", Content::Letters(PASSWORD_CHARS))],
        ));
    }
    if spec.postgres.external.is_none() {
        let keys = vec![("password", Content::Letters(PASSWORD_CHARS))];
        secrets.push(secret(names.of(Part::Postgres), Part::Postgres, &[Part::Postgres], keys));
    }
    if spec.mongodb.external.is_none() {
        let keys = vec![
            ("keyfile", Content::Base64(KEY_FILE_BYTES)),
            ("operator-password", Content::Letters(PASSWORD_CHARS)),
            ("password", Content::Letters(PASSWORD_CHARS)),
        ];
        secrets.push(secret(names.mongodb_secret(), Part::Config, &[Part::Config, Part::Shard], keys));
    }
    secrets
}

/// The Secrets that must be there before pods can start: those of external stores and of the ingress are the user's.
pub fn required(pipeline: &ValidatedPipeline) -> Vec<RequiredSecret> {
    let spec = &pipeline.spec;
    [
        (&spec.redis.external, "spec.redis.external.secretName"),
        (&spec.postgres.external, "spec.postgres.external.secretName"),
        (&spec.mongodb.external, "spec.mongodb.external.secretName"),
    ]
    .into_iter()
    .filter_map(|(external, field)| {
        Some(RequiredSecret { name: external.as_ref()?.secret_name.clone(), key: URL_KEY, field })
    })
    .collect()
}

/// The keys that an existing Secret lacks. A key is never added to a Secret that exists: what encrypted or signed with
/// the lost one would not open with a new one.
pub fn missing<'a>(wanted: &WantedSecret, present: impl IntoIterator<Item = &'a str>) -> Vec<&'static str> {
    let present: Vec<&str> = present.into_iter().collect();
    wanted.keys.iter().map(|(key, _)| *key).filter(|key| !present.contains(key)).collect()
}

/// Why Secrets that are not there are not made: what was set up with each is there, and would not open with another.
/// `None` when all of them may be made.
pub fn locked<'a>(
    pipeline: &str,
    absent: impl IntoIterator<Item = &'a WantedSecret>,
    kept: &[Kept],
) -> Option<String> {
    let (mut gone, mut parts) = (Vec::new(), Vec::new());
    for wanted in absent {
        let opens = |kept: &&Kept| wanted.opens.iter().any(|part| part.word() == kept.part);
        if let Some(kept) = kept.iter().find(opens) {
            gone.push(format!("Secret {} is not there, but {} {} is", wanted.name, kept.kind, kept.name));
            parts.extend(wanted.opens.iter().map(|part| part.word()));
        }
    }
    parts.sort_unstable();
    parts.dedup();
    (!gone.is_empty()).then(|| {
        format!(
            "{}: none is made anew, since data that were set up with the lost one would not open; restore it from a \
             copy, or delete the volumes if the data are not needed: kubectl delete statefulset,pvc -l '{}={pipeline},{} \
             in ({})'",
            gone.join(", "),
            labels::INSTANCE,
            labels::COMPONENT,
            parts.join(",")
        )
    })
}
