//! What can be wrong with a spec, in words that name the field and what it may be.

use thiserror::Error;

/// One thing that is wrong with a spec, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the fields are the holes of the messages above them")]
pub enum Fault {
    /// A name that Services cannot have.
    #[error(
        "`metadata.name`: {0:?} must begin with a small letter, have only small letters, digits and hyphens, and at \
         most 40 of them; create the pipeline under such a name"
    )]
    Name(String),
    /// Not from an API server.
    #[error("`metadata.{0}` is missing: the pipeline was not read from an API server")]
    NotStored(&'static str),
    /// `minReplicas` above `maxReplicas`.
    #[error("`spec.workers.minReplicas`: {min} must be less than or equal to `maxReplicas`, {max}")]
    MinAboveMax { min: i32, max: i32 },
    /// A number outside its bounds.
    #[error("`{field}`: {value} must be within {least} to {most}")]
    OutOfRange { field: &'static str, value: i32, least: i32, most: i32 },
    /// A replica set that could not elect.
    #[error("`{field}`: {value} must be odd so that a replica set can elect a primary")]
    Even { field: &'static str, value: i32 },
    /// Text that is no amount.
    #[error("`{field}`: {text:?} must be an amount such as 512Mi or 2Gi")]
    NotAnAmount { field: String, text: String },
    /// A volume of no size.
    #[error("`{0}` must be above 0")]
    Zero(String),
    /// Text that is no key of a label.
    #[error(
        "`{field}`: the key {key:?} must be a name of at most 63 letters, digits, `-`, `_` and `.`, that begins and ends \
         with a letter or digit, if need be with a domain and `/` before it"
    )]
    Key { field: String, key: String },
    /// Text that is no value of a label.
    #[error(
        "`{field}`: {value:?}, the value of `{key}`, must have at most 63 letters, digits, `-`, `_` and `.`, and begin \
         and end with a letter or digit"
    )]
    Value { field: String, key: String, value: String },
    /// A resource that containers do not have.
    #[error(
        "`{field}`: {name:?} must be cpu, memory, ephemeral-storage or a name with a domain such as example.com/gpu"
    )]
    Resource { field: &'static str, name: String },
    /// A toleration that contradicts itself.
    #[error("`{field}`: {why}")]
    Toleration { field: String, why: &'static str },
    /// Too little memory for the queue.
    #[error("`spec.redis.memory`: {0} must be at least 16Mi")]
    RedisMemory(String),
    /// No room for a second append-only file.
    #[error("`spec.redis.storageSize`: {size} must be at least twice `memory`, {memory}")]
    RedisStorage { size: String, memory: String },
    /// Redis would be killed when it rewrites its file.
    #[error(
        "`spec.redis.resources.limits.memory`: {given} must be at least {needed}, 1.6 times `memory` and 64Mi"
    )]
    RedisLimit { given: String, needed: String },
    /// A pod that Kubernetes refuses.
    #[error("`{field}`: the request of {what}, {request}, may not be above its limit, {limit}")]
    RequestAboveLimit { field: &'static str, what: String, request: String, limit: String },
    /// An origin with a path, or any origin.
    #[error("`spec.api.allowedOrigins`: {0:?} must be an exact origin such as https://app.example.com")]
    Origin(String),
    /// An open API on the internet.
    #[error(
        "`spec.ingress` may not be combined with `spec.api.authentication: None`: anyone could send and read events"
    )]
    OpenIngress,
    /// A field that this release does not obey.
    #[error("`{field}` is not obeyed by this release; {instead}")]
    NotOffered { field: &'static str, instead: &'static str },
    /// A number in an annotation.
    #[error("annotation `{name}`: {text:?} must be milliseconds, at most 60000")]
    Annotation { name: &'static str, text: String },
}
