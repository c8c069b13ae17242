//! What the run tells: one line a check with its time, the facts when one fails, and the sum.

use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::error::Result;
use crate::facts;

/// The facts of a cluster are long; those of the first failures tell the cause, later ones mostly follow from it.
const FACTS_MAX: u32 = 3;

/// Counts and prints.
pub struct Report {
    cluster: Cluster,
    passed: u32,
    failed: u32,
    began: Instant,
}

impl Report {
    /// Of a run that begins now.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, passed: 0, failed: 0, began: Instant::now() }
    }

    /// Carries a check out and prints its line. `None`: it failed, and the run goes on.
    pub async fn check<T>(&mut self, what: &str, check: impl Future<Output = Result<T>>) -> Option<T> {
        let began = Instant::now();
        let result = check.await;
        println!("{}", line(result.is_ok(), began.elapsed(), what));
        match result {
            Ok(value) => {
                self.passed += 1;
                Some(value)
            }
            Err(error) => {
                self.failed += 1;
                println!("{}", indented(&error.to_string()));
                if self.failed <= FACTS_MAX {
                    println!("{}", indented(&facts::collect(&self.cluster).await));
                }
                None
            }
        }
    }

    /// The closing lines. Whether all is well: a run without a check is not.
    pub fn close(&self) -> bool {
        println!(
            "\n{} passed, {} failed\nin {:.0} s",
            self.passed,
            self.failed,
            self.began.elapsed().as_secs_f64()
        );
        self.failed == 0 && self.passed > 0
    }
}

/// A headline.
pub fn scenario(title: &str) {
    println!("\n{title}");
}

/// Figures of the check before.
pub fn note(text: &str) {
    println!("{}", indented(text));
}

fn line(holds: bool, took: Duration, what: &str) -> String {
    let word = if holds { "ok" } else { "FAILED" };
    format!("{word:<6} {:>6.1} s  {what}", took.as_secs_f64())
}

fn indented(text: &str) -> String {
    text.trim_end()
        .lines()
        .map(|line| format!("                 {line}\n"))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_word_time_and_what_was_checked_in_columns() {
        assert_eq!(line(true, Duration::from_millis(3_240), "it is Ready"), "ok        3.2 s  it is Ready");
        assert_eq!(line(false, Duration::from_mins(5), "it is Ready"), "FAILED  300.0 s  it is Ready");
    }
}
