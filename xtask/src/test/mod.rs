//! All tests, some at a time, with one closing line over all of them: `N passed, N failed`. Most of them wait for real
//! stores most of their time, so two cores carry more than two.

mod count;
mod job;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use count::Count;
use job::Job;

/// Jobs at once. More would make starts of stores so slow that tests wait for one another.
const AT_ONCE: usize = 3;
/// Those that take longest come first, so that none is left alone at the end.
const LONGEST: [&str; 8] =
    ["frontend/test.sh", "soak", "component", "lost", "charts/test.sh", "dev", "reading", "faults"];

/// Runs all tests, those of the chart and of the console included; with arguments only `cargo test` with them.
pub fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let began = Instant::now();
    let jobs = if arguments.is_empty() {
        let mut jobs = job::test_binaries(root)?;
        jobs.extend([
            job::documentation(root),
            job::script(root, "charts/test.sh"),
            job::script(root, "frontend/test.sh"),
        ]);
        jobs.sort_by_key(|job| LONGEST.iter().position(|name| *name == job.name).unwrap_or(LONGEST.len()));
        jobs
    } else {
        let mut command = crate::cargo(root);
        command.args(["test", "--workspace", "--no-fail-fast"]).args(arguments);
        vec![Job { name: "cargo test".to_owned(), command }]
    };
    let done = all(jobs);
    let (total, broken) = sum(&done);
    println!("\n{} passed, {} failed\nin {:.0} s", total.passed, total.failed, began.elapsed().as_secs_f64());
    if total.ignored > 0 {
        return Err(format!("{} tests were ignored: a test runs or is deleted", total.ignored));
    }
    if broken.is_empty() { Ok(()) } else { Err(format!("failed: {}", broken.join(", "))) }
}

/// What became of a job.
struct Done {
    name: String,
    count: Count,
    took: Duration,
    succeeded: bool,
}

/// Runs them, prints each as it ends.
fn all(jobs: Vec<Job>) -> Vec<Done> {
    let (queue, done) = (Mutex::new(VecDeque::from(jobs)), Mutex::new(Vec::new()));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(job) = next() {
                    let (name, began) = (job.name.clone(), Instant::now());
                    let (output, succeeded) = job.run();
                    let (count, took) = (Count::of(&output), began.elapsed());
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    // Under the lock, so that no two mix. One that holds no test has nothing to say.
                    if !succeeded || !count.is_nothing() {
                        println!("\n---- {name} ({:.1} s)\n{}", took.as_secs_f64(), output.trim());
                    }
                    done.push(Done { name, count, took, succeeded });
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The table of all jobs that hold tests, the total, and those that did not succeed.
fn sum(done: &[Done]) -> (Count, Vec<String>) {
    let (mut total, mut broken) = (Count::default(), Vec::new());
    println!();
    for Done { name, count, took, succeeded } in done {
        total.add(*count);
        if !succeeded {
            broken.push(name.clone());
            // One that broke off told of no failed test.
            total.failed += usize::from(count.failed == 0);
        }
        if !succeeded || !count.is_nothing() {
            let word = if *succeeded { "ok" } else { "FAILED" };
            println!(
                "{word:<6} {:>6.1} s  {name}: {} passed, {} failed",
                took.as_secs_f64(),
                count.passed,
                count.failed
            );
        }
    }
    (total, broken)
}
