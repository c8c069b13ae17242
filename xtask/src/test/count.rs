//! How many tests passed, read from what their runners print.

/// Tests of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// That passed.
    pub passed: usize,
    /// That did not.
    pub failed: usize,
    /// That were not run.
    pub ignored: usize,
}

impl Count {
    /// All closing lines of an output.
    pub fn of(output: &str) -> Self {
        let mut count = Self::default();
        output.lines().for_each(|line| count.add_line(line));
        count
    }

    /// Whether nothing was tested.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; …` of Rust, `12 passed, 0 failed` of our
    /// scripts, or `      Tests  12 passed (12)` of Vitest.
    fn add_line(&mut self, line: &str) {
        let plain = without_colours(line);
        let line = plain.trim();
        let ours = || {
            let (passed, failed) = line.split_once(" passed, ")?;
            let failed = failed.strip_suffix(" failed")?;
            Some((passed.parse::<usize>().ok()?, failed.parse::<usize>().ok()?))
        };
        if let Some((passed, failed)) = ours() {
            self.passed += passed;
            self.failed += failed;
            return;
        }
        let result = line.strip_prefix("test result: ").or_else(|| line.strip_prefix("Tests "));
        let Some(result) = result else { return };
        let of = |word: &str| {
            let Some((before, _)) = result.split_once(&format!(" {word}")) else { return 0 };
            before.rsplit([' ', '.']).next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0)
        };
        self.passed += of("passed");
        self.failed += of("failed");
        self.ignored += of("ignored");
    }
}

/// Vitest colours its lines even where nobody sees it.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += part.split_once('m').map_or(part, |(_, after)| after);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_all_runners_add_up() {
        let count = Count::of(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.07s\n\
             test result: FAILED. 1 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out\n\
             test something ... ok\n\
             78 passed, 1 failed\n\
             \u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m28 passed\u{1b}[39m\u{1b}[22m\u{1b}[90m (28)\u{1b}[39m\n",
        );
        assert_eq!(count, Count { passed: 119, failed: 3, ignored: 3 });
    }

    #[test]
    fn words_that_only_look_like_it_do_not_count() {
        assert!(Count::of("3 keys passed, none failed\nwe passed, it failed").is_nothing());
    }
}
