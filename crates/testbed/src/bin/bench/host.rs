//! What processes cost, read from `/proc`, and what machine this is.

use std::time::Instant;

use testbed::Pipeline;

use crate::Failure;
use crate::table::{Cell, Row};

/// Ticks of `/proc/PID/stat` in a second, on every Linux we know.
const TICKS: f64 = 100.0;

/// One part of the whole: its processes, and its cells in the table.
struct Part {
    cpu: Cell,
    memory: Option<Cell>,
    pids: Vec<u32>,
    before: f64,
}

/// CPU of all parts from one moment on.
pub struct Meter {
    parts: Vec<Part>,
    began: Instant,
}

impl Meter {
    /// Starts to count, for every process of the pipeline that runs now, and for this one, which sends.
    pub fn start(pipeline: &Pipeline) -> Result<Self, Failure> {
        let apis = pipeline.processes.apis.iter().filter_map(local::Process::pid).collect();
        Self::beside(pipeline, apis)
    }

    /// The same with these processes in the API's place.
    pub fn beside(pipeline: &Pipeline, apis: Vec<u32>) -> Result<Self, Failure> {
        let processes = &pipeline.processes;
        let pids = |of: &[local::Process]| of.iter().filter_map(local::Process::pid).collect();
        let mut parts = Vec::new();
        for (cpu, memory, pids) in [
            (Cell::Api, Some(Cell::ApiMib), apis),
            (Cell::Redis, Some(Cell::RedisMib), processes.stores.redis.pid().into_iter().collect()),
            (Cell::Worker, Some(Cell::WorkerMib), pids(&processes.workers)),
            (Cell::Store, Some(Cell::StoreMib), pids(&processes.stores.mongo.servers)),
            (Cell::Sender, None, vec![std::process::id()]),
        ] {
            let before = cpu_seconds(&pids)?;
            parts.push(Part { cpu, memory, pids, before });
        }
        Ok(Self { parts, began: Instant::now() })
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Stops counting.
    pub fn stop(self) -> Result<Metered, Failure> {
        let mut parts = Vec::new();
        for part in &self.parts {
            let used = cpu_seconds(&part.pids)? - part.before;
            parts.push((part.cpu, used, part.memory, resident_mib(&part.pids)?));
        }
        Ok(Metered { seconds: self.seconds(), parts })
    }
}

/// What was counted.
pub struct Metered {
    /// From the start to the end.
    pub seconds: f64,
    parts: Vec<(Cell, f64, Option<Cell>, f64)>,
}

impl Metered {
    /// Seconds of CPU that a part used.
    pub fn cpu(&self, part: Cell) -> f64 {
        self.parts.iter().filter(|(cell, ..)| *cell == part).map(|(_, used, ..)| used).sum()
    }

    /// Puts these parts' CPU an event and memory into a row.
    pub fn cells(&self, mut row: Row, parts: &[Cell], events: u64) -> Row {
        for (cpu, used, memory, mib) in self.parts.iter().filter(|(cell, ..)| parts.contains(cell)) {
            row = row.set(*cpu, format!("{:.2}", used * 1e6 / float(events)));
            if let Some(memory) = memory {
                row = row.set(*memory, format!("{mib:.0}"));
            }
        }
        row
    }
}

fn cpu_seconds(pids: &[u32]) -> Result<f64, Failure> {
    let mut sum = 0.0;
    for pid in pids {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name before may have blanks and brackets.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        sum += (ticks(11) + ticks(12)) / TICKS;
    }
    Ok(sum)
}

fn resident_mib(pids: &[u32]) -> Result<f64, Failure> {
    let mut kib = 0.0;
    for pid in pids {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        kib += line.trim().trim_end_matches(" kB").trim().parse::<f64>()?;
    }
    Ok(kib / 1024.0)
}

/// Cores and their model.
pub fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    format!(
        "{} cores, {model}; everything shares them; Redis with AOF everysec; events of {} bytes",
        cores(),
        crate::sender::EVENT_BYTES
    )
}

/// Cores that there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A count, to divide by or to be divided.
#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn float(count: u64) -> f64 {
    count as f64
}
