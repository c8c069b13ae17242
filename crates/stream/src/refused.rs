//! A connection that Redis refuses to take back. `ConnectionManager` (redis 1.8) makes a new connection after errors of
//! input and output alone: one that was refused a login, or found too many clients, answers every command with that
//! same error for ever. The process has to end, and be started again with what stands in its settings then.

use std::time::Duration;

use redis::aio::ConnectionManager;

use crate::Error;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Refusals in a row until it is believed: half a minute, in which a password that is being changed is changed everywhere.
const REFUSALS_MAX: u32 = 15;

/// Ends when the connection is refused and stays so; says why, and what to do.
pub async fn refused(mut redis: ConnectionManager) -> String {
    let mut refusals = 0;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match redis::cmd("PING").query_async::<()>(&mut redis).await {
            Err(error) if is_refusal(&error) => {
                refusals += 1;
                tracing::warn!(%error, refusals, "Redis refuses this process");
                if refusals >= REFUSALS_MAX {
                    return format!(
                        "Redis refuses this process: {error}; correct REDIS_URL, or Redis. The process ends, to be started again"
                    );
                }
            }
            _ => refusals = 0,
        }
    }
}

fn is_refusal(error: &redis::RedisError) -> bool {
    let full = error.to_string().to_lowercase().contains("max number of clients");
    full || Error::is_refused(error)
}
