//! Which image a part runs: the operator's own release, unless the spec says otherwise.

use crd::Image;

/// Full references of the images of the operator's release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// `eventpipeline-api`.
    pub api: String,
    /// `eventpipeline-worker`.
    pub worker: String,
    /// Redis 7.
    pub redis: String,
    /// PostgreSQL 15 or newer.
    pub postgres: String,
    /// MongoDB 7, both `mongod` and `mongos`.
    pub mongo: String,
}

impl Images {
    /// The images after `spec.image`: `registry` holds for all of them, `tag` for API and workers, since stores have
    /// versions of their own.
    #[must_use]
    pub fn with(&self, spec: &Image) -> Self {
        let own = |reference: &str| moved(reference, spec.registry.as_deref(), spec.tag.as_deref());
        let store = |reference: &str| moved(reference, spec.registry.as_deref(), None);
        Self {
            api: own(&self.api),
            worker: own(&self.worker),
            redis: store(&self.redis),
            postgres: store(&self.postgres),
            mongo: store(&self.mongo),
        }
    }
}

/// A reference in another registry, or with another tag, which a digest would contradict.
fn moved(reference: &str, registry: Option<&str>, tag: Option<&str>) -> String {
    let (path, name) =
        reference.rsplit_once('/').map_or((None, reference), |(path, name)| (Some(path), name));
    let name = tag.map_or_else(
        || name.to_owned(),
        |tag| format!("{}:{tag}", name.split(['@', ':']).next().unwrap_or(name)),
    );
    match registry.map(|registry| registry.trim_end_matches('/')).or(path) {
        Some(path) => format!("{path}/{name}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_holds_for_all_images_and_a_tag_for_our_own() {
        for (reference, registry, tag, expected) in [
            ("ghcr.io/a/eventpipeline-api:0.1.0", None, None, "ghcr.io/a/eventpipeline-api:0.1.0"),
            (
                "ghcr.io/a/eventpipeline-api:0.1.0",
                Some("r:5000/m"),
                Some("2"),
                "r:5000/m/eventpipeline-api:2",
            ),
            ("redis:7", Some("r:5000"), None, "r:5000/redis:7"),
            ("r:5000/api@sha256:ab", None, Some("2"), "r:5000/api:2"),
            ("api@sha256:ab", None, None, "api@sha256:ab"),
        ] {
            assert_eq!(moved(reference, registry, tag), expected);
        }
    }
}
