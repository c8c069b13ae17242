//! What no compiler checks: the direction of dependencies, the size of files, that generated files are current.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A file longer than this holds two things.
const LINES_MAX: usize = 600;

/// Who may depend on whom inside the workspace. Binaries → I/O libraries → types; binaries never on each other.
const ARROWS: &[(&str, &[&str])] = &[
    ("eventpipeline-crd", &[]),
    ("eventpipeline-plan", &["eventpipeline-crd"]),
    ("eventpipeline-event", &[]),
    ("eventpipeline-service", &[]),
    ("eventpipeline-local", &[]),
    ("eventpipeline-bootstrap", &["eventpipeline-plan"]),
    ("eventpipeline-mongo-double", &[]),
    ("eventpipeline-stream", &["eventpipeline-event"]),
    ("eventpipeline-store", &["eventpipeline-event"]),
    ("eventpipeline-accounts", &["eventpipeline-event"]),
    (
        "eventpipeline-api",
        &[
            "eventpipeline-event",
            "eventpipeline-service",
            "eventpipeline-stream",
            "eventpipeline-store",
            "eventpipeline-accounts",
        ],
    ),
    (
        "eventpipeline-worker",
        &["eventpipeline-event", "eventpipeline-service", "eventpipeline-stream", "eventpipeline-store"],
    ),
    (
        "eventpipeline-operator",
        &[
            "eventpipeline-bootstrap",
            "eventpipeline-crd",
            "eventpipeline-plan",
            "eventpipeline-service",
            "eventpipeline-store",
            "eventpipeline-stream",
        ],
    ),
    (
        "eventpipeline",
        &[
            "eventpipeline-bootstrap",
            "eventpipeline-crd",
            "eventpipeline-event",
            "eventpipeline-local",
            "eventpipeline-plan",
            "eventpipeline-service",
            "eventpipeline-stream",
        ],
    ),
    (
        "eventpipeline-testbed",
        &[
            "eventpipeline",
            "eventpipeline-event",
            "eventpipeline-local",
            "eventpipeline-service",
            "eventpipeline-stream",
        ],
    ),
    ("eventpipeline-e2e", &["eventpipeline", "eventpipeline-crd", "eventpipeline-event"]),
    ("xtask", &["eventpipeline-crd"]),
];

/// Runs every check and lists all faults.
pub fn run(root: &Path) -> Result<(), String> {
    let mut faults = arrows(root)?;
    let files = files(root)?;
    faults.extend(files.iter().filter_map(|path| too_long(root, path)));
    faults.extend(crate::generate::stale(root)?);
    if faults.is_empty() {
        println!("tidy: {} files, no fault", files.len());
        return Ok(());
    }
    Err(format!("tidy found {} faults:\n  {}", faults.len(), faults.join("\n  ")))
}

fn output(root: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| format!("{program} could not be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{program} printed no text: {error}"))
}

fn arrows(root: &Path) -> Result<Vec<String>, String> {
    let text = output(root, "cargo", &["metadata", "--format-version=1", "--no-deps", "--offline"])?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let mut faults = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            faults.push(format!("{name} is not in the list of arrows (xtask/src/tidy.rs)"));
            continue;
        };
        let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
        for dependency in dependencies.iter().filter(|d| d["path"].is_string() && d["kind"].is_null()) {
            let to = dependency["name"].as_str().unwrap_or_default();
            if !allowed.contains(&to) {
                faults.push(format!("{name} depends on {to}: arrows point at knowledge, never at machinery"));
            }
        }
    }
    Ok(faults)
}

fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let text = output(root, "git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    Ok(text.lines().map(PathBuf::from).filter(|path| root.join(path).is_file()).collect())
}

fn too_long(root: &Path, path: &Path) -> Option<String> {
    let is = |kind: &&str| path.extension().is_some_and(|extension| extension == *kind);
    // Declarations are made of the OpenAPI document and as long as that is.
    let made = path.to_string_lossy().ends_with(".d.ts");
    let code = !made && ["rs", "sh", "lua", "ts", "tsx", "mjs", "css"].iter().any(is);
    let lines = std::fs::read_to_string(root.join(path)).ok().filter(|_| code)?.lines().count();
    (lines > LINES_MAX)
        .then(|| format!("{} has {lines} lines, at most {LINES_MAX}: two things in one file", path.display()))
}
