//! The settings of the worker, each with its default and its reason.

use std::net::SocketAddr;
use std::time::Duration;

use service::settings::Reader;
use service::telemetry;

/// Where events go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// MongoDB.
    MongoDb,
    /// Nowhere: for measuring the worker alone.
    None,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `namespace/name`.
    pub pipeline: String,
    /// The consumer's name, different for every process.
    pub name: String,
    /// `/metrics`, `/livez`, `/readyz`.
    pub inside_listen: SocketAddr,
    /// Redis.
    pub redis_url: String,
    /// Streams of the pipeline.
    pub redis_partitions: u32,
    /// MongoDB.
    pub mongodb_uri: String,
    /// Its database.
    pub mongodb_database: String,
    /// Where events go.
    pub sink: SinkKind,
    /// Each insert waits this long first.
    pub slow_inserts: Duration,
    /// Days that events are kept.
    pub retention_days: u64,
    /// How frames are worked on.
    pub work: Work,
    /// How long a stop may take.
    pub shutdown: Duration,
    /// Logs.
    pub telemetry: telemetry::Settings,
}

/// How frames are worked on.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Events of one insert, at most.
    pub batch_events: usize,
    /// Inserts at once, of one partition.
    pub insert_concurrency: usize,
    /// Bytes of frames in hand, of one partition; reading stops above.
    pub prefetch_bytes: u64,
    /// Above this many deliveries a frame is worked on alone, event by event.
    pub max_deliveries: u64,
    /// A frame whose worker gave no sign for this long is taken over.
    pub claim_idle: Duration,
}

impl Settings {
    /// Reads all settings; the faults stay in `reader`.
    #[allow(clippy::too_many_lines, reason = "one setting after the other")]
    #[allow(clippy::cast_possible_truncation, reason = "the ranges keep the numbers small")]
    pub fn read(reader: &mut Reader) -> Self {
        let pipeline = reader.pipeline();
        let name = reader.text(
            "WORKER_NAME",
            "",
            "The consumer's name; made from host, process and chance when empty",
        );
        let inside_listen = reader
            .parsed(
                "INSIDE_LISTEN",
                "0.0.0.0:9090",
                "an address with a port",
                "Inside listener: /metrics, /livez, /readyz",
            )
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let redis_url = reader.redis(stream::url_fault);
        let redis_partitions = reader.number(
            "REDIS_PARTITIONS",
            1,
            1..=256,
            "Streams of the pipeline; one serves any number of workers",
        ) as u32;
        let sink = reader.choice(
            "SINK",
            &["mongodb", "none"],
            "none: throw events away, for measuring the worker alone",
        );
        let sink = if sink == "none" { SinkKind::None } else { SinkKind::MongoDb };
        let slow_inserts = Duration::from_millis(reader.number(
            "SLOW_INSERTS_MS",
            0,
            0..=60_000,
            "Each insert waits this long first: for tests of the autoscaler",
        ));
        let (mongodb_uri, mongodb_database) = reader.mongodb(store::uri_fault, store::database_fault);
        let retention_days = reader.number(
            "RETENTION_DAYS",
            30,
            1..=36_500,
            "Days that events are kept, from when they were received",
        );
        let work = Work {
            batch_events: reader.number(
                "BATCH_EVENTS",
                1000,
                512..=10_000,
                "Events of one insert, at most; a frame has up to 512",
            ) as usize,
            insert_concurrency: reader.number("INSERT_CONCURRENCY", 2, 1..=64, "Inserts at once") as usize,
            prefetch_bytes: reader.number(
                "PREFETCH_BYTES",
                16 << 20,
                1 << 20..=1 << 32,
                "Bytes of frames in hand; reading stops above",
            ),
            max_deliveries: reader.number(
                "MAX_DELIVERIES",
                5,
                1..=1000,
                "Above this many deliveries a frame is worked on alone, event by event",
            ),
            claim_idle: Duration::from_secs(reader.number(
                "CLAIM_IDLE_SECONDS",
                30,
                1..=3600,
                "A frame whose worker gave no sign for this long is taken over",
            )),
        };
        let shutdown = Duration::from_secs(reader.number(
            "SHUTDOWN_SECONDS",
            60,
            1..=3600,
            "How long a stop may take before frames in hand are handed back",
        ));
        let telemetry = telemetry::Settings::read(reader);
        let name = if name.is_empty() { made_name() } else { name };
        Self {
            pipeline,
            name,
            inside_listen,
            redis_url,
            redis_partitions,
            mongodb_uri,
            mongodb_database,
            sink,
            slow_inserts,
            retention_days,
            work,
            shutdown,
            telemetry,
        }
    }
}

/// A name that no other process has or had: frames of a dead namesake would look like one's own.
fn made_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "worker".into());
    let chance = getrandom::u32().unwrap_or(0);
    format!("{}-{}-{chance:08x}", host.trim(), std::process::id())
}
