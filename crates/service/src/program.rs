//! The beginning and the end of every service's process: its few flags, its settings with all their faults at once,
//! telemetry, one runtime, an exit code.

use std::process::ExitCode;
use std::time::Duration;

use crate::settings::Reader;
use crate::{lifecycle, telemetry};

/// What the runtime gives tasks that are still there when the service has ended.
const LEFTOVERS: Duration = Duration::from_secs(1);
/// The exit code of a wrong flag or setting: no restart will mend it.
const MISUSED: u8 = 2;

/// A flag, and what it prints.
pub type Print = (&'static str, fn() -> String);

/// One service, before it runs.
pub struct Program<S> {
    /// As people start it.
    pub name: &'static str,
    /// Its release.
    pub version: &'static str,
    /// Reads its settings.
    pub settings: fn(&mut Reader) -> S,
    /// Where the settings keep how to log.
    pub telemetry: fn(&S) -> &telemetry::Settings,
    /// Flags that print a document and end.
    pub prints: &'static [Print],
}

impl<S> Program<S> {
    /// Runs it. A wrong flag or setting ends with 2, a failure of `run` with 1.
    pub fn main<F>(self, run: impl FnOnce(S) -> F) -> ExitCode
    where
        F: Future<Output = Result<(), String>>,
    {
        let mut reader = Reader::from_env();
        let settings = (self.settings)(&mut reader);
        if let Some(flag) = std::env::args().nth(1) {
            return self.print(&flag, &reader);
        }
        if let Err(faults) = reader.finish() {
            eprintln!("{faults}");
            return ExitCode::from(MISUSED);
        }
        telemetry::init((self.telemetry)(&settings));
        lifecycle::install_tls_provider();
        let ended = tokio::runtime::Runtime::new()
            .map_err(|error| format!("the runtime cannot start: {error}"))
            .and_then(|runtime| {
                let ended = runtime.block_on(run(settings));
                runtime.shutdown_timeout(LEFTOVERS);
                ended
            });
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{error}");
                ExitCode::FAILURE
            }
        }
    }

    fn print(&self, flag: &str, reader: &Reader) -> ExitCode {
        if flag == "--settings" {
            print!("{}", reader.example());
        } else if flag == "--settings-table" {
            print!("{}", reader.table());
        } else if flag == "--version" {
            println!("{} {}", self.name, self.version);
        } else if let Some((_, document)) = self.prints.iter().find(|(known, _)| *known == flag) {
            println!("{}", document());
        } else {
            let known: String = self.prints.iter().map(|(known, _)| format!("{known}, ")).collect();
            eprintln!(
                "{} takes {known}--settings, --settings-table or --version, not {flag}; it is set up by environment variables",
                self.name
            );
            return ExitCode::from(MISUSED);
        }
        ExitCode::SUCCESS
    }
}
