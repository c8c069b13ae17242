//! What is run: test binaries as cargo built them, documentation, scripts.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// One process.
pub struct Job {
    /// For people, and for the order.
    pub name: String,
    /// What to run.
    pub command: Command,
}

impl Job {
    /// Runs it to its end; what it printed, and whether it succeeded.
    pub fn run(mut self) -> (String, bool) {
        let ran = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        match ran {
            Ok(output) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                (text(&output.stdout) + &text(&output.stderr), output.status.success())
            }
            Err(error) => (format!("{} could not be run: {error}", self.name), false),
        }
    }
}

/// A job for each test binary, built first. Each runs in its package's folder, as cargo would run it.
pub fn test_binaries(root: &Path) -> Result<Vec<Job>, String> {
    let built = crate::cargo(root)
        .args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo test could not be run: {error}"))?;
    if !built.status.success() {
        return Err(format!("cargo test --no-run ended with {}", built.status));
    }
    Ok(String::from_utf8_lossy(&built.stdout).lines().filter_map(test_binary).collect())
}

/// The job of a line that tells of a test binary.
fn test_binary(line: &str) -> Option<Job> {
    let artifact: Value = serde_json::from_str(line).ok()?;
    if artifact["reason"] != "compiler-artifact" || artifact["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(artifact["manifest_path"].as_str()?).parent()?;
    let mut command = Command::new(artifact["executable"].as_str()?);
    command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
    Some(Job { name: artifact["target"]["name"].as_str()?.to_owned(), command })
}

/// Examples in the documentation.
pub fn documentation(root: &Path) -> Job {
    let mut command = crate::cargo(root);
    command.args(["test", "--workspace", "--doc", "--quiet"]);
    Job { name: "documentation".to_owned(), command }
}

/// A script of the tree.
pub fn script(root: &Path, path: &str) -> Job {
    let mut command = Command::new(root.join(path));
    command.current_dir(root);
    Job { name: path.to_owned(), command }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_binaries_are_told_from_what_else_cargo_built() {
        let artifact = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/api/Cargo.toml","target":{{"name":"reading"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let job = test_binary(&artifact(true, r#""/w/target/reading-1""#)).unwrap();
        assert_eq!(
            (job.name.as_str(), job.command.get_program().to_str()),
            ("reading", Some("/w/target/reading-1"))
        );
        assert_eq!(job.command.get_current_dir(), Some(Path::new("/w/api")));
        assert!(test_binary(&artifact(false, r#""/w/target/api""#)).is_none());
        assert!(test_binary(&artifact(true, "null")).is_none());
        assert!(test_binary(r#"{"reason":"build-finished","success":true}"#).is_none());
        assert!(test_binary("no JSON").is_none());
    }
}
