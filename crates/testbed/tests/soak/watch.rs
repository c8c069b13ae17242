//! Memory and descriptors of each process, as it tells them itself under `/metrics`, every two seconds.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use testbed::Pipeline;
use tokio::time::Instant;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// Pools, caches and the allocator's own have grown to their size by then.
const WARM_UP: Duration = Duration::from_secs(30);
const MIB: f64 = 1024.0 * 1024.0;

/// What `/metrics` of a process says.
pub struct Metrics(String);

impl Metrics {
    /// The sum over all series of a metric; 0 when there is none.
    pub fn sum(&self, name: &str) -> f64 {
        let of = |line: &str| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with(['{', ' ']).then_some(rest.rsplit(' ').next()?.parse::<f64>().ok()?)
        };
        self.0.lines().filter_map(of).sum()
    }

    /// One count.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    pub fn count(&self, name: &str) -> u64 {
        self.sum(name) as u64
    }
}

/// One look at one process.
#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    memory_mib: f64,
    descriptors: f64,
}

/// The processes that are looked at, and what was seen.
pub struct Watch {
    http: reqwest::Client,
    urls: BTreeMap<String, String>,
    redis: u32,
    seen: BTreeMap<String, Vec<Sample>>,
}

/// What a process took at first and at last.
pub struct Course {
    pub name: String,
    pub memory_mib: [f64; 2],
    pub descriptors: [f64; 2],
}

impl Watch {
    pub fn new(pipeline: &mut Pipeline) -> Self {
        let facts = pipeline.processes.facts();
        let workers = facts.processes.iter().filter(|process| process.name.starts_with("worker"));
        let mut urls: BTreeMap<String, String> = workers
            .map(|worker| (worker.name.clone(), format!("http://127.0.0.1:{}/metrics", worker.port)))
            .collect();
        urls.insert("api".into(), facts.metrics);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let redis = pipeline.processes.stores.redis.pid().unwrap();
        Self { http, urls, redis, seen: BTreeMap::new() }
    }

    /// The processes' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.urls.keys().map(String::as_str)
    }

    /// What a process tells; `None` when it did not within ten seconds.
    pub async fn metrics(&self, name: &str) -> Option<Metrics> {
        let response = self.http.get(&self.urls[name]).send().await.ok()?;
        response.text().await.ok().map(Metrics)
    }

    /// Looks for so long.
    pub async fn run(&mut self, how_long: Duration) {
        let began = Instant::now();
        while began.elapsed() < how_long {
            let names: Vec<String> = self.names().map(str::to_owned).collect();
            for name in names {
                let Some(metrics) = self.metrics(&name).await else { continue };
                let memory_mib = metrics.sum("process_resident_memory_bytes") / MIB;
                let descriptors = metrics.sum("process_open_fds");
                let sample = Sample { at: began.elapsed(), memory_mib, descriptors };
                self.seen.entry(name).or_default().push(sample);
            }
            let (memory_mib, descriptors) = of_process(self.redis);
            let sample = Sample { at: began.elapsed(), memory_mib, descriptors };
            self.seen.entry("redis".into()).or_default().push(sample);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Medians of the first and the last quarter after the warm-up.
    pub fn courses(&self, how_long: Duration) -> Vec<Course> {
        let quarter = how_long.saturating_sub(WARM_UP) / 4;
        let quarters = [(WARM_UP, WARM_UP + quarter), (how_long.saturating_sub(quarter), how_long + LOOK)];
        let course = |(name, samples): (&String, &Vec<Sample>)| {
            let median = |of: fn(&Sample) -> f64| {
                quarters.map(|(from, to)| {
                    let within = samples.iter().filter(|sample| (from..to).contains(&sample.at));
                    median(within.map(of).collect())
                })
            };
            let (memory_mib, descriptors) = (median(|s| s.memory_mib), median(|s| s.descriptors));
            Course { name: name.clone(), memory_mib, descriptors }
        };
        self.seen.iter().map(course).collect()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty(), "no look at a process in a quarter of the time");
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Memory in MiB and descriptors of a process that has no `/metrics`.
fn of_process(pid: u32) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    let kib = resident.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0);
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().count();
    (kib / 1024.0, f64::from(u32::try_from(descriptors).unwrap_or(u32::MAX)))
}

/// The courses as a table.
pub fn table(courses: &[Course]) -> String {
    let mut text = String::from("| | memory at first, MiB | at last | descriptors at first | at last |\n");
    text.push_str("|---|---|---|---|---|\n");
    for course in courses {
        let ([m0, m1], [d0, d1]) = (course.memory_mib, course.descriptors);
        let _ = writeln!(text, "| {} | {m0:.1} | {m1:.1} | {d0:.0} | {d1:.0} |", course.name);
    }
    text
}
