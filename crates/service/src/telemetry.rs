//! Logs: JSON lines where a machine collects them, readable ones on a terminal. Both go to standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::Reader;

/// How to log.
#[derive(Clone, Debug)]
pub struct Settings {
    format: &'static str,
    level: EnvLevel,
}

type EnvLevel = String;

impl Settings {
    /// Reads `LOG_FORMAT` and `LOG_LEVEL`.
    pub fn read(reader: &mut Reader) -> Self {
        let format = reader.choice(
            "LOG_FORMAT",
            &["auto", "json", "text"],
            "auto: readable lines on a terminal, JSON lines elsewhere",
        );
        let level = reader.text(
            "LOG_LEVEL",
            "info,sqlx=warn",
            "error, warn, info, debug, trace, or per module: info,redis=debug",
        );
        if level.contains(char::is_whitespace) {
            // The parser would take it for a module's name, and nothing would be logged.
            reader.fault(format!("LOG_LEVEL={level} is not a log filter: it has a blank in it"));
        } else if let Err(error) = level.parse::<EnvFilter>() {
            reader.fault(format!("LOG_LEVEL={level} is not a log filter: {error}"));
        }
        Self { format, level }
    }
}

/// Installs the subscriber. Call it once, first of all; a second call changes nothing.
pub fn init(settings: &Settings) {
    let filter = EnvFilter::try_new(&settings.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let readable = settings.format == "text" || settings.format == "auto" && std::io::stderr().is_terminal();
    // A second subscriber is refused, which is what we want when several services share a test process.
    let _ = if readable {
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}
