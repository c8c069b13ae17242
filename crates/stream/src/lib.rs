//! Redis: connections, the consumer group, the scripts and what they keep true, and how much waits.
//! Decides nothing: the API and the worker do.

mod bell;
mod connect;
pub mod decisions;
mod growing;
mod lost;
mod observe;
mod sample;
mod scripts;

pub use bell::Bell;
pub use connect::{
    FULL_PERCENT, ServerFacts, check_server, connect, connect_blocking, ensure_group, prepare, queued_bytes,
    url_fault,
};
pub use lost::lost;
pub use observe::{PartitionView, WorkerView, observe, oldest_waiting_ms};
pub use sample::{Sample, Sampler};
pub use scripts::{Acknowledged, InHand, Swept, acknowledge, hand_back, heartbeat, release, sweep};

/// What went wrong with Redis.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis is away, refused, or answered too late.
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// Redis is too old, or set up so that it could throw acknowledged events away.
    #[error("{0}")]
    Policy(String),
}

impl Error {
    /// Whether trying again changes nothing until somebody sets Redis up differently.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Policy(_))
    }

    /// Whether Redis does not take the user or password, or asks for one.
    pub fn is_refused_login(&self) -> bool {
        matches!(self, Self::Redis(error) if Self::is_refused(error))
    }

    fn is_refused(error: &redis::RedisError) -> bool {
        error.kind() == redis::ErrorKind::AuthenticationFailed
            || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
    }
}

/// Whether Redis says that the stream's group is gone: after its data were lost, or a fresh Redis took its place.
pub fn is_no_group(error: &redis::RedisError) -> bool {
    error.code() == Some("NOGROUP") || error.to_string().contains("NOGROUP")
}
