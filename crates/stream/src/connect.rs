//! Connections with a limit on every wait, and the checks that come before the first event.

use std::time::Duration;

use event::keys::{BYTES_IN, BYTES_OUT, GROUP, Keys};
use redis::IntoConnectionInfo;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};

use crate::Error;

/// The oldest Redis whose XAUTOCLAIM answers with what is gone from the stream, too (its first number of three).
const MAJOR_VERSION_MIN: u32 = 7;

/// A TCP connection that takes longer is not coming.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A command that takes longer has an unknown outcome; Redis answers in microseconds, an AOF fsync may hold it for seconds.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// What the other end has not acknowledged for so long breaks the connection, and the manager makes a new one. Without it
/// the system sends again for a quarter of an hour to a node that is lost: twice `RESPONSE_TIMEOUT`, so that a slow
/// answer comes first.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A connection without traffic is asked as often: one that was idle breaks as soon as one that is used.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Tries to reconnect within one command: a restart of Redis takes about a second.
const RETRIES: usize = 4;
/// The longest pause between two such tries.
const RETRY_PAUSE_MAX: Duration = Duration::from_millis(500);
/// Beyond BLOCK, for how long a blocking read may be late: reads have been seen to outlast their BLOCK by half.
const BLOCK_GRACE: Duration = Duration::from_secs(5);

/// Why an address can never be one of a Redis; the address itself is not told, it may hold a password.
pub fn url_fault(url: &str) -> Option<String> {
    redis::Client::open(url).err().map(|error| error.to_string())
}

/// A connection for short commands, shared by cloning. It reconnects by itself.
pub async fn connect(url: &str) -> Result<ConnectionManager, Error> {
    Ok(manager(url, RESPONSE_TIMEOUT).await?)
}

/// A connection of its own for reads that block for up to `block`; nothing else may use it.
pub async fn connect_blocking(url: &str, block: Duration) -> Result<ConnectionManager, Error> {
    Ok(manager(url, block + BLOCK_GRACE).await?)
}

async fn manager(url: &str, response_timeout: Duration) -> redis::RedisResult<ConnectionManager> {
    let client = redis::Client::open(url.into_connection_info()?.set_tcp_settings(tcp_settings()))?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(response_timeout))
        .set_number_of_retries(RETRIES)
        .set_max_delay(RETRY_PAUSE_MAX);
    ConnectionManager::new_with_config(client, config).await
}

fn tcp_settings() -> TcpSettings {
    // Commands are small and answered one by one: waiting to fill a packet would only add latency.
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE));
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(SILENCE_MAX);
    settings
}

/// What every service does first: connects, checks the server, makes the group of each partition.
pub async fn prepare(
    url: &str,
    pipeline: &str,
    partitions: u32,
) -> Result<(ConnectionManager, ServerFacts), Error> {
    let mut redis = connect(url).await?;
    let facts = check_server(&mut redis).await?;
    for partition in 0..partitions {
        ensure_group(&mut redis, &Keys::new(pipeline, partition)).await?;
    }
    Ok((redis, facts))
}

/// What matters of how a Redis is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Bytes, 0 for no limit.
    pub maxmemory: u64,
    /// Bytes that it uses.
    pub used_memory: u64,
    /// Such as `volatile-lru`.
    pub policy: String,
    /// Such as `7.0.15`.
    pub version: String,
    /// Whether it could not write to its disk last time; it takes no writes while it cannot.
    pub unwritable: bool,
}

/// Share of its memory from which on queued frames count as full: the rest is for marks, overhead and the workers' own
/// writes.
pub const FULL_PERCENT: u64 = 90;

impl ServerFacts {
    /// Why it takes no events now, given how many bytes of frames wait in it.
    pub fn takes_no_events(&self, queued_bytes: u64) -> Option<String> {
        if self.unwritable {
            return Some("cannot write to its disk: free some space there".to_owned());
        }
        let full = self.maxmemory > 0 && queued_bytes >= self.maxmemory / 100 * FULL_PERCENT;
        full.then(|| {
            format!("is full: {queued_bytes} bytes wait in {}; workers are draining it", self.maxmemory)
        })
    }
}

/// Bytes of frames that wait in all partitions, by the counters.
pub async fn queued_bytes(
    redis: &mut ConnectionManager,
    pipeline: &str,
    partitions: u32,
) -> Result<u64, Error> {
    let mut pipe = redis::pipe();
    for partition in 0..partitions {
        pipe.cmd("HMGET").arg(&Keys::new(pipeline, partition).counters).arg(BYTES_IN).arg(BYTES_OUT);
    }
    let counters: Vec<(Option<u64>, Option<u64>)> = pipe.query_async(redis).await?;
    Ok(counters.iter().map(|(came, went)| came.unwrap_or(0).saturating_sub(went.unwrap_or(0))).sum())
}

impl ServerFacts {
    /// Why events cannot be kept on this Redis.
    fn fault(&self) -> Option<String> {
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major < MAJOR_VERSION_MIN) {
            return Some(format!(
                "this is Redis {}, and {MAJOR_VERSION_MIN}.0 or newer is needed: an older one answers otherwise when \
                 frames of a dead worker are taken over, and they would never be stored; upgrade Redis",
                self.version
            ));
        }
        self.policy.starts_with("allkeys-").then(|| {
            format!(
                "Redis has maxmemory-policy {}, which throws acknowledged events away when memory is short; \
                 set it to volatile-lru (CONFIG SET maxmemory-policy volatile-lru, and in redis.conf)",
                self.policy
            )
        })
    }
}

/// Reads INFO and refuses a Redis that is too old, or evicts keys without a TTL: those are the frames.
pub async fn check_server(redis: &mut ConnectionManager) -> Result<ServerFacts, Error> {
    let text: String = redis::cmd("INFO").arg("everything").query_async(redis).await?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    };
    let facts = ServerFacts {
        maxmemory: value("maxmemory").parse().unwrap_or(0),
        used_memory: value("used_memory").parse().unwrap_or(0),
        policy: value("maxmemory_policy"),
        version: value("redis_version"),
        unwritable: value("aof_last_write_status") == "err",
    };
    if let Some(fault) = facts.fault() {
        return Err(Error::Policy(fault));
    }
    Ok(facts)
}

/// Makes the consumer group at the stream's beginning, before the first event, by whoever comes first.
///
/// Looks first: XGROUP CREATE is refused on a full Redis even when the group is there, and a worker that starts then
/// is the one that would drain it.
pub async fn ensure_group(redis: &mut ConnectionManager, keys: &Keys) -> Result<(), Error> {
    if has_group(redis, keys).await? {
        return Ok(());
    }
    let mut create = redis::cmd("XGROUP");
    create.arg("CREATE").arg(&keys.frames).arg(GROUP).arg("0").arg("MKSTREAM");
    match create.query_async::<()>(redis).await {
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        made => Ok(made?),
    }
}

async fn has_group(redis: &mut ConnectionManager, keys: &Keys) -> redis::RedisResult<bool> {
    if !redis::cmd("EXISTS").arg(&keys.frames).query_async::<bool>(redis).await? {
        return Ok(false);
    }
    let groups: redis::streams::StreamInfoGroupsReply =
        redis::cmd("XINFO").arg("GROUPS").arg(&keys.frames).query_async(redis).await?;
    Ok(groups.groups.iter().any(|group| group.name == GROUP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_are_nine_tenths_of_the_memory_in_frames_or_a_disk_that_takes_no_more() {
        let policy = String::from("volatile-lru");
        let facts = ServerFacts { maxmemory: 1000, policy, ..ServerFacts::default() };
        assert_eq!(facts.takes_no_events(899), None);
        assert!(facts.takes_no_events(900).unwrap().contains("900 bytes wait in 1000"));
        assert_eq!(ServerFacts { maxmemory: 0, ..facts.clone() }.takes_no_events(u64::MAX), None, "no limit");
        assert!(ServerFacts { unwritable: true, ..facts }.takes_no_events(0).unwrap().contains("disk"));
    }

    #[test]
    fn a_redis_that_is_too_old_or_throws_events_away_is_refused_in_words() {
        let fault = |version: &str, policy: &str| {
            ServerFacts { policy: policy.into(), version: version.into(), ..ServerFacts::default() }.fault()
        };
        assert_eq!(fault("7.0.0", "volatile-lru"), None);
        assert_eq!(fault("10.2.1", "noeviction"), None);
        assert!(fault("6.2.14", "volatile-lru").unwrap_or_default().contains("7.0 or newer"));
        assert!(fault("7.4.1", "allkeys-lru").unwrap_or_default().contains("volatile-lru"));
    }

    #[test]
    fn a_connection_whose_other_end_acknowledges_nothing_breaks_before_its_process_is_ended() {
        assert!(SILENCE_MAX > RESPONSE_TIMEOUT);
        assert_eq!(tcp_settings().user_timeout(), Some(SILENCE_MAX));
        assert!(tcp_settings().keepalive().is_some());
    }
}
