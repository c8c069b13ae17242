//! Environment variables. Their names are the services' own, listed in `.env.example`; secrets come from Secrets by
//! reference, never as values.

use crd::External;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};

use crate::names::{MONGODB_DATABASE, MONGODB_PORT, MONGODB_USER, Part};
use crate::secrets::URL_KEY;
use crate::validate::ValidatedPipeline;

/// A value in text, as the environment has it.
pub struct Text(String);

macro_rules! texts {
    ($($of:ty),+) => {
        $(impl From<$of> for Text {
            fn from(value: $of) -> Self {
                Self(value.to_string())
            }
        })+
    };
}

texts!(&str, String, i32, i64, u32, u64);

/// A variable with a value that anyone may read.
pub fn plain(name: &str, value: impl Into<Text>) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.into().0), ..EnvVar::default() }
}

/// A variable from a key of a Secret.
pub fn secret(name: &str, secret: &str, key: &str) -> EnvVar {
    let selector =
        SecretKeySelector { name: secret.to_owned(), key: key.to_owned(), ..SecretKeySelector::default() };
    let source = EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value_from: Some(source), ..EnvVar::default() }
}

/// Where Redis is. Kubernetes puts the password in its place when the container starts.
pub fn redis(pipeline: &ValidatedPipeline) -> Vec<EnvVar> {
    let service = pipeline.names.of(Part::Redis);
    let managed = || {
        let url = pipeline.names.redis_url("$(REDIS_PASSWORD)");
        vec![secret("REDIS_PASSWORD", &service, "password"), plain("REDIS_URL", url)]
    };
    store("REDIS_URL", pipeline.spec.redis.external.as_ref(), managed)
}

/// Where PostgreSQL is.
pub fn postgres(pipeline: &ValidatedPipeline) -> Vec<EnvVar> {
    let service = pipeline.names.of(Part::Postgres);
    let managed = || {
        let url = pipeline.names.postgres_url("$(POSTGRES_PASSWORD)");
        vec![secret("POSTGRES_PASSWORD", &service, "password"), plain("POSTGRES_URL", url)]
    };
    store("POSTGRES_URL", pipeline.spec.postgres.external.as_ref(), managed)
}

/// Where MongoDB is: its routers, as the services' own user.
pub fn mongodb(pipeline: &ValidatedPipeline) -> Vec<EnvVar> {
    let host = pipeline.names.host(&pipeline.names.of(Part::Router));
    let managed = || {
        let uri =
            format!("mongodb://{MONGODB_USER}:$(MONGODB_PASSWORD)@{host}:{MONGODB_PORT}/?authSource=admin");
        vec![
            secret("MONGODB_PASSWORD", &pipeline.names.mongodb_secret(), "password"),
            plain("MONGODB_URI", uri),
        ]
    };
    let mut list = store("MONGODB_URI", pipeline.spec.mongodb.external.as_ref(), managed);
    list.push(plain("MONGODB_DATABASE", MONGODB_DATABASE));
    list
}

fn store(name: &str, external: Option<&External>, managed: impl FnOnce() -> Vec<EnvVar>) -> Vec<EnvVar> {
    external.map_or_else(managed, |external| vec![secret(name, &external.secret_name, URL_KEY)])
}

/// What API and workers have in common.
pub fn common(pipeline: &ValidatedPipeline) -> Vec<EnvVar> {
    vec![
        plain("PIPELINE", pipeline.names.key()),
        plain("INSIDE_LISTEN", format!("0.0.0.0:{}", crate::names::INSIDE_PORT)),
        plain("LOG_FORMAT", "json"),
        plain("REDIS_PARTITIONS", pipeline.spec.redis.partitions),
    ]
}
