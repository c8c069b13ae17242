//! The settings of the API, each with its default and its reason.

use std::net::SocketAddr;
use std::time::Duration;

use accounts::Settings as AccountsSettings;
use axum::http::HeaderValue;
use service::settings::Reader;
use service::telemetry;

use crate::access::Access;
use crate::console::Console;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `namespace/name`.
    pub pipeline: String,
    /// Public listener.
    pub api_listen: SocketAddr,
    /// Console listener.
    pub console_listen: SocketAddr,
    /// What people may do.
    pub console_access: Access,
    /// Folder of the console's files; empty: the usual places.
    pub console_dir: String,
    /// `/metrics`, `/livez`, `/readyz`.
    pub inside_listen: SocketAddr,
    /// Redis.
    pub redis_url: String,
    /// Streams of the pipeline.
    pub redis_partitions: u32,
    /// Redis's memory, or 0 to read it from Redis.
    pub redis_memory_bytes: u64,
    /// MongoDB.
    pub mongodb_uri: String,
    /// Its database.
    pub mongodb_database: String,
    /// Keys and people.
    pub accounts: AccountsSettings,
    /// Exact origins of browsers that may call.
    pub allowed_origins: Vec<HeaderValue>,
    /// Limits of requests.
    pub limits: Limits,
    /// How long a stop may take.
    pub shutdown: Duration,
    /// Logs.
    pub telemetry: telemetry::Settings,
}

/// The limits that `/api/v1/limits` shows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body on the wire.
    pub body_bytes_max: usize,
    /// Bytes of a body once inflated.
    pub inflated_bytes_max: usize,
    /// Events of a batch.
    pub batch_events_max: usize,
    /// Bytes of one event.
    pub event_bytes_max: usize,
    /// A body must be there within this time.
    pub body_timeout: Duration,
    /// Headers must be there within this time; also the longest an idle connection is kept.
    pub header_timeout: Duration,
    /// A request is answered within this time.
    pub request_timeout: Duration,
    /// Connections at once on one listener.
    pub connections_max: usize,
    /// Events a second of a key that has no rate of its own; `None`: unlimited.
    pub events_per_second: Option<u32>,
    /// No event is taken at all.
    pub stopped: bool,
}

const MIB: u64 = 1024 * 1024;

impl Settings {
    /// Reads all settings; the faults stay in `reader`.
    #[allow(clippy::cast_possible_truncation, reason = "the ranges keep the numbers small")]
    #[allow(clippy::too_many_lines, reason = "one setting after the other")]
    pub fn read(reader: &mut Reader) -> Self {
        let pipeline = reader.pipeline();
        let api_listen =
            listen(reader, "API_LISTEN", "0.0.0.0:3001", "Public listener: events, dead letters, limits");
        let console_listen = listen(
            reader,
            "CONSOLE_LISTEN",
            "0.0.0.0:3000",
            "Console listener: the console and the whole of /api",
        );
        let console_access = Access::named(reader.choice(
            "CONSOLE_ACCESS",
            Access::NAMES,
            "ReadOnly: people look and change nothing; programs with an API key are not affected",
        ));
        let console_dir = reader.text(
            "CONSOLE_DIR",
            "",
            "Folder of the built console; when empty: `console` beside the program, else frontend/dist",
        );
        if let Err(fault) = Console::find_in(&console_dir) {
            reader.fault(fault);
        }
        let inside_listen =
            listen(reader, "INSIDE_LISTEN", "0.0.0.0:9090", "Inside listener: /metrics, /livez, /readyz");
        let redis_url = reader.redis(stream::url_fault);
        let redis_partitions = reader.number(
            "REDIS_PARTITIONS",
            1,
            1..=256,
            "Streams of the pipeline; one serves any number of workers",
        ) as u32;
        let redis_memory_bytes = reader.number(
            "REDIS_MEMORY_BYTES",
            0,
            0..=1 << 50,
            "Memory for queued events; 0 reads maxmemory from Redis",
        );
        let (mongodb_uri, mongodb_database) = reader.mongodb(store::uri_fault, store::database_fault);
        let origins =
            reader.list("ALLOWED_ORIGINS", "Exact origins that browsers may call from, separated by commas");
        let allowed_origins = origins.iter().filter_map(|origin| exact_origin(reader, origin)).collect();
        let limits = Limits {
            stopped: reader.choice(
                "INGEST",
                &["open", "stopped"],
                "stopped: every event is answered with 503; what is stored can still be read",
            ) == "stopped",
            body_bytes_max: reader.number(
                "MAX_BODY_BYTES",
                5 * MIB,
                1024..=64 * MIB,
                "Bytes of a body on the wire",
            ) as usize,
            inflated_bytes_max: reader.number(
                "MAX_INFLATED_BYTES",
                20 * MIB,
                1024..=256 * MIB,
                "Bytes of a body once inflated",
            ) as usize,
            batch_events_max: reader.number("MAX_BATCH_EVENTS", 1000, 1..=5000, "Events of one batch")
                as usize,
            event_bytes_max: reader.number(
                "MAX_EVENT_BYTES",
                256 * 1024,
                1024..=256 * 1024,
                "Bytes of one event; a frame of 1 MiB must hold several",
            ) as usize,
            body_timeout: seconds(
                reader,
                "BODY_TIMEOUT_SECONDS",
                10,
                1..=300,
                "A body must be there within this time",
            ),
            header_timeout: seconds(
                reader,
                "HEADER_TIMEOUT_SECONDS",
                30,
                1..=300,
                "Headers must be there within this time; idle connections are closed after it",
            ),
            request_timeout: seconds(
                reader,
                "REQUEST_TIMEOUT_SECONDS",
                15,
                1..=300,
                "A request is answered within this time, with 504 if need be",
            ),
            connections_max: reader.number(
                "MAX_CONNECTIONS",
                10_000,
                1..=1_000_000,
                "Connections at once on one listener",
            ) as usize,
            events_per_second: None,
        };
        let rate = reader.number(
            "RATE_LIMIT_EVENTS_PER_SECOND",
            0,
            0..=1_000_000_000,
            "Events a second of a key without a rate of its own; 0: no limit",
        );
        let events_per_second = u32::try_from(rate).ok().filter(|rate| *rate > 0);
        // No larger one could come in.
        let event_bytes_max =
            limits.event_bytes_max.min(limits.body_bytes_max).min(limits.inflated_bytes_max);
        let limits = Limits { event_bytes_max, events_per_second, ..limits };
        let accounts = accounts(reader, &pipeline, &limits);
        let shutdown = seconds(
            reader,
            "SHUTDOWN_SECONDS",
            25,
            1..=3600,
            "How long a stop may take before requests in flight are cut",
        );
        let telemetry = telemetry::Settings::read(reader);
        Self {
            pipeline,
            api_listen,
            console_listen,
            console_access,
            console_dir,
            inside_listen,
            redis_url,
            redis_partitions,
            redis_memory_bytes,
            mongodb_uri,
            mongodb_database,
            accounts,
            allowed_origins,
            limits,
            shutdown,
            telemetry,
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the ranges keep the numbers small")]
fn accounts(reader: &mut Reader, pipeline: &str, limits: &Limits) -> AccountsSettings {
    let optional = |text: String| Some(text).filter(|text| !text.is_empty());
    let settings = AccountsSettings {
        pipeline: pipeline.to_owned(),
        postgres_url: reader.required(
            "POSTGRES_URL",
            "postgres://eventpipeline@127.0.0.1:5432/eventpipeline",
            "PostgreSQL: users and API keys",
        ),
        jwt_secret: reader.required(
            "JWT_SECRET",
            accounts::JWT_SECRET_EXAMPLE,
            "Signs people's tokens; the same in all replicas",
        ),
        token_minutes: reader.number("TOKEN_MINUTES", 30, 15..=60, "How long a person's token lives") as u32,
        first_api_key: optional(reader.text(
            "FIRST_API_KEY",
            "",
            "epk_<12>_<40>: a key with all scopes that exists from the start",
        )),
        admin_email: optional(reader.text(
            "ADMIN_EMAIL",
            "",
            "The first administrator; inserted while there is nobody, never overwritten",
        )),
        admin_password: optional(reader.text("ADMIN_PASSWORD", "", "The first administrator's password")),
        default_rate: limits.events_per_second,
        batch_events_max: limits.batch_events_max as u32,
        cache_entries_max: reader.number(
            "KEY_CACHE_ENTRIES",
            10_000,
            1..=1_000_000,
            "API keys and people kept in memory",
        ) as usize,
        postgres_connections_max: reader.number(
            "POSTGRES_CONNECTIONS",
            5,
            1..=100,
            "Connections to PostgreSQL",
        ) as u32,
    };
    // What was not set at all is a fault already; saying its form too would only be noise.
    let unset = [("POSTGRES_URL", &settings.postgres_url), ("JWT_SECRET", &settings.jwt_secret)];
    let unset = unset.map(|(name, value)| value.is_empty().then_some(name));
    let is_noise = |fault: &String| unset.iter().flatten().any(|name| fault.starts_with(name));
    settings.faults().into_iter().filter(|fault| !is_noise(fault)).for_each(|fault| reader.fault(fault));
    settings
}

fn listen(reader: &mut Reader, name: &'static str, default: &str, doc: &'static str) -> SocketAddr {
    reader
        .parsed(name, default, "an address with a port, such as 127.0.0.1:3001", doc)
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn seconds(
    reader: &mut Reader,
    name: &'static str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
    doc: &'static str,
) -> Duration {
    Duration::from_secs(reader.number(name, default, range, doc))
}

/// An origin is scheme, host and port, nothing else; `*` would let any page use a person's session.
fn exact_origin(reader: &mut Reader, origin: &str) -> Option<HeaderValue> {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let exact = rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', '?', '#', ' ']));
    let value = HeaderValue::from_str(origin).ok().filter(|_| exact);
    if value.is_none() {
        reader.fault(format!(
            "ALLOWED_ORIGINS has {origin}, which is no exact origin such as https://console.example.com"
        ));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_and_good_settings_have_none() {
        let mut reader = Reader::new([
            ("ALLOWED_ORIGINS".to_owned(), "https://a.example, *".to_owned()),
            ("API_LISTEN".to_owned(), "3001".to_owned()),
        ]);
        Settings::read(&mut reader);
        let faults = reader.finish().unwrap_err().to_string();
        for name in [
            "ALLOWED_ORIGINS has *",
            "API_LISTEN=3001",
            "REDIS_URL",
            "MONGODB_URI",
            "POSTGRES_URL",
            "JWT_SECRET",
        ] {
            assert!(faults.contains(name), "{name} in {faults}");
        }
    }

    #[test]
    fn an_address_that_its_client_cannot_read_is_a_fault_beside_the_others() {
        let given = [
            ("REDIS_URL", "redis://:::bad"),
            ("MONGODB_URI", "mongodb://"),
            ("MONGODB_DATABASE", "a.b"),
            ("POSTGRES_URL", "mysql://x"),
            ("CONSOLE_DIR", "/nowhere"),
            ("LOG_LEVEL", "in fo="),
        ];
        let mut reader = Reader::new(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Settings::read(&mut reader);
        let faults = reader.finish().unwrap_err().to_string();
        for (name, _) in given {
            assert!(faults.contains(name), "{name} in {faults}");
        }
        assert_eq!(faults.matches("MONGODB_URI").count(), 2, "once, with its example: {faults}");
    }

    #[test]
    fn a_setting_that_is_missing_hides_no_fault_of_another() {
        let faults = |pairs: &[(&str, &str)]| {
            let mut reader = Reader::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
            Settings::read(&mut reader);
            reader.finish().unwrap_err().to_string()
        };
        let said = faults(&[("JWT_SECRET", "short"), ("FIRST_API_KEY", "k"), ("ADMIN_EMAIL", "a")]);
        for name in ["POSTGRES_URL is not set", "JWT_SECRET needs", "FIRST_API_KEY must", "ADMIN_EMAIL"] {
            assert!(said.contains(name), "{name} in {said}");
        }
        assert_eq!(said.matches("POSTGRES_URL").count(), 2, "its absence and its example, once: {said}");
        assert!(faults(&[("JWT_SECRET", accounts::JWT_SECRET_EXAMPLE)]).contains("published example"));
    }
}
