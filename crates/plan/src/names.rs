//! What the objects of a pipeline are called, and where its parts are reached. Names are promises to users: design
//! and README speak of them.

use std::fmt;

/// Longest name of a pipeline: `NAME-shard-31-0` and the labels that Kubernetes makes of it must fit into 63 characters.
pub const NAME_CHARS_MAX: usize = 40;

/// Port of the API.
pub const API_PORT: i32 = 3001;
/// Port of the console.
pub const CONSOLE_PORT: i32 = 3000;
/// Port of `/metrics`, `/livez` and `/readyz` of API and workers.
pub const INSIDE_PORT: i32 = 9090;
/// Port of Redis.
pub const REDIS_PORT: i32 = 6379;
/// Port of PostgreSQL.
pub const POSTGRES_PORT: i32 = 5432;
/// Port of every member and router of MongoDB.
pub const MONGODB_PORT: i32 = 27017;

/// Database of the events.
pub const MONGODB_DATABASE: &str = "eventpipeline";
/// User of API and workers in MongoDB.
pub const MONGODB_USER: &str = "eventpipeline";
/// User of the operator on MongoDB's routers.
pub const MONGODB_OPERATOR: &str = "eventpipeline-operator";
/// Database and user in PostgreSQL.
pub const POSTGRES_DATABASE: &str = "eventpipeline";
/// Cluster domain of most clusters.
pub const CLUSTER_DOMAIN: &str = "cluster.local";

/// The name of a pipeline, checked: every name that is made of it is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pipeline: String,
    namespace: String,
    cluster_domain: String,
}

impl Names {
    /// `None` when the name is one that Services cannot have.
    pub fn new(pipeline: &str, namespace: &str, cluster_domain: &str) -> Option<Self> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = pipeline.len() <= NAME_CHARS_MAX
            && pipeline.starts_with(|c: char| c.is_ascii_lowercase())
            && !pipeline.ends_with('-')
            && pipeline.chars().all(inner);
        good.then(|| Self {
            pipeline: pipeline.to_owned(),
            namespace: namespace.to_owned(),
            cluster_domain: cluster_domain.to_owned(),
        })
    }

    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `namespace/name`, as the services have it in their settings and in Redis keys.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.pipeline)
    }

    /// Objects of a part that there is once.
    pub fn of(&self, part: Part) -> String {
        format!("{}-{part}", self.pipeline)
    }

    /// Service, StatefulSet and replica set of the shard with this number.
    pub fn shard(&self, index: i32) -> String {
        format!("{}-shard-{index}", self.pipeline)
    }

    /// Secret with the first API key, the first administrator and what signs tokens.
    pub fn credentials(&self) -> String {
        format!("{}-credentials", self.pipeline)
    }

    /// Secret with the key file and the users' passwords.
    pub fn mongodb_secret(&self) -> String {
        format!("{}-mongodb", self.pipeline)
    }

    /// Where a Service is reached from within the cluster, whatever the cluster's domain.
    pub fn host(&self, service: &str) -> String {
        format!("{service}.{}.svc", self.namespace)
    }

    /// The address of the managed Redis, for whom the password is this.
    pub fn redis_url(&self, password: &str) -> String {
        format!("redis://:{password}@{}:{REDIS_PORT}", self.host(&self.of(Part::Redis)))
    }

    /// The address of the managed PostgreSQL; user and database have one name.
    pub fn postgres_url(&self, password: &str) -> String {
        let host = self.host(&self.of(Part::Postgres));
        format!("postgres://{POSTGRES_DATABASE}:{password}@{host}:{POSTGRES_PORT}/{POSTGRES_DATABASE}")
    }

    /// The full name of a pod of a StatefulSet with its headless Service. It goes into configurations of replica sets
    /// and must never change.
    pub fn member(&self, set: &str, ordinal: i32) -> String {
        format!("{set}-{ordinal}.{set}.{}.svc.{}", self.namespace, self.cluster_domain)
    }
}

/// A part of a pipeline. Shown, it is the end of a name and the value of `app.kubernetes.io/component`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The HTTP API.
    Api,
    /// The console, answered by the API's pods.
    Console,
    /// The workers.
    Worker,
    /// The queue.
    Redis,
    /// People and API keys.
    Postgres,
    /// Config servers.
    Config,
    /// Shards.
    Shard,
    /// Routers.
    Router,
}

impl Part {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Console => "console",
            Self::Worker => "worker",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Config => "config",
            Self::Shard => "shard",
            Self::Router => "router",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_services_cannot_have_are_refused() {
        for name in ["", "1a", "a.b", "a-", "A", &"a".repeat(41)] {
            assert_eq!(Names::new(name, "default", CLUSTER_DOMAIN), None, "{name}");
        }
        let names = Names::new(&"a".repeat(40), "default", CLUSTER_DOMAIN).unwrap();
        // Kubernetes adds a dash and ten characters to the StatefulSet's name for a label.
        assert!(names.shard(31).len() + 11 <= 63);
    }

    #[test]
    fn members_have_full_names_and_services_short_ones() {
        let names = Names::new("clicks", "shop", "corp.example").unwrap();
        assert_eq!(names.member(&names.shard(1), 2), "clicks-shard-1-2.clicks-shard-1.shop.svc.corp.example");
        assert_eq!(names.host(&names.of(Part::Redis)), "clicks-redis.shop.svc");
        assert_eq!(names.key(), "shop/clicks");
    }
}
