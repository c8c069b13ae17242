//! `eventpipeline scale replay`: the autoscaler's law fed with recorded observations, a line in and a decision out. A
//! trace can so be played against another spec, and a simulator can drive the law.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plan::scaling::{Decision, Observation, Spec, State, decide};

use crate::manifest::Manifest;

/// A line is an observation of some 300 bytes; a longer one is no observation.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// A state is below 4 KiB; a larger file is none.
const STATE_BYTES_MAX: u64 = 64 << 10;

/// A line in and a line out, as `--help` explains them.
pub(super) const FORMAT: &str = r#"One observation a line, as JSON:
  {"at": 5, "lagEvents": 1200, "pendingEvents": 300, "orphanedEvents": 0, "oldestSeconds": 0.8,
   "arrivedEvents": 60000, "processedEvents": 58500, "busySeconds": 9.5, "sinkErrors": 0,
   "workers": {"desired": 2, "ready": 2, "starting": 0, "terminating": 0}}

  at               seconds, on a clock that all lines share (required)
  workers          how many there are meant to be (desired, required), work, start and stop
  lagEvents        events that no worker has yet
  pendingEvents    events that workers hold; orphanedEvents of them are held by dead ones
  oldestSeconds    age of the oldest event that waits
  arrivedEvents    events ever taken; processedEvents ever finished; busySeconds ever worked, by all workers
                   together; sinkErrors ever seen. These count up.
  What is null or left out, `at` and `workers` excepted, is unknown, never zero.

One decision a line comes out: `desired` is the number of workers, `current` that of the observation, `reason` why,
and the rest what it was made of. `-o text` says it in a sentence. The next line's workers.desired should be what
became of the last answer.

Try it in the project's folder:
  eventpipeline scale replay --pipeline examples/minimal.yaml -o text < examples/scale-trace.jsonl"#;

/// What to replay with.
#[derive(Args, Clone, Debug)]
pub struct Replay {
    /// The `EventPipeline` manifest; `spec.workers` is what counts.
    #[arg(long, value_name = "FILE")]
    pub pipeline: PathBuf,
    /// What was learned: read at the start if it is there, written after each line.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// How to print decisions.
    #[arg(short, long, default_value = "json")]
    pub output: Output,
}

/// Forms of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For programs: one object a line.
    Json,
    /// For people: one sentence a line.
    Text,
}

impl Replay {
    /// Answers every line of `input` on `output`, flushed. The first line that is no observation ends it; what was
    /// learned until then is kept.
    pub fn run(
        &self,
        input: &mut impl BufRead,
        output: &mut impl Write,
        warnings: &mut impl Write,
    ) -> Result<(), String> {
        let spec = Spec::of(&Manifest::read(&self.pipeline)?.spec.workers);
        let mut state = self.state.as_deref().map_or_else(State::default, |path| load(path, warnings));
        let (mut number, mut before, mut warned) = (0_u64, f64::NEG_INFINITY, false);
        while let Some(line) = next_line(input, &mut number)? {
            if line.trim().is_empty() {
                continue;
            }
            let observation: Observation = serde_json::from_str(&line)
                .map_err(|error| format!("line {number} is no observation: {}", fault(&error)))?;
            if observation.at < before && !warned {
                let at = observation.at;
                // Answered all the same, as the law answers a clock that was set back.
                let _ = writeln!(
                    warnings,
                    "warning: line {number} is at {at} s, and one before it at {before} s: rates and delays need a \
                     clock that all lines share; lines of one trace go by `at`"
                );
                warned = true;
            }
            before = before.max(observation.at);
            let (decision, learned) = decide(state, &observation, &spec);
            state = learned;
            // Saved before it is told: whoever acts on a decision finds it remembered.
            if let Some(path) = &self.state {
                save(path, &state)?;
            }
            match print(self.output, &decision, output) {
                Ok(()) => {}
                // The reader has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                Err(error) => {
                    return Err(format!("the decision on line {number} cannot be printed: {error}"));
                }
            }
        }
        self.state.as_deref().map_or(Ok(()), |path| save(path, &state))
    }
}

/// What is wrong, and where in the line: the parser's own "line 1" would be read as that of the input.
fn fault(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", ", column ")
}

fn next_line(input: &mut impl BufRead, number: &mut u64) -> Result<Option<String>, String> {
    *number += 1;
    let mut line = Vec::new();
    input
        .take(LINE_BYTES_MAX + 1)
        .read_until(b'\n', &mut line)
        .map_err(|error| format!("line {number} cannot be read: {error}"))?;
    if line.len() as u64 > LINE_BYTES_MAX {
        return Err(format!("line {number} is no observation: it is longer than {LINE_BYTES_MAX} bytes"));
    }
    if line.is_empty() {
        return Ok(None);
    }
    String::from_utf8(line).map(Some).map_err(|error| format!("line {number} is no observation: {error}"))
}

fn print(form: Output, decision: &Decision, output: &mut impl Write) -> std::io::Result<()> {
    match form {
        Output::Json => {
            serde_json::to_writer(&mut *output, decision)?;
            writeln!(output)?;
        }
        Output::Text => writeln!(output, "{:>9.1} s  {}", decision.at, decision.sentence())?,
    }
    output.flush()
}

/// What was learned before. A file that cannot be read is a fresh start with a warning: the law learns it again, and a
/// fresh start lowers nothing for a while.
fn load(path: &Path, warnings: &mut impl Write) -> State {
    let text = std::fs::File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(STATE_BYTES_MAX).read_to_string(&mut text).map(|_| text)
    });
    let why = match text {
        Err(error) if error.kind() == ErrorKind::NotFound => return State::default(),
        Err(error) => error.to_string(),
        Ok(text) => match serde_json::from_str(&text) {
            Ok(state) => return state,
            Err(error) => error.to_string(),
        },
    };
    // Where warnings cannot be written there is nobody to warn.
    let _ = writeln!(warnings, "warning: {} holds no state, starting without: {why}", path.display());
    State::default()
}

/// Whole or not at all: a reader, or the next start, never finds half a file.
fn save(path: &Path, state: &State) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        serde_json::to_writer(&mut file, state)?;
        writeln!(file)?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(|_| ()).map_err(|error| format!("the state cannot be written to {}: {error}", path.display()))
}
