//! `cargo test` for the whole workspace, with one closing line over all test binaries: `N passed, N failed`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    ignored: usize,
}

/// Runs all tests, passing `arguments` on.
pub fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut child = Command::new("cargo")
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(arguments)
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo test could not be run: {error}"))?;
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            count.add(&line);
            println!("{line}");
        }
    }
    let ended = child.wait().map_err(|error| format!("cargo test: {error}"))?;
    let failed = count.failed + usize::from(!ended.success() && count.failed == 0);
    println!("\n{} passed, {failed} failed", count.passed);
    if count.ignored > 0 {
        return Err(format!("{} tests were ignored: a test runs or is deleted", count.ignored));
    }
    if ended.success() { Ok(()) } else { Err("tests failed".into()) }
}

impl Count {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let of = |word: &str| {
            let before = result.split(&format!(" {word}")).next().unwrap_or_default();
            before.rsplit([' ', '.']).next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0)
        };
        self.passed += of("passed");
        self.failed += of("failed");
        self.ignored += of("ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_all_binaries_add_up() {
        let mut count = Count::default();
        count.add(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.07s",
        );
        count.add("test result: FAILED. 1 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out");
        count.add("test something ... ok");
        assert_eq!((count.passed, count.failed, count.ignored), (13, 2, 3));
    }
}
