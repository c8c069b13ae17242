//! A connection that does not come back by itself. `ConnectionManager` (redis 1.8) makes a new connection after errors of
//! input and output alone. One that was refused a login, or found too many clients, answers every command with that
//! same error for ever; and one whose commands run out of time is kept, since a late answer is no error of input. The
//! process has to end, and be started again with a new connection and what stands in its settings then.

use std::time::Duration;

use redis::aio::ConnectionManager;

use crate::{Error, connect};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Refusals in a row until it is believed: half a minute, in which a password that is being changed is changed everywhere.
const REFUSALS_MAX: u32 = 15;
/// Time-outs in a row until it is believed, each a look and `RESPONSE_TIMEOUT` long: twenty seconds, after which the
/// system has broken, and the manager replaced, a connection whose other end acknowledges nothing (`SILENCE_MAX`).
const SILENCES_MAX: u32 = 3;

/// Ends when the connection is refused, or silent while a new one to the same address is answered, and stays so; says
/// why, and what to do. A Redis that answers nobody is waited for.
pub async fn lost(mut redis: ConnectionManager, url: String) -> String {
    let (mut refusals, mut silences) = (0, 0);
    let mut a_new_one_answers = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match redis::cmd("PING").query_async::<()>(&mut redis).await {
            Err(error) if is_refusal(&error) => {
                (refusals, silences) = (refusals + 1, 0);
                tracing::warn!(%error, refusals, "Redis refuses this process");
                if refusals >= REFUSALS_MAX {
                    return format!(
                        "Redis refuses this process: {error}; correct REDIS_URL, or Redis. The process ends, to be started again"
                    );
                }
            }
            Err(error) if error.is_timeout() => {
                (refusals, silences) = (0, silences + 1);
                tracing::warn!(silences, "Redis does not answer on a connection");
                // It stayed silent after another was answered: it is the connection and not Redis.
                if silences >= SILENCES_MAX && a_new_one_answers {
                    return "a connection to Redis is silent while new ones are answered: something on the way \
                            has forgotten it. The process ends, to be started again"
                        .into();
                }
                a_new_one_answers = answers_anew(&url).await;
            }
            _ => (refusals, silences) = (0, 0),
        }
    }
}

fn is_refusal(error: &redis::RedisError) -> bool {
    let full = error.to_string().to_lowercase().contains("max number of clients");
    full || Error::is_refused(error)
}

async fn answers_anew(url: &str) -> bool {
    let Ok(mut redis) = connect(url).await else { return false };
    redis::cmd("PING").query_async::<()>(&mut redis).await.is_ok()
}
